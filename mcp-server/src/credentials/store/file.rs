//! Logins in a file, `tokens.json`, that only its user can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth_core::time::UnixTime;
use zeroize::Zeroizing;

use super::keys::Keys;
use super::sessions::{self, Unusable};
use super::{KeyringError, LockedStore, SessionStore, Sessions, StoreError};
use crate::config::Config;
use crate::private_file::{self, Locked, ReadError};

/// A file of logins, mode 0600, in a folder that is made with mode 0700 where there is none. Its lock is `tokens.lock`
/// beside it. Clones are the same store.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
    keys: Arc<Keys>,
}

impl FileStore {
    /// The user's store as the settings say, where nothing need be yet; `None` without a home to put one in.
    pub fn configured(config: &Config) -> Option<Self> {
        let path = config.locations.logins_file.as_ref()?;
        Some(Self::new(path, Keys::of_this_platform(config.login.keyring)))
    }

    pub(crate) fn new(path: impl Into<PathBuf>, keys: Keys) -> Self {
        Self { path: path.into(), keys: Arc::new(keys) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn unwritable(&self, source: io::Error) -> StoreError {
        StoreError::Unwritable { path: self.path.clone(), source }
    }

    fn sealed(&self, source: KeyringError) -> StoreError {
        StoreError::Sealed { path: self.path.clone(), source }
    }

    fn parsed(&self, path: &Path) -> Result<Result<Sessions, Unusable>, StoreError> {
        let Some(text) = self.text(path)? else { return Ok(Ok(Sessions::default())) };
        if text.len() > MAX_BYTES {
            return Ok(Err(Unusable::Damaged(Sessions::default())));
        }
        Ok(Sessions::parse(&text, |sealed| Ok(self.keys.find(&sealed.key)?.open(sealed).ok())))
    }

    /// `None` where there is no file.
    fn text(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match private_file::read(path, MAX_BYTES) {
            Ok(text) => Ok(Some(text)),
            Err(ReadError::Missing) => Ok(None),
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
            Unusable::Sealed(source) => self.sealed(source),
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
                let kept = self.set_aside("corrupt", now)?;
                tracing::warn!(
                    target: "m4::login",
                    kept_as = %kept.display(),
                    still_stored = sound.iter().count(),
                    "the stored logins were damaged; run `m4 login` for those that are missing"
                );
                self.write(&sound)?;
                Ok(sound.moved_to(kept))
            }
            Err(Unusable::Sealed(source)) => Err(self.store.sealed(source)),
        }
    }

    fn read_or_set_aside(&self, now: UnixTime) -> Result<Sessions, StoreError> {
        match self.read(now) {
            Err(StoreError::Sealed { source, .. }) => {
                let kept = self.set_aside("sealed", now)?;
                tracing::warn!(
                    target: "m4::login",
                    kept_as = %kept.display(),
                    error = %source,
                    "the stored logins could not be opened; move the file back once they can be"
                );
                Ok(Sessions::default().moved_to(kept))
            }
            outcome => outcome,
        }
    }

    fn write(&self, sessions: &Sessions) -> Result<(), StoreError> {
        let present = self.store.text(self.locked.target())?;
        let current = present.and_then(|text| sessions::key_of(&text));
        let key =
            self.store.keys.for_writing(current.as_ref()).map_err(|source| self.store.sealed(source))?;
        let plain = sessions.to_json();
        let Some(key) = key else { return self.replace(plain.expose()) };
        let sealed = key.seal(plain.expose().as_bytes());
        let sealed = sealed.map_err(|error| self.store.unwritable(io::Error::other(error)))?;
        self.replace(&sealed.to_json())
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.replace(Sessions::default().to_json().expose())
    }
}

impl LockedFile<'_> {
    fn replace(&self, text: &str) -> Result<(), StoreError> {
        self.locked.replace(text.as_bytes()).map_err(|source| self.store.unwritable(source))
    }

    fn set_aside(&self, why: &str, now: UnixTime) -> Result<PathBuf, StoreError> {
        set_aside(self.locked.target(), why, now).map_err(|source| self.store.unwritable(source))
    }
}

/// Moves the file to a name of its own and never over another file: what is in it may still be mended by hand.
fn set_aside(path: &Path, why: &str, now: UnixTime) -> io::Result<PathBuf> {
    // Windows takes no colon in a name.
    let time = now.to_string().replace([':', '-', ' '], "");
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{why}-{time}"));
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

/// Some thousand logins with tokens of several kilobytes, sealed.
const MAX_BYTES: usize = 12 << 20;
