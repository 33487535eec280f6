//! Open databases, one per file, opened again when the file was replaced.

use std::collections::HashMap;
use std::fs::Metadata;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ::duckdb::Connection;

use super::ceiling;
use super::definitions;
use super::open::{self, Resources};
use crate::backend::error::{QueryError, without_paths};
use crate::dataset::Dataset;
use crate::sql::Stored;

pub(super) struct Pool {
    resources: Resources,
    opened: Mutex<HashMap<PathBuf, Opened>>,
}

struct Opened {
    file: FileIdentity,
    /// Keeps the database open; never runs a query itself.
    root: Connection,
    definitions: Arc<Stored>,
    _open: ceiling::Open,
}

/// A connection for one query, and what its database defines.
pub(super) struct Session {
    connection: Connection,
    pub(super) definitions: Arc<Stored>,
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Pool {
    pub(super) fn new(resources: Resources) -> Self {
        Self { resources, opened: Mutex::default() }
    }

    /// A fresh connection to the dataset's database as it is now.
    pub(super) fn connect(&self, dataset: &Dataset) -> Result<Session, QueryError> {
        let path = &dataset.database;
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file);
        let Some(file) = metadata.map(|metadata| FileIdentity::of(&metadata)) else {
            self.forget(dataset);
            return Err(QueryError::DatabaseMissing { dataset: dataset.name.clone() });
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.get(path).is_none_or(|open| open.file != file) {
            // Queries under way keep the replaced file until they end.
            opened.remove(path);
            let unopened = |error| unopened(dataset, path, &error);
            let root = open::locked(path, &self.resources).map_err(unopened)?;
            let definitions = Arc::new(definitions::read(&root).map_err(unopened)?);
            opened.insert(path.clone(), Opened { file, root, definitions, _open: ceiling::Open::begin() });
        }
        let session = opened.get(path).and_then(|open| {
            let connection = open::connect(&open.root).ok()?;
            Some(Session { connection, definitions: open.definitions.clone() })
        });
        session.ok_or(QueryError::Internal { what: "no connection" })
    }

    /// Drops the open database of a dataset, so that the next query opens it anew.
    pub(super) fn forget(&self, dataset: &Dataset) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(&dataset.database);
    }
}

fn unopened(dataset: &Dataset, path: &Path, error: &::duckdb::Error) -> QueryError {
    let (dataset, message) = (dataset.name.clone(), error.to_string());
    tracing::warn!(%dataset, error = %message, "the database could not be opened");
    if message.contains("Could not set lock") || message.contains("Conflicting lock") {
        return QueryError::DatabaseBusy { dataset };
    }
    if message.contains("newer version of DuckDB") || message.contains("version number") {
        return QueryError::DatabaseNewer { dataset };
    }
    let first = message.lines().next().unwrap_or_default();
    QueryError::DatabaseUnreadable { dataset, reason: without_paths(first, path) }
}

/// What tells one file from the one that took its place.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity {
    /// Device and inode, where there are such.
    place: (u64, u64),
    length: u64,
    modified: Option<SystemTime>,
}

impl FileIdentity {
    fn of(metadata: &Metadata) -> Self {
        Self { place: place(metadata), length: metadata.len(), modified: metadata.modified().ok() }
    }
}

#[cfg(unix)]
fn place(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
