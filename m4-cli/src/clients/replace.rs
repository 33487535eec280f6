//! Replacing a client's file: taking turns with other `m4`s, keeping the old file, and not at all where another program
//! changed it meanwhile.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mcp_server::error::{Explain, codes};

use super::document::MOST_BYTES;
use crate::files;

/// What is to be in a file, and what was in it when that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The file.
    pub path: PathBuf,
    /// What it held; `None` where there was none.
    pub read: Option<Vec<u8>>,
    /// What it is to hold.
    pub content: String,
}

/// What writing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The file already said this.
    Unchanged,
    /// The file is new.
    New,
    /// The file was changed; the old one is here.
    Replaced(PathBuf),
}

impl Replacement {
    /// Writes the file in one step, keeping the old one under the time `now`.
    pub fn write(self, turn: &Turn, now: SystemTime) -> Result<Written, ReplaceError> {
        debug_assert_eq!(turn.path, self.path);
        if self.read.as_deref() == Some(self.content.as_bytes()) {
            return Ok(Written::Unchanged);
        }
        let unwritable = |source| ReplaceError::Unwritable { path: self.path.clone(), source };
        let unchanged = || {
            let is = current(&self.path)? == self.read;
            is.then_some(()).ok_or_else(|| ReplaceError::ChangedMeanwhile(self.path.clone()))
        };
        unchanged()?;
        let backup = match &self.read {
            Some(old) => Some(Backup::make(&self.path, old, now).map_err(unwritable)?),
            None => None,
        };
        let prepared = files::Prepared::new(&self.path, self.content.as_bytes(), None).map_err(unwritable)?;
        unchanged()?;
        match &backup {
            Some(_) => prepared.put().map_err(unwritable)?,
            None => prepared.put_new().map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => ReplaceError::ChangedMeanwhile(self.path.clone()),
                _ => unwritable(error),
            })?,
        }
        Ok(backup.map_or(Written::New, |backup| Written::Replaced(backup.keep())))
    }
}

/// What the file holds; `None` where there is none.
pub fn current(path: &Path) -> Result<Option<Vec<u8>>, ReplaceError> {
    let unreadable = |source| ReplaceError::Unreadable { path: path.to_owned(), source };
    let Some(real) = files::resolve(path).map_err(unreadable)? else { return Ok(None) };
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(&real).map_err(unreadable)?.is_file() {
        return Err(ReplaceError::NotAFile(path.to_owned()));
    }
    let mut content = Vec::new();
    let file = File::open(real).map_err(unreadable)?;
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > LARGEST {
        return Err(ReplaceError::TooLarge(path.to_owned()));
    }
    Ok(Some(content))
}

/// A turn at writing a file: no other `m4` changes it before this is dropped.
#[derive(Debug)]
pub struct Turn {
    path: PathBuf,
    /// `None` on file systems without locks, where what is in the file is compared before it is replaced all the same.
    _lock: Option<File>,
}

impl Turn {
    /// Waits for a turn, ten seconds at most. Makes the file's folder where there is none.
    pub fn wait(path: &Path) -> Result<Self, ReplaceError> {
        let unwritable = |source| ReplaceError::Unwritable { path: path.to_owned(), source };
        let real = files::resolve(path).map_err(unwritable)?.unwrap_or_else(|| path.to_owned());
        let folder = files::folder_of(&real);
        fs::create_dir_all(folder).map_err(unwritable)?;
        let lock = lock_of(folder).map_err(unwritable)?;
        for _ in 0..PATIENCE {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(_)) => return Ok(Self { path: path.to_owned(), _lock: None }),
            }
        }
        Err(ReplaceError::Busy(path.to_owned()))
    }
}

/// What stands for the file while it is replaced: its folder, so that nothing is left behind in it.
#[cfg(unix)]
fn lock_of(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// What stands for the file while it is replaced: a file of its own, because folders cannot be opened here.
#[cfg(not(unix))]
fn lock_of(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(".m4-config.lock"))
}

/// A copy of the old file, which goes again unless it is kept.
struct Backup(Option<PathBuf>);

impl Backup {
    /// Writes the old content beside the file that is replaced, as private as that is.
    fn make(path: &Path, content: &[u8], now: SystemTime) -> io::Result<Self> {
        let real = files::resolve(path)?.unwrap_or_else(|| path.to_owned());
        let time =
            jiff::Timestamp::try_from(now).map_err(io::Error::other)?.strftime("%Y%m%dT%H%M%SZ").to_string();
        let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut attempt = 0;
        loop {
            let again = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let copy = real.with_file_name(format!("{name}.{time}{again}.bak"));
            match private(&copy) {
                Ok(mut file) => {
                    let backup = Self(Some(copy));
                    files::belong(&file, &fs::metadata(&real)?)?;
                    file.write_all(content)?;
                    file.sync_all()?;
                    return Ok(backup);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < MOST_PER_SECOND => {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn keep(mut self) -> PathBuf {
        self.0.take().unwrap_or_default()
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        if let Some(copy) = &self.0 {
            // What it is a copy of is still there.
            let _ = fs::remove_file(copy);
        }
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, files::PRIVATE);
    options.open(path)
}

/// The file cannot be read or changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else is in its place.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// The file is larger than any configuration.
    #[error("{} is larger than 16 MiB", .0.display())]
    TooLarge(PathBuf),
    /// Another program wrote it while this one ran.
    #[error("{} was changed by another program just now", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// Another `m4` is at it, and does not end.
    #[error("another m4 is writing {}", .0.display())]
    Busy(PathBuf),
    /// The file or its copy cannot be written.
    #[error("cannot write {}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for ReplaceError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } => "make it a file that you can read; --output names another",
            Self::NotAFile(_) | Self::TooLarge(_) => {
                "name the client's file with --output; nothing was changed"
            }
            Self::ChangedMeanwhile(_) => "run the command again; nothing was changed",
            Self::Busy(_) => "wait for it to end and run the command again; nothing was changed",
            Self::Unwritable { source, .. } if source.kind() == ErrorKind::StorageFull => {
                "make room on its disk; the file is as it was"
            }
            Self::Unwritable { .. } => "make its folder writable; the file is as it was",
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        codes::IO
    }
}

const MOST_PER_SECOND: u32 = 99;
const LARGEST: u64 = MOST_BYTES as u64;
const PATIENCE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn planned(path: &Path) -> Result<Replacement, ReplaceError> {
        Ok(Replacement { path: path.to_owned(), read: current(path)?, content: "after".to_owned() })
    }

    fn put(path: &Path) -> Result<Written, ReplaceError> {
        let planned = planned(path)?;
        planned.write(&Turn::wait(path)?, noon())
    }

    fn with_file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".m4-config.lock")
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_old_file_is_kept_and_a_second_run_changes_and_copies_nothing() {
        let (folder, path) = with_file(b"before");
        let Written::Replaced(backup) = put(&path).unwrap() else { panic!("not replaced") };
        assert_eq!(fs::read_to_string(&backup).unwrap(), "before");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(folder.path()), ["config.json", "config.json.20231114T221320Z.bak"]);
        assert_eq!(put(&path).unwrap(), Written::Unchanged);
        fs::write(&path, "again").unwrap();
        put(&path).unwrap();
        assert_eq!(names(folder.path()).len(), 3, "copies of one second do not replace each other");
    }

    #[test]
    fn a_missing_file_is_made_with_its_folder_and_without_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Claude/config.json");
        assert_eq!(put(&path).unwrap(), Written::New);
        assert_eq!(names(path.parent().unwrap()), ["config.json"]);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let (folder, path) = with_file(b"before");
        let late = planned(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        let error = late.write(&Turn::wait(&path).unwrap(), noon()).unwrap_err();
        assert!(matches!(error, ReplaceError::ChangedMeanwhile(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["config.json"]);
        let new = folder.path().join("new.json");
        let late = planned(&new).unwrap();
        fs::write(&new, "theirs").unwrap();
        assert!(late.write(&Turn::wait(&new).unwrap(), noon()).is_err());
        assert_eq!(fs::read_to_string(&new).unwrap(), "theirs");
    }

    #[test]
    fn whoever_has_the_turn_is_waited_for() {
        let (_folder, path) = with_file(b"0");
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || {
                    let turn = Turn::wait(&path).unwrap();
                    let read = current(&path).unwrap();
                    let count: u32 = String::from_utf8(read.clone().unwrap()).unwrap().parse().unwrap();
                    let next = Replacement { path, read, content: (count + 1).to_string() };
                    next.write(&turn, noon()).unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "8");
    }

    #[test]
    fn something_else_than_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(put(folder.path()), Err(ReplaceError::NotAFile(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay_and_the_copy_is_as_private_as_the_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, real) = with_file(b"{}");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("config.json");
        symlink(&real, &link).unwrap();
        let Written::Replaced(backup) = put(&link).unwrap() else { panic!("not replaced") };
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(backup.parent().unwrap(), folder.path().canonicalize().unwrap());
        for path in [&real, &backup] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        }
        let nowhere = elsewhere.path().join("dangling");
        symlink("nowhere", &nowhere).unwrap();
        assert!(put(&nowhere).is_err());
        assert_eq!(names(elsewhere.path()), ["config.json", "dangling"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = with_file(b"{}");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
        let may_write_anyway = File::create(folder.path().join("probe")).is_ok();
        if may_write_anyway {
            println!("skipped: this user may write anywhere, so a read-only folder cannot be tested");
        } else {
            assert!(matches!(put(&path), Err(ReplaceError::Unwritable { .. })));
            assert_eq!(fs::read(&path).unwrap(), b"{}");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
