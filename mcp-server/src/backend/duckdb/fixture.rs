//! Small databases for tests.

use std::path::{Path, PathBuf};

use ::duckdb::Connection;

use crate::dataset::{Dataset, Reach};
use crate::sql::corpus;

/// A database file in a directory that goes with it.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    /// The little hospital of `tests/sql/schema.sql`.
    pub(crate) fn hospital() -> Self {
        Self::with(corpus::SCHEMA)
    }

    /// A database made by `sql`.
    pub(crate) fn with(sql: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hospital.duckdb");
        write(&path, sql);
        Self { directory, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn dataset(&self) -> Dataset {
        Dataset {
            name: "little".into(),
            description: "for tests".into(),
            database: self.path.clone(),
            reach: Reach::default(),
        }
    }

    /// Puts another database in the place of this one, by one rename as `m4 init` does.
    pub(crate) fn replace(&self, sql: &str) {
        let next = self.directory.path().join("next.duckdb");
        write(&next, sql);
        std::fs::rename(next, &self.path).unwrap();
    }
}

fn write(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
