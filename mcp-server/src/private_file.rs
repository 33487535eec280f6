//! Files that belong to one user alone: read with suspicion, changed under a lock, replaced as a whole.
//!
//! Writers take turns by a lock on a file beside it, and a reader sees the old file or the new one.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::removal::gone;

/// The file's first `limit` bytes and one more, so that a file beyond it can be told. A file that others can read or change
/// is refused.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    // Opening a pipe would block until somebody writes to it, so look before opening and check what was opened.
    if !fs::metadata(path)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(ReadError::NotAFile);
    }
    if is_open_to_others(&meta) {
        return Err(ReadError::OpenToOthers);
    }
    // Never grown while it is read into: growing would leave a copy behind that nobody wipes.
    let size = usize::try_from(meta.len()).unwrap_or(limit).min(limit) + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(size));
    file.take(limit as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// There is none.
    Missing,
    /// Something else is there.
    NotAFile,
    /// Other users of this machine can read or change it.
    OpenToOthers,
    /// The system says no.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

/// A file that nobody else changes meanwhile, if they keep to the lock too.
#[derive(Debug)]
pub(crate) struct Locked {
    target: PathBuf,
    /// Held until it is dropped, also when its process dies. It is never removed: somebody may be waiting for it.
    _lock: File,
}

impl Locked {
    /// Waits for the lock; `lock_name` makes its path from the file's. Makes the folder where there is none.
    pub(crate) fn wait(path: &Path, lock_name: impl FnOnce(&Path) -> PathBuf) -> io::Result<Self> {
        let (target, lock) = open(path, lock_name)?;
        lock.lock()?;
        Ok(Self { target, _lock: lock })
    }

    /// Takes the lock unless somebody else has it.
    pub(crate) fn take(path: &Path, lock_name: impl FnOnce(&Path) -> PathBuf) -> io::Result<Option<Self>> {
        let (target, lock) = open(path, lock_name)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { target, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The file itself, behind all links.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Puts a whole new file into place, private to its user from the start and on the disk when this returns.
    pub(crate) fn replace(&self, content: &[u8]) -> io::Result<()> {
        let folder = folder_of(&self.target);
        let mut file = self.partial(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(&self.target)?;
        // A folder can be opened, and its entries made durable, on Unix alone.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// An empty file. Always under the same name, so that the secrets in one that a killed process left do not stay.
    fn partial(&self, folder: &Path) -> io::Result<NamedTempFile> {
        let mut name = self.target.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        gone(fs::remove_file(folder.join(&name)))?;
        tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(folder)
    }
}

fn open(path: &Path, lock_name: impl FnOnce(&Path) -> PathBuf) -> io::Result<(PathBuf, File)> {
    // The file behind a link is replaced, not the link.
    let target = target_of(path)?;
    make_folder(folder_of(&target))?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(lock_name(&target))?;
    Ok((target, lock))
}

/// `Err` for a link that leads nowhere: a file put there would not be found by whoever made the link.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            Ok(path.to_owned())
        }
        Err(error) => Err(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn is_open_to_others(meta: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_left_that_was_killed_while_it_wrote_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let locked = Locked::wait(&path, |path| path.with_extension("lock")).unwrap();
        locked.replace(b"first").unwrap();
        // As `replace` leaves it when it gets no further.
        std::mem::forget(locked.partial(folder.path()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        locked.replace(b"second").unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["secrets", "secrets.lock"]);
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }
}
