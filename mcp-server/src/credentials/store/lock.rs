//! Waiting for the store's lock.

use std::time::{Duration, Instant};

use super::{LockedStore, SessionStore, StoreError};

/// Takes the store's lock; `None` where somebody else held it for all of `patience`. Blocks.
pub fn lock_within(
    store: &dyn SessionStore,
    patience: Duration,
) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
    // By the clock, because on a busy machine a short sleep is a long one.
    let end = Instant::now() + patience;
    // Tried again and again, because a process that is stopped keeps its locks.
    loop {
        if let Some(locked) = store.try_lock()? {
            return Ok(Some(locked));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        std::thread::sleep(LOCK_INTERVAL);
    }
}

const LOCK_INTERVAL: Duration = Duration::from_millis(20);
