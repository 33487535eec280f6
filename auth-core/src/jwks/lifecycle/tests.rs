//! What the lifecycle does in the situations it is made for, in virtual time.

use super::*;
use url::Url;

use crate::algorithm::Algorithm;
use crate::testing::{Signer, jwks};
use crate::time::UnixTime;

mod rotation;

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

    /// An answer with validators.
    fn answer(&mut self, signers: &[&Signer], max_age: Option<u64>) {
        let id = self.start();
        let set = KeySet::parse(&jwks(signers), &Algorithm::DEFAULT).unwrap();
        let url = Url::parse("https://issuer.example/keys").unwrap();
        let validators = Validators::new(url, Some("\"1\""), None);
        let max_age = max_age.map(Duration::from_secs);
        let outcome = FetchOutcome::Fetched { set, validators, max_age };
        self.lifecycle.handle_fetched(id, Ok(outcome), self.now());
    }

    fn await_timer(&mut self) {
        let at = self.lifecycle.poll_timeout().expect("a timer");
        while self.now().mono < at {
            self.seconds += 1;
        }
    }

    fn fail(&mut self) {
        let id = self.start();
        self.lifecycle.handle_fetched(id, Err::<KeySet, _>(FetchFailed::Status(500)), self.now());
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
fn a_snapshot_says_when_its_keys_came() {
    let key = Signer::p256("a");
    let mut world = World::new();
    let cold = world.lifecycle.snapshot();
    assert_eq!((cold.fetched_at(), cold.keys().keys().count()), (None, 0));
    world.seconds = 7;
    assert_eq!(world.lookup("a"), KeyLookup::NeedsFetch);
    world.succeed(&[&key]);
    let came = world.now();
    world.seconds = TTL * 100;
    let old = world.lifecycle.snapshot();
    assert_eq!((old.fetched_at(), old.keys().keys().count()), (Some(came), 1), "shown however old");
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
fn warming_up_asks_for_keys_and_for_none_of_them() {
    let key = Signer::p256("a");
    let mut world = World::new();
    assert_eq!(world.lifecycle.warm(world.now()), KeyLookup::NeedsFetch);
    world.succeed(&[&key]);
    assert_eq!(world.lifecycle.warm(world.now()), KeyLookup::Ready);
    assert_eq!(world.lookup("b"), KeyLookup::NeedsFetch, "nothing was asked for in vain");
    let mut down = World::new();
    assert_eq!(down.lifecycle.warm(down.now()), KeyLookup::NeedsFetch);
    down.fail();
    assert!(matches!(down.lifecycle.warm(down.now()), KeyLookup::Unavailable { .. }));
}

#[test]
fn an_idle_set_expires_at_its_ttl() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    world.seconds = TTL - 1;
    assert_eq!(world.lifecycle.poll_fetch(world.now()), None, "an idle server does not refresh");
    assert_eq!(world.lifecycle.poll_timeout(), None, "nor does it keep a timer");
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
    for _ in 0..20 {
        // The hot path alone counts as use: it never asks the lifecycle while its keys are fresh.
        assert!(world.is_usable());
        assert_eq!(world.lifecycle.poll_fetch(world.now()), None, "not yet due");
        world.await_timer();
        world.succeed(&[&key]);
    }
    assert!(world.seconds > 20 * TTL * 7 / 10 && world.seconds <= 20 * (TTL * 9 / 10 + 1));
}

#[test]
fn servers_started_together_refresh_apart_and_never_late() {
    let key = Signer::p256("a");
    let refresh = |seed: u64| {
        let mut world = World::new();
        world.lifecycle = world.lifecycle.with_jitter(seed);
        let _ = world.lookup("a");
        world.succeed(&[&key]);
        world.lifecycle.poll_timeout().unwrap()
    };
    let times: Vec<_> = (0..1000).map(refresh).collect();
    let at = |tenths: u64| Instant::from_start(Duration::from_secs(TTL * tenths / 10));
    assert!(times.iter().all(|time| (at(7)..=at(9)).contains(time)));
    for quarter in 0..4 {
        let from = at(7) + Duration::from_secs(TTL / 20 * quarter);
        let count =
            times.iter().filter(|time| (from..from + Duration::from_secs(TTL / 20)).contains(time)).count();
        assert!((200..300).contains(&count), "{count} of 1000 in quarter {quarter}");
    }
    assert_eq!(refresh(7), refresh(7));
}

#[test]
fn two_refreshes_of_one_server_wait_differently_whatever_its_seed() {
    let key = Signer::p256("a");
    for seed in [0, u64::MAX] {
        let mut world = World::new();
        world.lifecycle = world.lifecycle.with_jitter(seed);
        let mut waits = std::collections::HashSet::new();
        for _ in 0..8 {
            let _ = world.lookup("a");
            world.succeed(&[&key]);
            waits.insert(world.lifecycle.poll_timeout().unwrap().saturating_since(world.now().mono));
            world.seconds += TTL;
        }
        assert!(waits.len() > 4, "{waits:?}");
    }
}

/// Its first outputs from 1234567, which every implementation of the generator is checked by.
#[test]
fn the_jitter_is_that_of_splitmix64() {
    assert_eq!(mixed(1_234_567), 6_457_827_717_110_365_317);
    assert_eq!(mixed(1_234_567_u64.wrapping_add(0x9E37_79B9_7F4A_7C15)), 3_203_168_211_198_807_973);
}

#[test]
fn a_set_is_fresh_for_a_year_at_most() {
    const YEAR: u64 = 31_536_000;
    let settings = LifecycleSettings { ttl: Duration::MAX, ..LifecycleSettings::default() };
    let mut world = World::new();
    world.lifecycle = KeyLifecycle::new(settings);
    let _ = world.lookup("a");
    world.succeed(&[&Signer::p256("a")]);
    world.seconds = YEAR - 1;
    assert!(world.is_usable());
    world.seconds = YEAR;
    assert!(!world.is_usable());
}

#[test]
fn a_confirmed_set_is_fresh_again_and_stays_the_same() {
    let key = Signer::p256("a");
    let mut world = World::new();
    let _ = world.lookup("a");
    world.answer(&[&key], None);
    let before = world.lifecycle.snapshot();
    world.seconds = TTL;
    let _ = world.lookup("a");
    let fetch = world.lifecycle.poll_fetch(world.now()).unwrap();
    assert_eq!(fetch.validators.unwrap().etag(), Some("\"1\""));
    world.lifecycle.handle_fetched(fetch.id, Ok(FetchOutcome::NotModified { max_age: None }), world.now());
    assert!(world.is_usable());
    let after = world.lifecycle.snapshot();
    assert_eq!(after.generation(), before.generation());
    assert!(std::ptr::eq(after.keys(), before.keys()));
    world.seconds = 2 * TTL;
    assert!(!world.is_usable());
}

#[test]
fn not_modified_without_being_asked_is_a_failure() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    world.seconds = TTL;
    let _ = world.lookup("a");
    let id = world.start();
    world.lifecycle.handle_fetched(id, Ok(FetchOutcome::NotModified { max_age: None }), world.now());
    let failed =
        KeyLookup::Unavailable { failure: FetchFailed::Status(304), retry_after: Duration::from_secs(1) };
    assert_eq!(world.lookup("b"), failed);
    let mut cold = World::new();
    let _ = cold.lookup("a");
    let id = cold.start();
    cold.lifecycle.handle_fetched(id, Ok(FetchOutcome::NotModified { max_age: None }), cold.now());
    assert_eq!(cold.lookup("a"), failed);
}

#[test]
fn an_issuer_may_shorten_the_ttl_to_a_minute_and_not_lengthen_it() {
    for (max_age, fresh_for) in [(1, 60), (60, 60), (600, 600), (TTL * 2, TTL)] {
        let mut world = World::new();
        let _ = world.lookup("a");
        world.answer(&[&Signer::p256("a")], Some(max_age));
        world.seconds = fresh_for - 1;
        assert!(world.is_usable(), "{max_age}");
        world.seconds = fresh_for;
        assert!(!world.is_usable(), "{max_age}");
    }
}

#[test]
fn without_a_stale_time_an_outage_ends_at_the_ttl() {
    let key = Signer::p256("a");
    let mut world = World::new();
    let settings = LifecycleSettings { stale_for: Duration::ZERO, ..LifecycleSettings::default() };
    world.lifecycle = KeyLifecycle::new(settings);
    let _ = world.lookup("a");
    world.succeed(&[&key]);
    world.seconds = TTL - 1;
    let _ = world.lookup("b");
    world.fail();
    assert_eq!(world.lookup("a"), KeyLookup::Ready);
    world.seconds = TTL;
    assert!(!world.is_usable());
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
    assert!(matches!(world.lookup("a"), KeyLookup::Unavailable { failure: FetchFailed::Status(500), .. }));
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
    world.lifecycle.handle_fetched(FetchId(0), Err::<KeySet, _>(FetchFailed::TimedOut), world.now());
    world.lifecycle.handle_fetched(FetchId(77), Ok(KeySet::default()), world.now());
    assert_eq!(world.lookup("a"), KeyLookup::Ready);
}

/// A moment by clocks that disagree.
fn moment(mono: u64, wall: u64) -> Now {
    Now {
        wall: UnixTime(1_800_000_000 + i64::try_from(wall).unwrap()),
        mono: Instant::from_start(Duration::from_secs(mono)),
    }
}

#[test]
fn a_laptop_that_slept_does_not_trust_its_keys_longer() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    let woken = moment(60, 8 * 3600);
    let timer = world.lifecycle.poll_timeout().unwrap();
    assert!(timer > woken.mono, "the timer slept too");
    assert!(world.lifecycle.snapshot().usable(woken).is_none());
    let query = KeyQuery { kid: Some("a".into()), algorithm: Algorithm::ES256 };
    assert_eq!(world.lifecycle.lookup(&query, woken), KeyLookup::NeedsFetch);
    assert!(world.lifecycle.poll_fetch(woken).is_some());
}

#[test]
fn a_refresh_that_was_slept_over_is_made_at_the_next_poll() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    assert!(world.is_usable());
    assert!(world.lifecycle.poll_fetch(moment(60, TTL * 95 / 100)).is_some());
}

#[test]
fn a_clock_set_back_reopens_nothing() {
    let key = Signer::p256("a");
    let mut world = World::warm(&[&key]);
    let snapshot = world.lifecycle.snapshot();
    assert!(snapshot.usable(moment(10, 10)).is_some());
    // Set back, keys age by the monotonic clock.
    assert!(moment(TTL, 0).wall < moment(10, 10).wall);
    let before = snapshot.clone();
    assert!(snapshot.usable(moment(20, TTL * 9)).is_none(), "asleep for nine hours");
    assert!(snapshot.usable(moment(30, 0)).is_none(), "then set back");
    assert!(before.usable(moment(30, 0)).is_none(), "also for copies");
    assert!(world.lifecycle.snapshot().usable(moment(30, 0)).is_none(), "and later ones");
    let query = KeyQuery { kid: Some("a".into()), algorithm: Algorithm::ES256 };
    assert_eq!(world.lifecycle.lookup(&query, moment(30, 0)), KeyLookup::NeedsFetch);
    let mut other = World::warm(&[&key]);
    assert!(other.lifecycle.snapshot().usable(moment(TTL, 0)).is_none());
    assert_eq!(other.lifecycle.lookup(&query, moment(TTL, 0)), KeyLookup::NeedsFetch);
}

#[test]
fn a_ttl_of_nothing_or_of_aeons_harms_nobody() {
    for ttl in [Duration::ZERO, Duration::MAX] {
        let mut world = World::new();
        let settings = LifecycleSettings { ttl, stale_for: Duration::MAX, ..LifecycleSettings::default() };
        world.lifecycle = KeyLifecycle::new(settings);
        let _ = world.lookup("a");
        world.succeed(&[&Signer::p256("a")]);
        assert_eq!(world.lookup("a"), KeyLookup::Ready);
        assert!(world.lifecycle.poll_timeout().is_some());
    }
}
