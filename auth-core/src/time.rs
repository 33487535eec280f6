//! Time as an argument: this crate never reads a clock.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// The two clocks of one moment, taken by the caller and passed in everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time; tokens are judged by it.
    pub wall: UnixTime,
    /// Monotonic time; caches, cooldowns and rate limits run on it, so a wall clock set back reopens nothing.
    pub mono: Instant,
}

impl Now {
    /// Time from `earlier` to now: the longer of what the two clocks say.
    ///
    /// A monotonic clock may stand still while a laptop sleeps, a wall clock may be set back; neither makes anything
    /// live longer than it should.
    pub fn since(self, earlier: Self) -> Duration {
        let wall = u64::try_from(self.wall.seconds_since(earlier.wall)).unwrap_or(0);
        self.mono.saturating_since(earlier.mono).max(Duration::from_secs(wall))
    }
}

/// Seconds since 1970-01-01T00:00:00Z, the `NumericDate` of RFC 7519 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// This time plus `seconds`, kept within range.
    #[must_use]
    pub const fn saturating_add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Whole seconds from `earlier` to this time; negative when `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether a machine's clock may plausibly say this.
    ///
    /// A clock that lost its battery says 1970 and would let expired tokens live again, so the gate refuses to
    /// judge by it.
    pub const fn is_plausible(self) -> bool {
        EARLIEST_PLAUSIBLE <= self.0 && self.0 < LATEST_PLAUSIBLE
    }
}

impl fmt::Display for UnixTime {
    /// RFC 3339 in UTC; times outside the years 0 to 9999 as plain seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(86_400);
        let seconds = self.0.rem_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        if !(0..=9999).contains(&year) {
            return write!(f, "{} seconds since 1970", self.0);
        }
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A point on a monotonic clock: nanoseconds since a start the caller chose once per process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The point `since_start` after the clock's start.
    pub fn from_start(since_start: Duration) -> Self {
        Self(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Time from `earlier` to this point; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds since the clock's start.
    pub(crate) const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// 2025-01-01: this program did not exist before.
const EARLIEST_PLAUSIBLE: i64 = 1_735_689_600;
/// 2200-01-01: a clock this far ahead would expire every token.
const LATEST_PLAUSIBLE: i64 = 7_258_118_400;

/// Proleptic Gregorian date of a day count since 1970-01-01, in 400-year eras that start on 1 March.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const DAYS_FROM_MARCH_YEAR_0_TO_1970: i64 = 719_468;
    let shifted = days.saturating_add(DAYS_FROM_MARCH_YEAR_0_TO_1970);
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_read_as_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_219_199, "2026-11-20T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime(seconds).to_string(), text);
        }
        assert_eq!(UnixTime(i64::MAX).to_string(), "9223372036854775807 seconds since 1970");
        assert_eq!(UnixTime(i64::MIN).to_string(), "-9223372036854775808 seconds since 1970");
    }

    #[test]
    fn a_clock_without_battery_is_not_plausible() {
        assert!(!UnixTime(0).is_plausible());
        assert!(!UnixTime(i64::MAX).is_plausible());
        assert!(UnixTime(1_795_219_199).is_plausible());
        let years = [1_735_689_599, 1_735_689_600, 7_258_118_399, 7_258_118_400].map(UnixTime);
        assert_eq!(years.map(UnixTime::is_plausible), [false, true, true, false]);
    }

    #[test]
    fn neither_a_sleeping_nor_a_set_back_clock_makes_time_pass_slower() {
        let at =
            |wall, mono| Now { wall: UnixTime(wall), mono: Instant::from_start(Duration::from_secs(mono)) };
        assert_eq!(at(5000, 10).since(at(1000, 7)), Duration::from_secs(4000));
        assert_eq!(at(10, 60).since(at(1000, 0)), Duration::from_secs(60));
    }

    #[test]
    fn monotonic_arithmetic_saturates() {
        let early = Instant::from_start(Duration::from_secs(1));
        let late = early + Duration::from_secs(2);
        assert_eq!(late.saturating_since(early), Duration::from_secs(2));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
        assert_eq!(late + Duration::MAX, Instant(u64::MAX));
    }
}
