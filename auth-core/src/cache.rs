//! Tokens verified before, so that a session costs one signature check and not one per call.

use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::jwks::{KeySet, KeySnapshot};
use crate::time::Now;
use crate::token::TokenDigest;
use crate::verify::Verified;

/// Verified tokens by the SHA-256 of their text.
///
/// An entry dies at the token's expiry (checked by whoever uses it), after [`LIFETIME`], and at once when the key that
/// verified it leaves the issuer's key set.
#[derive(Debug)]
pub(crate) struct DecisionCache {
    shards: Box<[Mutex<Shard>]>,
}

impl DecisionCache {
    /// An empty cache for about `capacity` tokens.
    pub(crate) fn new(capacity: usize) -> Self {
        let per_shard = NonZeroUsize::new(capacity / SHARDS).unwrap_or(NonZeroUsize::MIN);
        let shard = || Mutex::new(LruCache::with_hasher(per_shard, DigestHash));
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    /// The token and whose it is, if it was verified recently by a key that its issuer's set still holds.
    ///
    /// `keys` gives an issuer's keys by its place.
    pub(crate) fn get(
        &self,
        digest: &TokenDigest,
        keys: impl Fn(usize) -> Arc<KeySnapshot>,
        now: Now,
    ) -> Option<(usize, Arc<Verified>)> {
        let mut shard = self.shard(digest).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.get_mut(digest)?;
        let snapshot = keys(entry.issuer);
        let holds = |set: &KeySet| {
            entry.generation == snapshot.generation()
                || entry.verified.thumbprint().is_some_and(|thumbprint| set.contains(thumbprint))
        };
        if now.since(entry.verified_at) < LIFETIME && snapshot.usable(now).is_some_and(holds) {
            entry.generation = snapshot.generation();
            return Some((entry.issuer, entry.verified.clone()));
        }
        shard.pop(digest);
        None
    }

    /// Remembers a token verified at `now` with a key of the set that `snapshot` holds.
    pub(crate) fn insert(
        &self,
        digest: TokenDigest,
        issuer: usize,
        verified: Arc<Verified>,
        snapshot: &KeySnapshot,
        now: Now,
    ) {
        let entry = Entry { verified, issuer, generation: snapshot.generation(), verified_at: now };
        self.shard(&digest).lock().unwrap_or_else(PoisonError::into_inner).put(digest, entry);
    }

    fn shard(&self, digest: &TokenDigest) -> &Mutex<Shard> {
        // The high bits pick the shard, so that the low ones stay good for the map inside it.
        let index = (digest.prefix() >> 60) as usize;
        &self.shards[index % SHARDS]
    }
}

type Shard = LruCache<TokenDigest, Entry, DigestHash>;

#[derive(Debug)]
struct Entry {
    verified: Arc<Verified>,
    /// Its issuer's place.
    issuer: usize,
    /// The key set's generation at the last check, which spares searching the set again.
    generation: u64,
    verified_at: Now,
}

/// Longest time a verification is remembered.
const LIFETIME: Duration = Duration::from_secs(300);
const SHARDS: usize = 16;

/// The key is a SHA-256 of a token the issuer signed: it is its own hash, and nobody can choose it.
#[derive(Debug, Clone, Copy)]
struct DigestHash;

impl BuildHasher for DigestHash {
    type Hasher = DigestHasher;

    fn build_hasher(&self) -> DigestHasher {
        DigestHasher(0)
    }
}

#[derive(Debug)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some((prefix, _)) = bytes.split_first_chunk() {
            self.0 = u64::from_le_bytes(*prefix);
        }
    }

    /// Array hashing announces the length first; it is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
