//! A bounded store of rate-limit states: the subject seen longest ago makes room for a new one.

use std::hash::RandomState;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use lru::LruCache;

use super::SubjectKey;

/// Subjects remembered unless configured otherwise.
pub const DEFAULT_CAPACITY: usize = 10_000;

/// At most `capacity` states.
///
/// governor's own keyed stores grow without bound, so whoever can mint subjects could fill the memory with them. One
/// lock for all keeps the order exact; it is held for one hash lookup.
#[derive(Debug)]
pub(super) struct LruStore {
    states: Mutex<LruCache<SubjectKey, Nanos, RandomState>>,
}

impl LruStore {
    /// An empty store; a `capacity` of zero counts as one.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Self { states: Mutex::new(LruCache::with_hasher(capacity, RandomState::new())) }
    }
}

impl StateStore for LruStore {
    type Key = SubjectKey;

    fn measure_and_replace<T, F, E>(&self, key: &SubjectKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        // A denied subject counts as seen too: it must not be forgotten while it keeps knocking.
        if let Some(state) = states.get_mut(key) {
            let (outcome, next) = measure(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        states.put(key.clone(), next);
        Ok(outcome)
    }
}
