//! The one place that reads the clocks.

use std::time::{Instant as MonotonicClock, SystemTime, UNIX_EPOCH};

use auth_core::time::{Instant, Now, UnixTime};

/// What the wall clock says now. It can jump, so it dates things; it does not measure them.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
pub fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// Both clocks of this process, for code that takes the time as an argument.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: MonotonicClock,
}

impl Clock {
    /// Starts the monotonic clock. One per process, so that its points can be compared.
    pub fn start() -> Self {
        Self { start: MonotonicClock::now() }
    }

    /// This moment.
    pub fn now(&self) -> Now {
        Now { wall: unix_time(wall_now()), mono: Instant::from_start(self.start.elapsed()) }
    }
}

/// Seconds since 1970; a clock before that is as implausible as 1970 itself.
fn unix_time(time: SystemTime) -> UnixTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
