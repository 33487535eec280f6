//! Time as an argument: this crate never reads a clock.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;
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

impl FromStr for UnixTime {
    type Err = InvalidTime;

    /// Reads what `Display` writes, and RFC 3339 in general: any offset, fractions of a second cut off. A leap second
    /// counts as the second after it.
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        parse_rfc_3339(text).map(Self).ok_or(InvalidTime)
    }
}

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time like 2026-11-21T12:00:00Z (RFC 3339)")]
pub struct InvalidTime;

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

fn parse_rfc_3339(text: &str) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let [year, month, day] = digits(date, '-', [4, 2, 2])?;
    let month_days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let time = time.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [hour, minute, second] = digits(clock, ':', [2, 2, 2])?;
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(local - offset(without_fraction(rest)?)?)
}

/// Numbers of exactly these widths between separators.
fn digits<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let is_number = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn without_fraction(text: &str) -> Option<&str> {
    let Some(fraction) = text.strip_prefix('.') else { return Some(text) };
    let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < fraction.len()).then_some(rest)
}

/// Seconds east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, text) = match text.split_at_checked(1)? {
        ("+", text) => (1, text),
        ("-", text) => (-1, text),
        _ => return None,
    };
    let [hours, minutes] = digits(text, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn rfc_3339_is_read_with_offsets_and_fractions() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29t00:00:00.999z", 951_782_400),
            ("1985-04-12T23:20:50.52Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_688_000),
            ("2026-11-21 01:00:00+01:00", 1_795_219_200),
        ] {
            assert_eq!(text.parse(), Ok(UnixTime(seconds)), "{text}");
        }
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+1:00",
            "1970-01-01T00:00:00Zx",
            "+970-01-01T00:00:00Z",
            "1970-01-01é00:00:00Z",
        ] {
            assert_eq!(text.parse::<UnixTime>(), Err(InvalidTime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_is_read_as_it_was_written(seconds in -62_167_219_200_i64..=253_402_300_799) {
            prop_assert_eq!(UnixTime(seconds).to_string().parse(), Ok(UnixTime(seconds)));
        }

        #[test]
        fn no_text_makes_reading_a_time_panic(text in "\\PC{0,40}|[0-9T:Z.+-]{0,30}") {
            let _ = text.parse::<UnixTime>();
        }
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
