//! The algorithm: governor's GCRA, asked as a pure function.
//!
//! A bucket's whole state is its theoretical arrival time; what governor sees is how far that lies ahead of now, the
//! backlog, on a clock that stands at zero. So one bucket can be judged without being charged, two can be judged before
//! either is charged, and nothing governor adds up can overflow.

use std::cell::Cell;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter as Governor};

use super::RateLimit;

/// What one kind of bucket allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter(Quota);

impl Meter {
    /// The interval between calls is rounded up to the nanosecond, so a window never regains more than the limit says.
    pub(super) fn new(limit: RateLimit) -> Self {
        // Longer windows than a process lives would only overflow governor's arithmetic.
        let window = limit.window.min(LONGEST_WINDOW).as_nanos();
        let interval = u64::try_from(window.div_ceil(limit.requests.get().into())).unwrap_or(u64::MAX);
        let quota = Quota::with_period(Duration::from_nanos(interval.max(1)))
            .unwrap_or_else(|| Quota::per_second(limit.requests));
        Self(quota.allow_burst(limit.requests))
    }

    /// The backlog after one more call, or how long until that call would pass; all in nanoseconds.
    pub(super) fn judge(self, backlog: u64) -> Result<u64, u64> {
        let state = Backlog(Cell::new(Nanos::from(backlog)));
        let governor: Governor<_, _, _, NoOpMiddleware<Nanos>> = Governor::new(self.0, state, AtZero);
        match governor.check() {
            Ok(()) => Ok(governor.into_state_store().0.get().as_u64()),
            Err(denied) => Err(denied.earliest_possible().as_u64()),
        }
    }
}

/// Beyond a year a limit is a quota, and a process restarts in between.
pub(super) const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 24 * 3600);

/// A bucket's state for the length of one question.
#[derive(Debug)]
struct Backlog(Cell<Nanos>);

impl StateStore for Backlog {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = measure(Some(self.0.get()))?;
        self.0.set(next);
        Ok(outcome)
    }
}

#[derive(Debug, Clone, Copy)]
struct AtZero;

impl Clock for AtZero {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(0)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn meter(requests: u32, nanos: u64) -> Meter {
        let requests = NonZeroU32::new(requests).unwrap();
        Meter::new(RateLimit { requests, window: Duration::from_nanos(nanos) })
    }

    #[test]
    fn a_window_that_does_not_divide_regains_late_rather_than_early() {
        // 3 in 10 ns: one more conforms after 10/3 ns, which is after 3 and before 4.
        assert_eq!(meter(3, 10).judge(12), Err(4));
        assert_eq!(meter(3, 10).judge(8), Ok(12));
        assert_eq!(meter(3, 10).judge(9), Err(1));
    }

    #[test]
    fn a_window_of_nothing_is_one_nanosecond_a_call() {
        assert_eq!(meter(1, 0).judge(0), Ok(1));
        assert_eq!(meter(u32::MAX, 1).judge(0), Ok(1));
    }

    #[test]
    fn judging_alone_changes_nothing() {
        let meter = meter(2, 20);
        assert_eq!([meter.judge(10), meter.judge(10), meter.judge(11)], [Ok(20), Ok(20), Err(1)]);
    }
}
