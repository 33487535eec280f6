//! What a database says about itself: schema [`META_SCHEMA`], kept out of the lists of user tables.
//!
//! `m4_meta.dataset` has one row: which dataset, which release, whether its rows are invented, what loaded it.
//! `m4_meta.tables` has a row per table: how many rows loaded, how many were left out, which columns differ.
//! Neither holds local paths or values from the data.

use duckdb::{Connection, params};

use super::error::IngestError;
use super::report::TableReport;
use super::source::{Format, Source};
use crate::dataset::{Definition, Setup};

/// The schema that describes the database rather than patients.
pub const META_SCHEMA: &str = "m4_meta";

/// Records what was loaded.
pub(super) fn write(
    connection: &Connection,
    definition: &Definition,
    sources: &[Source<'_>],
    tables: &[TableReport],
) -> Result<(), IngestError> {
    // One commit: each has the disk sync.
    connection.execute_batch("BEGIN")?;
    connection.execute_batch(CREATE)?;
    let is_parquet = |source: &Source<'_>| source.format == Format::Parquet;
    let source = match (definition.setup, sources.iter().any(is_parquet), sources.iter().all(is_parquet)) {
        (Setup::Generated, ..) => "generated",
        (_, false, _) => "csv",
        (_, true, true) => "parquet",
        (_, true, false) => "csv and parquet",
    };
    connection.execute(
        "INSERT INTO m4_meta.dataset VALUES (?, ?, ?, ?, ?, ?)",
        params![
            definition.name.as_str(),
            definition.description,
            definition.version,
            source,
            definition.synthetic,
            concat!("m4 ", env!("CARGO_PKG_VERSION")),
        ],
    )?;
    let mut insert = connection.prepare("INSERT INTO m4_meta.tables VALUES (?, ?, ?, ?, ?, ?)")?;
    for table in tables {
        let (schema, name) = table.name.split_once('.').unwrap_or(("main", &table.name));
        let (unexpected, missing) = (table.unexpected.join(","), table.missing.join(","));
        insert.execute(params![schema, name, table.rows, table.rejected, unexpected, missing])?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

const CREATE: &str = "
    CREATE SCHEMA m4_meta;
    CREATE TABLE m4_meta.dataset (
        name VARCHAR, description VARCHAR, version VARCHAR, source VARCHAR, synthetic BOOLEAN, created_by VARCHAR
    );
    CREATE TABLE m4_meta.tables (
        schema_name VARCHAR, table_name VARCHAR, row_count UBIGINT, rejected UBIGINT,
        unexpected_columns VARCHAR, missing_columns VARCHAR
    );
";
