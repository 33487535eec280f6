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
    /// How to get the rows after these, where it was cut and its order tells.
    pub next: Option<Continuation>,
    /// How long it took, from the call to the last row.
    pub elapsed: Duration,
}

/// Where the rows after the ones shown begin, in terms of the columns that they are ordered by.
///
/// It needs no `OFFSET`: it holds whatever was added or removed meanwhile, and the engine skips nothing row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// What is true of the rows that follow, and of no row shown.
    pub condition: String,
    /// The order, as SQL.
    pub order: String,
}

impl Continuation {
    /// The query for the rows that follow those that `query` gave.
    pub fn of(&self, query: &str) -> String {
        format!("SELECT * FROM ({query}) WHERE {} ORDER BY {}", self.condition, self.order)
    }
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
