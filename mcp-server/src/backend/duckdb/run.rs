//! Runs one statement on one connection and takes its rows as they come, up to the limits.

use std::time::Instant;

use ::duckdb::Connection;
use ::duckdb::arrow::array::{Array, StructArray};
use ::duckdb::types::{ToSql, ToSqlOutput};

use super::convert::{self, Budget};
use super::next;
use super::types::SqlType;
use crate::backend::result::{Column, CutBy, ResultSet, Truncation};
use crate::backend::{Parameter, QueryLimits, Value};
use crate::sql::OrderKey;

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
    let limits = QueryLimits { max_rows, max_bytes, ..QueryLimits::default() };
    in_order(connection, sql, parameters, &[], &limits, stopped)
}

/// [`run`] for a query that orders its rows like this: where it is cut, the result tells how to go on.
pub(super) fn in_order(
    connection: &Connection,
    sql: &str,
    parameters: &[Parameter],
    order: &[OrderKey],
    limits: &QueryLimits,
    stopped: &dyn Fn() -> bool,
) -> Result<ResultSet, RunError> {
    let &QueryLimits { max_rows, max_bytes, .. } = limits;
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

    let places = next::ordered_by(order, &columns);
    let go_on = |batch: &StructArray, row: usize, rows: &[Vec<Value>]| {
        let (places, last) = (places.as_ref()?, rows.last()?);
        let mut budget = Budget::new(KEY_BYTES);
        let mut key =
            |&place: &usize| convert::value(&kinds[place], batch.column(place).as_ref(), row, &mut budget);
        let keys: Vec<Value> = places.iter().map(&mut key).collect();
        if budget.cut { None } else { next::after(order, places, &columns, last, &keys) }
    };
    let mut next = None;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut left = max_bytes;
    let mut cut = None;
    'batches: while let Some(batch) = statement.step()? {
        if stopped() {
            return Err(RunError::Stopped);
        }
        for row in 0..batch.len() {
            if rows.len() == max_rows {
                cut = Some(CutBy::Rows);
                next = go_on(&batch, row, &rows);
                break 'batches;
            }
            let mut budget = Budget::new(left);
            let cells = kinds.iter().zip(batch.columns());
            let cells =
                cells.map(|(kind, column)| convert::value(kind, column.as_ref(), row, &mut budget)).collect();
            if budget.cut {
                cut = Some(CutBy::Bytes);
                next = go_on(&batch, row, &rows);
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
    Ok(ResultSet { columns, rows, truncated, next, elapsed: started.elapsed() })
}

/// Bytes of the values that rows are ordered by.
const KEY_BYTES: usize = 10_000;

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
