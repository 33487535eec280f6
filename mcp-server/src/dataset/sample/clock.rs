//! Times of the shifted calendar, to the second and without a zone, as MIMIC writes them.

use std::fmt;
use std::ops::{Add, Sub};

/// A point in time. `Display` writes `2145-03-09 14:05:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(i64);

/// A day. `Display` writes `2145-03-09`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

impl Time {
    /// Midnight on the first day of `year`.
    pub(super) fn start_of(year: i64) -> Self {
        Self(days_before(year) * DAY)
    }

    pub(super) fn day(self) -> Day {
        Day(self.0.div_euclid(DAY))
    }

    pub(super) fn year(self) -> i64 {
        self.day().civil().0
    }
}

impl Day {
    pub(super) fn plus(self, days: i64) -> Self {
        Self(self.0 + days)
    }

    /// Year, month and day by Howard Hinnant's `civil_from_days`, for days from 0000-03-01 on.
    fn civil(self) -> (i64, i64, i64) {
        let shifted = self.0 + DAYS_BEFORE_1970;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

impl Add<i64> for Time {
    type Output = Self;

    /// That many seconds later.
    fn add(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }
}

impl Sub for Time {
    type Output = i64;

    /// Seconds between.
    fn sub(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.rem_euclid(DAY);
        write!(f, "{} {:02}:{:02}:{:02}", self.day(), second / HOUR, second % HOUR / MINUTE, second % MINUTE)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Days from 1970-01-01 to the first day of `year`.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400 - 719_162
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_calendar_agrees_with_jiffs_over_the_whole_range() {
        let start = Time::start_of(2099);
        for day in 0..40_000 {
            assert_eq!((start + day * DAY).day().to_string(), (date(2099, 1, 1) + day.days()).to_string());
        }
        assert_eq!((start + DAY + 3 * HOUR + 61).to_string(), "2099-01-02 03:01:01");
        assert_eq!((start + DAY).year(), 2099);
    }
}
