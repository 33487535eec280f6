//! A string that must never be printed: tokens, client secrets, authorization codes.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret text. Its `Debug` is redacted, it has no `Display` and no `==`, and its memory is wiped on drop.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call site is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares with other secret text in time that depends on the lengths only.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_holds_the_text() {
        let secret = Secret::new("s3cr3t-value");
        assert_eq!(format!("{secret:?}"), "Secret([redacted])");
        assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    Secret([redacted]),\n)");
    }

    #[test]
    fn the_text_comes_out_as_it_went_in() {
        assert_eq!(Secret::new("abc").expose(), "abc");
        assert_eq!(Secret::from("abc".to_owned()).expose(), "abc");
        assert!(Secret::default().is_empty() && !Secret::new("abc").is_empty());
    }

    #[test]
    fn comparison_is_by_whole_content() {
        let secret = Secret::new("abc");
        assert!(secret.matches("abc"));
        assert!(!secret.matches("abd"));
        assert!(!secret.matches("abcd"));
        assert!(!secret.matches(""));
    }
}
