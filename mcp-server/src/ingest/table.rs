//! Loads one file into one table.

use std::fmt::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use duckdb::Connection;

use super::columns::Columns;
use super::error::IngestError;
use super::gzip::{self, Watch};
use super::report::{Progress, Reject, SHOWN, TableReport};
use super::source::{Format, Source};
use crate::dataset::schema::Kind;

/// Creates the table and fills it from its file, which is checked for damage at the same time.
pub(super) fn load(
    connection: &mut Connection,
    source: &Source<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<TableReport, IngestError> {
    let name = source.name();
    on_progress(Progress::Started { table: &name, bytes: source.bytes });
    let columns = Columns::read(source)?;
    let statements = Statements::new(source, &columns)?;
    connection.execute_batch(&statements.create)?;
    let rows = insert(connection, source, &statements.insert, &mut |read| {
        on_progress(Progress::Advanced { table: &name, read, bytes: source.bytes });
    })?;
    let (rejected, rejects) = rejects(connection, source)?;
    connection.execute_batch("DROP TABLE IF EXISTS temp.m4_rejects; DROP TABLE IF EXISTS temp.m4_scans")?;
    if rejected > rows {
        let (line, message) =
            rejects.into_iter().next().map(|first| (first.line, first.message)).unwrap_or_default();
        let path = source.path.clone();
        return Err(IngestError::MostlyRejected {
            path,
            table: source.table.name.clone(),
            rows,
            rejected,
            line,
            message,
        });
    }
    on_progress(Progress::Finished { table: &name, rows, rejected, bytes: source.bytes });
    let Columns { unexpected, missing, .. } = columns;
    Ok(TableReport { name, file: source.file.clone(), rows, unexpected, missing, rejected, rejects })
}

/// Runs the insert on one thread and the damage check on another; this one reports. Whichever fails ends the other.
fn insert(
    connection: &mut Connection,
    source: &Source<'_>,
    sql: &str,
    on_read: &mut dyn FnMut(u64),
) -> Result<u64, IngestError> {
    let watch = Watch::default();
    let interrupt = connection.interrupt_handle();
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        let check_done = done.clone();
        let (check_watch, load_watch) = (&watch, &watch);
        let check = scope.spawn(move || {
            let checked =
                if source.format == Format::CsvGz { gzip::check(&source.path, check_watch) } else { Ok(()) };
            if checked.is_err() {
                interrupt.interrupt();
            }
            drop(check_done);
            checked
        });
        let load = scope.spawn(move || {
            let loaded = connection.execute(sql, []);
            if loaded.is_err() {
                load_watch.stop();
            }
            drop(done);
            loaded
        });
        while waiting.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            on_read(watch.read());
        }
        // Joined in this order because damage explains whatever the engine says about the same file.
        let checked = check.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let loaded = load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        checked.map_err(|error| IngestError::Damaged { path: source.path.clone(), source: error })?;
        let rows = loaded
            .map_err(|error| IngestError::Engine { path: source.path.clone(), source: Box::new(error) })?;
        Ok(rows as u64)
    })
}

fn rejects(connection: &Connection, source: &Source<'_>) -> Result<(u64, Vec<Reject>), IngestError> {
    let count =
        connection.query_row("SELECT count(DISTINCT line) FROM temp.m4_rejects", [], |row| row.get(0))?;
    let mut statement = connection.prepare(
        "SELECT line, column_name, error_message FROM temp.m4_rejects ORDER BY line, column_idx LIMIT ?",
    )?;
    let shown = statement.query_map([SHOWN], |row| {
        Ok(Reject { file: source.file.clone(), line: row.get(0)?, column: row.get(1)?, message: row.get(2)? })
    })?;
    Ok((count, shown.collect::<Result<_, _>>()?))
}

struct Statements {
    create: String,
    insert: String,
}

impl Statements {
    fn new(source: &Source<'_>, columns: &Columns) -> Result<Self, IngestError> {
        let path =
            source.path.to_str().ok_or_else(|| IngestError::PathNotUnicode { path: source.path.clone() })?;
        let table = format!("{}.{}", identifier(source.schema), identifier(&source.table.name));
        let defined = source.table.columns.iter().map(|column| (column.name.as_str(), column.kind));
        let kept = columns.unexpected.iter().map(|name| (name.as_str(), Kind::Text));
        let create = list(defined.chain(kept).map(|(name, kind)| format!("{} {kind}", identifier(name))));
        let read = list(columns.file.iter().map(|(name, kind)| format!("{}: '{kind}'", literal(name))));
        Ok(Self {
            create: format!(
                "CREATE SCHEMA IF NOT EXISTS {}; CREATE TABLE {table} ({create})",
                identifier(source.schema)
            ),
            insert: format!(
                "INSERT INTO {table} BY NAME SELECT * FROM read_csv({path}, auto_detect = false, header = true, \
                 delim = ',', quote = '\"', escape = '\"', compression = '{compression}', columns = {{{read}}}, \
                 store_rejects = true, rejects_table = 'm4_rejects', rejects_scan = 'm4_scans')",
                path = literal(&without_globs(path)),
                compression = if source.format == Format::CsvGz { "gzip" } else { "none" },
            ),
        })
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `read_csv` takes patterns: a directory called `data[1]` must stand for itself.
fn without_globs(path: &str) -> String {
    path.chars().fold(String::with_capacity(path.len()), |mut plain, character| {
        match character {
            '*' | '?' | '[' => _ = write!(plain, "[{character}]"),
            _ => plain.push(character),
        }
        plain
    })
}

const TICK: Duration = Duration::from_millis(200);
