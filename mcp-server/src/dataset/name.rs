//! Dataset names, which become file names: parsed once, so no path can hide in one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Explain, codes};

/// A dataset's name: 1 to 64 of `a`–`z`, `0`–`9`, `-` and `_`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The database file's stem. `-` becomes `_`, so two names can share one; the registry refuses the second.
    pub fn file_stem(&self) -> String {
        self.0.replace('-', "_")
    }

    /// For names written in this crate; `tests` checks that they parse.
    pub(super) fn known(name: &'static str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let fits = (1..=LONGEST).contains(&name.len());
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let clean = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if fits && starts_well && clean {
            return Ok(Self(name.to_owned()));
        }
        Err(InvalidName { name: name.chars().take(LONGEST).collect() })
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        name.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A text that cannot name a dataset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a dataset name")]
pub struct InvalidName {
    /// What was given, cut to the longest name.
    pub name: String,
}

impl Explain for InvalidName {
    fn hint(&self) -> Option<String> {
        Some(format!("use 1 to {LONGEST} lower-case letters, digits, '-' and '_', such as mimic-iv-demo"))
    }

    fn code(&self) -> &'static str {
        codes::INVALID_NAME
    }
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_could_leave_the_directory_is_a_name() {
        for bad in [
            "", "..", "../x", "a/b", "a\\b", "/etc", "C:x", ".hidden", "-rf", "a b", "Mimic", "ü", "a\0",
            "a.b",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?} was taken for a name");
        }
        assert!("x".repeat(65).parse::<Name>().is_err());
    }

    #[test]
    fn a_long_bad_name_is_not_echoed_in_full() {
        let error = "Ä".repeat(10_000).parse::<Name>().unwrap_err();
        assert!(error.to_string().len() < 200);
    }

    proptest! {
        #[test]
        fn a_stem_is_one_plain_path_component(text in ".{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                let stem = name.file_stem();
                let mut parts = std::path::Path::new(&stem).components();
                prop_assert!(matches!(parts.next(), Some(std::path::Component::Normal(part)) if part == stem.as_str()));
                prop_assert!(parts.next().is_none());
            }
        }
    }
}
