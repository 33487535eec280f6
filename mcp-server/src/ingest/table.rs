//! Loads one file into one table, all of it or nothing.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use duckdb::{Connection, InterruptHandle};

use super::columns::Columns;
use super::error::IngestError;
use super::feed::{self, Broken, Feed};
use super::parquet;
use super::reader::{Watch, is_damage};
use super::report::{Reject, SHOWN, TableReport};
use super::scan::Counts;
use super::source::{Format, Source};
use super::sql::{self, list, literal};

/// A table that is to be loaded: its file was looked into, nothing was written yet.
#[derive(Debug)]
pub(super) struct Prepared {
    columns: Columns,
    create: String,
}

/// What became of the rows of a file.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) rejects: Vec<Reject>,
}

impl Prepared {
    /// Reads the header.
    pub(super) fn new(connection: &Connection, source: &Source<'_>) -> Result<Self, IngestError> {
        let columns = match source.format {
            Format::Csv | Format::CsvGz => Columns::read(source)?,
            Format::Parquet => parquet::columns(connection, source)?,
        };
        let create = sql::create(source, &columns);
        Ok(Self { columns, create })
    }

    /// What the table will be, as text: the same for the same file, table and way of loading.
    pub(super) fn definition(&self) -> String {
        let read = self.columns.file.iter().map(|column| format!("{} {}", column.written, column.kind));
        format!("{}; {}", self.create, list(read))
    }

    /// Creates the table and fills it, in a transaction that the caller began and ends.
    pub(super) fn load(
        &self,
        connection: &mut Connection,
        source: &Source<'_>,
        feed: &Feed,
        on_read: &mut dyn FnMut(u64),
    ) -> Result<TableReport, IngestError> {
        connection.execute_batch(&self.create)?;
        let Loaded { rows, rejected, rejects } = self.fill(connection, source, feed, on_read)?;
        // They are temporary tables of this connection, which the next table uses again.
        connection
            .execute_batch("DROP TABLE IF EXISTS temp.m4_rejects; DROP TABLE IF EXISTS temp.m4_scans")?;
        let Columns { unexpected, missing, .. } = &self.columns;
        let (unexpected, missing) = (unexpected.clone(), missing.clone());
        let (name, file) = (source.name(), source.file.clone());
        Ok(TableReport { name, file, rows, unexpected, missing, rejected, rejects })
    }

    fn fill(
        &self,
        connection: &mut Connection,
        source: &Source<'_>,
        feed: &Feed,
        on_read: &mut dyn FnMut(u64),
    ) -> Result<Loaded, IngestError> {
        let loaded = match source.format {
            Format::Parquet => parquet::load(connection, source, &self.columns)?,
            Format::Csv | Format::CsvGz => {
                let (rows, counts) = self.run(connection, source, feed, on_read)?;
                add_up(connection, source, rows, counts)?
            }
        };
        let Loaded { rows, rejected, rejects } = &loaded;
        if rejected > rows {
            let first = rejects.first();
            return Err(IngestError::MostlyRejected {
                path: source.path.clone(),
                table: source.table.name.clone(),
                rows: *rows,
                rejected: *rejected,
                line: first.map_or(0, |first| first.line),
                message: first.map_or_else(String::new, |first| first.message.clone()),
            });
        }
        Ok(loaded)
    }

    /// DuckDB reads on one thread what another feeds it; this one reports.
    fn run(
        &self,
        connection: &mut Connection,
        source: &Source<'_>,
        feed: &Feed,
        on_read: &mut dyn FnMut(u64),
    ) -> Result<(u64, Counts), IngestError> {
        let watch = Watch::default();
        let interrupt: Arc<InterruptHandle> = connection.interrupt_handle();
        let insert = insert(source, &self.columns, feed)?;
        let columns = self.columns.file.len();
        thread::scope(|scope| {
            let (done, waiting) = mpsc::channel::<()>();
            let pump = scope.spawn(|| feed.pump(source, columns, &watch, || interrupt.interrupt()));
            let statement = &insert;
            let load = scope.spawn(move || {
                let loaded = connection.execute(statement, []);
                drop(done);
                loaded
            });
            while waiting.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                on_read(watch.read());
            }
            let loaded = load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if loaded.is_err() {
                watch.stop();
            }
            feed.drain(|| pump.is_finished());
            let pumped = pump.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // What is wrong with the file explains whatever the engine says about it.
            let counts = match pumped {
                Ok(counts) => Some(counts),
                Err(Broken::Unwanted) => None,
                Err(Broken::Read(error)) => return Err(unreadable(source, error)),
                Err(Broken::Fault(fault)) => {
                    return Err(IngestError::NotCsv {
                        path: source.path.clone(),
                        line: fault.line(),
                        reason: fault.to_string(),
                    });
                }
            };
            let rows = loaded.map_err(|error| source.engine(error))? as u64;
            let counts = counts.ok_or_else(|| miscounted(source, rows, 0, 0))?;
            Ok((rows, counts))
        })
    }
}

fn insert(source: &Source<'_>, columns: &Columns, feed: &Feed) -> Result<String, IngestError> {
    let (path, compression) = feed.path(source);
    let read = list(columns.file.iter().map(|c| format!("{}: '{}'", literal(&c.name), c.kind)));
    Ok(format!(
        "INSERT INTO {table} BY NAME SELECT * FROM read_csv({path}, auto_detect = false, header = true, \
         delim = ',', quote = '\"', escape = '\"', compression = '{compression}', buffer_size = {BUFFER}, \
         columns = {{{read}}}, store_rejects = true, rejects_table = 'm4_rejects', rejects_scan = 'm4_scans')",
        table = sql::table(source),
        path = sql::file(path)?,
    ))
}

/// Every record of the file is a row or a reject, or the load fails.
fn add_up(
    connection: &Connection,
    source: &Source<'_>,
    rows: u64,
    counts: Counts,
) -> Result<Loaded, IngestError> {
    let told: u64 =
        connection.query_row("SELECT count(DISTINCT line) FROM temp.m4_rejects", [], |row| row.get(0))?;
    let records = counts.records.saturating_sub(1);
    if records < rows || (records - rows != told && counts.malformed == 0) {
        return Err(miscounted(source, rows, told, records));
    }
    let rejected = (records - rows).max(told) + counts.swallowed;
    let rejects = if told == 0 { Vec::new() } else { shown(connection, source, counts)? };
    Ok(Loaded { rows, rejected, rejects })
}

fn shown(connection: &Connection, source: &Source<'_>, counts: Counts) -> Result<Vec<Reject>, IngestError> {
    let mut statement = connection.prepare(
        "SELECT line, column_name, error_message, line_byte_position FROM temp.m4_rejects \
         ORDER BY line_byte_position, column_idx LIMIT ?",
    )?;
    let rows = statement.query_map([SHOWN], |row| {
        let file = source.file.clone();
        let reject = Reject { file, line: row.get(0)?, column: row.get(1)?, message: row.get(2)? };
        Ok((reject, row.get::<_, u64>(3)?))
    })?;
    let (mut rejects, places): (Vec<_>, Vec<_>) = rows.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    if counts.wrapped > 0 {
        // DuckDB counts records; where some run over several lines, those are counted in the file again.
        let lines = feed::lines(source, &places).map_err(|error| unreadable(source, error))?;
        for (reject, line) in rejects.iter_mut().zip(lines) {
            reject.line = line;
        }
    }
    Ok(rejects)
}

fn unreadable(source: &Source<'_>, error: std::io::Error) -> IngestError {
    let path = source.path.clone();
    if source.format == Format::CsvGz && is_damage(&error) {
        return IngestError::Damaged { path, source: error };
    }
    IngestError::Read { path, source: error }
}

fn miscounted(source: &Source<'_>, rows: u64, rejected: u64, records: u64) -> IngestError {
    IngestError::Miscounted { path: source.path.clone(), records, rows, rejected }
}

/// Bytes that one thread of DuckDB reads at once. Its own default is 32 MB, of which sixteen threads cannot have one
/// each within [`super::MEMORY_LIMIT`] (measured).
const BUFFER: u32 = 4_000_000;
const TICK: Duration = Duration::from_millis(100);
