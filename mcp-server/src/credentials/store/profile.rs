//! Names that tell several logins of one person apart.

use std::fmt;
use std::str::FromStr;

/// The name of a set of logins. Two profiles may hold logins for the same issuer and resource, as different people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile(String);

impl Profile {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Profile {
    /// The one that is used where nobody names another.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for Profile {
    type Err = InvalidProfile;

    /// Takes 1 to 64 ASCII letters, digits and `.`, `_`, `-`; a letter or digit first.
    fn from_str(text: &str) -> Result<Self, InvalidProfile> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let is_name = begins && text.len() <= LONGEST && text.bytes().all(is_part);
        is_name.then(|| Self(text.to_owned())).ok_or(InvalidProfile)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that names no profile; reads after the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no profile name: 1 to {LONGEST} letters, digits, `.`, `_` and `-`, a letter or digit first")]
pub struct InvalidProfile;

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_a_plain_name() {
        for text in ["default", "a", "work-2", "ann.b_c", &"x".repeat(64)] {
            assert_eq!(text.parse::<Profile>().unwrap().as_str(), text);
        }
        for text in ["", "-a", ".a", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert_eq!(text.parse::<Profile>(), Err(InvalidProfile), "{text:?}");
        }
    }
}
