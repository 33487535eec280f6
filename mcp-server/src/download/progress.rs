//! What a download tells its caller: as it goes, and at the end.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// One step of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The publisher's listing was read. First, once.
    Listed {
        /// How many files there are.
        files: usize,
    },
    /// A file is being fetched, or fetched on.
    Started {
        /// The file, relative to the folder.
        file: String,
        /// Bytes that were there already.
        done: u64,
        /// Bytes of the whole file, where the server says.
        total: Option<u64>,
    },
    /// Some more of a file is there; told a few times a second.
    Advanced {
        /// The file.
        file: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes of the whole file, where the server says.
        total: Option<u64>,
    },
    /// The server is asked again after a while.
    Waiting {
        /// The file.
        file: String,
        /// How long.
        wait: Duration,
        /// What happened.
        why: String,
    },
    /// A file is there.
    Finished(FileReport),
}

/// What a finished download did. Serializes for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// Every file, by name.
    pub files: Vec<FileReport>,
    /// Files that only the checksums name and the server does not have.
    pub missing: Vec<String>,
    /// Links of the listing that are no plain files of the dataset and were not followed.
    pub refused: Vec<String>,
}

impl Report {
    /// Bytes that came over the network.
    pub fn fetched(&self) -> u64 {
        self.files.iter().map(|file| file.fetched).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// How many files no published checksum vouches for.
    pub fn unverified(&self) -> usize {
        self.files.iter().filter(|file| !file.verified).count()
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file, relative to the folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// How many of them came over the network this time; none where the file was there.
    pub fetched: u64,
    /// Whether it is what the published checksum says. False where none is published.
    pub verified: bool,
}
