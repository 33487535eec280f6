//! Proofs that were used: each admits one request, for as long as it could be accepted again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::rejection::DpopRejection;
use super::target::TargetUri;
use crate::key::Thumbprint;
use crate::time::UnixTime;

/// What makes a proof the same one again: its key, its target and its `jti` (RFC 9449 §11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProofId {
    /// SHA-256 over all three, cut to 128 bits.
    digest: Digest,
    /// The key alone, to count what one key holds.
    owner: u64,
}

impl ProofId {
    pub(super) fn new(thumbprint: &Thumbprint, target: &TargetUri, jti: &str) -> Self {
        // A thumbprint has a fixed length and a normalised URI holds no zero byte, so nothing can shift between parts.
        let digest = Sha256::new()
            .chain_update(thumbprint.as_str())
            .chain_update(target.as_str())
            .chain_update([0])
            .chain_update(jti)
            .finalize();
        let owner = Sha256::digest(thumbprint.as_str());
        Self {
            digest: digest.first_chunk().copied().unwrap_or_default(),
            owner: owner.first_chunk().copied().map_or(0, u64::from_be_bytes),
        }
    }
}

type Digest = [u8; 16];

/// Used proofs, at most `capacity` of them and at most `per_key` of one key.
///
/// **When full it refuses.** Dropping a proof that is still acceptable would let a replay through, and whoever can fill
/// the store could choose which; so new proofs are refused until the oldest leave by themselves, at most one acceptance
/// window later. Only proofs whose access token was verified get here, and `per_key` keeps the holder of one token from
/// using up the room of all.
///
/// **A clock set back reopens nothing.** When a proof is forgotten because it expired, the store remembers up to which
/// expiry it has forgotten, and refuses every proof that expires no later: under a clock that never goes back none such
/// comes.
#[derive(Debug)]
pub(super) struct ReplayStore {
    capacity: usize,
    per_key: u32,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    owners: HashMap<Digest, u64>,
    by_expiry: BinaryHeap<Reverse<(UnixTime, Digest)>>,
    held: HashMap<u64, u32>,
    forgotten_through: UnixTime,
}

impl ReplayStore {
    /// An empty store; zero counts as one.
    pub(super) fn new(capacity: usize, per_key: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            per_key: u32::try_from(per_key).unwrap_or(u32::MAX).max(1),
            used: Mutex::new(Used {
                owners: HashMap::new(),
                by_expiry: BinaryHeap::new(),
                held: HashMap::new(),
                forgotten_through: UnixTime(i64::MIN),
            }),
        }
    }

    /// Uses a proof up. `expires` is the last second at which it is acceptable.
    pub(super) fn spend(&self, id: ProofId, expires: UnixTime, wall: UnixTime) -> Result<(), DpopRejection> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget_expired(wall);
        if expires <= used.forgotten_through || used.owners.contains_key(&id.digest) {
            return Err(DpopRejection::Replayed);
        }
        if used.owners.len() >= self.capacity {
            let first = used.by_expiry.peek().map_or(expires, |Reverse((first, _))| *first);
            return Err(DpopRejection::ReplayStoreFull { retry_after: until_after(first, wall) });
        }
        let held = used.held.entry(id.owner).or_default();
        if *held >= self.per_key {
            return Err(DpopRejection::TooManyProofs { retry_after: until_after(expires, wall) });
        }
        *held += 1;
        used.owners.insert(id.digest, id.owner);
        used.by_expiry.push(Reverse((expires, id.digest)));
        Ok(())
    }
}

impl Used {
    fn forget_expired(&mut self, wall: UnixTime) {
        while let Some(Reverse((expires, digest))) = self.by_expiry.peek().copied()
            && expires < wall
        {
            self.by_expiry.pop();
            self.forgotten_through = self.forgotten_through.max(expires);
            let Some(owner) = self.owners.remove(&digest) else { continue };
            if let Some(held) = self.held.get_mut(&owner) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(&owner);
                }
            }
        }
    }
}

/// An entry leaves in the second after its last one.
fn until_after(expires: UnixTime, wall: UnixTime) -> Duration {
    let seconds = expires.seconds_since(wall).saturating_add(1);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: UnixTime = UnixTime(1_800_000_000);

    fn at(seconds: i64) -> UnixTime {
        T.saturating_add(seconds)
    }

    fn id(number: u64, owner: u64) -> ProofId {
        let mut digest = Digest::default();
        digest[..8].copy_from_slice(&number.to_be_bytes());
        ProofId { digest, owner }
    }

    fn size(store: &ReplayStore) -> usize {
        store.used.lock().unwrap().owners.len()
    }

    #[test]
    fn a_proof_is_remembered_exactly_as_long_as_it_is_acceptable() {
        let store = ReplayStore::new(10, 10);
        store.spend(id(1, 1), at(60), at(0)).unwrap();
        for second in [0, 1, 59, 60] {
            assert_eq!(store.spend(id(1, 1), at(60), at(second)), Err(DpopRejection::Replayed), "{second}");
        }
        store.spend(id(2, 1), at(120), at(60)).unwrap();
        assert_eq!(size(&store), 2);
        store.spend(id(3, 1), at(121), at(61)).unwrap();
        assert_eq!(size(&store), 2, "the first one left");
    }

    #[test]
    fn a_clock_set_back_does_not_bring_a_forgotten_proof_back() {
        let store = ReplayStore::new(10, 10);
        store.spend(id(1, 1), at(60), at(0)).unwrap();
        store.spend(id(2, 1), at(160), at(100)).unwrap();
        assert_eq!(size(&store), 1);
        assert_eq!(store.spend(id(1, 1), at(60), at(0)), Err(DpopRejection::Replayed));
        // Other proofs made after what was forgotten still pass under the clock set back.
        store.spend(id(3, 1), at(61), at(1)).unwrap();
    }

    #[test]
    fn a_clock_that_ran_ahead_for_a_moment_does_not_lock_anyone_out() {
        let store = ReplayStore::new(10, 10);
        store.spend(id(1, 1), at(60), at(0)).unwrap();
        let year = 365 * 86_400;
        store.spend(id(2, 1), at(year + 60), at(year)).unwrap();
        store.spend(id(3, 1), at(65), at(5)).expect("made after everything forgotten");
    }

    #[test]
    fn a_full_store_refuses_and_says_when_there_is_room() {
        let store = ReplayStore::new(3, 10);
        for number in 0..3 {
            store.spend(id(number, number), at(60 + i64::try_from(number).unwrap()), at(0)).unwrap();
        }
        let full = store.spend(id(9, 9), at(70), at(10));
        assert_eq!(full, Err(DpopRejection::ReplayStoreFull { retry_after: Duration::from_secs(51) }));
        for number in 0..3 {
            let again = store.spend(id(number, number), at(62), at(10));
            assert_eq!(again, Err(DpopRejection::Replayed), "nothing was evicted");
        }
        store.spend(id(9, 9), at(120), at(61)).unwrap();
    }

    #[test]
    fn one_key_cannot_use_up_the_room_of_others() {
        let store = ReplayStore::new(100, 5);
        for number in 0..5 {
            store.spend(id(number, 1), at(60), at(0)).unwrap();
        }
        let refused = store.spend(id(5, 1), at(60), at(0));
        assert_eq!(refused, Err(DpopRejection::TooManyProofs { retry_after: Duration::from_secs(61) }));
        store.spend(id(6, 2), at(60), at(0)).unwrap();
        store.spend(id(7, 1), at(121), at(61)).expect("its proofs expired");
        assert_eq!(store.used.lock().unwrap().held.len(), 1, "counts leave with their proofs");
    }

    #[test]
    fn a_hundred_thousand_proofs_fit_into_ten_megabytes_and_no_more_are_kept() {
        const CAPACITY: usize = 100_000;
        let store = ReplayStore::new(CAPACITY, CAPACITY);
        let mut refused = 0;
        for number in 0..CAPACITY as u64 + 1000 {
            // Every proof by another key is the worst case for the counts.
            let expires = at(60 + i64::try_from(number % 30).unwrap());
            refused += usize::from(store.spend(id(number, number), expires, at(0)).is_err());
        }
        assert_eq!((size(&store), refused), (CAPACITY, 1000));
        let bytes = |store: &ReplayStore| {
            let used = store.used.lock().unwrap();
            table_bytes::<(Digest, u64)>(used.owners.capacity())
                + table_bytes::<(u64, u32)>(used.held.capacity())
                + used.by_expiry.capacity() * size_of::<Reverse<(UnixTime, Digest)>>()
        };
        let peak = bytes(&store);
        assert!(peak < 10_000_000, "{peak} bytes");
        // A second flood in the next window reuses the room.
        for number in 0..CAPACITY as u64 {
            store.spend(id(number, number), at(300), at(200)).unwrap();
        }
        assert!(bytes(&store) <= peak, "{} bytes", bytes(&store));
        println!("{peak} bytes for {CAPACITY} proofs");
    }

    /// What the standard table allocates: seven eighths of its slots are usable, each with one control byte.
    fn table_bytes<T>(capacity: usize) -> usize {
        (capacity * 8).div_ceil(7) * (size_of::<T>() + 1)
    }
}
