//! Builds a database from the files of a plan: several tables at a time, each whole or not there.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use duckdb::{Config, Connection, InterruptHandle};

use super::error::IngestError;
use super::feed::Feed;
use super::journal::{self, Entry, Journal};
use super::meta;
use super::plan::Plan;
use super::report::{Progress, Report, TableReport};
use super::source::Source;
use super::sql::{identifier, literal};
use super::staging::Staging;
use super::table::Prepared;
use crate::dataset::Definition;
use crate::notes::{self, BuildError, INDEX_SCHEMA, Indexed};

/// How much memory DuckDB may use while loading; beyond it, it spills beside the database. The process needs some
/// more: `cargo xtask ingest-memory` shows that all of it stays below 1 GB.
pub const MEMORY_LIMIT: &str = "512MB";

/// Builds the database and puts it in its place.
pub(super) fn build(
    definition: &Definition,
    plan: Plan<'_>,
    mut staging: Staging,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, IngestError> {
    let bytes = plan.sources.iter().map(|source| source.bytes).sum();
    let (connection, finished) = open(&staging, bytes)?;
    // All headers are looked at before anything is loaded: a wrong one is told now and not in an hour.
    let jobs =
        plan.sources.iter().map(|source| Job::new(&connection, source)).collect::<Result<Vec<_>, _>>()?;
    on_progress(Progress::Planned { tables: plan.sources.len(), bytes });
    let mut reports = kept(&jobs, &finished);
    let filled = fill(&connection, &staging, &jobs, &mut reports, on_progress);
    if filled.is_err() && reports.iter().any(Option::is_some) {
        staging.keep();
    }
    filled?;
    let indexed = index_notes(&connection, &staging, on_progress);
    if indexed.is_err() {
        staging.keep();
    }
    let indexed = indexed?;
    let tables: Vec<_> = reports.into_iter().flatten().collect();
    on_progress(Progress::Publishing);
    meta::write(&connection, definition, &plan.sources, &tables)?;
    connection.execute_batch(&format!("CHECKPOINT; USE memory; DETACH {DATABASE}"))?;
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

/// Indexes the notes, where there are any that are not indexed yet.
fn index_notes(
    connection: &Connection,
    staging: &Staging,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Indexed>, IngestError> {
    let indexed = notes::index_all(connection, staging.directory(), &mut |kind, notes, of| {
        on_progress(Progress::Indexing { table: kind.table(), notes, of });
    });
    indexed.map_err(|error| match error {
        BuildError::File { path, source } => IngestError::write(&path, source),
        BuildError::Engine(error) => error.into(),
        unfit @ BuildError::Unfit { .. } => IngestError::Notes(unfit),
    })
}

/// A table to load.
struct Job<'a> {
    source: &'a Source<'a>,
    name: String,
    prepared: Prepared,
    key: String,
}

impl<'a> Job<'a> {
    fn new(connection: &Connection, source: &'a Source<'a>) -> Result<Self, IngestError> {
        let prepared = Prepared::new(connection, source)?;
        let key = journal::key(source, &prepared.definition());
        Ok(Self { source, name: source.name(), prepared, key })
    }
}

/// What a worker tells.
enum Told {
    Started(usize),
    Advanced(usize, u64),
    Finished(usize, u64, u64),
    Committed(usize, TableReport),
    Failed(IngestError),
}

/// The reports of the tables that are in already.
fn kept(jobs: &[Job<'_>], finished: &[Entry]) -> Vec<Option<TableReport>> {
    let of =
        |job: &Job<'_>| finished.iter().find(|entry| entry.is(&job.key)).map(|entry| entry.report.clone());
    jobs.iter().map(of).collect()
}

/// Loads what is not in yet.
fn fill(
    connection: &Connection,
    staging: &Staging,
    jobs: &[Job<'_>],
    reports: &mut [Option<TableReport>],
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), IngestError> {
    clear_all_but(connection, jobs, reports)?;
    for (job, report) in jobs.iter().zip(reports.iter()) {
        if let Some(TableReport { rows, rejected, .. }) = report {
            let (table, bytes) = (job.name.as_str(), job.source.bytes);
            on_progress(Progress::Reused { table, rows: *rows, rejected: *rejected, bytes });
        }
    }
    let mut open: Vec<_> =
        reports.iter().enumerate().filter(|(_, report)| report.is_none()).map(|(index, _)| index).collect();
    // The largest first, so that none of them begins when all others are done.
    open.sort_by_key(|index| std::cmp::Reverse(jobs.get(*index).map_or(0, |job| job.source.bytes)));
    let path = staging.journal();
    let journal = Journal::open(&path).map_err(|error| IngestError::write(&path, error));
    let (mut journal, _) = journal?;
    // They outlive the scope: the engine's library must not be asked to interrupt a connection that is being closed.
    let mut workers = (0..MOST_WORKERS.min(parallelism()).min(open.len()))
        .map(|number| Worker::new(connection, staging, number))
        .collect::<Result<Vec<_>, _>>()?;
    let interrupts: Vec<Arc<InterruptHandle>> =
        workers.iter().map(|worker| worker.connection.interrupt_handle()).collect();
    let shared = Shared { jobs, open: &open, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for worker in &mut workers {
            let (tell, shared) = (tell.clone(), &shared);
            scope.spawn(move || worker.run(shared, &tell));
        }
        drop(tell);
        let mut outcome = Ok(());
        for step in told {
            let done = match step {
                Told::Failed(error) => Err(error),
                Told::Committed(index, report) => {
                    let Some((job, place)) = jobs.get(index).zip(reports.get_mut(index)) else { continue };
                    let noted = journal.add(job.key.clone(), &report);
                    *place = Some(report);
                    noted.map_err(|error| IngestError::write(&path, error))
                }
                other => {
                    progress(&other, jobs, on_progress);
                    Ok(())
                }
            };
            if done.is_err() && outcome.is_ok() {
                outcome = done;
                shared.stop.store(true, Ordering::Relaxed);
                for interrupt in &interrupts {
                    interrupt.interrupt();
                }
            }
        }
        outcome
    })
}

/// Passes a step on.
fn progress(told: &Told, jobs: &[Job<'_>], on_progress: &mut dyn FnMut(Progress<'_>)) {
    let (Told::Started(index)
    | Told::Advanced(index, _)
    | Told::Finished(index, ..)
    | Told::Committed(index, _)) = *told
    else {
        return;
    };
    let Some(job) = jobs.get(index) else { return };
    let (table, bytes) = (job.name.as_str(), job.source.bytes);
    on_progress(match *told {
        Told::Started(_) => Progress::Started { table, bytes },
        Told::Advanced(_, read) => Progress::Advanced { table, read, bytes },
        Told::Finished(_, rows, rejected) => Progress::Finished { table, rows, rejected, bytes },
        Told::Committed(..) | Told::Failed(_) => return,
    });
}

/// What the workers have in common.
struct Shared<'a> {
    jobs: &'a [Job<'a>],
    /// Those of them that are to be done, in this order.
    open: &'a [usize],
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Shared<'_> {
    /// The next table to load, unless the run is to end.
    fn next(&self) -> Option<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.open.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// One of those that load tables at the same time.
struct Worker {
    connection: Connection,
    feed: Feed,
}

impl Worker {
    fn new(connection: &Connection, staging: &Staging, number: usize) -> Result<Self, IngestError> {
        let connection = connection.try_clone()?;
        connection.execute_batch(&format!("USE {DATABASE}"))?;
        Ok(Self { connection, feed: Feed::new(staging.directory(), number)? })
    }

    /// Loads tables until there are no more, or one fails. That nobody listens cannot be: the listener outlives the
    /// workers.
    fn run(&mut self, shared: &Shared<'_>, tell: &Sender<Told>) {
        while let Some(first) = shared.next() {
            match self.batch(first, shared, tell) {
                Ok(committed) => {
                    for (index, report) in committed {
                        _ = tell.send(Told::Committed(index, report));
                    }
                }
                Err(error) => {
                    // What failed is told; a rollback that fails too shows when the database is opened again.
                    _ = self.connection.execute_batch("ROLLBACK");
                    _ = tell.send(Told::Failed(error));
                    return;
                }
            }
        }
    }

    /// Loads a table, and more of them while they are small, in one transaction: each costs the disk a sync.
    fn batch(
        &mut self,
        first: usize,
        shared: &Shared<'_>,
        tell: &Sender<Told>,
    ) -> Result<Vec<(usize, TableReport)>, IngestError> {
        self.connection.execute_batch("BEGIN")?;
        let (mut loaded, mut bytes, mut next) = (Vec::new(), 0, Some(first));
        while let Some((index, job)) = next.and_then(|index| Some((index, shared.jobs.get(index)?))) {
            _ = tell.send(Told::Started(index));
            let report = job.prepared.load(&mut self.connection, job.source, &self.feed, &mut |read| {
                _ = tell.send(Told::Advanced(index, read));
            })?;
            let TableReport { rows, rejected, .. } = report;
            _ = tell.send(Told::Finished(index, rows, rejected));
            loaded.push((index, report));
            bytes += job.source.bytes;
            next = if bytes < BATCH { shared.next() } else { None };
        }
        self.connection.execute_batch("COMMIT")?;
        Ok(loaded)
    }
}

/// Removes every table of an unfinished database that is not to be kept, and makes the schemas.
fn clear_all_but(
    connection: &Connection,
    jobs: &[Job<'_>],
    reports: &[Option<TableReport>],
) -> Result<(), IngestError> {
    let kept: BTreeSet<_> = jobs
        .iter()
        .zip(reports)
        .filter(|(_, report)| report.is_some())
        .map(|(job, _)| (job.source.schema.to_lowercase(), job.source.table.name.to_lowercase()))
        .collect();
    let mut statement = connection.prepare(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary \
         AND database_name = current_database()",
    )?;
    let there = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let there: Vec<(String, String)> = there.collect::<Result<_, _>>()?;
    connection.execute_batch("BEGIN")?;
    // The index of notes knows by itself whether it is of the notes that are there.
    for (schema, table) in there.into_iter().filter(|(schema, _)| schema != INDEX_SCHEMA) {
        if !kept.contains(&(schema.to_lowercase(), table.to_lowercase())) {
            connection.execute_batch(&format!(
                "DROP TABLE {}.{}",
                identifier(&schema),
                identifier(&table)
            ))?;
        }
    }
    connection.execute_batch(&format!("DROP SCHEMA IF EXISTS {} CASCADE", meta::META_SCHEMA))?;
    let schemas: BTreeSet<_> = jobs.iter().map(|job| job.source.schema).collect();
    for schema in schemas {
        connection.execute_batch(&format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(schema)))?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// Opens the database in the making, with what its journal says of it. One that cannot be opened is made anew.
fn open(staging: &Staging, bytes: u64) -> Result<(Connection, Vec<Entry>), IngestError> {
    let path = staging.journal();
    if staging.database().is_file()
        && let Ok((_, finished)) = Journal::open(&path)
        && let Ok(connection) = connect(staging, bytes)
    {
        return Ok((connection, finished));
    }
    staging.start_anew()?;
    Ok((connect(staging, bytes)?, Vec::new()))
}

/// Opens the database in the making, for `bytes` of files.
fn connect(staging: &Staging, bytes: u64) -> Result<Connection, IngestError> {
    let spill = staging.directory().join("spill");
    fs::create_dir_all(&spill).map_err(|error| IngestError::write(&spill, error))?;
    let threads = i64::try_from(parallelism()).unwrap_or(1);
    let config = Config::default()
        .enable_autoload_extension(false)?
        .max_memory(MEMORY_LIMIT)?
        .threads(threads)?
        .with("preserve_insertion_order", "false")?
        .with("temp_directory", spill.to_string_lossy())?;
    let connection = Connection::open_in_memory_with_flags(config)?;
    let rows = if bytes < SMALL { SMALL_ROW_GROUP } else { ROW_GROUP };
    let path = staging.database();
    let path = path.to_str().ok_or_else(|| IngestError::PathNotUnicode { path: path.clone() })?;
    connection.execute_batch(&format!(
        "ATTACH {path} AS {DATABASE} (STORAGE_VERSION 'latest', ROW_GROUP_SIZE {rows}); USE {DATABASE}",
        path = literal(path),
    ))?;
    Ok(connection)
}

fn parallelism() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// What the database in the making is attached as.
const DATABASE: &str = "new_database";
/// Bytes of files below which row groups are small. The engine compresses whole ones on all threads while it loads, and
/// keeps them out of its log; the rest is logged, and compressed table after table at the end, which was half the time
/// for a dataset whose tables are smaller than one usual row group (decision 17).
const SMALL: u64 = 256 << 20;
/// Rows of a row group, for datasets of less than [`SMALL`].
const SMALL_ROW_GROUP: u32 = 10_240;
/// The engine's own choice.
const ROW_GROUP: u32 = 122_880;
/// Bytes of files, from which on tables are committed, and kept should the run be killed. On a busy disk the sync of a
/// commit takes longer than loading a small table; these load in about a second.
pub(super) const BATCH: u64 = 16 << 20;
/// Threads of the engine. More than these would not have room within [`MEMORY_LIMIT`] for what each holds: text of
/// [`super::table`]'s buffer size, and 122,880 rows that are being compressed.
const MOST_THREADS: usize = 8;
/// Tables that load at a time. A large one keeps all threads busy by itself.
const MOST_WORKERS: usize = 4;
