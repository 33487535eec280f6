//! `DuckDB`: one locked, read-only database per dataset, one fresh connection per query.
//!
//! A connection is where the engine keeps what a statement leaves behind (temporary tables and types, prepared statements,
//! variables, an open transaction), and no query is ever given a used one.

mod allocator;
pub mod ceiling;
mod convert;
mod definitions;
#[cfg(test)]
pub(crate) mod fixture;
mod next;
pub mod open;
mod pool;
mod run;
mod stop;
mod tables;
mod temporal;
mod types;
pub mod version;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

pub use open::Resources;

use self::pool::{Pool, Session};
use self::run::RunError;
use self::stop::{Stop, StopOnDrop};
use super::catalog::{self, Resolved, TableInfo, TableSummary};
use super::error::{QueryError, without_paths};
use super::{Backend, Parameter, QueryLimits, ResultSet, Statement};
use crate::dataset::Dataset;
use crate::notes::{self, Found, Search, SearchError};
use crate::sql::{self, Checked, Refusal, Stored};

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
        work: impl FnOnce(&Session, &Dataset, &Stop) -> Result<T, QueryError> + Send + 'static,
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
                let _running = ceiling::Running::begin();
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

    /// Has `check` decide about a statement and, where it lets it through, runs it with these values.
    fn run<'a>(
        &'a self,
        dataset: &'a Dataset,
        limits: QueryLimits,
        parameters: Vec<Parameter>,
        check: impl FnOnce(&Stored) -> Result<Checked, Refusal> + Send + 'static,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>> {
        let pool = self.pool.clone();
        self.with_connection(dataset, limits.timeout, move |session, dataset, stop| {
            let checked = within_reach(session, dataset, check)?;
            let stopped = || stop.is_stopped();
            run::in_order(session, checked.sql(), &parameters, checked.order(), &limits, &stopped)
                .map_err(|error| explained(&pool, session, dataset, error))
        })
        .boxed()
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
        let sql = sql.to_owned();
        self.run(dataset, *limits, Vec::new(), move |definitions| sql::check_in(&sql, definitions))
    }

    fn inspect<'a>(
        &'a self,
        dataset: &'a Dataset,
        sql: &'a str,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<(), QueryError>> {
        let sql = sql.to_owned();
        self.with_connection(dataset, limits.timeout, move |session, dataset, _| {
            within_reach(session, dataset, |definitions| sql::check_in(&sql, definitions)).map(drop)
        })
        .boxed()
    }

    fn prepared<'a>(
        &'a self,
        dataset: &'a Dataset,
        statement: &'a Statement,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<ResultSet, QueryError>> {
        let (sql, parameters) = (statement.sql().to_owned(), statement.parameters().to_vec());
        self.run(dataset, *limits, parameters, move |definitions| sql::check_prepared(&sql, definitions))
    }

    fn search_notes<'a>(
        &'a self,
        dataset: &'a Dataset,
        search: &'a Search,
        limits: &'a QueryLimits,
    ) -> BoxFuture<'a, Result<Found, QueryError>> {
        let (search, bytes) = (search.clone(), limits.max_bytes);
        self.with_connection(dataset, limits.timeout, move |session, dataset, stop| {
            for kind in &search.kinds {
                let (schema, table) = kind.schema_and_table();
                dataset.reach.check(&session.definitions.schemas_of_relation(schema, table)?)?;
            }
            notes::search(session, &search, bytes, &|| stop.is_stopped()).map_err(|error| match error {
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
        self.with_connection(dataset, limits.timeout, |session, dataset, _| {
            let mut entries = tables::entries(session).map_err(|error| engine_error(dataset, &error))?;
            entries.retain(|entry| {
                // One that no query may touch is listed: whoever asks for it is told why.
                let schemas = session.definitions.schemas_of_relation(&entry.schema, &entry.table);
                let schemas = schemas.unwrap_or_else(|_| [entry.schema.to_ascii_lowercase()].into());
                dataset.reach.check(&schemas).is_ok()
            });
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
        self.with_connection(dataset, limits.timeout, move |session, dataset, stop| {
            describe(session, dataset, &name, &limits, stop)
        })
        .boxed()
    }
}

/// What may be run: what `check` lets through, as far as its caller may see.
fn within_reach(
    session: &Session,
    dataset: &Dataset,
    check: impl FnOnce(&Stored) -> Result<Checked, Refusal>,
) -> Result<Checked, QueryError> {
    let checked = check(&session.definitions)?;
    if let Some(table) = session.definitions.missing(&checked) {
        let name = [&table.catalog, &table.schema].into_iter().flatten().chain([&table.name]);
        let name = name.map(String::as_str).collect::<Vec<_>>().join(".");
        let entries = tables::entries(session).map_err(|error| engine_error(dataset, &error))?;
        return Err(unknown(dataset, &name, &entries));
    }
    dataset.reach.check(checked.schemas())?;
    Ok(checked)
}

fn describe(
    connection: &Session,
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
    let schemas = connection.definitions.schemas_of_relation(&entry.schema, &entry.table)?;
    dataset.reach.check(&schemas)?;
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
            return unknown(dataset, name, &entries);
        }
    }
    run_error(dataset, error)
}

/// The error for a name that no table has, with near ones.
fn unknown(dataset: &Dataset, name: &str, entries: &[tables::Entry]) -> QueryError {
    let names: Vec<&str> = entries.iter().map(|entry| entry.summary.name.as_str()).collect();
    let near = match catalog::resolve(name, &names) {
        // It exists under its whole name, so that is what to write.
        Resolved::Table(index) => vec![names[index]],
        Resolved::Ambiguous(names) | Resolved::Unknown(names) => names,
    };
    unknown_table(dataset, name, &near)
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
    // Where it is met while rows are fetched, the words come wrapped.
    if message.starts_with("Out of Memory") || message.contains("\"exception_type\":\"Out of Memory\"") {
        ceiling::relieve();
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
