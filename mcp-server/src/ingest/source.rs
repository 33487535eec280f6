//! One table's file: that it is a file, and that it lies in the directory it was asked for in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::error::IngestError;
use crate::dataset::schema::Table;

/// One table's file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) schema: &'a str,
    pub(super) table: &'a Table,
    pub(super) path: PathBuf,
    /// For people: relative to the directory they gave.
    pub(super) file: String,
    pub(super) format: Format,
    pub(super) bytes: u64,
    /// When it was last changed, in nanoseconds since 1970; 0 where the system does not say.
    pub(super) modified: u128,
}

impl<'a> Source<'a> {
    /// The file at `path`, whatever links lead to it, as long as they end inside `bounds`.
    pub(super) fn at(
        schema: &'a str,
        table: &'a Table,
        path: PathBuf,
        file: String,
        format: Format,
        bounds: &Path,
    ) -> Result<Self, IngestError> {
        let unreadable = |source| IngestError::Read { path: path.clone(), source };
        let real = fs::canonicalize(&path).map_err(unreadable)?;
        if !real.starts_with(bounds) {
            return Err(IngestError::Outside { path });
        }
        let about = fs::metadata(&real).map_err(unreadable)?;
        if !about.is_file() {
            return Err(IngestError::NotAFile { path });
        }
        let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| since.as_nanos());
        Ok(Self { schema, table, path, file, format, bytes: about.len(), modified })
    }

    /// What DuckDB said about it.
    pub(super) fn engine(&self, error: duckdb::Error) -> IngestError {
        IngestError::Engine { path: self.path.clone(), source: Box::new(error) }
    }

    /// `mimiciv_hosp.patients`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table.name)
    }
}

/// How a table's file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    CsvGz,
    Parquet,
}

impl Format {
    /// What a file's name says: the name without its ending, and the format.
    pub(super) fn of(name: &str) -> Option<(String, Self)> {
        [(".csv.gz", Self::CsvGz), (".csv", Self::Csv), (".parquet", Self::Parquet)]
            .into_iter()
            .find_map(|(ending, format)| Some((name.strip_suffix(ending)?.to_owned(), format)))
    }
}
