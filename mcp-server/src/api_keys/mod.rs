//! The file of API keys: read by the gate, written by `m4 keys` and by a server that is told to secure itself.
//!
//! Writers take turns by a lock on a file beside it, read what is there under that lock, and put a whole new file into
//! place: nobody's change is lost, and a reader sees the old file or the new one.

mod error;
mod file;

use std::path::Path;

use auth_core::api_key::{ApiKey, KeyName, check_strength, key_text};
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use aws_lc_rs::rand;

pub use self::error::KeyFileError;
pub use self::file::read;

/// A key that was just made, with the text that is kept nowhere else.
#[derive(Debug)]
pub struct NewKey {
    /// The key itself. Whoever gets it has to be told now.
    pub text: Secret,
    /// What was kept of it.
    pub key: ApiKey,
}

/// Makes a key and keeps it in the file, which is made where it is missing.
pub fn create(
    path: &Path,
    name: KeyName,
    scopes: ScopeSet,
    now: UnixTime,
    expires_at: Option<UnixTime>,
) -> Result<NewKey, KeyFileError> {
    let new = fresh(name, scopes, now, expires_at)?;
    file::update(path, |keys| keys.insert(new.key.clone()).map_err(KeyFileError::from))?;
    Ok(new)
}

/// Makes a key called `default` that does not expire, unless the file holds a key that still works. `None`: it does.
pub fn ensure_one(path: &Path, scopes: ScopeSet, now: UnixTime) -> Result<Option<NewKey>, KeyFileError> {
    let name = KeyName::parse(FIRST).map_err(|_| KeyFileError::NoSuchKey(FIRST.to_owned()))?;
    let new = fresh(name, scopes, now, None)?;
    let was_made = file::update(path, |keys| {
        if keys.iter().any(|key| key.expired_at(now).is_none()) {
            return Ok(false);
        }
        // One of this name can only have expired.
        keys.remove(FIRST);
        keys.insert(new.key.clone())?;
        Ok(true)
    })?;
    Ok(was_made.then_some(new))
}

/// Keeps a key whose text somebody chose, which does not expire. The same text under the same name again only sets the
/// scopes anew, so that a server can be started twice with it.
///
/// # Errors
/// [`KeyFileError::Weak`] where the text could be guessed or would not work as a key.
pub fn add_text(
    path: &Path,
    name: KeyName,
    text: &Secret,
    scopes: ScopeSet,
    now: UnixTime,
) -> Result<ApiKey, KeyFileError> {
    check_strength(text).map_err(KeyFileError::Weak)?;
    let key = ApiKey::new(name, text, scopes, now, None);
    file::update(path, |keys| {
        if keys.iter().any(|known| known.is_same_as(&key)) {
            keys.remove(key.name().as_str());
        }
        keys.insert(key.clone()).map_err(KeyFileError::from)
    })?;
    Ok(key)
}

/// Takes a key out of the file. A running server refuses it within a second.
pub fn revoke(path: &Path, name: &str) -> Result<ApiKey, KeyFileError> {
    // Nothing is made where there is nothing to take away.
    read(path)?;
    file::update(path, |keys| keys.remove(name).ok_or_else(|| KeyFileError::no_such(name)))
}

/// What [`ensure_one`] calls its key.
pub const FIRST: &str = "default";

fn fresh(
    name: KeyName,
    scopes: ScopeSet,
    now: UnixTime,
    expires_at: Option<UnixTime>,
) -> Result<NewKey, KeyFileError> {
    let mut random = zeroize::Zeroizing::new([0; 32]);
    rand::fill(random.as_mut_slice()).map_err(|_| KeyFileError::NoRandomness)?;
    let text = key_text(&random);
    let key = ApiKey::new(name, &text, scopes, now, expires_at);
    Ok(NewKey { text, key })
}

#[cfg(test)]
mod tests;
