//! Waiting for the store's lock.

use std::time::Duration;

use super::{LockedStore, SessionStore, StoreError};

/// Takes the store's lock; `None` where somebody else held it for all of `patience`. Blocks.
pub fn lock_within(
    store: &dyn SessionStore,
    patience: Duration,
) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
    // Tried again and again, because a process that is stopped keeps its locks.
    for _ in 0..=patience.as_millis() / LOCK_INTERVAL.as_millis() {
        if let Some(locked) = store.try_lock()? {
            return Ok(Some(locked));
        }
        std::thread::sleep(LOCK_INTERVAL);
    }
    Ok(None)
}

const LOCK_INTERVAL: Duration = Duration::from_millis(20);
