//! Where queries run: one trait, whatever holds the data.

pub mod catalog;
#[cfg(test)]
mod contract;
pub mod duckdb;
mod error;
pub mod result;
mod statement;
mod text;
pub mod value;

use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::duckdb::DuckDb;
pub use catalog::{ColumnInfo, TableInfo, TableSummary};
pub use error::QueryError;
pub use result::{Column, Continuation, CutBy, ResultSet, Truncation};
pub use statement::{Parameter, Statement};
pub use value::Value;

use crate::dataset::Dataset;
use crate::notes::{Found, Search};

/// Something that answers questions about datasets.
///
/// Every method may be called from several tasks at once. Dropping a returned future stops what it runs. Every method asks the
/// dataset's [reach](crate::dataset::Reach) about each schema before anything of it is read.
pub trait Backend: Send + Sync {
    /// Runs one read-only statement, after the SQL policy let it through, and returns at most what `limits` allow.
    fn query<'a>(
        &'a self,
        dataset: &'a Dataset,
        sql: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>>;

    /// Decides, without running it, what [`query`](Self::query) would: whether the policy lets a statement through, and
    /// whether all that it reads is within the dataset's [reach](crate::dataset::Reach).
    fn inspect<'a>(
        &'a self,
        dataset: &'a Dataset,
        sql: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<(), QueryError>>;

    /// Runs a statement of M4's own with its bound values, and returns at most what `limits` allow.
    fn prepared<'a>(
        &'a self,
        dataset: &'a Dataset,
        statement: &'a Statement,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>>;

    /// Searches the dataset's notes, and shows at most about as many bytes of them as `limits` allow.
    fn search_notes<'a>(
        &'a self,
        dataset: &'a Dataset,
        search: &'a Search,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<Found, QueryError>>;

    /// The dataset's own tables and views that are within its reach, sorted by name.
    fn schema<'a>(
        &'a self,
        dataset: &'a Dataset,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<Vec<TableSummary>, QueryError>>;

    /// One table's columns and, unless `limits` allow no rows, its first rows.
    ///
    /// `name` is `schema.table`, or `table` alone when only one schema has it; case does not matter.
    fn table<'a>(
        &'a self,
        dataset: &'a Dataset,
        name: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<TableInfo, QueryError>>;
}

/// How much one query may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// The most rows returned.
    pub max_rows: usize,
    /// The most bytes of values returned, counted as text; a first row that is longer by itself comes cut.
    pub max_bytes: usize,
    /// The longest it may take, waiting for its turn included.
    pub timeout: Duration,
}

impl QueryLimits {
    /// Rows returned unless told otherwise: more than a model reads, few enough to answer at once.
    pub const DEFAULT_MAX_ROWS: usize = 1_000;
    /// Bytes returned unless told otherwise: 1 MiB, some 250,000 tokens.
    pub const DEFAULT_MAX_BYTES: usize = 1 << 20;
    /// Time allowed unless told otherwise: what MCP clients wait by default.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            max_rows: Self::DEFAULT_MAX_ROWS,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}
