//! Runs one statement on one connection and takes its rows as they come, up to the limits.

use std::time::Instant;

use ::duckdb::Connection;
use ::duckdb::arrow::array::Array;
use ::duckdb::types::{ToSql, ToSqlOutput};

use super::convert::{self, Budget};
use super::types::SqlType;
use crate::backend::Parameter;
use crate::backend::result::{Column, CutBy, ResultSet, Truncation};

/// Why [`run`] did not return rows.
#[derive(Debug)]
pub(super) enum RunError {
    Engine(::duckdb::Error),
    TooWide(usize),
    Stopped,
}

impl From<::duckdb::Error> for RunError {
    fn from(error: ::duckdb::Error) -> Self {
        Self::Engine(error)
    }
}

/// Runs `sql` with these values and returns at most `max_rows` rows of about `max_bytes` bytes.
///
/// The engine computes ahead of what is taken by a fixed buffer only, so a result of any size is cut without being held.
/// `stopped` is asked between batches.
pub(super) fn run(
    connection: &Connection,
    sql: &str,
    parameters: &[Parameter],
    max_rows: usize,
    max_bytes: usize,
    stopped: &dyn Fn() -> bool,
) -> Result<ResultSet, RunError> {
    let started = Instant::now();
    let mut statement = connection.prepare(sql)?;
    // The iterator of this call panics where the engine fails; `step` below returns the error.
    drop(statement.stream_arrow(::duckdb::params_from_iter(parameters))?);
    let schema = statement.schema();
    let width = schema.fields().len();
    if width > MAX_COLUMNS {
        return Err(RunError::TooWide(width));
    }
    let kinds: Vec<SqlType> =
        (0..width).map(|index| SqlType::read(&statement.column_logical_type(index))).collect();
    let names = schema.fields().iter().map(|field| field.name());
    let columns: Vec<Column> = names
        .zip(&kinds)
        .map(|(name, kind)| Column { name: name.clone(), type_name: kind.to_string() })
        .collect();

    let mut rows = Vec::new();
    let mut left = max_bytes;
    let mut cut = None;
    'batches: while let Some(batch) = statement.step()? {
        if stopped() {
            return Err(RunError::Stopped);
        }
        for row in 0..batch.len() {
            if rows.len() == max_rows {
                cut = Some(CutBy::Rows);
                break 'batches;
            }
            let mut budget = Budget::new(left);
            let cells = kinds.iter().zip(batch.columns());
            let cells =
                cells.map(|(kind, column)| convert::value(kind, column.as_ref(), row, &mut budget)).collect();
            if budget.cut {
                cut = Some(CutBy::Bytes);
                if rows.is_empty() {
                    rows.push(cells);
                }
                break 'batches;
            }
            left = budget.left();
            rows.push(cells);
        }
    }
    let truncated = cut.map(|by| Truncation { by, shown: rows.len() });
    Ok(ResultSet { columns, rows, truncated, elapsed: started.elapsed() })
}

/// The widest result that is returned; MIMIC's widest table has 33 columns.
pub(super) const MAX_COLUMNS: usize = 1_000;

impl ToSql for Parameter {
    fn to_sql(&self) -> ::duckdb::Result<ToSqlOutput<'_>> {
        match self {
            Self::Integer(value) => value.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}
