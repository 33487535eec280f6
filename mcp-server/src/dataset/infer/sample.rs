//! Reads the columns of a file: names from its header, values from its first rows.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, StringRecord};
use duckdb::Connection;
use flate2::read::MultiGzDecoder;

use super::error::InferError;
use super::kinds::{Seen, is_value};
use super::{MOST_BYTES, MOST_ROWS};
use crate::dataset::schema::Kind;

/// What a file shows.
#[derive(Debug)]
pub(super) struct Sampled {
    pub(super) columns: Vec<(String, Kind)>,
    /// Whether all of it was read.
    pub(super) certain: bool,
}

/// Looks at the file at `path`, which people know as `file`.
pub(super) fn columns(path: &Path, file: &str) -> Result<Sampled, InferError> {
    let has_ending = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
    if has_ending("parquet") {
        return Ok(Sampled { columns: parquet(path, file)?, certain: true });
    }
    let opened = File::open(path).map_err(|source| InferError::Read { path: path.to_owned(), source })?;
    let compressed = has_ending("gz");
    let bytes: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(opened)) } else { Box::new(opened) };
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(source) if compressed && source.kind() != io::ErrorKind::PermissionDenied => {
            InferError::Damaged { file: file.to_owned(), source }
        }
        csv::ErrorKind::Io(source) => InferError::Read { path: path.to_owned(), source },
        other => InferError::Header { file: file.to_owned(), reason: format!("{other:?}") },
    };
    // Whatever is in the file, no more of it is held than this.
    let mut bytes = Bounded { inner: bytes, left: MOST_BYTES };
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&mut bytes);
    let mut first = ByteRecord::new();
    if !reader.read_byte_record(&mut first).map_err(failed)? {
        return Err(InferError::Header { file: file.to_owned(), reason: "it is empty".to_owned() });
    }
    let header = StringRecord::from_byte_record(first)
        .map_err(|_| InferError::Header { file: file.to_owned(), reason: "it is not UTF-8".to_owned() })?;
    let names = names(&header).map_err(|reason| InferError::Header { file: file.to_owned(), reason })?;
    let mut seen: Vec<Seen> = names.iter().map(|_| Seen::nothing()).collect();
    let (mut row, mut last, mut rows, mut ended) = (ByteRecord::new(), ByteRecord::new(), 0, false);
    while rows < MOST_ROWS {
        if !reader.read_byte_record(&mut row).map_err(failed)? {
            ended = true;
            break;
        }
        rows += 1;
        take(&last, &mut seen);
        std::mem::swap(&mut row, &mut last);
    }
    // The last row before the bound may be half a row.
    if reader.get_ref().left > 0 {
        take(&last, &mut seen);
    }
    let certain = ended && reader.get_ref().left > 0;
    let kinds = names.into_iter().zip(seen);
    Ok(Sampled {
        columns: kinds.map(|(name, seen)| (name.clone(), seen.kind(&name, certain))).collect(),
        certain,
    })
}

/// Takes a row's values into account.
fn take(row: &ByteRecord, seen: &mut [Seen]) {
    for (value, seen) in row.iter().zip(seen) {
        match std::str::from_utf8(value) {
            Ok(text) => seen.value(text),
            Err(_) => seen.nonsense(),
        }
    }
}

/// The names in a header, or what is wrong with it.
fn names(header: &StringRecord) -> Result<Vec<String>, String> {
    let only = header.get(0).filter(|_| header.len() == 1).unwrap_or_default();
    if let Some(separator) = [';', '\t', '|'].into_iter().find(|separator| only.contains(*separator)) {
        return Err(format!("its columns are separated by {separator:?}, not by commas"));
    }
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (index, cell) in header.iter().enumerate() {
        let cell = if index == 0 { cell.trim_start_matches('\u{feff}') } else { cell }.trim();
        // The name under which such a column is loaded.
        let name = if cell.is_empty() { format!("column_{}", index + 1) } else { cell.to_owned() };
        if is_value(&name) {
            return Err(format!("{name:?} in its first line is data, not a name"));
        }
        if name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
            let start: String = name.chars().take(LONGEST_NAME).collect();
            return Err(format!("{start:?} cannot name a column"));
        }
        if names.iter().any(|known| known.to_lowercase() == name.to_lowercase()) {
            return Err(format!("it names {name:?} twice"));
        }
        names.push(name);
    }
    if names.len() > MOST_COLUMNS {
        return Err(format!("it names {} columns, more than {MOST_COLUMNS}", names.len()));
    }
    Ok(names)
}

/// A reader that ends after so many bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

fn parquet(path: &Path, file: &str) -> Result<Vec<(String, Kind)>, InferError> {
    let refused = |_| InferError::Parquet { file: file.to_owned() };
    let connection = Connection::open_in_memory().map_err(refused)?;
    let mut statement = connection.prepare("DESCRIBE SELECT * FROM read_parquet(?)").map_err(refused)?;
    // `*` and `?` in a name would be patterns.
    let pattern: String = path
        .to_string_lossy()
        .chars()
        .map(|c| if "*?[".contains(c) { format!("[{c}]") } else { c.to_string() })
        .collect();
    let rows = statement.query_map([pattern], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let described: Vec<(String, String)> = rows.and_then(Iterator::collect).map_err(refused)?;
    Ok(described.into_iter().map(|(name, kind)| (name, of_engine(&kind))).collect())
}

/// The type on the list that keeps everything of the engine's type.
fn of_engine(kind: &str) -> Kind {
    match kind {
        "BOOLEAN" => Kind::Boolean,
        "TINYINT" | "UTINYINT" | "SMALLINT" | "USMALLINT" | "INTEGER" => Kind::Integer,
        "UINTEGER" | "BIGINT" => Kind::BigInt,
        "UBIGINT" => Kind::Decimal { precision: 20, scale: 0 },
        "FLOAT" | "DOUBLE" => Kind::Double,
        "DATE" => Kind::Date,
        "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" => Kind::Timestamp,
        decimal if decimal.starts_with("DECIMAL(") => decimal.parse().unwrap_or(Kind::Text),
        _ => Kind::Text,
    }
}

const LONGEST_NAME: usize = 63;
const MOST_COLUMNS: usize = 2_000;
