//! From what was written to what it means: booleans, durations, sizes, counts, lists.
//!
//! A parser says what is wrong; it never repeats the value, because the value may be a secret.

use std::time::Duration;

use auth_core::scope::ScopeSet;

use super::layers::Raw;

/// Why a value cannot be used, worded to follow the setting's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Invalid {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Enough of a wrong value to recognise it by; it may be anything, so never much of it.
pub(crate) fn brief(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_ECHO).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST_ECHO).is_some() {
        shown.push('…');
    }
    shown
}

/// Text, whatever it says. White space around it is not part of it.
pub(crate) fn text(raw: &Raw) -> Result<String, Invalid> {
    match raw {
        Raw::Text(text) if text.trim().is_empty() => Err(Invalid::new("holds nothing but white space")),
        Raw::Text(text) => Ok(text.trim().to_owned()),
        Raw::List(_) => Err(Invalid::new("takes one value, not a list")),
        Raw::Other(kind) => Err(Invalid::new(format!("takes text, not {kind}"))),
    }
}

/// `true/false/1/0/yes/no/on/off` in any case; anything else is an error, never `false`.
pub(crate) fn boolean(raw: &Raw) -> Result<bool, Invalid> {
    match text(raw)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(Invalid::new("is neither true nor false")
            .hint("write true, 1, yes or on; or false, 0, no or off")),
    }
}

/// Whole seconds (`3600`) or numbers with units (`1h`, `90s`, `1h30m`), at least `least` and at most `most`.
pub(crate) fn duration(raw: &Raw, least: Duration, most: Duration) -> Result<Duration, Invalid> {
    let seconds = seconds(&text(raw)?).ok_or_else(|| {
        Invalid::new("is not a duration")
            .hint("write seconds (3600) or whole numbers with the units d, h, m, s (1h30m)")
    })?;
    within(seconds, least.as_secs(), most.as_secs(), "seconds").map(Duration::from_secs)
}

/// The duration that `text` says, by the rules of every duration in the settings: `90d`, `1h30m`, `3600`.
pub fn duration_of(text: &str) -> Option<Duration> {
    seconds(text).map(Duration::from_secs)
}

/// A whole number from `least` to `most`.
pub(crate) fn count(raw: &Raw, least: u64, most: u64) -> Result<u64, Invalid> {
    let text = text(raw)?;
    let number = digits(&text).ok_or_else(|| Invalid::new("is not a whole number"))?;
    within(number, least, most, "")
}

/// Bytes, plain or with a unit (`512MB`, `1GiB`), from `least` to `most`.
pub(crate) fn size(raw: &Raw, least: u64, most: u64) -> Result<u64, Invalid> {
    let bytes = bytes(&text(raw)?).ok_or_else(|| {
        Invalid::new("is not a size").hint("write bytes, or a whole number with KB, MB, GB, KiB, MiB or GiB")
    })?;
    within(bytes, least, most, "bytes")
}

/// Items separated by commas, or a list; at least one.
pub(crate) fn list(raw: &Raw) -> Result<Vec<String>, Invalid> {
    let items: Vec<String> = match raw {
        Raw::Text(text) => text.split(',').map(trimmed).collect(),
        Raw::List(items) => items.iter().map(|item| trimmed(item)).collect(),
        Raw::Other(kind) => return Err(Invalid::new(format!("takes text or a list of texts, not {kind}"))),
    };
    let items: Vec<String> = items.into_iter().filter(|item| !item.is_empty()).collect();
    if items.is_empty() { Err(Invalid::new("names nothing")) } else { Ok(items) }
}

/// Entries `NAME=SCOPES` separated by semicolons, or a list of them; at least one. `form` is the hint for an entry without `=`.
pub(crate) fn scope_entries(raw: &Raw, form: &str) -> Result<Vec<(String, ScopeSet)>, Invalid> {
    let entries: Vec<&str> = match raw {
        Raw::Text(text) => text.split(';').collect(),
        Raw::List(items) => items.iter().map(String::as_str).collect(),
        Raw::Other(kind) => return Err(Invalid::new(format!("takes text or a list of texts, not {kind}"))),
    };
    let mut parsed = Vec::new();
    for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, scopes) = entry
            .split_once('=')
            .ok_or_else(|| Invalid::new(format!("has an entry without `=`: {}", brief(entry))).hint(form))?;
        let name = trimmed(name);
        let scopes =
            ScopeSet::parse(scopes).map_err(|error| Invalid::new(format!("is not usable: {error}")))?;
        if scopes.is_empty() {
            return Err(Invalid::new(format!("names no scope for {}", brief(&name))));
        }
        parsed.push((name, scopes));
    }
    if parsed.is_empty() { Err(Invalid::new("names nothing")) } else { Ok(parsed) }
}

fn trimmed(item: &str) -> String {
    item.trim().to_owned()
}

fn within(number: u64, least: u64, most: u64, unit: &str) -> Result<u64, Invalid> {
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Err(Invalid::new(format!("must be from {least} to {most}{unit}")))
}

fn seconds(text: &str) -> Option<u64> {
    if let Some(plain) = digits(text) {
        return Some(plain);
    }
    let mut rest = text;
    let mut total = 0_u64;
    let mut larger = u64::MAX;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(unit_at);
        let (unit, tail) = tail.split_at_checked(1)?;
        let unit = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        // Units go from large to small and none twice, so that a slip like `1m1h` is not added up.
        if unit >= larger {
            return None;
        }
        larger = unit;
        total = total.checked_add(digits(number)?.checked_mul(unit)?)?;
        rest = tail;
    }
    (larger != u64::MAX).then_some(total)
}

fn bytes(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    digits(number)?.checked_mul(unit)
}

/// Like `str::parse`, without its leniency for `+1`.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

const LONGEST_ECHO: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    fn any_duration(text: &str) -> Result<Duration, Invalid> {
        duration(&given(text), Duration::ZERO, Duration::MAX)
    }

    #[test]
    fn booleans_have_eight_spellings_in_any_case() {
        for text in ["true", "TRUE", "1", "yes", "On", " true "] {
            assert_eq!(boolean(&given(text)), Ok(true), "{text}");
        }
        for text in ["false", "False", "0", "no", "OFF"] {
            assert_eq!(boolean(&given(text)), Ok(false), "{text}");
        }
        for text in ["", " ", "t", "y", "enabled", "2", "truе"] {
            assert!(boolean(&given(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_units_from_large_to_small() {
        for (text, seconds) in
            [("0", 0), ("3600", 3600), ("90s", 90), ("1h", 3600), ("1h30m", 5400), ("1d2h3m4s", 93_784)]
        {
            assert_eq!(any_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "1x",
            "1h 30m",
            "-1",
            "+1",
            "1.5h",
            "1m1h",
            "1s1s",
            "1h30",
            "99999999999999999999",
            "1ä",
        ] {
            assert!(any_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_take_decimal_and_binary_units() {
        let any = |text: &str| size(&given(text), 0, u64::MAX);
        assert_eq!(any("1000"), Ok(1000));
        assert_eq!(any("256KiB"), Ok(262_144));
        assert_eq!(any("2 GB"), Ok(2_000_000_000));
        for text in ["", "GB", "1.5GB", "1TBx", "99999999999GiB"] {
            assert!(any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lists_drop_empty_items_and_refuse_to_be_empty() {
        assert_eq!(list(&given("a, b,,c ")), Ok(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(list(&Raw::List(vec![" a".into()])), Ok(vec!["a".into()]));
        assert!(list(&given(" , ")).is_err());
        assert!(list(&Raw::List(Vec::new())).is_err());
    }

    #[test]
    fn bounds_are_part_of_the_message() {
        let error = count(&given("0"), 1, 10).unwrap_err();
        assert_eq!(error.what, "must be from 1 to 10");
    }

    proptest! {
        #[test]
        fn only_the_eight_spellings_are_booleans(text in "\\PC{0,6}") {
            let known = ["true", "false", "1", "0", "yes", "no", "on", "off"];
            let expected = known.contains(&text.trim().to_ascii_lowercase().as_str());
            prop_assert_eq!(boolean(&given(&text)).is_ok(), expected);
        }

        #[test]
        fn a_duration_reads_back_what_its_units_say(d in 0_u64..400, h in 0_u64..100, m in 0_u64..100, s in 0_u64..100) {
            let expected = Duration::from_secs(d * 86_400 + h * 3_600 + m * 60 + s);
            prop_assert_eq!(any_duration(&format!("{d}d{h}h{m}m{s}s")), Ok(expected));
            prop_assert_eq!(any_duration(&expected.as_secs().to_string()), Ok(expected));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC*") {
            let raw = given(&text);
            let _ = (any_duration(&text), size(&raw, 0, u64::MAX), count(&raw, 0, u64::MAX), list(&raw));
        }

        #[test]
        fn a_list_gives_back_the_items_joined_with_commas(items in proptest::collection::vec("[a-z:/.]{1,8}", 1..6)) {
            prop_assert_eq!(list(&given(&items.join(","))), Ok(items));
        }
    }
}
