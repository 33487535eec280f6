//! Reading and replacing the file.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use auth_core::api_key::{ApiKeys, MAX_FILE_BYTES};
use tempfile::NamedTempFile;

use super::KeyFileError;

/// The keys in the file. A file that others can read or change is refused: who can change it can let themselves in.
pub fn read(path: &Path) -> Result<ApiKeys, KeyFileError> {
    let unreadable = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Unreadable { path: path.to_owned(), source },
    };
    // Opening a pipe would block until somebody writes to it, so look before opening and check what was opened.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    if is_open_to_others(&meta) {
        return Err(KeyFileError::OpenToOthers(path.to_owned()));
    }
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut text).map_err(unreadable)?;
    ApiKeys::parse(&text).map_err(|problem| KeyFileError::Unusable { path: path.to_owned(), problem })
}

/// Changes the keys while nobody else does. Nothing is written unless `change` succeeds and changed something.
pub(super) fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut ApiKeys) -> Result<T, KeyFileError>,
) -> Result<T, KeyFileError> {
    let unwritable = |source| KeyFileError::Unwritable { path: path.to_owned(), source };
    // The file behind a link is replaced, not the link.
    let target = target_of(path).map_err(unwritable)?;
    let folder = folder_of(&target);
    make_folder(folder).map_err(unwritable)?;
    let _locked = lock(&target).map_err(unwritable)?;
    let before = match read(&target) {
        Ok(keys) => keys,
        Err(KeyFileError::Missing(_)) => ApiKeys::default(),
        Err(error) => return Err(error),
    };
    let mut keys = before.clone();
    let outcome = change(&mut keys)?;
    if keys != before {
        replace(&target, folder, keys.to_json().as_bytes()).map_err(unwritable)?;
    }
    Ok(outcome)
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

/// Held until the file is dropped, also when its process dies. The lock is never removed: somebody may be waiting for it.
fn lock(target: &Path) -> io::Result<File> {
    let mut name = target.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(name)?;
    file.lock()?;
    Ok(file)
}

/// A temporary file is private to its user from the start.
fn replace(target: &Path, folder: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    // A folder can be opened, and its entries made durable, on Unix alone.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(meta: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
