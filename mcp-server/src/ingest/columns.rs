//! Matches a file's header with the columns its table defines.

use std::fs::File;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::error::IngestError;
use super::source::{Format, Source};

/// A file's columns against its table's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Every column of the file, in its order, with the SQL type to read it as.
    pub(super) file: Vec<(String, String)>,
    /// Those of them the table does not define.
    pub(super) unexpected: Vec<String>,
    /// Those the table defines and the file lacks.
    pub(super) missing: Vec<String>,
}

impl Columns {
    /// Reads the header of a source's file.
    pub(super) fn read(source: &Source<'_>) -> Result<Self, IngestError> {
        let header = header(source).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if source.format == Format::CsvGz && is_damage(&error) => {
                IngestError::Damaged { path: source.path.clone(), source: error }
            }
            csv::ErrorKind::Io(error) => IngestError::Read { path: source.path.clone(), source: error },
            other => refuse(source, format!("{other:?}")),
        })?;
        Self::from_header(source, &header)
    }

    fn from_header(source: &Source<'_>, header: &csv::StringRecord) -> Result<Self, IngestError> {
        let mut columns = Self { file: Vec::new(), unexpected: Vec::new(), missing: Vec::new() };
        for (index, name) in header.iter().enumerate() {
            let name = name.trim().to_lowercase();
            let name = if name.is_empty() { format!("column_{}", index + 1) } else { name };
            if columns.file.iter().any(|(known, _)| *known == name) {
                return Err(refuse(source, format!("it names {name} twice")));
            }
            let kind = source.table.column(&name).map(|column| column.kind.to_string());
            if kind.is_none() {
                columns.unexpected.push(name.clone());
            }
            columns.file.push((name, kind.unwrap_or_else(|| "VARCHAR".to_owned())));
        }
        if columns.unexpected.len() == columns.file.len() {
            return Err(refuse(source, "it names none of its columns".to_owned()));
        }
        let has = |name: &str| columns.file.iter().any(|(known, _)| known == name);
        columns.missing = source
            .table
            .columns
            .iter()
            .filter(|c| !has(&c.name.to_lowercase()))
            .map(|column| column.name.clone())
            .collect();
        Ok(columns)
    }
}

fn header(source: &Source<'_>) -> Result<csv::StringRecord, csv::Error> {
    let file = File::open(&source.path)?;
    let bytes: Box<dyn Read> =
        if source.format == Format::CsvGz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    // No header is longer; a file without line ends must not be read whole to learn that.
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.take(LONGEST_HEADER));
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record)?;
    if let Some(rest) = record.get(0).and_then(|first| first.strip_prefix('\u{feff}')) {
        let clean = std::iter::once(rest).chain(record.iter().skip(1)).collect();
        return Ok(clean);
    }
    Ok(record)
}

fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

fn refuse(source: &Source<'_>, reason: String) -> IngestError {
    IngestError::Header { path: source.path.clone(), table: source.table.name.clone(), reason }
}

const LONGEST_HEADER: u64 = 1 << 16;
