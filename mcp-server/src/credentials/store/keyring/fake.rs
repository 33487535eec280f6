//! A keyring in memory that can be told to fail or to hang.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use super::{Key, KeyId, Keyring, KeyringError};

/// Clones are the same keyring, as two processes of one user see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(Arc<State>);

#[derive(Debug, Default)]
struct State {
    keys: Mutex<BTreeMap<String, Vec<u8>>>,
    failure: RwLock<Option<KeyringError>>,
    asked: AtomicUsize,
    hanging: Mutex<()>,
}

impl Fake {
    /// A machine without a keyring.
    pub(crate) fn absent() -> Self {
        let fake = Self::default();
        fake.fail(Some(KeyringError::Unreachable("no session bus".to_owned())));
        fake
    }

    /// Answers everything with this from now on.
    pub(crate) fn fail(&self, failure: Option<KeyringError>) {
        *self.0.failure.write().unwrap() = failure;
    }

    /// Answers nothing until what is returned is dropped.
    pub(crate) fn hang(&self) -> MutexGuard<'_, ()> {
        self.0.hanging.lock().unwrap()
    }

    /// How many questions have come.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// What lies in it.
    pub(crate) fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.keys.lock().unwrap()
    }

    fn heard(&self) -> Result<(), KeyringError> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        drop(self.hang());
        self.0.failure.read().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Keyring for Fake {
    fn find(&self, id: &KeyId) -> Result<Key, KeyringError> {
        self.heard()?;
        self.keys().get(id.as_str()).and_then(|bytes| Key::named(id, bytes)).ok_or(KeyringError::NoKey)
    }

    fn keep(&self, key: &Key) -> Result<(), KeyringError> {
        self.heard()?;
        self.keys().insert(key.id().as_str().to_owned(), key.expose().to_vec());
        Ok(())
    }
}
