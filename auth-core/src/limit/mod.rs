//! How often a subject may call: GCRA per subject and per tool over a bounded store.

mod due;
mod lists;
mod meter;
#[cfg(test)]
mod model;
mod peer;
mod shard;
mod store;
mod tools;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use peer::{FailedAuthLimiter, PeerKey};
pub use store::DEFAULT_CAPACITY;
pub use tools::{InvalidToolLimits, ToolLimits};

use meter::Meter;
use store::Store;

use crate::rejection::Rejection;
use crate::time::Instant;

/// How many calls in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls a rested subject may make at once.
    pub requests: NonZeroU32,
    /// Time in which that many calls are regained, one at a time.
    pub window: Duration,
}

/// Whose calls are counted together. A subject is unique only within its issuer (OpenID Connect Core §8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubjectKey {
    /// The token's `iss`.
    pub issuer: Arc<str>,
    /// The token's `sub`.
    pub subject: Arc<str>,
}

/// Counts calls per subject, and for some tools per subject and tool. Shared by all callers; a check is one short lock.
///
/// A refusal's `retry_after` is exact: that long after the `now` of the refused call the same call passes, one
/// nanosecond earlier it does not, unless the subject calls in between. A `now` earlier than one passed in before
/// regains nothing. A refused call costs nothing.
#[derive(Debug)]
pub struct RateLimiter {
    tools: ToolLimits,
    store: Store,
}

impl RateLimiter {
    /// A limiter that remembers about `capacity` subjects; one whose quota is whole again need not be remembered and
    /// makes room first.
    pub fn new(limit: RateLimit, capacity: usize) -> Self {
        Self::with_tools(limit, ToolLimits::default(), capacity)
    }

    /// The same, with limits for single tools on top. Each of them costs 8 bytes for every subject remembered.
    pub fn with_tools(limit: RateLimit, tools: ToolLimits, capacity: usize) -> Self {
        let meters = std::iter::once(limit).chain(tools.iter().map(|(_, limit)| limit)).map(Meter::new);
        let store = Store::new(meters.collect(), capacity);
        Self { tools, store }
    }

    /// Counts one call of `subject` at `now`, or says when the next one would pass.
    pub fn check(&self, subject: &SubjectKey, now: Instant) -> Result<(), Rejection> {
        self.store.charge(subject, None, now)
    }

    /// Counts one call of `tool` by `subject` at `now` against the subject's limit and, if it has one, the tool's.
    ///
    /// Either both are charged or, when one of them refuses, neither. `retry_after` says when both would pass.
    pub fn check_tool(&self, subject: &SubjectKey, tool: &str, now: Instant) -> Result<(), Rejection> {
        let bucket = self.tools.position(tool).map(|index| index + 1);
        self.store.charge(subject, bucket, now)
    }

    /// How many subjects are remembered.
    pub fn remembered(&self) -> usize {
        self.store.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: u32, window: u64) -> RateLimit {
        let requests = NonZeroU32::new(requests).unwrap();
        RateLimit { requests, window: Duration::from_secs(window) }
    }

    fn limiter(requests: u32, window: u64, capacity: usize) -> RateLimiter {
        RateLimiter::new(rate(requests, window), capacity)
    }

    fn tool_limiter(requests: u32, tools: &str, window: u64) -> RateLimiter {
        RateLimiter::with_tools(rate(requests, window), tools.parse().unwrap(), 10)
    }

    fn subject(name: &str) -> SubjectKey {
        SubjectKey { issuer: "https://issuer.example".into(), subject: name.into() }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_start(Duration::from_millis(millis))
    }

    fn wait(outcome: Result<(), Rejection>) -> Duration {
        match outcome {
            Err(Rejection::RateLimited { retry_after }) => retry_after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_subject_may_use_its_whole_quota_at_once_and_regains_it_one_by_one() {
        let limiter = limiter(100, 3600, 10);
        for _ in 0..100 {
            limiter.check(&subject("a"), at(0)).unwrap();
        }
        assert_eq!(wait(limiter.check(&subject("a"), at(0))), Duration::from_secs(36));
        assert_eq!(wait(limiter.check(&subject("a"), at(35_000))), Duration::from_secs(1));
        limiter.check(&subject("a"), at(36_000)).unwrap();
        assert_eq!(wait(limiter.check(&subject("a"), at(36_000))), Duration::from_secs(36));
    }

    #[test]
    fn subjects_do_not_share_a_quota_across_names_or_issuers() {
        let limiter = limiter(1, 60, 10);
        limiter.check(&subject("a"), at(0)).unwrap();
        limiter.check(&subject("b"), at(0)).unwrap();
        let elsewhere = SubjectKey { issuer: "https://other.example".into(), subject: "a".into() };
        limiter.check(&elsewhere, at(0)).unwrap();
        wait(limiter.check(&subject("a"), at(0)));
    }

    #[test]
    fn time_passed_in_out_of_order_regains_nothing() {
        let limiter = limiter(1, 60, 10);
        limiter.check(&subject("a"), at(50_000)).unwrap();
        assert_eq!(wait(limiter.check(&subject("a"), at(0))), Duration::from_secs(110));
        limiter.check(&subject("b"), at(0)).unwrap();
        assert_eq!(wait(limiter.check(&subject("b"), at(60_000))), Duration::from_secs(50));
    }

    #[test]
    fn ten_thousand_subjects_are_remembered_and_one_makes_room_for_the_next() {
        let limiter = limiter(1, 3600, DEFAULT_CAPACITY);
        let names: Vec<SubjectKey> = (0..=DEFAULT_CAPACITY).map(|n| subject(&n.to_string())).collect();
        let (last, first) = names.split_last().unwrap();
        for name in first {
            limiter.check(name, at(0)).unwrap();
        }
        assert!(first.iter().all(|name| limiter.check(name, at(0)).is_err()), "none was forgotten");
        limiter.check(last, at(0)).unwrap();
        assert_eq!(limiter.remembered(), DEFAULT_CAPACITY);
        // Whom a check lets pass it also remembers, so asking all would forget others on the way.
        let forgotten = first.iter().position(|name| limiter.check(name, at(0)).is_ok()).unwrap();
        assert!(forgotten < 1000, "{forgotten} is not among those seen longest ago in any shard");
    }

    #[test]
    fn in_a_small_store_the_subject_seen_longest_ago_makes_room() {
        let limiter = limiter(1, 3600, 3);
        for name in ["a", "b", "c"] {
            limiter.check(&subject(name), at(0)).unwrap();
        }
        wait(limiter.check(&subject("a"), at(0)));
        limiter.check(&subject("d"), at(0)).unwrap();
        for name in ["a", "c", "d"] {
            wait(limiter.check(&subject(name), at(0)));
        }
        limiter.check(&subject("b"), at(0)).expect("it was forgotten");
    }

    #[test]
    fn subjects_with_a_whole_quota_are_dropped_before_any_other() {
        let limiter = limiter(2, 100, 3);
        limiter.check(&subject("busy"), at(0)).unwrap();
        limiter.check(&subject("busy"), at(0)).unwrap();
        limiter.check(&subject("idle"), at(0)).unwrap();
        limiter.check(&subject("other"), at(40_000)).unwrap();
        // At 50 s only "idle" holds no information, though "busy" was seen before it.
        limiter.check(&subject("new"), at(50_000)).unwrap();
        limiter.check(&subject("busy"), at(50_000)).unwrap();
        wait(limiter.check(&subject("busy"), at(50_000)));
        assert_eq!(limiter.remembered(), 3);
        for n in 0..6 {
            limiter.check(&subject(&n.to_string()), at(10_000_000 + n * 100_000)).unwrap();
        }
        assert!(limiter.remembered() <= 2, "the idle ones are gone: {}", limiter.remembered());
    }

    #[test]
    fn a_tool_has_its_own_limit_within_the_subjects() {
        let limiter = tool_limiter(4, "query=2/60,notes=3/60", 60);
        let (a, b) = (subject("a"), subject("b"));
        limiter.check_tool(&a, "query", at(0)).unwrap();
        limiter.check_tool(&a, "query", at(0)).unwrap();
        assert_eq!(wait(limiter.check_tool(&a, "query", at(0))), Duration::from_secs(30));
        limiter.check_tool(&a, "notes", at(0)).unwrap();
        limiter.check_tool(&a, "schema", at(0)).unwrap();
        assert_eq!(wait(limiter.check_tool(&a, "schema", at(0))), Duration::from_secs(15));
        assert_eq!(wait(limiter.check_tool(&a, "query", at(0))), Duration::from_secs(30), "the longer wait");
        limiter.check_tool(&b, "query", at(0)).unwrap();
    }

    #[test]
    fn a_call_that_one_limit_refuses_is_not_charged_to_the_other() {
        let (a, all) = (subject("a"), 3);
        let limiter = tool_limiter(all, "query=1/60", 3600);
        limiter.check_tool(&a, "query", at(0)).unwrap();
        for _ in 0..10 {
            wait(limiter.check_tool(&a, "query", at(0)));
        }
        // The tool refused ten times; the subject's two other calls are still there.
        limiter.check_tool(&a, "schema", at(0)).unwrap();
        limiter.check_tool(&a, "schema", at(0)).unwrap();
        wait(limiter.check_tool(&a, "schema", at(0)));

        let limiter = tool_limiter(1, "query=2/3600", 60);
        limiter.check_tool(&a, "query", at(0)).unwrap();
        for _ in 0..10 {
            assert_eq!(wait(limiter.check_tool(&a, "query", at(0))), Duration::from_secs(60));
        }
        // The subject refused ten times; the tool's second call is still there.
        limiter.check_tool(&a, "query", at(60_000)).unwrap();
    }

    #[test]
    fn a_subject_is_remembered_while_any_of_its_buckets_is_not_full() {
        let limiter = RateLimiter::with_tools(rate(1, 1), "query=1/3600".parse().unwrap(), 2);
        limiter.check_tool(&subject("a"), "query", at(0)).unwrap();
        for n in 1..100 {
            limiter.check(&subject(&n.to_string()), at(n * 1000)).unwrap();
            wait(limiter.check_tool(&subject("a"), "query", at(n * 1000)));
        }
    }

    #[test]
    fn a_denied_call_costs_nothing() {
        let limiter = limiter(1, 10, 10);
        limiter.check(&subject("a"), at(0)).unwrap();
        for millis in 0..9 {
            wait(limiter.check(&subject("a"), at(millis * 1000)));
        }
        limiter.check(&subject("a"), at(10_000)).unwrap();
    }

    #[test]
    fn absurd_limits_neither_panic_nor_open_the_gate() {
        for (requests, window) in [(u32::MAX, 1), (1, u64::MAX), (u32::MAX, u64::MAX), (1, 0)] {
            let limiter = limiter(requests, window, 0);
            limiter.check(&subject("a"), at(0)).unwrap();
            let _ = limiter.check(&subject("a"), at(1));
        }
    }
}
