//! What a column's values have in common.
//!
//! - What looks like a number but is not one stays text: leading zeros, codes (by the column's name), more digits than a
//!   number keeps.
//! - Whole numbers become integers only where they are identifiers by name, or where every row was seen: a fraction further
//!   down would be rounded. Elsewhere they are `DOUBLE`, which keeps both.
//! - A zone of time would be lost in a `TIMESTAMP`, so such times stay text.

use crate::dataset::schema::Kind;

/// The values of one column, as far as they were seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// What all of them could be; the empty ones say nothing.
    possible: Possible,
    any: bool,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind")]
struct Possible {
    boolean: bool,
    whole: bool,
    number: bool,
    date: bool,
    time: bool,
}

impl Seen {
    pub(super) fn nothing() -> Self {
        let possible = Possible { boolean: true, whole: true, number: true, date: true, time: true };
        Self { possible, any: false }
    }

    /// Takes one more value into account.
    pub(super) fn value(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        self.any = true;
        let possible = &mut self.possible;
        possible.boolean &= matches!(value.to_ascii_lowercase().as_str(), "true" | "false");
        possible.whole &= is_whole(value);
        possible.number &= is_number(value);
        possible.date &= is_date(value);
        possible.time &= is_date(value) || is_timestamp(value);
    }

    /// Takes a value into account that is no text.
    pub(super) fn nonsense(&mut self) {
        self.value("\u{fffd}");
    }

    /// The type of a column of this name; `certain` when there is no value that was not seen.
    pub(super) fn kind(&self, name: &str, certain: bool) -> Kind {
        let Possible { boolean, whole, number, date, time } = self.possible;
        if !self.any || is_code(name) {
            return Kind::Text;
        }
        match () {
            () if boolean => Kind::Boolean,
            () if whole && (certain || is_identifier(name)) => Kind::BigInt,
            () if number => Kind::Double,
            () if date => Kind::Date,
            () if time => Kind::Timestamp,
            () => Kind::Text,
        }
    }
}

/// Whether values of a column called this are codes, whatever digits they consist of.
fn is_code(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = || name.split(|c: char| !c.is_alphanumeric());
    name.ends_with("code") || words().any(|word| CODES.iter().any(|code| word.starts_with(code)))
}

/// Whether values of a column called this count or identify, so that none is a fraction.
fn is_identifier(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with("id") || name.split(|c: char| !c.is_alphanumeric()).any(|word| COUNTED.contains(&word))
}

fn is_whole(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain && !leads_with_zero(digits) && value.parse::<i64>().is_ok()
}

fn is_number(value: &str) -> bool {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let well_formed = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let significant = whole.trim_start_matches('0').len() + fraction.len();
    well_formed
        && !leads_with_zero(whole)
        && significant <= EXACT_DIGITS
        && !exponent.is_empty()
        && digits(exponent)
        && value.parse::<f64>().is_ok_and(f64::is_finite)
}

fn leads_with_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

/// `2180-05-06`.
pub(super) fn is_date(value: &str) -> bool {
    let shaped = value.len() == 10
        && value.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shaped && value.parse::<jiff::civil::Date>().is_ok()
}

/// `2180-05-06 22:23:00`, with `T` in the middle and a fraction of the second or without.
fn is_timestamp(value: &str) -> bool {
    let Some((date, time)) = value.split_once([' ', 'T']) else { return false };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let shaped = matches!(clock.len(), 5 | 8)
        && clock
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() });
    let within = |from: usize, below: u8| {
        clock.get(from..from + 2).is_none_or(|part| part.parse::<u8>().is_ok_and(|number| number < below))
    };
    let fraction = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    is_date(date) && shaped && fraction && within(0, 24) && within(3, 60) && within(6, 60)
}

/// Whether a header's cell is one of data instead.
pub(super) fn is_value(cell: &str) -> bool {
    is_whole(cell) || is_number(cell) || is_date(cell) || is_timestamp(cell)
}

/// A `DOUBLE` keeps this many digits of whatever number.
const EXACT_DIGITS: usize = 15;
const CODES: [&str; 14] = [
    "atc", "code", "cpt", "drg", "gsn", "hcpcs", "icd", "loinc", "ndc", "phone", "postcode", "rxnorm",
    "snomed", "zip",
];
const COUNTED: [&str; 8] = ["age", "count", "day", "month", "num", "number", "seq", "year"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(name: &str, certain: bool, values: &[&str]) -> Kind {
        let mut seen = Seen::nothing();
        for value in values {
            seen.value(value);
        }
        seen.kind(name, certain)
    }

    #[test]
    fn what_only_looks_like_a_number_stays_text() {
        assert_eq!(kind("mrn", true, &["00123", "45678"]), Kind::Text);
        assert_eq!(kind("icd_code", true, &["4019", "25000"]), Kind::Text);
        assert_eq!(kind("icd9", true, &["4019"]), Kind::Text);
        assert_eq!(kind("ndc", true, &["338004304"]), Kind::Text);
        assert_eq!(kind("ZipCode", true, &["2115"]), Kind::Text);
        assert_eq!(kind("x", true, &["12345678901234567890"]), Kind::Text);
        assert_eq!(kind("x", true, &["0.1234567890123456789"]), Kind::Text);
        assert_eq!(kind("x", true, &["1", "NA"]), Kind::Text);
        assert_eq!(kind("x", true, &["+1", " 1"]), Kind::Text);
        assert_eq!(kind("x", true, &[]), Kind::Text);
        assert_eq!(kind("x", true, &["", ""]), Kind::Text);
    }

    #[test]
    fn whole_numbers_are_integers_where_no_fraction_can_come_later() {
        assert_eq!(kind("subject_id", false, &["10000032", "-1", ""]), Kind::BigInt);
        assert_eq!(kind("anchor_year", false, &["2180"]), Kind::BigInt);
        assert_eq!(kind("valuenum", false, &["5", "7"]), Kind::Double);
        assert_eq!(kind("valuenum", true, &["5", "7"]), Kind::BigInt);
        assert_eq!(kind("valuenum", true, &["5", "7.25", "1e-3", "-0.5", ".5"]), Kind::Double);
    }

    #[test]
    fn days_and_times_are_recognised_and_zones_are_not_lost() {
        assert_eq!(kind("d", true, &["2180-05-06", "2181-02-28"]), Kind::Date);
        assert_eq!(kind("d", true, &["2180-05-06", "2181-02-30"]), Kind::Text);
        let times = ["2180-05-06 22:23:00", "2180-05-06T22:23", "2180-05-06 22:23:00.123456", "2180-05-06"];
        assert_eq!(kind("t", true, &times), Kind::Timestamp);
        for other in
            ["2180-05-06 22:23:00Z", "2180-05-06 22:23:00+01:00", "2180-05-06 25:00:00", "05/06/2180"]
        {
            assert_eq!(kind("t", true, &[other]), Kind::Text, "{other}");
        }
        assert_eq!(kind("b", true, &["true", "FALSE", ""]), Kind::Boolean);
        assert_eq!(kind("b", true, &["t", "f"]), Kind::Text);
    }

    proptest! {
        #[test]
        fn no_text_panics_or_becomes_a_number_that_is_written_otherwise(value in "\\PC{0,24}") {
            if kind("x", true, &[&value]) == Kind::BigInt {
                let number: i64 = value.parse().unwrap();
                prop_assert!(number == 0 || number.to_string() == value);
            }
        }
    }
}
