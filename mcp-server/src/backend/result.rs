//! What a query returns, and whether that is all of it.

use std::time::Duration;

use super::value::Value;

/// Rows of values under named columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultSet {
    /// The columns, in order. Names may repeat.
    pub columns: Vec<Column>,
    /// The rows, each with one value per column.
    pub rows: Vec<Vec<Value>>,
    /// Present when there is more than `rows` holds.
    pub truncated: Option<Truncation>,
    /// How long it took, from the call to the last row.
    pub elapsed: Duration,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name or, for an expression without one, the expression.
    pub name: String,
    /// Its SQL type: `INTEGER`, `DECIMAL(10,2)`, `VARCHAR[]`.
    pub type_name: String,
}

/// Where a result was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Which limit was met.
    pub by: CutBy,
    /// Rows returned; with [`CutBy::Bytes`] and a single row, that row's values are cut too.
    pub shown: usize,
}

/// The limit that cut a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutBy {
    /// [`max_rows`](super::QueryLimits::max_rows).
    Rows,
    /// [`max_bytes`](super::QueryLimits::max_bytes).
    Bytes,
}
