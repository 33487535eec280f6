//! A view of an issuer's keys for lookups without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::document::KeySet;
use crate::time::Now;

/// An immutable view of the keys. The lifecycle makes one after each fetch; until the next one it is current.
#[derive(Debug, Clone, Default)]
pub struct KeySnapshot {
    pub(super) set: Arc<KeySet>,
    pub(super) generation: u64,
    pub(super) age: Option<Arc<Age>>,
    pub(super) usable_for: Duration,
}

impl KeySnapshot {
    /// The keys, unless they are too old to be used without asking the lifecycle.
    pub fn usable(&self, now: Now) -> Option<&KeySet> {
        let age = self.age.as_ref()?;
        if !age.is_below(self.usable_for, now) {
            return None;
        }
        age.mark_used();
        Some(&self.set)
    }

    /// The keys, however old; for showing them, never for verifying.
    pub fn keys(&self) -> &KeySet {
        &self.set
    }

    /// When the keys came, or when the issuer last confirmed them.
    pub fn fetched_at(&self) -> Option<Now> {
        self.age.as_ref().map(|age| age.start)
    }

    /// Changes with every set that came; a confirmed set keeps its generation.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

/// How old a set is and whether anyone used it: what the lifecycle and the snapshots it gave away must agree on.
#[derive(Debug)]
pub(super) struct Age {
    start: Now,
    /// Nanoseconds. An age that once was too high for someone: a wall clock set back does not take it back.
    highest_refused: AtomicU64,
    used: AtomicBool,
}

impl Age {
    pub(super) fn starting(start: Now) -> Arc<Self> {
        Arc::new(Self { start, highest_refused: AtomicU64::new(0), used: AtomicBool::new(false) })
    }

    pub(super) fn is_below(&self, limit: Duration, now: Now) -> bool {
        let refused = Duration::from_nanos(self.highest_refused.load(Ordering::Relaxed));
        let elapsed = now.since(self.start).max(refused);
        if elapsed < limit {
            return true;
        }
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.highest_refused.fetch_max(nanos, Ordering::Relaxed);
        false
    }

    pub(super) fn start(&self) -> Now {
        self.start
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn mark_used(&self) {
        // Every call comes here: a store each time would pass the cache line between the cores.
        if !self.is_used() {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}
