//! A bounded store of buckets, sharded so that callers seldom wait for each other.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::meter::Meter;
use super::shard::{Id, Shard};
use crate::apart::Apart;
use crate::rejection::Rejection;
use crate::time::Instant;

/// Subjects remembered unless configured otherwise.
pub const DEFAULT_CAPACITY: usize = 10_000;

/// Buckets of up to `capacity` holders, one of each kind per holder.
///
/// Whoever can mint subjects must not be able to fill the memory. A new holder takes the place of one whose buckets are
/// full again, which loses nothing; only when there is none, of the one seen longest ago in its own shard.
///
/// The total is exact; a shard that is still empty when the store is full takes one holder on top, so at most
/// [`SHARDS`] more than `capacity` are ever remembered, and below [`LEAST_SHARDED`] not one.
#[derive(Debug)]
pub(super) struct Store {
    meters: Box<[Meter]>,
    shards: Box<[Apart<Mutex<Shard>>]>,
    held: AtomicUsize,
    capacity: usize,
    secret: RandomState,
}

impl Store {
    /// An empty store with one bucket per meter for each holder; a `capacity` of zero counts as one.
    pub(super) fn new(meters: Box<[Meter]>, capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MOST_HELD);
        let shards = if capacity < LEAST_SHARDED { 1 } else { SHARDS };
        let shard = || Apart(Mutex::new(Shard::new(meters.len())));
        let shards = iter::repeat_with(shard).take(shards).collect();
        Self { meters, shards, held: AtomicUsize::new(0), capacity, secret: RandomState::new() }
    }

    /// Charges one call of `holder` to bucket 0 and to `second`: to both, or, if either has no room, to neither.
    ///
    /// Both buckets are judged under one lock at one instant before either is written, so no order between them can be
    /// seen. A refusal says when both will have room.
    pub(super) fn charge(
        &self,
        holder: &impl Hash,
        second: Option<usize>,
        now: Instant,
    ) -> Result<(), Rejection> {
        let id = self.id(holder);
        let mut shard = self.shard(id);
        let clock = shard.tick(now.as_nanos());
        let slot = shard.see(id);
        let judge =
            |bucket: usize| self.meters[bucket].judge(slot.map_or(0, |slot| shard.backlog(slot, bucket)));
        let charges = match (judge(0), second.map(judge)) {
            (Ok(first), None) => [Some((0, first)), None],
            (Ok(first), Some(Ok(next))) => [Some((0, first)), second.map(|bucket| (bucket, next))],
            (first, next) => {
                let wait = first.err().max(next.and_then(Result::err)).unwrap_or(0);
                return Err(refusal(clock, wait, now));
            }
        };
        let charges = charges.into_iter().flatten();
        match slot {
            Some(slot) => charges.for_each(|(bucket, backlog)| shard.charge(slot, bucket, backlog)),
            None => {
                self.make_room(&mut shard);
                shard.insert(id, charges);
            }
        }
        Ok(())
    }

    /// What [`charge`](Self::charge) would say about bucket 0, charging nothing and remembering nobody new.
    pub(super) fn probe(&self, holder: &impl Hash, now: Instant) -> Result<(), Rejection> {
        let id = self.id(holder);
        let mut shard = self.shard(id);
        let clock = shard.tick(now.as_nanos());
        let Some(slot) = shard.see(id) else { return Ok(()) };
        match self.meters[0].judge(shard.backlog(slot, 0)) {
            Ok(_) => Ok(()),
            Err(wait) => Err(refusal(clock, wait, now)),
        }
    }

    /// How many holders are remembered.
    pub(super) fn len(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts one more holder, for whom some other may have to go.
    fn make_room(&self, shard: &mut Shard) {
        // Two for one: what a burst of holders left behind is gone after as many calls of new ones.
        self.held.fetch_sub(shard.forget_idle(2), Ordering::Relaxed);
        if self.reserve() {
            return;
        }
        let clock = shard.tick(0);
        for other in &self.shards {
            // The lock in hand is among those that cannot be had.
            let Ok(mut other) = other.0.try_lock() else { continue };
            other.tick(clock);
            self.held.fetch_sub(other.forget_idle(1), Ordering::Relaxed);
            if self.reserve() {
                return;
            }
        }
        if !shard.forget_least_recent() {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn reserve(&self) -> bool {
        let more = |held: usize| (held < self.capacity).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// 128 bits for a holder, under a key made when the process started.
    ///
    /// `SipHash` is a keyed pseudo-random function and the two halves are its values at two different texts, so two
    /// holders share an id with probability 2^-128: among a million about 10^-27 in all, and then they would share a
    /// bucket, which opens nothing. Without the key nobody can look for such a pair, or for one that shares a shard.
    fn id(&self, holder: &impl Hash) -> Id {
        let mut hasher = self.secret.build_hasher();
        holder.hash(&mut hasher);
        let first = hasher.finish();
        hasher.write_u8(0);
        Id([first, hasher.finish()])
    }

    fn shard(&self, id: Id) -> MutexGuard<'_, Shard> {
        let index = (id.0[0] >> 32) as usize % self.shards.len();
        self.shards[index].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal whose `retry_after` counts from what the caller said the time is, not from the shard's clock.
fn refusal(clock: u64, wait: u64, now: Instant) -> Rejection {
    let passes_at = clock.saturating_add(wait);
    Rejection::RateLimited { retry_after: Duration::from_nanos(passes_at.saturating_sub(now.as_nanos())) }
}

/// Two callers in sixteen shards meet seldom enough; `benches/limit.rs` measures it.
pub(super) const SHARDS: usize = 16;
/// Below this, one lock keeps total and order exact and nobody waits for it.
pub(super) const LEAST_SHARDED: usize = 1024;
/// Slots are numbered with 32 bits.
const MOST_HELD: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_128_bits_wide_and_the_next_process_makes_another() {
        let store = || Store::new([].into(), 1);
        let (one, other) = (store(), store());
        let Id([first, second]) = one.id(&"subject");
        assert_ne!(first, second);
        assert_eq!(one.id(&"subject"), Id([first, second]));
        let Id([third, fourth]) = other.id(&"subject");
        assert!(first != third && second != fourth);
    }

    #[test]
    fn holders_are_spread_over_all_shards() {
        let store = Store::new([].into(), LEAST_SHARDED);
        let shards = (0..1000).map(|holder| std::ptr::from_ref::<Shard>(&store.shard(store.id(&holder))));
        assert_eq!(shards.collect::<std::collections::BTreeSet<_>>().len(), SHARDS);
    }
}
