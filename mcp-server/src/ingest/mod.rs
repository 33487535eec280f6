//! Turns published CSV files into a DuckDB database that queries can trust.
//!
//! - Every column gets the type MIMIC defines for it; nothing is guessed from the data.
//! - Nothing is dropped in silence. A row that does not parse is left out, **and** counted and located in the
//!   [`Report`] and counted in the database's `m4_meta` schema. The load goes on: one damaged line in 300 million
//!   must not cost hours, and whoever reads the warning can mend the file and run again. Where more rows fail than
//!   load, the file is not what it claims to be and the load fails.
//! - The database appears whole or not at all: it is built beside its place, synced, and renamed into it. A killed
//!   run leaves the old database; the next run clears up after it.
//! - Memory is bounded by [`MEMORY_LIMIT`], whatever the size of the files.
//!
//! A fraction in a column of integers is rounded, as DuckDB's casts do; MIMIC has none.
//!
//! Not here: downloading, Parquet, printing. Callers learn of progress through a callback.

use std::fs;
use std::path::Path;

use duckdb::{Config, Connection};

use crate::dataset::{Definition, sample};
use crate::notes::{self, BuildError};

mod columns;
mod error;
mod gzip;
mod init;
mod meta;
mod plan;
mod report;
mod staging;
mod table;
#[cfg(test)]
mod tests;

pub use error::IngestError;
pub use init::{InitError, init};
pub use meta::META_SCHEMA;
pub use report::{Progress, Reject, Report, SHOWN, TableReport};

use plan::Plan;
use staging::Staging;

/// How much memory DuckDB may use while loading; beyond it, it spills beside the database.
pub const MEMORY_LIMIT: &str = "2GB";

/// Loads the CSV files under `src` into a new database at `database`, replacing the one there.
///
/// Looks for `<folder>/<table>.csv.gz` and `<folder>/<table>.csv` of every module M4 knows, in `src` or in the only
/// directory inside it that has any. Tables the definition promises and `src` lacks are listed in the report.
pub fn load(
    definition: &Definition,
    src: &Path,
    database: &Path,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, IngestError> {
    let plan = Plan::find(definition, src)?;
    let staging = Staging::begin(database)?;
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

fn build(
    definition: &Definition,
    plan: Plan,
    staging: Staging,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, IngestError> {
    on_progress(Progress::Planned {
        tables: plan.sources.len(),
        bytes: plan.sources.iter().map(|s| s.bytes).sum(),
    });
    let mut connection = open(&staging)?;
    let mut tables = Vec::with_capacity(plan.sources.len());
    for source in &plan.sources {
        tables.push(table::load(&mut connection, source, on_progress)?);
    }
    let index = notes::index_all(&connection, staging.directory(), &mut |kind, notes, of| {
        on_progress(Progress::Indexing { table: kind.table(), notes, of });
    });
    let indexed = index.map_err(|error| match error {
        BuildError::File { path, source } => IngestError::write(&path, source),
        BuildError::Engine(error) => error.into(),
        unfit @ BuildError::Unfit { .. } => IngestError::Notes(unfit),
    })?;
    on_progress(Progress::Publishing);
    meta::write(&connection, definition, &tables)?;
    connection.execute_batch("CHECKPOINT")?;
    connection.close().map_err(|(_, error)| error)?;
    let database = staging.publish()?;
    Ok(Report {
        dataset: definition.name.to_string(),
        database,
        tables,
        indexed,
        absent: plan.absent,
        unrecognised: plan.unrecognised,
    })
}

fn open(staging: &Staging) -> Result<Connection, IngestError> {
    let spill = staging.directory().join("spill");
    fs::create_dir(&spill).map_err(|error| IngestError::write(&spill, error))?;
    let config = Config::default()
        .enable_autoload_extension(false)?
        .max_memory(MEMORY_LIMIT)?
        .with("preserve_insertion_order", "false")?
        .with("temp_directory", spill.to_string_lossy())?;
    Ok(Connection::open_with_flags(staging.database(), config)?)
}
