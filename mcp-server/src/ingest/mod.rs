//! Turns the files of a dataset, CSV or Parquet, into a DuckDB database that queries can trust.
//!
//! - Every column gets the type its dataset defines for it; nothing is guessed from the data.
//! - Nothing is dropped in silence. A row that does not parse is left out, **and** counted and located in the
//!   [`Report`] and counted in the database's `m4_meta` schema. The load goes on: one damaged line in 300 million
//!   must not cost hours, and whoever reads the warning can mend the file and run again. Where more rows fail than
//!   load, the file is not what it claims to be and the load fails. It fails too where DuckDB's rows and rejects are
//!   fewer than the records of the file (`scan.rs`).
//! - The database appears whole or not at all: it is built beside its place, synced, and renamed into it. A killed
//!   run leaves the old database; the next run keeps the tables that were finished (`journal.rs`).
//! - Memory is bounded, whatever the size of the files: [`MEMORY_LIMIT`] for DuckDB, and some blocks of text.
//! - A file is read and decompressed once (`feed.rs`). Several tables load at a time.
//!
//! A fraction in a column of integers is rounded, as DuckDB's casts do; MIMIC has none.
//!
//! Not here: downloading, printing. Callers learn of progress through a callback.

use std::path::Path;

use crate::dataset::{Definition, sample};

mod build;
mod columns;
mod error;
mod feed;
mod init;
mod journal;
mod meta;
mod parquet;
mod plan;
mod reader;
mod report;
mod scan;
mod source;
mod sql;
mod staging;
mod table;
#[cfg(test)]
mod tests;

pub use build::MEMORY_LIMIT;
pub use error::IngestError;
pub use init::{InitError, Source, check, init};
pub use meta::META_SCHEMA;
pub use report::{Progress, Reject, Report, SHOWN, TableReport};

use build::build;
use plan::Plan;
use staging::Staging;

/// Loads the files under `src` into a new database at `database`, replacing the one there.
///
/// Looks for `<folder>/<table>.csv`, `.csv.gz` and `.parquet` of every module M4 knows, and for the files that the
/// definition's own tables name, in `src` or in the only directory inside it that has any. Tables the definition
/// promises and `src` lacks are listed in the report. Tables that a killed or failed run had finished are kept, where
/// their file has the same size and time of last change.
pub fn load(
    definition: &Definition,
    src: &Path,
    database: &Path,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, IngestError> {
    let plan = Plan::find(definition, src)?;
    let staging = Staging::resume(database)?;
    build(definition, plan, staging, on_progress).map_err(|error| error.noticing_full_disk(database))
}

/// Makes the synthetic sample and loads it into a new database at `database`, replacing the one there.
pub fn generate(
    definition: &Definition,
    database: &Path,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, IngestError> {
    let staging = Staging::begin(database)?;
    let source = staging.directory().join("source");
    sample::write(&source)
        .map_err(|error| IngestError::write(&source, error).noticing_full_disk(database))?;
    let plan = Plan::find(definition, &source)?;
    build(definition, plan, staging, on_progress).map_err(|error| error.noticing_full_disk(database))
}

/// Removes what an unfinished run left beside `database`, for when the dataset itself is removed.
pub fn clear_unfinished(database: &Path) -> Result<(), IngestError> {
    Staging::begin(database).map(drop)
}
