//! Why no definition can be made of a folder.

use std::io;
use std::path::PathBuf;

use crate::error::{Explain, codes};

/// Why no definition can be made of a folder. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The source is no folder.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// There is no data file in it.
    #[error("no CSV or Parquet file was found in {}", src.display())]
    NothingFound {
        /// Where it was looked for.
        src: PathBuf,
    },
    /// More files than a dataset has.
    #[error("there are more than {limit} files")]
    TooMany {
        /// The most that are looked at.
        limit: usize,
    },
    /// A link leads out of the folder.
    #[error("{file} leads out of the folder")]
    Outside {
        /// The link, by its path from the source directory.
        file: String,
    },
    /// A file lies too deep to be a table.
    #[error("{file} lies more than one folder deep")]
    TooDeep {
        /// Which, by its path from the source directory.
        file: String,
    },
    /// A file's name cannot be a table's.
    #[error("{file:?} cannot become a table")]
    FileName {
        /// Which, by its path from the source directory.
        file: String,
    },
    /// Two files would be one table.
    #[error("{first} and {second} would both become the table {table}")]
    SameTable {
        /// The table.
        table: String,
        /// The first file.
        first: String,
        /// The second file.
        second: String,
    },
    /// A compressed file is cut short or damaged.
    #[error("{file} is damaged or incomplete")]
    Damaged {
        /// Which, by its path from the source directory.
        file: String,
        /// What the decompressor said.
        source: io::Error,
    },
    /// The first line does not name columns.
    #[error("{file} does not start with a header: {reason}")]
    Header {
        /// Which, by its path from the source directory.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine cannot read a Parquet file.
    #[error("{file} is not a Parquet file that can be read")]
    Parquet {
        /// Which, by its path from the source directory.
        file: String,
    },
}

impl Explain for InferError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => "make it readable by this user, or name another folder with --src",
            Self::NotAFolder { .. } | Self::NothingFound { .. } => {
                "name the folder that holds .csv, .csv.gz or .parquet files with --src"
            }
            Self::TooMany { .. } => "name a folder with fewer files",
            Self::Outside { .. } => "put the file itself into the folder, or remove the link",
            Self::TooDeep { .. } => "name the folder above it with --src, or move the file up",
            Self::FileName { .. } => {
                "rename it to letters, digits and '_', starting with a letter: 'lab results.csv' to lab_results.csv"
            }
            Self::SameTable { .. } => "rename or remove one of them",
            Self::Damaged { .. } => "fetch or make the file again",
            Self::Header { .. } => "the first line must name each column once, separated by commas",
            Self::Parquet { .. } => "make the file again, or use CSV",
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => codes::IO,
            _ => codes::BAD_SOURCE,
        }
    }
}
