//! Tokens verified before, so that a session costs one signature check and not one per call.

use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::apart::Apart;
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
    shards: Box<[Apart<Mutex<Shard>>]>,
}

impl DecisionCache {
    /// An empty cache for about `capacity` tokens.
    pub(crate) fn new(capacity: usize) -> Self {
        let per_shard = NonZeroUsize::new(capacity / SHARDS).unwrap_or(NonZeroUsize::MIN);
        let shard = || Apart(Mutex::new(LruCache::with_hasher(per_shard, DigestHash)));
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    /// The token and whose it is, if it was verified recently by a key that its issuer's set still holds.
    ///
    /// `keys` gives an issuer's keys by its place.
    pub(crate) fn get<K: Deref<Target = KeySnapshot>>(
        &self,
        digest: &TokenDigest,
        keys: impl Fn(usize) -> K,
        now: Now,
    ) -> Option<(usize, Arc<Verified>)> {
        let mut shard = self.shard(digest).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.peek_mut(digest)?;
        let snapshot = keys(entry.issuer);
        let holds = |set: &KeySet| {
            entry.generation == snapshot.generation()
                || entry.verified.thumbprint().is_some_and(|thumbprint| set.contains(thumbprint))
        };
        if now.since(entry.verified_at) < LIFETIME && snapshot.usable(now).is_some_and(holds) {
            let found = (entry.issuer, entry.verified.clone());
            // Whatever is written here, another thread's processor has to fetch back; most calls write nothing.
            if entry.generation != snapshot.generation() {
                entry.generation = snapshot.generation();
            }
            if now.since(entry.seen_at) >= GRAIN {
                entry.seen_at = now;
                shard.promote(digest);
            }
            return Some(found);
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
        let generation = snapshot.generation();
        let entry = Entry { verified, issuer, generation, verified_at: now, seen_at: now };
        self.shard(&digest).lock().unwrap_or_else(PoisonError::into_inner).put(digest, entry);
    }

    fn shard(&self, digest: &TokenDigest) -> &Mutex<Shard> {
        // The high bits pick the shard, so that the low ones stay good for the map inside it.
        let index = (digest.prefix() >> 60) as usize;
        &self.shards[index % SHARDS].0
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
    /// When it last moved to the front of those seen last.
    seen_at: Now,
}

/// Longest time a verification is remembered.
const LIFETIME: Duration = Duration::from_secs(300);
/// How exactly it is known who was seen last, which matters only when there is no room.
const GRAIN: Duration = Duration::from_secs(1);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::algorithm::Algorithm;
    use crate::jwks::{KeyLifecycle, KeyQuery, LifecycleSettings, Selection};
    use crate::policy::Policy;
    use crate::testing::{Signer, jwks};
    use crate::time::{Instant, UnixTime};
    use crate::token::UnverifiedToken;
    use crate::verify::Verifier;

    const START: i64 = 1_800_000_000;

    fn at(seconds: u32) -> Now {
        let mono = Instant::from_start(Duration::from_secs(seconds.into()));
        Now { wall: UnixTime(START + i64::from(seconds)), mono }
    }

    fn digest(number: usize) -> TokenDigest {
        UnverifiedToken::parse(&format!("a.b.{number}")).unwrap().digest()
    }

    /// Publishes `sets` one after the other and hands out what the last one gives.
    fn published(sets: &[&[&Signer]]) -> Arc<KeySnapshot> {
        let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
        for (number, signers) in sets.iter().enumerate() {
            let now = at(u32::try_from(number).unwrap() * 31);
            let query = KeyQuery { kid: Some("unknown".into()), algorithm: Algorithm::ES256 };
            let _ = lifecycle.lookup(&query, now);
            let fetch = lifecycle.poll_fetch(now).unwrap();
            lifecycle.handle_fetched(
                fetch.id,
                Ok(KeySet::parse(&jwks(signers), &Algorithm::ALL).unwrap()),
                now,
            );
        }
        Arc::new(lifecycle.snapshot())
    }

    fn verified(signer: &Signer, keys: &KeySnapshot) -> Arc<Verified> {
        let claims = json!({ "iss": "i", "aud": "a", "sub": "s", "exp": START + 9_999 });
        let (text, query) = (signer.token(&claims), KeyQuery { kid: None, algorithm: Algorithm::ES256 });
        let Selection::Key(key) = keys.keys().select(&query) else { panic!() };
        let token = UnverifiedToken::parse(&text).unwrap();
        Verifier::new(Policy::new("i", "a")).verify(&token, &query, key, UnixTime(START)).unwrap().into()
    }

    #[test]
    fn a_verified_token_is_remembered_for_five_minutes_with_its_issuer() {
        let key = Signer::p256("e");
        let keys = published(&[&[&key]]);
        let cache = DecisionCache::new(100);
        cache.insert(digest(1), 3, verified(&key, &keys), &keys, at(0));
        let get = |number, seconds| {
            cache.get(
                &digest(number),
                |issuer| {
                    assert_eq!(issuer, 3);
                    keys.clone()
                },
                at(seconds),
            )
        };
        assert!(get(2, 0).is_none(), "another token");
        assert_eq!(get(1, 299).map(|(issuer, _)| issuer), Some(3));
        assert!(get(1, 300).is_none());
        assert!(get(1, 0).is_none(), "what was too old once is gone");
    }

    #[test]
    fn a_new_key_set_keeps_the_tokens_of_the_keys_it_keeps() {
        let (key, other) = (Signer::p256("e"), Signer::p256("o"));
        let first = published(&[&[&key]]);
        for (sets, kept) in [([&[&key][..], &[&other, &key]], true), ([&[&key], &[&other]], false)] {
            let (cache, second) = (DecisionCache::new(100), published(&sets));
            cache.insert(digest(1), 0, verified(&key, &first), &first, at(0));
            assert_eq!(cache.get(&digest(1), |_| second.clone(), at(32)).is_some(), kept);
        }
    }

    #[test]
    fn as_many_tokens_are_remembered_as_there_is_room_for() {
        let key = Signer::p256("e");
        let keys = published(&[&[&key]]);
        let (cache, token) = (DecisionCache::new(2000), verified(&key, &keys));
        // Hashes fill the shards unevenly; half of the room is enough for none to overflow.
        for number in 0..1000 {
            cache.insert(digest(number), 0, token.clone(), &keys, at(0));
        }
        assert!((0..1000).all(|number| cache.get(&digest(number), |_| keys.clone(), at(1)).is_some()));
    }

    #[test]
    fn digests_are_told_apart_by_their_hash() {
        let hashes: std::collections::BTreeSet<u64> =
            (0..100).map(|number| DigestHash.hash_one(digest(number))).collect();
        assert_eq!(hashes.len(), 100);
    }
}
