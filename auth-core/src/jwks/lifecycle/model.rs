//! The lifecycle against a model that knows the rules and nothing of the code, over arbitrary histories.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::algorithm::Algorithm;
use crate::testing::{Signer, jwks};
use crate::time::UnixTime;

const TTL: i64 = 1000;
const STALE: i64 = 5000;
const COOLDOWN: i64 = 30;
/// The last one is in no set.
const KIDS: [&str; 3] = ["a", "b", "x"];

/// Documents with the keys `a`, `b`, both, none.
static SETS: LazyLock<[(Vec<u8>, &[&str]); 4]> = LazyLock::new(|| {
    let (a, b) = (Signer::p256("a"), Signer::p256("b"));
    [(jwks(&[&a]), &["a"]), (jwks(&[&b]), &["b"]), (jwks(&[&a, &b]), &["a", "b"]), (jwks(&[]), &[])]
});

#[derive(Debug, Clone)]
enum Step {
    /// Seconds; the wall clock may go anywhere.
    Pass {
        mono: i64,
        wall: i64,
    },
    /// What a driver with nothing else to do does: sleep until the timer, then poll.
    AwaitTimer,
    Lookup(usize),
    Answer {
        set: usize,
        validators: bool,
        max_age: Option<i64>,
    },
    NotModified,
    Fail,
    /// The outcome of a fetch that is not under way.
    Stray {
        id: u64,
        ok: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![
        4 => (0..40_i64).prop_map(|seconds| (seconds, seconds)),
        2 => (0..TTL + 200).prop_map(|seconds| (seconds, seconds)),
        1 => (0..40_i64, -8000..8000_i64),
        1 => Just((0, TTL + STALE)),
    ];
    let max_age = prop_oneof![3 => Just(None), 1 => (1..2000_i64).prop_map(Some)];
    prop_oneof![
        4 => pass.prop_map(|(mono, wall)| Step::Pass { mono, wall }),
        2 => Just(Step::AwaitTimer),
        5 => (0..KIDS.len()).prop_map(Step::Lookup),
        3 => (0..SETS.len(), any::<bool>(), max_age)
            .prop_map(|(set, validators, max_age)| Step::Answer { set, validators, max_age }),
        2 => Just(Step::NotModified),
        3 => Just(Step::Fail),
        1 => (0..40_u64, any::<bool>()).prop_map(|(id, ok)| Step::Stray { id, ok }),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Time {
    mono: i64,
    wall: i64,
}

impl Time {
    fn since(self, earlier: Self) -> i64 {
        (self.mono - earlier.mono).max(self.wall - earlier.wall).max(0)
    }
}

/// What is true of the world, whatever the code thinks.
struct Model {
    lifecycle: KeyLifecycle,
    /// What a driver would have published: renewed after outcomes only.
    published: KeySnapshot,
    time: Time,
    kids: &'static [&'static str],
    since: Option<Time>,
    fresh: i64,
    has_validators: bool,
    /// The greatest age at which somebody was refused.
    refused_at: i64,
    used: bool,
    failures: u32,
    failed: Time,
    in_flight: Option<Fetch>,
    ids: HashSet<u64>,
    is_for_unknown: bool,
    /// When the issuer was last asked for an unknown key and had nothing new.
    unknown_asked: Option<Time>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
        let settings = LifecycleSettings {
            ttl: seconds(TTL),
            stale_for: seconds(STALE),
            unknown_kid_cooldown: seconds(COOLDOWN),
        };
        let time = Time { mono: 0, wall: 1_800_000_000 };
        Self {
            lifecycle: KeyLifecycle::new(settings).with_jitter(seed),
            published: KeySnapshot::default(),
            time,
            kids: &[],
            since: None,
            fresh: 0,
            has_validators: false,
            refused_at: 0,
            used: false,
            failures: 0,
            failed: time,
            in_flight: None,
            ids: HashSet::new(),
            is_for_unknown: false,
            unknown_asked: None,
        }
    }

    fn now(&self) -> Now {
        let mono = Instant::from_start(Duration::from_secs(self.time.mono.unsigned_abs()));
        Now { wall: UnixTime(self.time.wall), mono }
    }

    fn age(&self) -> Option<i64> {
        self.since.map(|since| self.time.since(since).max(self.refused_at))
    }

    fn limit(&self) -> i64 {
        if self.failures > 0 { self.fresh + STALE } else { self.fresh }
    }

    fn is_usable(&self) -> bool {
        self.age().is_some_and(|age| age < self.limit())
    }

    fn backoff_left(&self) -> i64 {
        if self.failures == 0 {
            return 0;
        }
        let backoff = [1, 2, 4, 8, 16, 32].get(self.failures as usize - 1).copied().unwrap_or(60);
        (backoff - self.time.since(self.failed)).max(0)
    }

    /// A key that is not known may be the one the issuer signs with since it came back.
    fn backoff_left_for_unknown(&self) -> i64 {
        if self.failures == 0 { 0 } else { (1 - self.time.since(self.failed)).max(0) }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Pass { mono, wall } => {
                self.time = Time { mono: self.time.mono + mono, wall: self.time.wall + wall };
                self.poll(None);
            }
            Step::AwaitTimer => {
                let Some(at) = self.lifecycle.poll_timeout() else { return };
                let pause = at.saturating_since(self.now().mono).as_secs_f64().ceil();
                assert!(pause <= 900.0, "a timer later than nine tenths of the TTL");
                #[expect(clippy::cast_possible_truncation, reason = "at most 900")]
                let pause = pause as i64;
                self.time = Time { mono: self.time.mono + pause, wall: self.time.wall + pause };
                self.poll(None);
            }
            Step::Lookup(kid) => self.lookup(KIDS[kid]),
            Step::Answer { set, validators, max_age } => self.answer(set, validators, max_age),
            Step::NotModified => self.not_modified(),
            Step::Fail => {
                let Some(fetch) = self.in_flight.take() else { return };
                self.finish(fetch.id, Err(FetchFailed::TimedOut));
                self.fail();
            }
            Step::Stray { id, ok } => {
                if self.in_flight.as_ref().is_none_or(|fetch| fetch.id != FetchId(id)) {
                    let outcome = if ok { Ok(KeySet::default().into()) } else { Err(FetchFailed::TimedOut) };
                    self.finish(FetchId(id), outcome);
                }
            }
        }
    }

    fn lookup(&mut self, kid: &str) {
        let expected = match () {
            () if self.is_usable() && self.kids.contains(&kid) => "ready",
            () if self.in_flight.is_some() => "fetch",
            () if !self.is_usable() && self.backoff_left() > 0 => "unavailable",
            () if !self.is_usable() => "fetch",
            () if self.backoff_left_for_unknown() > 0 => "unavailable",
            () if self.unknown_asked.is_some_and(|at| self.time.since(at) < COOLDOWN) => "unknown",
            () => "fetch for unknown",
        };
        self.used |= self.is_usable();
        let query = KeyQuery { kid: Some(kid.to_owned()), algorithm: Algorithm::ES256 };
        let now = self.now();
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap();
        match self.lifecycle.lookup(&query, now) {
            KeyLookup::Ready => assert_eq!(expected, "ready"),
            KeyLookup::NeedsFetch => {
                assert!(expected.starts_with("fetch"), "{expected}");
                if self.in_flight.is_none() {
                    let is_for_unknown = expected == "fetch for unknown";
                    self.poll(Some(is_for_unknown));
                    assert!(self.in_flight.is_some(), "the caller would wait for ever");
                }
            }
            KeyLookup::Unavailable { retry_after, .. } => {
                let left =
                    if self.is_usable() { self.backoff_left_for_unknown() } else { self.backoff_left() };
                assert_eq!((expected, seconds(retry_after)), ("unavailable", left));
            }
            KeyLookup::Unknown { retry_after } => {
                assert_eq!(expected, "unknown");
                let asked = self.unknown_asked.unwrap();
                assert_eq!(seconds(retry_after), COOLDOWN - self.time.since(asked));
            }
        }
    }

    /// `demand` says whether a lookup just asked for a fetch, and whether for an unknown key.
    fn poll(&mut self, demand: Option<bool>) {
        let fetch = self.lifecycle.poll_fetch(self.now());
        let Some(fetch) = fetch else {
            let timer = self.lifecycle.poll_timeout();
            assert!(timer.is_none_or(|at| at > self.now().mono), "the driver would spin");
            return;
        };
        assert!(self.in_flight.is_none(), "two fetches at once");
        assert!(self.ids.insert(fetch.id.0), "an id twice");
        let left = if demand == Some(true) { self.backoff_left_for_unknown() } else { self.backoff_left() };
        assert_eq!(left, 0, "an issuer in trouble is left alone for a while");
        if demand.is_none() {
            assert!(self.is_usable() && (self.used || self.failures > 0), "nobody needs it");
            let age = self.time.since(self.since.unwrap());
            assert!(self.failures > 0 || age * 10 >= self.fresh * 7, "too early: {age}");
        }
        let may_be_conditional = self.has_validators && demand != Some(true);
        assert_eq!(fetch.validators.is_some(), may_be_conditional);
        self.is_for_unknown = demand == Some(true);
        self.in_flight = Some(fetch);
    }

    fn answer(&mut self, set: usize, validators: bool, max_age: Option<i64>) {
        let Some(fetch) = self.in_flight.take() else { return };
        let (document, kids) = &SETS[set];
        let generation = self.published.generation();
        let url = url::Url::parse("https://issuer.example/keys").unwrap();
        self.finish(
            fetch.id,
            Ok(FetchOutcome::Fetched {
                set: KeySet::parse(document, &Algorithm::DEFAULT).unwrap(),
                validators: Validators::new(url, Some("\"v\""), None).filter(|_| validators),
                max_age: max_age.map(|age| Duration::from_secs(age.unsigned_abs())),
            }),
        );
        assert_ne!(self.published.generation(), generation);
        if self.is_for_unknown {
            let is_new = self.since.is_none() || self.kids != *kids;
            self.unknown_asked = (!is_new).then_some(self.time);
        }
        (self.kids, self.has_validators) = (kids, validators);
        self.renew(max_age);
    }

    fn not_modified(&mut self) {
        let Some(fetch) = self.in_flight.take() else { return };
        let generation = self.published.generation();
        self.finish(fetch.id, Ok(FetchOutcome::NotModified { max_age: None }));
        assert_eq!(self.published.generation(), generation);
        if fetch.validators.is_some() { self.renew(None) } else { self.fail() }
    }

    fn renew(&mut self, max_age: Option<i64>) {
        self.fresh = max_age.map_or(TTL, |age| age.clamp(60, TTL));
        (self.since, self.refused_at) = (Some(self.time), 0);
        (self.failures, self.used) = (0, false);
    }

    fn fail(&mut self) {
        (self.failures, self.failed) = (self.failures + 1, self.time);
    }

    fn finish(&mut self, id: FetchId, outcome: Result<FetchOutcome, FetchFailed>) {
        self.lifecycle.handle_fetched(id, outcome, self.now());
        self.published = self.lifecycle.snapshot();
    }

    /// Holds after every step. Looking at usable keys uses them, so some of the time nobody looks.
    fn check(&mut self, look: bool) {
        assert!(self.in_flight.is_none() || self.lifecycle.poll_timeout().is_none());
        if !self.is_usable() {
            assert!(self.published.usable(self.now()).is_none(), "the hot path trusts its keys for longer");
            self.refused_at = self.age().unwrap_or(0);
        } else if look {
            let set = self.published.usable(self.now()).expect("the hot path gives its keys up early");
            assert_eq!(set.keys().filter_map(|key| key.kid()).collect::<Vec<_>>(), self.kids);
            self.used = true;
        }
    }
}

proptest! {
    #[test]
    fn every_history_follows_the_model(seed: u64, steps in prop::collection::vec((step(), any::<bool>()), 1..200)) {
        let mut model = Model::new(seed);
        for (step, look) in &steps {
            model.run(step);
            model.check(*look);
        }
    }
}
