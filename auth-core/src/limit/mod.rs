//! How often a subject may call: GCRA per subject over a bounded store.

mod store;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter as Governor};

pub use store::DEFAULT_CAPACITY;
use store::LruStore;

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

/// Counts calls per subject. Shared by all callers; a check is one short lock on the store.
#[derive(Debug)]
pub struct RateLimiter {
    governor: Governor<SubjectKey, LruStore, PassedInClock, NoOpMiddleware<Nanos>>,
    clock: PassedInClock,
}

impl RateLimiter {
    /// A limiter that remembers at most `capacity` subjects.
    pub fn new(limit: RateLimit, capacity: usize) -> Self {
        let clock = PassedInClock::default();
        // Longer windows than a process lives would only overflow governor's arithmetic.
        let window = limit.window.min(LONGEST_WINDOW);
        let interval = (window / limit.requests.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(interval)
            .unwrap_or_else(|| Quota::per_second(limit.requests))
            .allow_burst(limit.requests);
        Self { governor: Governor::new(quota, LruStore::new(capacity), clock.clone()), clock }
    }

    /// Counts one call of `subject` at `now`, or says when the next one would pass.
    pub fn check(&self, subject: &SubjectKey, now: Instant) -> Result<(), Rejection> {
        self.clock.advance(now);
        self.governor
            .check_key(subject)
            .map_err(|denied| Rejection::RateLimited { retry_after: denied.wait_time_from(self.clock.now()) })
    }
}

const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 3600);

/// governor asks a clock; ours says what was passed in last, and never goes back.
#[derive(Debug, Clone, Default)]
struct PassedInClock(Arc<AtomicU64>);

impl PassedInClock {
    fn advance(&self, now: Instant) {
        self.0.fetch_max(now.as_nanos(), Ordering::Relaxed);
    }
}

impl Clock for PassedInClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32, window: u64, capacity: usize) -> RateLimiter {
        let requests = NonZeroU32::new(requests).unwrap();
        RateLimiter::new(RateLimit { requests, window: Duration::from_secs(window) }, capacity)
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
        assert_eq!(wait(limiter.check(&subject("a"), at(0))), Duration::from_secs(60));
    }

    #[test]
    fn ten_thousand_subjects_are_remembered_and_the_one_seen_longest_ago_makes_room() {
        let limiter = limiter(1, 3600, DEFAULT_CAPACITY);
        let names: Vec<SubjectKey> = (0..=DEFAULT_CAPACITY).map(|n| subject(&n.to_string())).collect();
        let (last, first) = names.split_last().unwrap();
        for name in first {
            limiter.check(name, at(0)).unwrap();
        }
        assert!(first.iter().all(|name| limiter.check(name, at(0)).is_err()), "none was forgotten");
        limiter.check(last, at(0)).unwrap();
        assert!(limiter.check(&first[1], at(0)).is_err());
        limiter.check(&first[0], at(0)).expect("the first one was forgotten");
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
