//! The introspector in virtual time: no sleeps, no network.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::answer::AnswerError;
use super::*;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::time::{Instant, Now, UnixTime};
use crate::token::TokenDigest;

const START: i64 = 1_800_000_000;

struct World {
    introspector: Introspector,
    /// Monotonic milliseconds since the start.
    millis: u64,
    /// How far the wall clock was set forward or back.
    wall_shift: i64,
    requests: u32,
}

impl World {
    fn new() -> Self {
        Self::with(IntrospectionLimits::default())
    }

    fn with(limits: IntrospectionLimits) -> Self {
        Self { introspector: Introspector::new(limits), millis: 0, wall_shift: 0, requests: 0 }
    }

    fn now(&self) -> Now {
        let seconds = i64::try_from(self.millis / 1000).unwrap();
        Now {
            wall: UnixTime(START + seconds + self.wall_shift),
            mono: Instant::from_start(Duration::from_millis(self.millis)),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.millis += seconds * 1000;
    }

    fn lookup(&mut self, token: &str) -> Lookup {
        self.introspector.lookup(digest(token), self.now())
    }

    fn poll(&mut self) -> Option<Request> {
        let request = self.introspector.poll_request(self.now());
        self.requests += u32::from(request.is_some());
        request
    }

    fn answer(
        &mut self,
        request: Request,
        outcome: Result<Introspection, IntrospectionFailed>,
    ) -> Vec<Settled> {
        self.introspector.handle_answered(request.id, outcome, self.now())
    }

    /// Looks up, makes the request if one is needed, and looks at what the caller gets.
    fn ask(&mut self, token: &str, outcome: Result<Introspection, IntrospectionFailed>) -> Lookup {
        match self.lookup(token) {
            Lookup::NeedsRequest => {}
            known => return known,
        }
        let request = self.poll().expect("a request is due");
        assert_eq!(request.digest, digest(token));
        let mut settled = self.answer(request, outcome);
        settled.swap_remove(0).lookup
    }
}

fn digest(token: &str) -> TokenDigest {
    OpaqueToken::parse(token).unwrap().digest()
}

fn answered(json: &str) -> Result<Introspection, IntrospectionFailed> {
    let policy = Policy::new("https://issuer.example", "m4-api");
    let rules = AnswerRules { policy: &policy, require_audience: false };
    Introspection::parse(json.as_bytes(), &rules).map_err(IntrospectionFailed::Answer)
}

fn active() -> Result<Introspection, IntrospectionFailed> {
    answered(r#"{"active":true,"sub":"ada"}"#)
}

fn active_until(exp: i64) -> Result<Introspection, IntrospectionFailed> {
    answered(&format!(r#"{{"active":true,"sub":"ada","exp":{exp}}}"#))
}

fn inactive() -> Result<Introspection, IntrospectionFailed> {
    answered(r#"{"active":false}"#)
}

fn failed() -> Result<Introspection, IntrospectionFailed> {
    Err(IntrospectionFailed::Status(500))
}

fn is_active(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Active(_))
}

fn is_expired(lookup: &Lookup) -> bool {
    matches!(lookup, Lookup::Inactive(InactiveReason::Refused(Rejection::Expired { .. })))
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

#[test]
fn a_hundred_callers_with_one_token_cause_one_request() {
    let mut world = World::new();
    for _ in 0..100 {
        assert!(matches!(world.lookup("t"), Lookup::NeedsRequest));
    }
    let request = world.poll().unwrap();
    for _ in 0..100 {
        assert!(matches!(world.lookup("t"), Lookup::NeedsRequest));
        assert_eq!(world.poll(), None);
    }
    let settled = world.answer(request, active());
    assert_eq!(settled.len(), 1);
    assert!(is_active(&settled[0].lookup));
    assert!(is_active(&world.lookup("t")));
    assert_eq!((world.poll(), world.requests), (None, 1));
}

#[test]
fn requests_for_different_tokens_run_side_by_side_up_to_the_limit() {
    let mut world = World::with(IntrospectionLimits { concurrent: 3, ..Default::default() });
    for n in 0..10 {
        let _ = world.lookup(&format!("t{n}"));
    }
    let requests: Vec<_> = std::iter::from_fn(|| world.poll()).collect();
    assert_eq!(requests.len(), 3);
    let _ = world.answer(requests[0], active());
    assert!(world.poll().is_some());
    assert_eq!(world.poll(), None);
}

#[test]
fn a_revocation_shows_when_the_answer_is_a_minute_old() {
    let mut world = World::new();
    assert!(is_active(&world.ask("t", active_until(START + 3600))));
    world.millis = 59_999;
    assert!(is_active(&world.lookup("t")));
    world.millis = 60_000;
    let revoked = world.ask("t", inactive());
    assert!(matches!(revoked, Lookup::Inactive(InactiveReason::NotActive)));
    assert_eq!(world.requests, 2);
    assert!(matches!(world.lookup("t"), Lookup::Inactive(_)), "the old answer is gone");
}

#[test]
fn an_answers_age_counts_from_its_request() {
    let mut world = World::new();
    let _ = world.lookup("t");
    let request = world.poll().unwrap();
    world.pass(9);
    let _ = world.answer(request, active());
    world.pass(51);
    assert!(matches!(world.lookup("t"), Lookup::NeedsRequest), "it may have been revoked 60 s ago");
}

#[test]
fn an_active_token_is_believed_no_longer_than_its_exp() {
    let mut world = World::new();
    assert!(is_active(&world.ask("t", active_until(START + 30))));
    world.millis = 29_999;
    assert!(is_active(&world.lookup("t")));
    world.millis = 30_000;
    assert!(is_expired(&world.lookup("t")));
    assert_eq!(world.poll(), None, "nobody needs to be asked about an expired token");
}

#[test]
fn an_answer_that_is_expired_when_it_comes_is_no_admission() {
    let mut world = World::new();
    assert!(is_expired(&world.ask("t", active_until(START))));
    assert!(is_expired(&world.lookup("t")));
    for exp in [START - 1, 0, i64::MIN] {
        assert!(is_expired(&world.ask(&format!("t{exp}"), active_until(exp))));
    }
    assert!(is_active(&world.ask("far", active_until(i64::MAX))));
}

#[test]
fn a_token_that_expires_while_its_answer_travels_is_no_admission() {
    let mut world = World::new();
    let _ = world.lookup("t");
    let request = world.poll().unwrap();
    world.pass(5);
    let settled = world.answer(request, active_until(START + 5));
    assert!(is_expired(&settled[0].lookup));
}

#[test]
fn a_wall_clock_set_back_makes_no_token_live_longer() {
    let mut world = World::new();
    assert!(is_active(&world.ask("short", active_until(START + 30))));
    assert!(is_active(&world.ask("long", active())));
    world.wall_shift = -100_000;
    world.millis = 29_999;
    assert!(is_active(&world.lookup("short")));
    world.millis = 30_000;
    assert!(is_expired(&world.lookup("short")));
    world.pass(30);
    assert!(matches!(world.lookup("long"), Lookup::NeedsRequest));
}

#[test]
fn a_machine_that_slept_asks_again() {
    let mut world = World::new();
    assert!(is_active(&world.ask("t", active())));
    world.wall_shift = 60;
    assert!(matches!(world.lookup("t"), Lookup::NeedsRequest));
}

#[test]
fn a_revoked_token_stays_revoked_when_the_clock_jumps_there_and_back() {
    let mut world = World::new();
    assert!(is_active(&world.ask("t", active())));
    world.wall_shift = 60;
    assert!(matches!(world.ask("t", inactive()), Lookup::Inactive(_)));
    world.wall_shift = 0;
    assert!(matches!(world.lookup("t"), Lookup::Inactive(_)), "the answer before the jump is forgotten");
}

#[test]
fn a_refused_token_is_not_asked_about_again_for_ten_seconds() {
    let mut world = World::new();
    let _ = world.ask("t", inactive());
    world.millis = 9_999;
    assert!(matches!(world.lookup("t"), Lookup::Inactive(InactiveReason::NotActive)));
    assert_eq!(world.poll(), None);
    world.millis = 10_000;
    assert!(is_active(&world.ask("t", active())), "it may have become active");
    assert!(is_active(&world.lookup("t")));
}

#[test]
fn a_flood_of_garbage_forgets_no_active_token() {
    let limits =
        IntrospectionLimits { active_tokens: count(5), refused_tokens: count(10), ..Default::default() };
    let mut world = World::with(limits);
    for n in 0..5 {
        assert!(is_active(&world.ask(&format!("good{n}"), active())));
    }
    for n in 0..10_000 {
        let _ = world.ask(&format!("garbage{n}"), inactive());
    }
    for n in 0..10_000 {
        let json = r#"{"active":true,"aud":"somebody-else"}"#;
        let _ = world.ask(&format!("foreign{n}"), answered(json));
    }
    for n in 0..5 {
        assert!(is_active(&world.lookup(&format!("good{n}"))));
    }
    assert!(matches!(world.lookup("garbage0"), Lookup::NeedsRequest), "refused ones are bounded");
}

#[test]
fn active_tokens_are_bounded_and_the_one_used_longest_ago_goes_first() {
    let mut world = World::with(IntrospectionLimits { active_tokens: count(2), ..Default::default() });
    for token in ["a", "b"] {
        assert!(is_active(&world.ask(token, active())));
    }
    assert!(is_active(&world.lookup("a")));
    assert!(is_active(&world.ask("c", active())));
    assert!(is_active(&world.lookup("a")));
    assert!(matches!(world.lookup("b"), Lookup::NeedsRequest));
}

#[test]
fn known_tokens_are_asked_about_before_a_crowd_of_new_ones() {
    let mut world = World::with(IntrospectionLimits { concurrent: 1, waiting: 20, ..Default::default() });
    assert!(is_active(&world.ask("known", active())));
    world.pass(60);
    for n in 0..100 {
        let lookup = world.lookup(&format!("new{n}"));
        let is_full = matches!(lookup, Lookup::Unavailable { failure: IntrospectionFailed::Overloaded, .. });
        assert_eq!(is_full, n >= 20, "{n}");
    }
    assert!(matches!(world.lookup("known"), Lookup::NeedsRequest), "there is always room for it");
    assert_eq!(world.poll().unwrap().digest, digest("known"));
}

#[test]
fn an_active_token_is_not_served_stale_in_an_outage() {
    let mut world = World::new();
    assert!(is_active(&world.ask("t", active())));
    world.pass(60);
    let lookup = world.ask("t", failed());
    assert!(matches!(lookup, Lookup::Unavailable { failure: IntrospectionFailed::Status(500), .. }));
}

#[test]
fn one_token_the_endpoint_chokes_on_stops_nobody_else() {
    let mut world = World::new();
    assert!(matches!(world.ask("poison", failed()), Lookup::Unavailable { .. }));
    assert!(matches!(world.lookup("poison"), Lookup::Unavailable { .. }), "it is not sent at once again");
    assert!(is_active(&world.ask("t", active())));
    world.pass(1);
    assert!(matches!(world.lookup("poison"), Lookup::NeedsRequest));
}

#[test]
fn an_endpoint_that_keeps_failing_is_asked_less_and_less_often() {
    let mut world = World::new();
    for n in 0..2 {
        let _ = world.ask(&format!("t{n}"), failed());
    }
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        let lookup = world.ask(&format!("after-{}", world.millis), failed());
        let expected = Duration::from_secs(wait);
        assert!(
            matches!(lookup, Lookup::Unavailable { retry_after, .. } if retry_after == expected),
            "{lookup:?}"
        );
        let asked = world.requests;
        assert!(matches!(world.lookup("other"), Lookup::Unavailable { .. }));
        assert_eq!((world.poll(), world.requests), (None, asked));
        world.pass(wait);
    }
    for token in ["a", "b"] {
        let _ = world.lookup(token);
    }
    let probe = world.poll().unwrap();
    assert_eq!(world.poll(), None, "one request finds out whether it is over");
    let _ = world.answer(probe, inactive());
    assert!(world.poll().is_some());
}

#[test]
fn failures_of_requests_that_ran_side_by_side_count_once() {
    let mut world = World::new();
    for n in 0..16 {
        let _ = world.lookup(&format!("t{n}"));
    }
    let requests: Vec<_> = std::iter::from_fn(|| world.poll()).collect();
    world.millis = 10;
    for request in requests {
        let _ = world.answer(request, failed());
    }
    assert!(is_active(&world.ask("t", active())), "one bad moment is no outage");
}

#[test]
fn an_outage_is_told_to_everybody_who_waits() {
    let mut world = World::with(IntrospectionLimits { concurrent: 1, ..Default::default() });
    for n in 0..50 {
        let _ = world.lookup(&format!("t{n}"));
    }
    let request = world.poll().unwrap();
    let settled = world.answer(request, Err(IntrospectionFailed::ClientRefused(401)));
    assert_eq!(settled.len(), 50);
    assert!(settled.iter().all(|settled| matches!(
        settled.lookup,
        Lookup::Unavailable { failure: IntrospectionFailed::ClientRefused(401), .. }
    )));
    assert_eq!(world.poll(), None);
}

#[test]
fn outcomes_nobody_waits_for_are_ignored() {
    let mut world = World::new();
    let _ = world.lookup("t");
    let request = world.poll().unwrap();
    assert_eq!(world.answer(request, inactive()).len(), 1);
    assert!(world.answer(request, active()).is_empty());
    assert!(matches!(world.lookup("t"), Lookup::Inactive(_)));
}

#[test]
fn no_state_is_kept_that_shows_a_token() {
    let mut world = World::new();
    let _ = world.ask("opaque-token-text", active());
    let _ = world.lookup("another-token-text");
    let shown = format!("{:?}", world.introspector);
    assert!(!shown.contains("token-text"), "{shown}");
}

#[test]
fn a_failure_tells_the_operator_where_to_look() {
    for (failure, place) in [
        (IntrospectionFailed::ClientRefused(401), "M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET"),
        (IntrospectionFailed::ClientRefused(403), "M4_OAUTH2_CLIENT_KEY_FILE"),
        (IntrospectionFailed::Signing(SigningFailed), "private key"),
        (IntrospectionFailed::Status(302), "configured introspection endpoint"),
        (IntrospectionFailed::Status(404), "configured introspection endpoint"),
        (IntrospectionFailed::Status(405), "configured introspection endpoint"),
        (IntrospectionFailed::Answer(AnswerError::NotAnAnswer), "configured introspection endpoint"),
        (IntrospectionFailed::Status(299), "network path"),
        (IntrospectionFailed::Status(400), "network path"),
        (IntrospectionFailed::Status(500), "network path"),
        (IntrospectionFailed::TimedOut, "network path"),
        (IntrospectionFailed::Unreachable, "network path"),
        (IntrospectionFailed::Overloaded, "Try again"),
    ] {
        assert!(failure.hint().contains(place), "{failure:?}: {}", failure.hint());
    }
}
