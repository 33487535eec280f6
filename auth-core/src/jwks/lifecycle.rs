//! When to fetch an issuer's keys and how long to trust what came: a state machine without I/O.
//!
//! It asks for a fetch by returning a [`Fetch`] from [`KeyLifecycle::poll_fetch`] and takes the answer through
//! [`KeyLifecycle::handle_fetched`]. Calls that are late, early or repeated are no-ops, so a driver cannot corrupt it.
//! After any call that takes `&mut self`, ask [`KeyLifecycle::poll_fetch`] and [`KeyLifecycle::poll_timeout`] again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::document::{KeyQuery, KeySet, KeySetError, Selection};
use crate::oauth::metadata::MetadataError;
use crate::time::{Instant, Now};

/// How long things last.
#[derive(Debug, Clone)]
pub struct LifecycleSettings {
    /// A fetched set is fresh this long. A refresh starts at four fifths of it when the keys are in use.
    pub ttl: Duration,
    /// After its TTL a set stays usable this long while the issuer fails to give a new one.
    pub stale_for: Duration,
    /// At most one fetch per this time is spent on key ids nobody knows.
    pub unknown_kid_cooldown: Duration,
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3600),
            stale_for: Duration::from_secs(24 * 3600),
            unknown_kid_cooldown: Duration::from_secs(30),
        }
    }
}

/// The keys of one issuer over time.
#[derive(Debug)]
pub struct KeyLifecycle {
    settings: LifecycleSettings,
    fetched: Option<Fetched>,
    /// Failures since the last success.
    failure: Option<Failure>,
    in_flight: Option<FetchId>,
    wanted: bool,
    /// Whether anyone used the keys since they came; an idle server does not bother its issuer.
    used: bool,
    unknown_kid_fetch: Option<Now>,
    next_id: u64,
}

impl KeyLifecycle {
    /// No keys yet; the first lookup asks for them.
    pub fn new(settings: LifecycleSettings) -> Self {
        Self {
            settings,
            fetched: None,
            failure: None,
            in_flight: None,
            wanted: false,
            used: false,
            unknown_kid_fetch: None,
            next_id: 0,
        }
    }

    /// Whether the key for `query` can be had, and if not, what to wait for.
    pub fn lookup(&mut self, query: &KeyQuery, now: Now) -> KeyLookup {
        let usable = self.fetched.as_ref().filter(|fetched| now.since(fetched.at) < self.usable_for());
        let Some(fetched) = usable else {
            return match self.backing_off(now) {
                Some(unavailable) => unavailable,
                None => self.want(),
            };
        };
        let is_fresh = now.since(fetched.at) < self.settings.ttl;
        let is_known = !matches!(fetched.set.select(query), Selection::Unknown);
        self.used = true;
        if is_known {
            // Stale keys are only usable after a failure, and then nobody waits: retries go on in the background.
            return if is_fresh || self.failure.is_some() { KeyLookup::Ready } else { self.want() };
        }
        if self.in_flight.is_some() {
            return KeyLookup::NeedsFetch;
        }
        if let Some(unavailable) = self.backing_off(now) {
            return unavailable;
        }
        match self.unknown_kid_fetch.map(|at| now.since(at)) {
            Some(elapsed) if elapsed < self.settings.unknown_kid_cooldown => {
                KeyLookup::Unknown { retry_after: self.settings.unknown_kid_cooldown.saturating_sub(elapsed) }
            }
            _ => {
                self.unknown_kid_fetch = Some(now);
                self.want()
            }
        }
    }

    /// A fetch to start now, if one is due and none is under way: there is never more than one.
    pub fn poll_fetch(&mut self, now: Now) -> Option<Fetch> {
        let is_due = self.poll_timeout().is_some_and(|at| at <= now.mono);
        if self.in_flight.is_some() || !(self.wanted || is_due) {
            return None;
        }
        self.wanted = false;
        let id = FetchId(self.next_id);
        self.next_id += 1;
        self.in_flight = Some(id);
        Some(Fetch { id })
    }

    /// Takes the outcome of a fetch. Outcomes of fetches that are not under way are ignored.
    pub fn handle_fetched(&mut self, id: FetchId, outcome: Result<KeySet, FetchFailed>, now: Now) {
        if self.in_flight != Some(id) {
            return;
        }
        self.in_flight = None;
        match outcome {
            Ok(set) => {
                self.fetched = Some(Fetched { set: Arc::new(set), at: now, generation: id.0 + 1 });
                self.failure = None;
                self.used = false;
            }
            Err(reason) => {
                let count = self.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
                self.failure = Some(Failure { reason, at: now, count });
            }
        }
    }

    /// When [`KeyLifecycle::poll_fetch`] has something to say though nobody asks: the refresh ahead of expiry and the
    /// retries of an outage. `None` while nothing is scheduled or a fetch is under way.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let fetched = self.fetched.as_ref()?;
        if self.in_flight.is_some() || !self.used {
            return None;
        }
        Some(match &self.failure {
            None => fetched.at.mono + self.settings.ttl * 4 / 5,
            Some(failure) => failure.at.mono + failure.backoff(),
        })
    }

    /// What the hot path needs: the current set and how long it may be used without asking here again.
    pub fn snapshot(&self) -> KeySnapshot {
        self.fetched.as_ref().map_or_else(KeySnapshot::default, |fetched| KeySnapshot {
            set: fetched.set.clone(),
            generation: fetched.generation,
            fetched_at: Some(fetched.at),
            usable_for: self.usable_for(),
        })
    }

    /// How long after its arrival the current set may be used.
    fn usable_for(&self) -> Duration {
        if self.failure.is_some() { self.settings.ttl + self.settings.stale_for } else { self.settings.ttl }
    }

    fn want(&mut self) -> KeyLookup {
        self.wanted = self.in_flight.is_none();
        KeyLookup::NeedsFetch
    }

    fn backing_off(&self, now: Now) -> Option<KeyLookup> {
        let failure = self.failure.as_ref().filter(|_| self.in_flight.is_none())?;
        let left = failure.backoff().saturating_sub(now.since(failure.at));
        (!left.is_zero())
            .then(|| KeyLookup::Unavailable { failure: failure.reason.clone(), retry_after: left })
    }
}

/// What [`KeyLifecycle::lookup`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLookup {
    /// [`KeyLifecycle::snapshot`] has it.
    Ready,
    /// A fetch is due or under way; ask again when it ended.
    NeedsFetch,
    /// The issuer has no such key and was asked recently.
    Unknown {
        /// When asking again may bring something new.
        retry_after: Duration,
    },
    /// The issuer cannot be reached and no usable key is left.
    Unavailable {
        /// What went wrong.
        failure: FetchFailed,
        /// When the next attempt is due.
        retry_after: Duration,
    },
}

/// A request to the driver: get this issuer's key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a fetch that is not made blocks every later one"]
pub struct Fetch {
    /// To be handed back with the outcome.
    pub id: FetchId,
}

/// Names one fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchId(u64);

/// Why a fetch brought no keys. Holds nothing of what the issuer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchFailed {
    /// No answer in time.
    TimedOut,
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// An answer with another status than 200. Redirects count: the issuer says where its keys are, once.
    Status(u16),
    /// An answer that is no JWK set.
    Document(KeySetError),
    /// The issuer's metadata does not say where the keys are.
    Metadata(MetadataError),
}

impl fmt::Display for FetchFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the issuer did not answer in time"),
            Self::Unreachable => f.write_str("the issuer cannot be reached"),
            Self::Status(status) => write!(f, "the issuer answered with HTTP status {status}"),
            Self::Document(error) => error.fmt(f),
            Self::Metadata(error) => error.fmt(f),
        }
    }
}

/// An immutable view of the keys, for lookups without a lock.
#[derive(Debug, Clone, Default)]
pub struct KeySnapshot {
    set: Arc<KeySet>,
    generation: u64,
    fetched_at: Option<Now>,
    usable_for: Duration,
}

impl KeySnapshot {
    /// The keys, unless they are too old to be used without asking the lifecycle.
    pub fn usable(&self, now: Now) -> Option<&KeySet> {
        let fetched_at = self.fetched_at?;
        (now.since(fetched_at) < self.usable_for).then_some(&*self.set)
    }

    /// The keys, however old; for showing them, never for verifying.
    pub fn keys(&self) -> &KeySet {
        &self.set
    }

    /// When the keys came.
    pub fn fetched_at(&self) -> Option<Now> {
        self.fetched_at
    }

    /// Changes with every set that came.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

#[derive(Debug)]
struct Fetched {
    set: Arc<KeySet>,
    at: Now,
    generation: u64,
}

#[derive(Debug)]
struct Failure {
    reason: FetchFailed,
    at: Now,
    count: u32,
}

impl Failure {
    /// 1 s, 2 s, 4 s … at most a minute.
    fn backoff(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60);
        Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(self.count.saturating_sub(1))).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::testing::{Signer, jwks};
    use crate::time::UnixTime;

    const TTL: u64 = 3600;
    const STALE: u64 = 24 * 3600;

    struct World {
        lifecycle: KeyLifecycle,
        seconds: u64,
        fetches: u32,
    }

    impl World {
        fn new() -> Self {
            Self { lifecycle: KeyLifecycle::new(LifecycleSettings::default()), seconds: 0, fetches: 0 }
        }

        fn now(&self) -> Now {
            let mono = Instant::from_start(Duration::from_secs(self.seconds));
            Now { wall: UnixTime(1_800_000_000 + i64::try_from(self.seconds).unwrap()), mono }
        }

        fn lookup(&mut self, kid: &str) -> KeyLookup {
            let query = KeyQuery { kid: Some(kid.into()), algorithm: Algorithm::ES256 };
            self.lifecycle.lookup(&query, self.now())
        }

        fn start(&mut self) -> FetchId {
            let fetch = self.lifecycle.poll_fetch(self.now()).expect("a fetch is due");
            self.fetches += 1;
            fetch.id
        }

        fn succeed(&mut self, signers: &[&Signer]) {
            let id = self.start();
            let set = KeySet::parse(&jwks(signers), &Algorithm::DEFAULT).unwrap();
            self.lifecycle.handle_fetched(id, Ok(set), self.now());
        }

        fn fail(&mut self) {
            let id = self.start();
            self.lifecycle.handle_fetched(id, Err(FetchFailed::Status(500)), self.now());
        }

        fn warm(signers: &[&Signer]) -> Self {
            let mut world = Self::new();
            assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
            world.succeed(signers);
            world
        }

        fn is_usable(&self) -> bool {
            self.lifecycle.snapshot().usable(self.now()).is_some()
        }
    }

    #[test]
    fn a_hundred_lookups_on_a_cold_cache_cause_one_fetch() {
        let key = Signer::p256("a");
        let mut world = World::new();
        for _ in 0..100 {
            assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
        }
        let id = world.start();
        for _ in 0..100 {
            assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
            assert_eq!(world.lifecycle.poll_fetch(world.now()), None);
        }
        let set = KeySet::parse(&jwks(&[&key]), &Algorithm::DEFAULT).unwrap();
        world.lifecycle.handle_fetched(id, Ok(set), world.now());
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
        assert_eq!(world.lifecycle.poll_fetch(world.now()), None);
        assert_eq!(world.fetches, 1);
    }

    #[test]
    fn a_thousand_unknown_kids_inside_the_cooldown_cause_one_more_fetch() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        for n in 0..1000 {
            if world.lookup(&format!("unknown-{n}")) == KeyLookup::NeedsFetch {
                world.succeed(&[&key]);
            }
            world.seconds = n * 29 / 1000;
        }
        assert_eq!(world.fetches, 2);
        assert_eq!(world.lookup("u"), KeyLookup::Unknown { retry_after: Duration::from_secs(2) });
        world.seconds = 30;
        assert_eq!(world.lookup("u"), KeyLookup::NeedsFetch);
    }

    #[test]
    fn a_rotated_key_is_found_at_its_first_use() {
        let (old, new) = (Signer::p256("a"), Signer::p256("b"));
        let mut world = World::warm(&[&old]);
        assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch);
        world.succeed(&[&new]);
        assert_eq!(world.lookup("b"), KeyLookup::Ready);
        assert!(matches!(world.lookup("a"), KeyLookup::Unknown { .. }), "a withdrawn key is gone");
    }

    #[test]
    fn an_idle_set_expires_at_its_ttl() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        assert_eq!(world.lifecycle.poll_timeout(), None, "an idle server does not refresh");
        world.seconds = TTL - 1;
        assert!(world.is_usable());
        world.seconds = TTL;
        assert!(!world.is_usable());
        assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
        world.succeed(&[&key]);
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
    }

    #[test]
    fn a_set_in_use_is_refreshed_ahead_of_its_ttl() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
        let at = world.lifecycle.poll_timeout().unwrap();
        assert_eq!(at, Instant::from_start(Duration::from_secs(TTL * 4 / 5)));
        assert_eq!(world.lifecycle.poll_fetch(world.now()), None, "not yet due");
        world.seconds = TTL * 4 / 5;
        world.succeed(&[&key]);
        world.seconds = TTL + 1;
        assert!(world.is_usable());
    }

    #[test]
    fn stale_keys_serve_an_outage_without_anyone_waiting() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        world.seconds = TTL + 5;
        assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
        world.fail();
        for _ in 0..50 {
            assert_eq!(world.lookup("a"), KeyLookup::Ready);
            assert!(world.is_usable());
            world.seconds += 60;
            world.fail();
        }
        world.seconds += 60;
        world.succeed(&[&key]);
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
    }

    #[test]
    fn stale_keys_stop_working_at_their_bound() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        world.seconds = TTL;
        let _ = world.lookup("a");
        world.fail();
        world.seconds = TTL + STALE - 1;
        assert!(world.is_usable());
        world.seconds = TTL + STALE;
        assert!(!world.is_usable());
        assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
        world.fail();
        assert!(matches!(
            world.lookup("a"),
            KeyLookup::Unavailable { failure: FetchFailed::Status(500), .. }
        ));
    }

    #[test]
    fn an_unreachable_issuer_is_asked_less_and_less_often() {
        let mut world = World::new();
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
            world.fail();
            let expected = Duration::from_secs(wait);
            assert!(
                matches!(world.lookup("a"), KeyLookup::Unavailable { retry_after, .. } if retry_after == expected)
            );
            assert_eq!(world.lifecycle.poll_fetch(world.now()), None);
            world.seconds += wait;
        }
    }

    #[test]
    fn outcomes_nobody_waits_for_are_ignored() {
        let key = Signer::p256("a");
        let mut world = World::warm(&[&key]);
        world.lifecycle.handle_fetched(FetchId(0), Err(FetchFailed::TimedOut), world.now());
        world.lifecycle.handle_fetched(FetchId(77), Ok(KeySet::default()), world.now());
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
    }

    #[test]
    fn a_laptop_that_slept_does_not_trust_its_keys_longer() {
        let key = Signer::p256("a");
        let world = World::warm(&[&key]);
        let mut now = world.now();
        now.wall = now.wall.saturating_add(i64::try_from(TTL).unwrap());
        assert!(world.lifecycle.snapshot().usable(now).is_none());
    }
}
