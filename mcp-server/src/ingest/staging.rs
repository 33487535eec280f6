//! Builds a file beside its place and puts it there in one step.
//!
//! Beside `x.duckdb` lie `.x.lock`, held for the whole run and never removed (removing it would let two runs hold
//! two locks), and `.x.partial/`, which holds everything unfinished. Its name is fixed and the lock exclusive, so
//! whatever is in it when a run starts was left by one that was killed or failed: the tables it had finished can be
//! kept, the rest is cleared away.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::IngestError;
use crate::removal::gone;

/// A run's exclusive hold on one database. Dropping it removes everything unfinished, unless it is to be kept.
#[derive(Debug)]
pub(super) struct Staging {
    target: PathBuf,
    partial: PathBuf,
    keep: bool,
    _lock: File,
}

impl Staging {
    /// Makes the directories, takes the lock and clears up after other runs, all but the tables they finished.
    pub(super) fn resume(target: &Path) -> Result<Self, IngestError> {
        let staging = Self::hold(target)?;
        if !(staging.database().is_file() && staging.journal().is_file()) {
            staging.clear()?;
        }
        for unfinished in ["spill", "source"] {
            let unfinished = staging.partial.join(unfinished);
            gone(fs::remove_dir_all(&unfinished)).map_err(|error| IngestError::write(&unfinished, error))?;
        }
        create_private(&staging.partial, true)?;
        Ok(staging)
    }

    /// The same, and keeps nothing.
    pub(super) fn begin(target: &Path) -> Result<Self, IngestError> {
        let staging = Self::hold(target)?;
        staging.clear()?;
        Ok(staging)
    }

    fn hold(target: &Path) -> Result<Self, IngestError> {
        create_private(parent(target), true)?;
        let lock = lock(&beside(target, "lock"), target)?;
        Ok(Self { target: target.to_owned(), partial: beside(target, "partial"), keep: false, _lock: lock })
    }

    /// Removes whatever is unfinished.
    pub(super) fn clear(&self) -> Result<(), IngestError> {
        gone(fs::remove_dir_all(&self.partial)).map_err(|error| IngestError::write(&self.partial, error))?;
        create_private(&self.partial, false)
    }

    /// Removes the database in the making and what is noted of it, and nothing else: what it is made from may lie beside it.
    pub(super) fn start_anew(&self) -> Result<(), IngestError> {
        let mut log = self.database().into_os_string();
        log.push(".wal");
        for file in [self.database(), log.into(), self.journal()] {
            gone(fs::remove_file(&file)).map_err(|error| IngestError::write(&file, error))?;
        }
        Ok(())
    }

    /// Leaves what is finished for the next run.
    pub(super) fn keep(&mut self) {
        self.keep = true;
    }

    /// A private directory on the same file system, gone when the run ends.
    pub(super) fn directory(&self) -> &Path {
        &self.partial
    }

    /// Where to build the database.
    pub(super) fn database(&self) -> PathBuf {
        self.partial.join("new.duckdb")
    }

    /// Where to note what is finished.
    pub(super) fn journal(&self) -> PathBuf {
        self.partial.join("journal")
    }

    /// Puts the finished database in its place and returns that place.
    pub(super) fn publish(self) -> Result<PathBuf, IngestError> {
        let built = self.database();
        let at = |error| IngestError::write(&self.target, error);
        make_private(&built).map_err(at)?;
        OpenOptions::new().write(true).open(&built).and_then(|file| file.sync_all()).map_err(at)?;
        // A write-ahead log left by a writer of the old file would be replayed into the new one.
        let mut log = self.target.clone().into_os_string();
        log.push(".wal");
        gone(fs::remove_file(&log)).map_err(at)?;
        fs::rename(&built, &self.target).map_err(at)?;
        sync_directory(parent(&self.target)).map_err(at)?;
        Ok(self.target.clone())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing to tell anyone: the next run starts by removing it.
            _ = fs::remove_dir_all(&self.partial);
        }
    }
}

fn lock(path: &Path, target: &Path) -> Result<File, IngestError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| IngestError::write(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IngestError::Busy { database: target.to_owned() }),
        Err(TryLockError::Error(error)) => Err(IngestError::write(path, error)),
    }
}

fn beside(target: &Path, extension: &str) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    parent(target).join(format!(".{stem}.{extension}"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create_private(directory: &Path, with_parents: bool) -> Result<(), IngestError> {
    let mut builder = DirBuilder::new();
    builder.recursive(with_parents);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| IngestError::write(directory, error))
}

#[cfg(unix)]
fn make_private(file: &Path) -> io::Result<()> {
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

/// Elsewhere the file inherits the rights of the user's own data directory.
#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere directories cannot be opened to be synced; the file itself is.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
