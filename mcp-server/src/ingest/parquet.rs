//! Loads a Parquet file into a table: the types are the table's, whatever the file's are.
//!
//! A value that cannot be cast takes its row out, as in CSV, and is counted and shown with the number of its row. What
//! the program that wrote the file lost, such as the zeros in front of a code read as a number, is not there to be had.

use duckdb::Connection;

use super::columns::Columns;
use super::error::IngestError;
use super::report::{Reject, SHOWN};
use super::source::Source;
use super::sql::{self, identifier, list, literal};
use super::table::Loaded;
use crate::dataset::schema::Kind;

/// The file's columns, from its footer.
pub(super) fn columns(connection: &Connection, source: &Source<'_>) -> Result<Columns, IngestError> {
    let mut statement = connection
        .prepare(&format!("DESCRIBE SELECT * FROM read_parquet({})", sql::file(&source.path)?))
        .map_err(|error| source.engine(error))?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| source.engine(error))?;
    Columns::from_header(source, names.iter().map(String::as_str))
}

/// Fills the table.
pub(super) fn load(
    connection: &Connection,
    source: &Source<'_>,
    columns: &Columns,
) -> Result<Loaded, IngestError> {
    let file = sql::file(&source.path)?;
    let engine = |error| source.engine(error);
    let rows = connection.execute(&insert(source, columns)?, []).map_err(engine)? as u64;
    let count = format!("SELECT count(*) FROM read_parquet({file})");
    let all: u64 = connection.query_row(&count, [], |row| row.get(0)).map_err(engine)?;
    let rejected = all.saturating_sub(rows);
    let rejects =
        if rejected == 0 { Vec::new() } else { shown(connection, source, columns).map_err(engine)? };
    Ok(Loaded { rows, rejected, rejects })
}

fn insert(source: &Source<'_>, columns: &Columns) -> Result<String, IngestError> {
    let cast =
        list(columns.file.iter().map(|column| {
            format!("{} AS {}", tried(&column.written, column.kind), identifier(&column.name))
        }));
    let good = columns.file.iter().map(|column| {
        let (raw, tried) = (identifier(&column.written), tried(&column.written, column.kind));
        format!("({raw} IS NULL OR {tried} IS NOT NULL)")
    });
    Ok(format!(
        "INSERT INTO {} BY NAME SELECT {cast} FROM read_parquet({}) WHERE {}",
        sql::table(source),
        sql::file(&source.path)?,
        good.collect::<Vec<_>>().join(" AND "),
    ))
}

fn shown(
    connection: &Connection,
    source: &Source<'_>,
    columns: &Columns,
) -> Result<Vec<Reject>, duckdb::Error> {
    let file =
        sql::file(&source.path).map_err(|error| duckdb::Error::InvalidParameterName(error.to_string()))?;
    let bad = columns.file.iter().map(|column| {
        let (raw, tried) = (identifier(&column.written), tried(&column.written, column.kind));
        format!(
            "(SELECT file_row_number + 1 AS place, {name} AS name, left({raw}::VARCHAR, 100) AS value, {kind} AS kind \
             FROM read_parquet({file}, file_row_number = true) WHERE {raw} IS NOT NULL AND {tried} IS NULL \
             ORDER BY place LIMIT {SHOWN})",
            name = literal(&column.name),
            kind = literal(&column.kind.to_string()),
        )
    });
    let all = bad.collect::<Vec<_>>().join(" UNION ALL ");
    let mut statement =
        connection.prepare(&format!("SELECT * FROM ({all}) ORDER BY place, name LIMIT {SHOWN}"))?;
    let rows = statement.query_map([], |row| {
        let (value, kind): (Option<String>, String) = (row.get(2)?, row.get(3)?);
        Ok(Reject {
            file: source.file.clone(),
            line: row.get(0)?,
            column: row.get(1)?,
            message: format!("Could not cast {:?} to {kind}", value.unwrap_or_default()),
        })
    })?;
    rows.collect()
}

fn tried(column: &str, kind: Kind) -> String {
    format!("TRY_CAST({} AS {kind})", identifier(column))
}
