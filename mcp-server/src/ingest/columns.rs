//! Matches a file's header with the columns its table defines.

use std::io::Read;

use super::error::IngestError;
use super::reader::{self, Watch};
use super::source::{Format, Source};
use crate::dataset::schema::Kind;

/// A file's columns against its table's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Every column of the file, in its order.
    pub(super) file: Vec<FileColumn>,
    /// Those of them the table does not define.
    pub(super) unexpected: Vec<String>,
    /// Those the table defines and the file lacks.
    pub(super) missing: Vec<String>,
}

/// A column of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileColumn {
    /// As the file has it.
    pub(super) written: String,
    /// In lower case, as the database will have it.
    pub(super) name: String,
    /// What to read it as.
    pub(super) kind: Kind,
}

impl Columns {
    /// Reads the header of a CSV file.
    pub(super) fn read(source: &Source<'_>) -> Result<Self, IngestError> {
        let header = header(source).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if source.format == Format::CsvGz && reader::is_damage(&error) => {
                IngestError::Damaged { path: source.path.clone(), source: error }
            }
            csv::ErrorKind::Io(error) => IngestError::Read { path: source.path.clone(), source: error },
            csv::ErrorKind::Utf8 { .. } => refuse(source, "it is not UTF-8".to_owned()),
            other => refuse(source, format!("{other:?}")),
        })?;
        let Some(header) = header else {
            return Err(refuse(source, format!("its first line is longer than {LONGEST_HEADER} bytes")));
        };
        Self::from_header(source, header.iter())
    }

    /// Takes the names of a file's columns, in its order.
    pub(super) fn from_header<'a>(
        source: &Source<'_>,
        header: impl Iterator<Item = &'a str>,
    ) -> Result<Self, IngestError> {
        let mut columns = Self { file: Vec::new(), unexpected: Vec::new(), missing: Vec::new() };
        for (index, written) in header.enumerate() {
            let name = written.trim().to_lowercase();
            let name = if name.is_empty() { format!("column_{}", index + 1) } else { name };
            if name.contains(char::is_control) {
                return Err(refuse(
                    source,
                    format!("column {} has a control character in its name", index + 1),
                ));
            }
            if columns.file.iter().any(|known| known.name == name) {
                return Err(refuse(source, format!("it names {name} twice")));
            }
            let kind = source.table.column(&name).map(|column| column.kind);
            if kind.is_none() {
                columns.unexpected.push(name.clone());
            }
            let written = written.to_owned();
            columns.file.push(FileColumn { written, name, kind: kind.unwrap_or(Kind::Text) });
        }
        if columns.unexpected.len() == columns.file.len() {
            return Err(refuse(source, "it names none of its columns".to_owned()));
        }
        let has = |name: &str| columns.file.iter().any(|known| known.name == name);
        let missing = source.table.columns.iter().filter(|column| !has(&column.name.to_lowercase()));
        columns.missing = missing.map(|column| column.name.clone()).collect();
        Ok(columns)
    }
}

/// The first record; none if it goes on and on.
fn header(source: &Source<'_>) -> Result<Option<csv::StringRecord>, csv::Error> {
    let watch = Watch::default();
    let text = reader::open(&source.path, source.format, &watch)?;
    // No header is longer; a file without line ends must not be read whole to learn that.
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.take(LONGEST_HEADER));
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record)?;
    if reader.position().byte() >= LONGEST_HEADER {
        return Ok(None);
    }
    if let Some(rest) = record.get(0).and_then(|first| first.strip_prefix('\u{feff}')) {
        return Ok(Some(std::iter::once(rest).chain(record.iter().skip(1)).collect()));
    }
    Ok(Some(record))
}

fn refuse(source: &Source<'_>, reason: String) -> IngestError {
    IngestError::Header { path: source.path.clone(), table: source.table.name.clone(), reason }
}

const LONGEST_HEADER: u64 = 1 << 16;
