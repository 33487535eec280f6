//! Which tables of an unfinished database are in, so that the next run need not load them again.
//!
//! A line is written after the table was committed. So a table with a line is whole; one without is loaded anew, which
//! is also what becomes of one whose line a power cut took. A table is kept only if its line has the same key: its file's path, size and time of last change, its format,
//! and the SQL that loads it, hashed. The file's content is not read for that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::report::TableReport;
use super::source::Source;

/// The journal of one database in the making.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
}

/// A table that is in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    key: String,
    pub(super) report: TableReport,
}

impl Journal {
    /// Goes on with the journal at `path`, and tells what it has. What is no entry is none: a killed run may have
    /// written half a line.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Entry>)> {
        let mut entries = Vec::new();
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).lines().map_while(Result::ok) {
                    entries.extend(serde_json::from_str(&line).ok());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // After half a line the next entry needs one of its own.
        file.write_all(b"\n")?;
        Ok((Self { file }, entries))
    }

    /// Records a table that was committed.
    pub(super) fn add(&mut self, key: String, report: &TableReport) -> io::Result<()> {
        let entry = Entry { key, report: report.clone() };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

impl Entry {
    /// Whether it is the entry of this key.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key == key
    }
}

/// What tells a source from every other, and from what it was before it changed.
pub(super) fn key(source: &Source<'_>, statement: &str) -> String {
    let real = fs::canonicalize(&source.path).unwrap_or_else(|_| source.path.clone());
    let said = format!(
        "{}\0{}\0{}\0{:?}\0{}\0{statement}",
        real.display(),
        source.bytes,
        source.modified,
        source.format,
        concat!("m4 ", env!("CARGO_PKG_VERSION")),
    );
    digest(&SHA256, said.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}
