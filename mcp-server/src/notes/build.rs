//! Makes the index of a database's notes.
//!
//! Notes are read in the order of their rows and cut into chunks of [`CHUNK`] bytes. Threads collect the words of a chunk and
//! write them to a file in order; at the end the files are merged into the database. So memory is bounded by the chunks under way,
//! whatever the notes amount to: at most [`MOST_THREADS`] + 2 chunks, and about as much again for their words.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use duckdb::arrow::array::{Array, Int64Array, StringArray};
use duckdb::{Appender, Connection, params};

use super::postings::{BLOCK, put_posting};
use super::run::{Chunk, Piece, Run};
use super::{FORMAT, Kind};

/// What became of one kind of note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Indexed {
    /// Which.
    pub kind: Kind,
    /// How many notes there are.
    pub notes: u64,
    /// How many words they have together.
    pub words: u64,
    /// Bytes that say where the words are.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database engine failed.
    #[error("DuckDB could not index the notes")]
    Engine(#[from] duckdb::Error),
    /// A file beside the database could not be written or read.
    #[error("{} cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine gave the notes in a way that cannot be indexed.
    #[error("the notes of {table} cannot be indexed: {what}")]
    Unfit {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: &'static str,
    },
}

/// Indexes every note table the database has, in one transaction each; `scratch` is a directory for files that it removes.
///
/// An index that is there for the same notes is kept: a run that was killed after it need not make it again. `on_progress` hears, now and then, how many notes of how many
/// are read.
pub fn index_all(
    connection: &Connection,
    scratch: &Path,
    on_progress: &mut dyn FnMut(Kind, u64, u64),
) -> Result<Vec<Indexed>, BuildError> {
    let mut made = Vec::new();
    for kind in Kind::ALL {
        if !exists(connection, kind)? {
            continue;
        }
        connection.execute_batch(CREATE)?;
        let notes = Notes::of(connection, kind)?;
        if is_indexed(connection, kind, &notes)? {
            continue;
        }
        let folder = scratch.join(format!("{}-index", kind.name()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|source| BuildError::File { path: folder.clone(), source })?;
        let outcome = index(connection, kind, &notes, &folder, on_progress);
        let _ = fs::remove_dir_all(&folder);
        made.push(outcome?);
    }
    Ok(made)
}

fn exists(connection: &Connection, kind: Kind) -> Result<bool, BuildError> {
    let (schema, table) = kind.schema_and_table();
    let columns: i64 = connection.query_row(
        "SELECT count(*) FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = ? \
         AND table_name = ? AND column_name = 'text' AND data_type = 'VARCHAR'",
        [schema, table],
        |row| row.get(0),
    )?;
    Ok(columns == 1)
}

/// The notes of a table, as far as it matters whether they are the same.
struct Notes {
    count: u64,
    /// Of every note and its row.
    fingerprint: String,
}

impl Notes {
    fn of(connection: &Connection, kind: Kind) -> Result<Self, BuildError> {
        let sql = format!("SELECT count(*), bit_xor(hash(rowid, text))::VARCHAR FROM {}", kind.table());
        Ok(connection.query_row(&sql, [], |row| {
            Ok(Self { count: row.get(0)?, fingerprint: row.get::<_, Option<String>>(1)?.unwrap_or_default() })
        })?)
    }
}

fn is_indexed(connection: &Connection, kind: Kind, notes: &Notes) -> Result<bool, BuildError> {
    let sql = "SELECT count(*) > 0 FROM m4_notes.indexes \
               WHERE note_type = ? AND format = ? AND notes = ? AND fingerprint = ?";
    let of = params![kind.name(), FORMAT, notes.count, notes.fingerprint];
    Ok(connection.query_row(sql, of, |row| row.get(0))?)
}

fn index(
    connection: &Connection,
    kind: Kind,
    notes: &Notes,
    folder: &Path,
    on_progress: &mut dyn FnMut(Kind, u64, u64),
) -> Result<Indexed, BuildError> {
    let start = Instant::now();
    let (runs, lengths) =
        collect(connection, kind, folder, &mut |done| on_progress(kind, done, notes.count))?;
    connection.execute_batch("BEGIN TRANSACTION")?;
    let written = write(connection, kind, notes, &runs, &lengths);
    connection.execute_batch(if written.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Indexed { milliseconds, ..written? })
}

/// Reads the notes and leaves a file of words per chunk, and the length of each note by its row.
fn collect(
    connection: &Connection,
    kind: Kind,
    folder: &Path,
    on_read: &mut dyn FnMut(u64),
) -> Result<(Vec<PathBuf>, Vec<u16>), BuildError> {
    let threads = thread::available_parallelism().map_or(2, |count| count.get().min(MOST_THREADS));
    let lengths = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    let (sender, receiver) = mpsc::sync_channel::<Chunk>(1);
    let receiver = Mutex::new(Some(receiver));
    let count = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                if let Err(error) = work(&receiver, folder, &lengths) {
                    // Nobody takes chunks any more, so the reader stops.
                    locked(&receiver).take();
                    *locked(&failed) = Some(error);
                }
            });
        }
        read(connection, kind, on_read, |chunk| sender.send(chunk).is_ok()).inspect(|_| drop(sender))
    })?;
    if let Some(error) = locked(&failed).take() {
        return Err(error);
    }
    let lengths = lengths.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(((0..count).map(|number| place(folder, number)).collect(), lengths))
}

/// Cuts the notes into chunks and gives each to `take`, until that says no; returns how many there were.
fn read(
    connection: &Connection,
    kind: Kind,
    on_read: &mut dyn FnMut(u64),
    mut take: impl FnMut(Chunk) -> bool,
) -> Result<usize, BuildError> {
    let unfit = |what| BuildError::Unfit { table: kind.table(), what };
    connection.execute_batch(AS_THEY_COME)?;
    let mut statement = connection.prepare(&format!("SELECT rowid, text FROM {}", kind.table()))?;
    drop(statement.stream_arrow([])?);
    let (mut chunk, mut next, mut done) = (Chunk::new(0), 0_u32, 0);
    while let Some(batch) = statement.step()? {
        let rows = batch.column(0).as_any().downcast_ref::<Int64Array>().ok_or(unfit("no row numbers"))?;
        let texts = batch.column(1).as_any().downcast_ref::<StringArray>().ok_or(unfit("no text"))?;
        for index in 0..batch.len() {
            let row = u32::try_from(rows.value(index)).map_err(|_| unfit("too many rows"))?;
            if row < next {
                return Err(unfit("they did not come in order"));
            }
            next = row.checked_add(1).ok_or(unfit("too many rows"))?;
            chunk.push(row, if texts.is_null(index) { "" } else { texts.value(index) });
            if chunk.bytes() >= CHUNK || chunk.notes() >= BLOCK as usize {
                let full = std::mem::take(&mut chunk);
                chunk = Chunk::new(full.number + 1);
                if !take(full) {
                    return Ok(0);
                }
            }
        }
        done += batch.len() as u64;
        on_read(done);
    }
    let number = chunk.number;
    if chunk.notes() == 0 {
        return Ok(number);
    }
    take(chunk);
    Ok(number + 1)
}

fn work(
    receiver: &Mutex<Option<Receiver<Chunk>>>,
    folder: &Path,
    lengths: &Mutex<Vec<u16>>,
) -> Result<(), BuildError> {
    loop {
        let Some(Ok(chunk)) = locked(receiver).as_ref().map(Receiver::recv) else { return Ok(()) };
        let path = place(folder, chunk.number);
        let counted = chunk.write(&path).map_err(|source| BuildError::File { path, source })?;
        let mut lengths = locked(lengths);
        for (row, words) in counted {
            let row = row as usize;
            if lengths.len() <= row {
                lengths.resize(row + 1, 0);
            }
            lengths[row] = u16::try_from(words).unwrap_or(u16::MAX);
        }
    }
}

fn place(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number}.words"))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(
    connection: &Connection,
    kind: Kind,
    notes: &Notes,
    runs: &[PathBuf],
    lengths: &[u16],
) -> Result<Indexed, BuildError> {
    let (words_table, lengths_table) = (kind.words_table(), kind.lengths_table());
    connection.execute("DELETE FROM m4_notes.indexes WHERE note_type = ?", [kind.name()])?;
    connection.execute_batch(&format!(
        "CREATE OR REPLACE TABLE m4_notes.{words_table} \
         (word VARCHAR, block INTEGER, notes INTEGER, postings BLOB, positions BLOB); \
         CREATE OR REPLACE TABLE m4_notes.{lengths_table} (block INTEGER, lengths BLOB)"
    ))?;
    let mut out = Words {
        appender: connection.appender_to_db(words_table, super::INDEX_SCHEMA)?,
        waiting: 0,
        bytes: 0,
        block: Block::default(),
    };
    merge(runs, &mut out)?;
    out.appender.flush()?;
    let bytes = out.bytes;
    drop(out);
    let mut appender = connection.appender_to_db(lengths_table, super::INDEX_SCHEMA)?;
    for (block, lengths) in (0_i32..).zip(lengths.chunks(BLOCK as usize)) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        appender.append_row(params![block, bytes])?;
    }
    appender.flush()?;
    drop(appender);
    let words = lengths.iter().map(|&length| u64::from(length)).sum();
    let row = params![kind.name(), FORMAT, notes.count, words, notes.fingerprint];
    connection.execute("INSERT INTO m4_notes.indexes VALUES (?, ?, ?, ?, ?)", row)?;
    Ok(Indexed { kind, notes: notes.count, words, bytes, milliseconds: 0 })
}

/// Puts what the files have of each word together, in the order of the words and, for each, of the notes.
fn merge(paths: &[PathBuf], out: &mut Words<'_>) -> Result<(), BuildError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| BuildError::File { path, source }
    };
    let mut runs = Vec::with_capacity(paths.len());
    let mut heads = BinaryHeap::new();
    for (index, path) in paths.iter().enumerate() {
        let (mut run, mut piece) = (Run::open(path).map_err(failed(path))?, Piece::default());
        if run.next(&mut piece).map_err(failed(path))? {
            heads.push(Reverse((std::mem::take(&mut piece.word), index)));
        }
        runs.push((run, piece));
    }
    let mut current = String::new();
    while let Some(Reverse((word, index))) = heads.pop() {
        if word != current {
            out.end_of_word(&current)?;
            current.clone_from(&word);
        }
        let (run, piece) = &mut runs[index];
        out.add(&current, piece)?;
        piece.word = word;
        if run.next(piece).map_err(failed(&paths[index]))? {
            heads.push(Reverse((std::mem::take(&mut piece.word), index)));
        }
    }
    out.end_of_word(&current)
}

/// Writes words to their table.
struct Words<'a> {
    appender: Appender<'a>,
    /// Bytes that the appender holds.
    waiting: usize,
    bytes: u64,
    block: Block,
}

#[derive(Default)]
struct Block {
    number: i32,
    notes: u32,
    last: u32,
    postings: Vec<u8>,
    positions: Vec<u8>,
}

impl Words<'_> {
    fn add(&mut self, word: &str, piece: &Piece) -> Result<(), BuildError> {
        if self.block.notes > 0 && self.block.notes + piece.notes > BLOCK {
            self.write_block(word)?;
        }
        let block = &mut self.block;
        put_posting(&mut block.postings, piece.first - block.last, piece.first_count);
        block.postings.extend_from_slice(&piece.postings);
        block.positions.extend_from_slice(&piece.positions);
        block.last = piece.last;
        block.notes += piece.notes;
        Ok(())
    }

    fn end_of_word(&mut self, word: &str) -> Result<(), BuildError> {
        if self.block.notes > 0 {
            self.write_block(word)?;
        }
        self.block.number = 0;
        Ok(())
    }

    fn write_block(&mut self, word: &str) -> Result<(), BuildError> {
        let block = &mut self.block;
        self.appender.append_row(params![
            word,
            block.number,
            block.notes,
            block.postings.as_slice(),
            block.positions.as_slice()
        ])?;
        let bytes = block.postings.len() + block.positions.len() + word.len();
        self.bytes += bytes as u64;
        self.waiting += bytes + ROW;
        if self.waiting > FLUSH {
            self.appender.flush()?;
            self.waiting = 0;
        }
        *block = Block { number: block.number + 1, ..Block::default() };
        Ok(())
    }
}

const CREATE: &str = "
    CREATE SCHEMA IF NOT EXISTS m4_notes;
    CREATE TABLE IF NOT EXISTS m4_notes.indexes (note_type VARCHAR, format BIGINT, notes UBIGINT, words UBIGINT,
        fingerprint VARCHAR);
";

/// Rows in order, and one batch at a time: by default batches wait until they have a megabyte, and a text counts as 16 bytes.
const AS_THEY_COME: &str = "SET preserve_insertion_order = true; SET streaming_buffer_size = '1KB'";

/// Bytes of text in a chunk.
const CHUNK: usize = 16 << 20;
/// Threads that collect words; more would mean more chunks in memory.
const MOST_THREADS: usize = 4;
/// Bytes that an appender may hold: by itself it waits for 204,800 rows, however long.
const FLUSH: usize = 16 << 20;
/// What a row weighs beside its bytes.
const ROW: usize = 64;
