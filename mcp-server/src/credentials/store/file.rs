//! Logins in a file, `tokens.json`, that only its user can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use auth_core::time::UnixTime;

use super::sessions::Unusable;
use super::{LockedStore, SessionStore, Sessions, StoreError};
use crate::private_file::{self, Locked, ReadError};

/// A file of logins, mode 0600, in a folder that is made with mode 0700 where there is none. Its lock is `tokens.lock`
/// beside it.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// The store at this path, where nothing need be yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn unwritable(&self, source: io::Error) -> StoreError {
        StoreError::Unwritable { path: self.path.clone(), source }
    }

    fn parsed(&self, path: &Path) -> Result<Result<Sessions, Unusable>, StoreError> {
        match private_file::read(path, MAX_BYTES) {
            Ok(text) if text.len() > MAX_BYTES => Ok(Err(Unusable::Damaged(Sessions::default()))),
            Ok(text) => Ok(Sessions::parse(&text)),
            Err(ReadError::Missing) => Ok(Ok(Sessions::default())),
            Err(ReadError::NotAFile) => Err(StoreError::NotAFile(self.path.clone())),
            Err(ReadError::OpenToOthers) => Err(StoreError::OpenToOthers(self.path.clone())),
            Err(ReadError::Io(source)) => Err(StoreError::Unreadable { path: self.path.clone(), source }),
        }
    }
}

impl SessionStore for FileStore {
    fn read(&self) -> Result<Sessions, StoreError> {
        self.parsed(&self.path)?.map_err(|unusable| match unusable {
            Unusable::Damaged(_) => StoreError::Damaged(self.path.clone()),
            Unusable::Newer { found } => StoreError::Newer { path: self.path.clone(), found },
        })
    }

    fn try_lock(&self) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
        let locked = Locked::take(&self.path, |target| target.with_extension("lock"));
        let locked = locked.map_err(|source| self.unwritable(source))?;
        Ok(locked.map(|locked| -> Box<dyn LockedStore + '_> { Box::new(LockedFile { store: self, locked }) }))
    }
}

struct LockedFile<'a> {
    store: &'a FileStore,
    locked: Locked,
}

impl LockedStore for LockedFile<'_> {
    fn read(&self, now: UnixTime) -> Result<Sessions, StoreError> {
        match self.store.parsed(self.locked.target())? {
            Ok(sessions) => Ok(sessions),
            Err(Unusable::Newer { found }) => Err(StoreError::Newer { path: self.store.path.clone(), found }),
            Err(Unusable::Damaged(sound)) => {
                let kept =
                    set_aside(self.locked.target(), now).map_err(|source| self.store.unwritable(source))?;
                tracing::warn!(
                    target: "m4::login",
                    kept_as = %kept.display(),
                    still_stored = sound.iter().count(),
                    "the stored logins were damaged; run `m4 login` for those that are missing"
                );
                self.write(&sound)?;
                Ok(sound.moved_to(kept))
            }
        }
    }

    fn write(&self, sessions: &Sessions) -> Result<(), StoreError> {
        let text = sessions.to_json();
        self.locked.replace(text.expose().as_bytes()).map_err(|source| self.store.unwritable(source))
    }
}

/// Moves the file to a name of its own and never over another file: what is in it may still be mended by hand.
fn set_aside(path: &Path, now: UnixTime) -> io::Result<PathBuf> {
    // Windows takes no colon in a name.
    let time = now.to_string().replace([':', '-', ' '], "");
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{time}"));
        if number > 0 {
            name.push(format!("-{number}"));
        }
        PathBuf::from(name)
    };
    for kept in (0..=u32::MAX).map(name) {
        if fs::symlink_metadata(&kept).is_err() {
            fs::rename(path, &kept)?;
            return Ok(kept);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Some thousand logins with tokens of several kilobytes.
const MAX_BYTES: usize = 8 << 20;
