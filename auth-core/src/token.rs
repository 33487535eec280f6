//! A token as it arrives: sized and split, nothing of it believed yet.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::json;
use crate::rejection::{Malformed, Rejection};

/// Longest token accepted, in bytes. Real access tokens stay under 8 KiB; more only costs us work.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A compact JWS (RFC 7515 §7.1) that was split into its three parts and nothing more.
///
/// It gives no access to its claims: those come out of [`Verifier::verify`](crate::verify::Verifier::verify) only.
#[derive(Clone, Copy)]
pub struct UnverifiedToken<'a> {
    text: &'a str,
    header_end: usize,
    payload_end: usize,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the text of a credential: a token, with or without `Bearer ` in front.
    ///
    /// Empty text is [`Rejection::MissingToken`]; anything that is not three non-empty parts, or longer than
    /// [`MAX_TOKEN_BYTES`], is [`Rejection::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let text = without_scheme(text)?;
        let mut dots = text.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(index, _)| index);
        let (Some(header_end), Some(payload_end), None) = (dots.next(), dots.next(), dots.next()) else {
            let parts = text.split('.').count();
            return Err(Malformed::NotThreeParts { parts }.into());
        };
        if header_end == 0 || payload_end == header_end + 1 || payload_end + 1 == text.len() {
            return Err(Malformed::EmptyPart.into());
        }
        Ok(Self { text, header_end, payload_end })
    }

    /// The SHA-256 of the token, for caches and logs.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.text)
    }

    /// Decodes the JOSE header. Its content is the caller's claim, not a fact.
    pub fn header(&self) -> Result<Header, Rejection> {
        decode_json(&self.text[..self.header_end], "header")
    }

    /// What the signature covers (RFC 7515 §5.2).
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        &self.text.as_bytes()[..self.payload_end]
    }

    /// The decoded signature.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, Rejection> {
        decode_base64(&self.text[self.payload_end + 1..], "signature")
    }

    /// The issuer the token claims to be from, to choose whose keys have to prove it. Believed for nothing else.
    pub(crate) fn claimed_issuer(&self) -> Result<Option<String>, Rejection> {
        #[derive(Deserialize)]
        struct Claimed {
            iss: Option<String>,
        }
        self.claims::<Claimed>().map(|claimed| claimed.iss)
    }

    /// The decoded claims. Only for [`crate::verify`], after the signature held.
    pub(crate) fn claims<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Rejection> {
        decode_json(&self.text[self.header_end + 1..self.payload_end], "claims")
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnverifiedToken({})", self.digest().fingerprint())
    }
}

/// The parts of a JOSE header that decide how a token is verified (RFC 7515 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Signature algorithm as the token names it.
    pub alg: String,
    /// Key id.
    pub kid: Option<String>,
    /// Media type of the token.
    pub typ: Option<String>,
    /// Extensions that a verifier must understand; we understand none.
    pub crit: Option<Vec<String>>,
}

/// SHA-256 of a token's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of a token without its scheme name.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// A digest that was kept.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// In lower-case hexadecimal, as `sha256sum` prints it.
    pub(crate) fn to_hex(self) -> String {
        let mut text = String::with_capacity(2 * self.0.len());
        for byte in self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The 32 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What a log may hold of a token.
    pub fn fingerprint(&self) -> Fingerprint {
        let [a, b, c, d, ..] = self.0;
        Fingerprint([a, b, c, d])
    }

    /// The first eight bytes, evenly distributed, for picking a bucket.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({}…)", self.fingerprint())
    }
}

/// The first 8 hexadecimal digits of a token's SHA-256: enough to find it in two logs, useless to forge it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 4]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The token in the text of a credential: there, of bearable size, and without `Bearer ` in front.
pub fn without_scheme(text: &str) -> Result<&str, Rejection> {
    let text = strip_bearer(text.trim_ascii());
    if text.is_empty() {
        return Err(Rejection::MissingToken);
    }
    if text.len() > MAX_TOKEN_BYTES {
        return Err(Malformed::TooLarge { bytes: text.len() }.into());
    }
    Ok(text)
}

/// Removes the scheme name of RFC 6750 §2.1, which is case-insensitive (RFC 9110 §11.1).
fn strip_bearer(text: &str) -> &str {
    match text.split_at_checked("bearer".len()) {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("bearer")
                && (rest.is_empty() || rest.starts_with([' ', '\t'])) =>
        {
            rest.trim_ascii_start()
        }
        _ => text,
    }
}

fn decode_base64(part: &str, name: &'static str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed::NotBase64 { part: name }.into())
}

fn decode_json<T: for<'de> Deserialize<'de>>(part: &str, name: &'static str) -> Result<T, Rejection> {
    let bytes = decode_base64(part, name)?;
    json::object(&bytes).ok_or_else(|| Malformed::NotJson { part: name }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_prefix_is_optional_and_in_any_case() {
        let plain = UnverifiedToken::parse("a.b.c").unwrap().digest();
        for text in ["Bearer a.b.c", "bearer  a.b.c", "BEARER\ta.b.c", "  Bearer a.b.c\n"] {
            assert_eq!(UnverifiedToken::parse(text).unwrap().digest(), plain, "{text}");
        }
    }

    #[test]
    fn nothing_or_a_lone_scheme_name_is_a_missing_token() {
        for text in ["", "  ", "Bearer", "Bearer  "] {
            assert!(matches!(UnverifiedToken::parse(text), Err(Rejection::MissingToken)), "{text:?}");
        }
    }

    #[test]
    fn other_than_three_parts_is_malformed() {
        for (text, count) in [("opaque-token", 1), ("a.b", 2), ("a.b.c.d", 4), ("a.b.c.d.e", 5)] {
            let rejection = UnverifiedToken::parse(text).unwrap_err();
            assert!(
                matches!(rejection, Rejection::Malformed(Malformed::NotThreeParts { parts }) if parts == count),
                "{text}"
            );
        }
        for text in [".b.c", "a..c", "a.b.", ".."] {
            assert!(matches!(UnverifiedToken::parse(text), Err(Rejection::Malformed(Malformed::EmptyPart))));
        }
    }

    #[test]
    fn an_oversized_token_is_refused_before_any_work() {
        let text = format!("a.{}.c", "b".repeat(MAX_TOKEN_BYTES));
        assert!(matches!(
            UnverifiedToken::parse(&text),
            Err(Rejection::Malformed(Malformed::TooLarge { .. }))
        ));
    }

    #[test]
    fn digests_of_different_tokens_begin_differently() {
        let prefix = |text: &str| UnverifiedToken::parse(text).unwrap().digest().prefix();
        assert_ne!(prefix("a.b.c"), prefix("a.b.d"));
    }

    #[test]
    fn the_largest_token_has_16384_bytes() {
        let text = |bytes: usize| format!("a.{}.c", "b".repeat(bytes - 4));
        assert!(UnverifiedToken::parse(&text(16_384)).is_ok());
        assert!(UnverifiedToken::parse(&text(16_385)).is_err());
    }

    #[test]
    fn a_header_with_a_repeated_name_is_malformed() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","alg":"none"}"#);
        let text = format!("{header}.e30.AA");
        assert!(matches!(
            UnverifiedToken::parse(&text).unwrap().header(),
            Err(Rejection::Malformed(Malformed::NotJson { part: "header" }))
        ));
    }

    #[test]
    fn debug_output_shows_a_fingerprint_only() {
        let token = UnverifiedToken::parse("abc.def.ghi").unwrap();
        let shown = format!("{token:?} {:?}", token.digest());
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
        assert_eq!(token.digest().fingerprint().to_string().len(), 8);
    }
}
