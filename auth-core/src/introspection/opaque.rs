//! An opaque token as it arrives: sized, its characters checked, nothing of it believed.

use std::fmt;

use crate::rejection::{Malformed, Rejection};
use crate::secret::Secret;
use crate::token::{TokenDigest, without_scheme};

/// A token that may be sent to an introspection endpoint. Any bearer token qualifies, a JWT too.
#[derive(Clone, Copy)]
pub struct OpaqueToken<'a>(&'a str);

impl<'a> OpaqueToken<'a> {
    /// Takes the text of a credential: a token, with or without `Bearer ` in front.
    ///
    /// Empty text is [`Rejection::MissingToken`]. Text longer than [`MAX_TOKEN_BYTES`](crate::token::MAX_TOKEN_BYTES), or
    /// with characters that no bearer token has (`b64token` of RFC 6750 §2.1), is [`Rejection::Malformed`], so it never
    /// costs the issuer a request.
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let text = without_scheme(text)?;
        let unpadded = text.trim_end_matches('=');
        if unpadded.is_empty() || !unpadded.bytes().all(is_token_byte) {
            return Err(Malformed::NotBase64 { part: "token" }.into());
        }
        Ok(Self(text))
    }

    /// The SHA-256 of the token, for [`Introspector::lookup`](super::Introspector::lookup) and logs.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0)
    }

    /// The text, for the request.
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.0)
    }
}

impl fmt::Debug for OpaqueToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpaqueToken({})", self.digest().fingerprint())
    }
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_token_is_a_bearer_token_of_rfc_6750() {
        for text in ["2YotnFZFEjr1zCsicMWpAA", "Bearer ya29.a0-_~+/x==", "a.b.c"] {
            assert!(OpaqueToken::parse(text).is_ok(), "{text}");
        }
        for text in ["", "Bearer "] {
            assert!(matches!(OpaqueToken::parse(text), Err(Rejection::MissingToken)), "{text:?}");
        }
        for text in ["=", "a b", "a\nb", "a\"b", "é", "a=b", "a&token=b"] {
            assert!(matches!(OpaqueToken::parse(text), Err(Rejection::Malformed(_))), "{text:?}");
        }
        let long = "a".repeat(crate::token::MAX_TOKEN_BYTES + 1);
        assert!(matches!(OpaqueToken::parse(&long), Err(Rejection::Malformed(Malformed::TooLarge { .. }))));
    }

    #[test]
    fn the_scheme_name_is_no_part_of_what_is_remembered() {
        let digest = |text| OpaqueToken::parse(text).unwrap().digest();
        assert_eq!(digest("abc"), digest("  bEARER abc "));
        assert_eq!(OpaqueToken::parse("Bearer abc").unwrap().to_secret().expose(), "abc");
    }

    #[test]
    fn debug_output_shows_a_fingerprint_only() {
        let shown = format!("{:?}", OpaqueToken::parse("opaque-text").unwrap());
        assert!(!shown.contains("opaque-text"), "{shown}");
    }
}
