//! `DuckDB`: one locked, read-only database per dataset, one fresh connection per query.
//!
//! A connection is where the engine keeps what a statement leaves behind (temporary tables and types, prepared statements,
//! variables, an open transaction), and no query is ever given a used one.

mod convert;
#[cfg(test)]
pub(crate) mod fixture;
pub mod open;
mod pool;
mod run;
mod stop;
mod tables;
mod temporal;
mod types;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

pub use open::Resources;

use self::pool::Pool;
use self::run::RunError;
use self::stop::{Stop, StopOnDrop};
use super::catalog::{self, Resolved, TableInfo, TableSummary};
use super::error::{QueryError, without_paths};
use super::{Backend, QueryLimits, ResultSet, Statement};
use crate::dataset::Dataset;
use crate::notes::{self, Found, Search, SearchError};
use crate::sql::{self, Checked};

/// The `DuckDB` backend. Cheap to clone; clones share open databases.
#[derive(Clone)]
pub struct DuckDb {
    pool: Arc<Pool>,
    turns: Arc<Semaphore>,
}

impl DuckDb {
    /// A backend whose databases may each use `resources`. Nothing is opened yet.
    pub fn new(resources: Resources) -> Self {
        Self { pool: Arc::new(Pool::new(resources)), turns: Arc::new(Semaphore::new(MAX_CONCURRENT)) }
    }

    /// Runs `work` on a fresh connection in a thread of its own; dropping the future stops it.
    async fn with_connection<T: Send + 'static>(
        &self,
        dataset: &Dataset,
        timeout: Duration,
        work: impl FnOnce(&::duckdb::Connection, &Dataset, &Stop) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let mut guard = StopOnDrop { stop: Stop::default(), ended: false };
        let ended = async {
            let Ok(turn) = self.turns.clone().acquire_owned().await else {
                return Err(QueryError::Cancelled);
            };
            let (pool, dataset, stop) = (self.pool.clone(), dataset.clone(), guard.stop.clone());
            let thread = tokio::task::spawn_blocking(move || {
                // Held until the thread is done, even when nobody waits for it any more.
                let _turn = turn;
                let connection = pool.connect(&dataset)?;
                stop.during(&connection, || {
                    if stop.is_stopped() {
                        Err(QueryError::Cancelled)
                    } else {
                        work(&connection, &dataset, &stop)
                    }
                })
            });
            thread.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a query thread failed");
                Err(QueryError::Internal { what: "its thread failed" })
            })
        };
        match tokio::time::timeout(timeout, ended).await {
            Ok(result) => {
                guard.ended = true;
                result
            }
            Err(_) => Err(QueryError::Timeout { limit: timeout }),
        }
    }

    /// Runs SQL that passed the policy.
    async fn run(
        &self,
        dataset: &Dataset,
        checked: Checked,
        limits: QueryLimits,
    ) -> Result<ResultSet, QueryError> {
        let pool = self.pool.clone();
        self.with_connection(dataset, limits.timeout, move |connection, dataset, stop| {
            let stopped = || stop.is_stopped();
            run::run(connection, checked.sql(), &[], limits.max_rows, limits.max_bytes, &stopped)
                .map_err(|error| explained(&pool, connection, dataset, error))
        })
        .await
    }
}

impl Default for DuckDb {
    fn default() -> Self {
        Self::new(Resources::default())
    }
}

impl Backend for DuckDb {
    fn query<'a>(
        &'a self,
        dataset: &'a Dataset,
        sql: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>> {
        async move {
            let text = sql.to_owned();
            let checked = tokio::task::spawn_blocking(move || sql::check(&text)).await;
            let checked = checked.map_err(|_| QueryError::Internal { what: "the check failed" })??;
            self.run(dataset, checked, *limits).await
        }
        .boxed()
    }

    fn prepared<'a>(
        &'a self,
        dataset: &'a Dataset,
        statement: &'a Statement,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>> {
        let (pool, statement, limits) = (self.pool.clone(), statement.clone(), *limits);
        self.with_connection(dataset, limits.timeout, move |connection, dataset, stop| {
            let stopped = || stop.is_stopped();
            let (rows, bytes) = (limits.max_rows, limits.max_bytes);
            run::run(connection, statement.sql(), statement.parameters(), rows, bytes, &stopped)
                .map_err(|error| explained(&pool, connection, dataset, error))
        })
        .boxed()
    }

    fn search_notes<'a>(
        &'a self,
        dataset: &'a Dataset,
        search: &'a Search,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<Found, QueryError>> {
        let (search, bytes) = (search.clone(), limits.max_bytes);
        self.with_connection(dataset, limits.timeout, move |connection, dataset, stop| {
            notes::search(connection, &search, bytes, &|| stop.is_stopped()).map_err(|error| match error {
                SearchError::Engine(error) => engine_error(dataset, &error),
                SearchError::Stopped => QueryError::Cancelled,
            })
        })
        .boxed()
    }

    fn schema<'a>(
        &'a self,
        dataset: &'a Dataset,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<Vec<TableSummary>, QueryError>> {
        self.with_connection(dataset, limits.timeout, |connection, dataset, _| {
            let entries = tables::entries(connection).map_err(|error| engine_error(dataset, &error))?;
            Ok(entries.into_iter().map(|entry| entry.summary).collect())
        })
        .boxed()
    }

    fn table<'a>(
        &'a self,
        dataset: &'a Dataset,
        name: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<TableInfo, QueryError>> {
        let (name, limits) = (name.to_owned(), *limits);
        self.with_connection(dataset, limits.timeout, move |connection, dataset, stop| {
            describe(connection, dataset, &name, &limits, stop)
        })
        .boxed()
    }
}

fn describe(
    connection: &::duckdb::Connection,
    dataset: &Dataset,
    name: &str,
    limits: &QueryLimits,
    stop: &Stop,
) -> Result<TableInfo, QueryError> {
    let failed = |error: ::duckdb::Error| engine_error(dataset, &error);
    let entries = tables::entries(connection).map_err(failed)?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.summary.name.as_str()).collect();
    let entry = match catalog::resolve(name, &names) {
        Resolved::Table(index) => &entries[index],
        Resolved::Ambiguous(candidates) => {
            let candidates = candidates.into_iter().map(str::to_owned).collect();
            return Err(QueryError::TableAmbiguous { name: name.to_owned(), candidates });
        }
        Resolved::Unknown(near) => return Err(unknown_table(dataset, name, &near)),
    };
    let columns = tables::columns(connection, entry).map_err(failed)?;
    let sample = match limits.max_rows {
        0 => None,
        rows => {
            let sql = format!("SELECT * FROM {} LIMIT {rows}", entry.quoted());
            let stopped = || stop.is_stopped();
            let sample = run::run(connection, &sql, &[], rows, limits.max_bytes, &stopped);
            Some(sample.map_err(|error| run_error(dataset, error))?)
        }
    };
    let TableSummary { name, estimated_rows, .. } = entry.summary.clone();
    Ok(TableInfo { name, columns, estimated_rows, sample })
}

/// The error of a query, with near names where it named a table that is not there.
fn explained(
    pool: &Pool,
    connection: &::duckdb::Connection,
    dataset: &Dataset,
    error: RunError,
) -> QueryError {
    if let RunError::Engine(error) = &error {
        let message = error.to_string();
        if message.contains("database has been invalidated") || message.starts_with("FATAL") {
            pool.forget(dataset);
        }
        if let Some(name) = missing_table(&message)
            && let Ok(entries) = tables::entries(connection)
        {
            let names: Vec<&str> = entries.iter().map(|entry| entry.summary.name.as_str()).collect();
            let near = match catalog::resolve(name, &names) {
                // It exists under its whole name, so that is what to write.
                Resolved::Table(index) => vec![names[index]],
                Resolved::Ambiguous(names) | Resolved::Unknown(names) => names,
            };
            return unknown_table(dataset, name, &near);
        }
    }
    run_error(dataset, error)
}

/// The table that the engine says does not exist.
fn missing_table(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("Catalog Error: Table with name ")?;
    rest.split_once(" does not exist").map(|(name, _)| name.trim_matches('"'))
}

fn unknown_table(dataset: &Dataset, name: &str, near: &[&str]) -> QueryError {
    let near = near.iter().map(|name| (*name).to_owned()).collect();
    QueryError::TableUnknown { name: name.to_owned(), dataset: dataset.name.clone(), near }
}

fn run_error(dataset: &Dataset, error: RunError) -> QueryError {
    match error {
        RunError::Engine(error) => engine_error(dataset, &error),
        RunError::TooWide(columns) => QueryError::TooWide { columns, limit: run::MAX_COLUMNS },
        RunError::Stopped => QueryError::Cancelled,
    }
}

fn engine_error(dataset: &Dataset, error: &::duckdb::Error) -> QueryError {
    let message = error.to_string();
    if message.starts_with("INTERRUPT") {
        return QueryError::Cancelled;
    }
    if message.starts_with("Out of Memory") {
        return QueryError::Memory;
    }
    let message = message.split("\n\nStack Trace").next().unwrap_or_default();
    let message = without_paths(message, &dataset.database);
    // Locked as it is, the engine reads one file only.
    if DAMAGE.iter().any(|kind| message.starts_with(kind)) {
        let reason = message.lines().next().unwrap_or_default().to_owned();
        return QueryError::DatabaseUnreadable { dataset: dataset.name.clone(), reason };
    }
    QueryError::Engine { message }
}

/// How the engine's words begin when the database file is damaged.
const DAMAGE: &[&str] = &["IO Error", "Corruption Error", "Serialization Error", "FATAL Error"];

/// Queries that run at once, over all datasets; the engine spreads each over its threads.
const MAX_CONCURRENT: usize = 8;

#[cfg(test)]
mod tests;
