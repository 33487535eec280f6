//! Dates, times and intervals as ISO 8601 text, over the whole range that the engine holds.

use std::fmt::Write as _;

/// Days since 1970-01-01 as `2180-05-06`; the engine's infinities as `infinity` and `-infinity`.
pub(super) fn date(days: i32) -> String {
    infinity(i64::from(days), i64::from(i32::MAX)).map_or_else(|| civil(i64::from(days)), str::to_owned)
}

/// A count of `units_per_second` since the epoch as `2180-05-06T07:08:09.5`, with a `Z` when it is an instant.
pub(super) fn timestamp(count: i64, units_per_second: i64, instant: bool) -> String {
    if let Some(infinite) = infinity(count, i64::MAX) {
        return infinite.to_owned();
    }
    let units_per_day = i128::from(units_per_second) * 86_400;
    let (days, rest) =
        (i128::from(count).div_euclid(units_per_day), i128::from(count).rem_euclid(units_per_day));
    // A 64-bit count of at least seconds has days and a rest that fit.
    let (days, rest) = (i64::try_from(days).unwrap_or(0), i64::try_from(rest).unwrap_or(0));
    let zone = if instant { "Z" } else { "" };
    format!("{}T{}{zone}", civil(days), time(rest, units_per_second))
}

/// A count of `units_per_second` since midnight as `07:08:09.5`.
pub(super) fn time(count: i64, units_per_second: i64) -> String {
    let (seconds, fraction) = (count.div_euclid(units_per_second), count.rem_euclid(units_per_second));
    let mut out = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    push_fraction(&mut out, fraction, units_per_second);
    out
}

/// A `TIME WITH TIME ZONE` as the engine packs it: microseconds above 24 bits of reversed offset.
pub(super) fn time_with_zone(packed: u64) -> String {
    let micros = i64::try_from(packed >> 24).unwrap_or(0);
    let offset = MAX_OFFSET_SECONDS - i64::try_from(packed & 0xff_ffff).unwrap_or(0);
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.abs();
    let mut out = format!("{}{sign}{:02}:{:02}", time(micros, 1_000_000), offset / 3_600, offset / 60 % 60);
    if offset % 60 != 0 {
        let _ = write!(out, ":{:02}", offset % 60);
    }
    out
}

/// An interval as `P1M2DT3.5S`: months, days and seconds, which do not convert into one another.
pub(super) fn interval(months: i32, days: i32, nanoseconds: i64) -> String {
    let mut out = String::from("P");
    if months != 0 {
        let _ = write!(out, "{months}M");
    }
    if days != 0 {
        let _ = write!(out, "{days}D");
    }
    if nanoseconds != 0 || out.len() == 1 {
        let sign = if nanoseconds < 0 { "-" } else { "" };
        let nanoseconds = nanoseconds.unsigned_abs();
        let mut seconds = (nanoseconds / 1_000_000_000).to_string();
        push_fraction(&mut seconds, i64::try_from(nanoseconds % 1_000_000_000).unwrap_or(0), 1_000_000_000);
        let _ = write!(out, "T{sign}{seconds}S");
    }
    out
}

fn push_fraction(out: &mut String, fraction: i64, units_per_second: i64) {
    if fraction != 0 {
        let width = units_per_second.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn infinity(count: i64, infinite: i64) -> Option<&'static str> {
    (count == infinite).then_some("infinity").or((count == -infinite).then_some("-infinity"))
}

/// The Gregorian date of a day, by the 400-year cycle counted from March.
fn civil(days: i64) -> String {
    let shifted = days + DAYS_TO_1970;
    let (era, day) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    match year {
        0..=9_999 => format!("{year:04}-{month:02}-{day_of_month:02}"),
        // ISO 8601 wants a sign, and more digits, outside four.
        _ => format!("{year:+07}-{month:02}-{day_of_month:02}"),
    }
}

const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
/// What the engine subtracts an offset from: one second under 16 hours.
const MAX_OFFSET_SECONDS: i64 = 16 * 3_600 - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (76_797, "2180-04-06"),
            (-719_528, "0000-01-01"),
            (-719_529, "-000001-12-31"),
            (2_932_897, "+010000-01-01"),
            (i32::MAX, "infinity"),
            (-i32::MAX, "-infinity"),
        ] {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn times_keep_their_fraction_and_zone() {
        assert_eq!(timestamp(-1, 1_000_000, false), "1969-12-31T23:59:59.999999");
        assert_eq!(timestamp(1_500, 1_000, true), "1970-01-01T00:00:01.5Z");
        assert_eq!(timestamp(i64::MAX, 1_000_000, true), "infinity");
        assert_eq!(time(86_400_000_000, 1_000_000), "24:00:00");
        let packed =
            |micros: u64, offset: i64| micros << 24 | u64::try_from(MAX_OFFSET_SECONDS - offset).unwrap();
        assert_eq!(time_with_zone(packed(3_600_000_000, 5_400)), "01:00:00+01:30");
        assert_eq!(time_with_zone(packed(0, -57_599)), "00:00:00-15:59:59");
    }

    #[test]
    fn intervals_keep_their_three_parts() {
        assert_eq!(interval(0, 0, 0), "PT0S");
        assert_eq!(interval(14, -3, 1_500_000_000), "P14M-3DT1.5S");
        assert_eq!(interval(0, 0, -1), "PT-0.000000001S");
    }

    proptest! {
        #[test]
        fn no_count_makes_it_panic(count in any::<i64>(), days in any::<i32>(), packed in any::<u64>()) {
            for units in [1, 1_000, 1_000_000, 1_000_000_000] {
                let _ = timestamp(count, units, false);
                let _ = time(count, units);
            }
            let _ = (date(days), time_with_zone(packed), interval(days, days, count));
        }

        #[test]
        fn consecutive_days_sort_and_differ(days in -700_000..2_900_000i32) {
            prop_assert!(date(days) < date(days + 1));
        }
    }
}
