//! What a load tells its caller: as it goes, and at the end.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One step of a load. Several tables load at a time, so their steps alternate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// What lies ahead. First, once.
    Planned {
        /// How many tables.
        tables: usize,
        /// Bytes of their files as they are on disk.
        bytes: u64,
    },
    /// A table's file is being read.
    Started {
        /// The table with its schema.
        table: &'a str,
        /// Bytes of its file as it is on disk.
        bytes: u64,
    },
    /// Several times a second while a CSV file takes longer than that.
    Advanced {
        /// The table with its schema.
        table: &'a str,
        /// Bytes of its file read and checked so far. Loading may lag behind a little.
        read: u64,
        /// Bytes of its file as it is on disk.
        bytes: u64,
    },
    /// A table was loaded by a run that did not finish, and its file is the same still: it is kept.
    Reused {
        /// The table with its schema.
        table: &'a str,
        /// Rows loaded.
        rows: u64,
        /// Rows left out because they did not parse.
        rejected: u64,
        /// Bytes of its file as it is on disk.
        bytes: u64,
    },
    /// A table is in.
    Finished {
        /// The table with its schema.
        table: &'a str,
        /// Rows loaded.
        rows: u64,
        /// Rows left out because they did not parse.
        rejected: u64,
        /// Bytes of its file as it is on disk.
        bytes: u64,
    },
    /// The words of a table's notes are being indexed.
    Indexing {
        /// The table with its schema.
        table: &'a str,
        /// Notes read so far.
        notes: u64,
        /// Notes there are.
        of: u64,
    },
    /// The database is being written out and put in place. Last, once.
    Publishing,
}

/// What a finished load did. Serializes for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// Where its database is.
    pub database: PathBuf,
    /// Every table loaded, in order.
    pub tables: Vec<TableReport>,
    /// The notes whose words were indexed.
    pub indexed: Vec<crate::notes::Indexed>,
    /// Tables the dataset has and the source lacked, with their schema.
    pub absent: Vec<String>,
    /// Files in the dataset's folders that belong to no known table and were not loaded.
    pub unrecognised: Vec<String>,
}

impl Report {
    /// Rows loaded, over all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// Rows left out because they did not parse, over all tables. Not zero: warn loudly.
    pub fn rejected(&self) -> u64 {
        self.tables.iter().map(|table| table.rejected).sum()
    }

    /// The table called `name`, which includes its schema.
    pub fn table(&self, name: &str) -> Option<&TableReport> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// What became of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// Name with schema: `mimiciv_hosp.patients`.
    pub name: String,
    /// The file it came from, relative to the source.
    pub file: String,
    /// Rows loaded.
    pub rows: u64,
    /// Columns of the file that the table does not define. They are kept, as text.
    pub unexpected: Vec<String>,
    /// Columns the table defines and the file lacks. They are there, all NULL.
    pub missing: Vec<String>,
    /// Rows left out because they did not parse.
    pub rejected: u64,
    /// The first of those, at most [`SHOWN`], by line. They quote the offending value, which may be clinical data:
    /// for the terminal of whoever owns the files, not for logs.
    pub rejects: Vec<Reject>,
}

/// One value, or one line, that did not parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The file, relative to the source.
    pub file: String,
    /// Line in the uncompressed file, the header being 1; in a Parquet file the row, the first being 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// What is wrong, in DuckDB's words.
    pub message: String,
}

/// How many rejects a table's report shows.
pub const SHOWN: usize = 20;
