//! Why a load fails, and what would mend it.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::Explain;

/// Why a load failed. The database that was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// None of the files is there.
    #[error("no table of {dataset} was found in {}", src.display())]
    NothingFound {
        /// The dataset wanted.
        dataset: String,
        /// Where it was looked for.
        src: PathBuf,
        /// What was looked for, as patterns.
        wanted: Vec<String>,
    },
    /// A file or directory of the source cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that a link leads to from the source directory, and that lies elsewhere.
    #[error("{} is a link that leads out of the source directory", path.display())]
    Outside {
        /// The link.
        path: PathBuf,
    },
    /// Something with the name of a table's file that is no file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A path that cannot be handed to the database engine.
    #[error("the path {} is not Unicode", path.display())]
    PathNotUnicode {
        /// Which.
        path: PathBuf,
    },
    /// A compressed file is cut short or damaged.
    #[error("{} is damaged or incomplete", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The first line does not name the table's columns.
    #[error("{} does not start with a header of table {table}: {reason}", path.display())]
    Header {
        /// Which file.
        path: PathBuf,
        /// The table it should hold.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More rows fail to parse than load.
    #[error("{} is not readable as table {table}: {rejected} rows failed and {rows} loaded; line {line}: {message}", path.display())]
    MostlyRejected {
        /// Which file.
        path: PathBuf,
        /// The table it should hold.
        table: String,
        /// Rows that loaded.
        rows: u64,
        /// Rows that did not.
        rejected: u64,
        /// Line of the first that did not.
        line: u64,
        /// What was wrong with it.
        message: String,
    },
    /// Its quotes or its line ends make it unreadable as a whole.
    #[error("{} cannot be read as CSV: line {line}: {reason}", path.display())]
    NotCsv {
        /// Which file.
        path: PathBuf,
        /// The line to look at.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The engine lost rows without a word.
    #[error("{} has {records} records, of which {rows} loaded and {rejected} failed: some were lost", path.display())]
    Miscounted {
        /// Which file.
        path: PathBuf,
        /// Records in it.
        records: u64,
        /// Rows that loaded.
        rows: u64,
        /// Rows that did not.
        rejected: u64,
    },
    /// The disk ran out of space.
    #[error("the disk that holds {} is full", directory.display())]
    DiskFull {
        /// The directory of the database.
        directory: PathBuf,
    },
    /// The database's directory or file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run is setting up the same dataset.
    #[error("another run is setting up {}", database.display())]
    Busy {
        /// The database.
        database: PathBuf,
    },
    /// DuckDB failed in a way not listed above.
    #[error("DuckDB could not load {}", path.display())]
    Engine {
        /// The file being loaded.
        path: PathBuf,
        /// What DuckDB said.
        source: Box<duckdb::Error>,
    },
    /// The notes cannot be indexed.
    #[error(transparent)]
    Notes(crate::notes::BuildError),
    /// DuckDB failed outside any file.
    #[error("DuckDB could not build the database")]
    Database(#[source] Box<duckdb::Error>),
}

impl IngestError {
    /// A failed write of ours to `path`.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull { directory: path.parent().unwrap_or(path).to_owned() };
        }
        Self::Write { path: path.to_owned(), source }
    }

    /// The same error, with a full disk told apart, and named by the directory the user knows. DuckDB has no code
    /// for it, only the system's words.
    pub(super) fn noticing_full_disk(self, database: &Path) -> Self {
        let full = match &self {
            Self::DiskFull { .. } => true,
            Self::Engine { source, .. } | Self::Database(source) => says_full(&source.to_string()),
            _ => false,
        };
        if !full {
            return self;
        }
        Self::DiskFull { directory: database.parent().unwrap_or(database).to_owned() }
    }
}

impl From<duckdb::Error> for IngestError {
    fn from(error: duckdb::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl Explain for IngestError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NothingFound { wanted, .. } => format!("looked for {}", wanted.join(", ")),
            Self::Read { .. } => "check that it exists and that you may read it".to_owned(),
            Self::Outside { .. } => {
                "copy the file into the directory, or give the directory it is in".to_owned()
            }
            Self::NotAFile { .. } => "take it away, or put the table's file there".to_owned(),
            Self::PathNotUnicode { .. } => "rename or link it to a path in Unicode".to_owned(),
            Self::Damaged { .. } => "fetch the file again and compare it with SHA256SUMS.txt".to_owned(),
            Self::NotCsv { .. } => "mend that line, or fetch the file again".to_owned(),
            Self::Miscounted { .. } => {
                "look for lines of several megabytes and for quotes that are not closed".to_owned()
            }
            Self::Header { .. } | Self::MostlyRejected { .. } => {
                "check that the file is the published one, comma-separated, with its first line intact"
                    .to_owned()
            }
            Self::DiskFull { .. } => {
                "free some space, or set M4_DATA_DIR to a larger disk, and run again; tables that were finished are kept"
                    .to_owned()
            }
            Self::Write { .. } => {
                "check that you may write there, and that no program has the database open".to_owned()
            }
            Self::Busy { .. } => "wait for it to finish".to_owned(),
            Self::Engine { path, .. } if path.extension().is_some_and(|end| end == "parquet") => {
                "write the file again; one that was not finished cannot be read".to_owned()
            }
            Self::Engine { .. } | Self::Notes(_) | Self::Database(_) => return None,
        })
    }
}

fn says_full(message: &str) -> bool {
    ["No space left on device", "not enough space on the disk", "Disk quota exceeded"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_recognised_in_the_engines_words() {
        let engine = duckdb::Error::DuckDBFailure(
            duckdb::ffi::Error::new(1),
            Some("IO Error: Could not write file \"x\": No space left on device".to_owned()),
        );
        let error = IngestError::from(engine).noticing_full_disk(Path::new("/data/x.duckdb"));
        assert_eq!(error.to_string(), "the disk that holds /data is full");
    }
}
