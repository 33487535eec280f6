//! Waiting for the store's lock.

use std::time::{Duration, Instant};

use super::{LockedStore, SessionStore, StoreError};

/// Takes the store's lock; `None` where somebody else held it for all of `patience`. Blocks.
pub fn lock_within(
    store: &dyn SessionStore,
    patience: Duration,
) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
    // By the clock, because on a busy machine a short sleep is a long one.
    let start = Instant::now();
    // Tried again and again, because a process that is stopped keeps its locks.
    loop {
        if let Some(locked) = store.try_lock()? {
            return Ok(Some(locked));
        }
        let waited = start.elapsed();
        if waited >= patience {
            return Ok(None);
        }
        // There is no queue. Whoever has waited longer asks more often, so that none of many loses every time.
        let seconds = u32::try_from(waited.as_secs()).unwrap_or(u32::MAX);
        std::thread::sleep(LOCK_INTERVAL / seconds.saturating_add(1));
    }
}

const LOCK_INTERVAL: Duration = Duration::from_millis(20);
