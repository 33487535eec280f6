//! Reading and replacing the file.

use std::path::{Path, PathBuf};

use auth_core::api_key::{ApiKeys, MAX_FILE_BYTES};

use super::KeyFileError;
use crate::private_file::{self, Locked, ReadError};

/// The keys in the file. A file that others can read or change is refused: who can change it can let themselves in.
pub fn read(path: &Path) -> Result<ApiKeys, KeyFileError> {
    let text = private_file::read(path, MAX_FILE_BYTES).map_err(|error| match error {
        ReadError::Missing => KeyFileError::Missing(path.to_owned()),
        ReadError::NotAFile => KeyFileError::NotAFile(path.to_owned()),
        ReadError::OpenToOthers => KeyFileError::OpenToOthers(path.to_owned()),
        ReadError::Io(source) => KeyFileError::Unreadable { path: path.to_owned(), source },
    })?;
    ApiKeys::parse(&text).map_err(|problem| KeyFileError::Unusable { path: path.to_owned(), problem })
}

/// Changes the keys while nobody else does. Nothing is written unless `change` succeeds and changed something.
pub(super) fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut ApiKeys) -> Result<T, KeyFileError>,
) -> Result<T, KeyFileError> {
    let unwritable = |source| KeyFileError::Unwritable { path: path.to_owned(), source };
    let locked = Locked::wait(path, lock_name).map_err(unwritable)?;
    let before = match read(locked.target()) {
        Ok(keys) => keys,
        Err(KeyFileError::Missing(_)) => ApiKeys::default(),
        Err(error) => return Err(error),
    };
    let mut keys = before.clone();
    let outcome = change(&mut keys)?;
    if keys != before {
        locked.replace(keys.to_json().as_bytes()).map_err(unwritable)?;
    }
    Ok(outcome)
}

fn lock_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
