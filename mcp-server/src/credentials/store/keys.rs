//! Which key a store is sealed with, if any.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::keyring::{self, Keyring, KeyringError};
use super::seal::{Key, KeyId};
use crate::config::KeyringUse;

/// A keyring, and the last key that it gave, so that it is asked once and not at every call.
#[derive(Debug)]
pub(crate) struct Keys {
    keyring: Box<dyn Keyring>,
    wanted: KeyringUse,
    known: Mutex<Option<Key>>,
}

impl Keys {
    /// Keys of this platform's keyring.
    pub(crate) fn of_this_platform(wanted: KeyringUse) -> Self {
        Self::new(keyring::of_this_platform(), wanted)
    }

    pub(crate) fn new(keyring: Box<dyn Keyring>, wanted: KeyringUse) -> Self {
        Self { keyring, wanted, known: Mutex::new(None) }
    }

    /// Those of a machine that has no keyring.
    #[cfg(test)]
    pub(crate) fn without_keyring() -> Self {
        Self::new(Box::new(keyring::fake::Fake::absent()), KeyringUse::Auto)
    }

    /// The key with this ID, also while keyrings are switched off: what was sealed before must stay readable.
    pub(super) fn find(&self, id: &KeyId) -> Result<Key, KeyringError> {
        if let Some(key) = self.known().as_ref().filter(|key| key.id() == id) {
            return Ok(key.clone());
        }
        let key = self.keyring.find(id)?;
        *self.known() = Some(key.clone());
        Ok(key)
    }

    /// The key to seal a store with that is sealed with `current` now, if with any; `None` for one that is stored as it is.
    ///
    /// Fails for a sealed store whose key cannot be had: whoever cannot read it may not replace it. A store that is not
    /// sealed yet is not kept from being written.
    pub(super) fn for_writing(&self, current: Option<&KeyId>) -> Result<Option<Key>, KeyringError> {
        let current = current.map(|id| self.find(id)).transpose()?;
        match (self.wanted, current) {
            (KeyringUse::Off, _) => Ok(None),
            (KeyringUse::Auto, Some(key)) => Ok(Some(key)),
            (KeyringUse::Auto, None) => Ok(self.make().map_err(|error| note(&error)).ok()),
        }
    }

    fn make(&self) -> Result<Key, KeyringError> {
        let no_randomness = |_| KeyringError::Unreachable("the system gives no random bytes".to_owned());
        let key = Key::generate().map_err(no_randomness)?;
        self.keyring.keep(&key)?;
        // A keyring that takes everything and keeps nothing would cost every login.
        let kept = self.keyring.find(key.id())?;
        *self.known() = Some(kept.clone());
        Ok(kept)
    }

    fn known(&self) -> MutexGuard<'_, Option<Key>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(error: &KeyringError) {
    let what = "the logins are stored without a keyring, readable by this user alone";
    match error {
        KeyringError::Unreachable(_) => tracing::debug!(target: "m4::login", %error, "{what}"),
        _ => tracing::info!(target: "m4::login", %error, "{what}"),
    }
}
