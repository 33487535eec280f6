//! Whether a text that somebody chose can be a key.

use super::{KEY_PREFIX, Shape};
use crate::secret::Secret;
use crate::token::MAX_TOKEN_BYTES;

/// The shortest text that can be a key.
pub const MIN_KEY_BYTES: usize = 32;

/// Refuses a text that could be guessed, that no header carries, or that the gate would take for a JWT.
///
/// Nobody can tell from a text how it was made. This keeps out what is short, repeats itself, or is made of few different
/// characters; it lets a long sentence pass.
pub fn check_strength(text: &Secret) -> Result<(), WeakKey> {
    let text = text.expose();
    let unpadded = text.trim_end_matches('=');
    if text.len() > MAX_TOKEN_BYTES || !unpadded.bytes().all(is_token_byte) {
        return Err(WeakKey::NotAToken);
    }
    if text.len() < MIN_KEY_BYTES {
        return Err(WeakKey::TooShort);
    }
    if Shape::of(text) == Ok(Shape::Jwt) {
        return Err(WeakKey::LooksLikeJwt);
    }
    let chosen = text.strip_prefix(KEY_PREFIX).unwrap_or(text).as_bytes();
    if repeats(chosen) || estimated_bits(chosen) < LEAST_BITS {
        return Err(WeakKey::Guessable);
    }
    Ok(())
}

/// Why a text cannot be a key. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakKey {
    /// It is short enough to be tried out.
    #[error("it has fewer than {MIN_KEY_BYTES} characters")]
    TooShort,
    /// It repeats itself or has too few different characters.
    #[error("it could be guessed: it repeats itself or has few different characters")]
    Guessable,
    /// It holds characters that a bearer token may not have (`b64token` of RFC 6750 §2.1), or is longer than any.
    #[error("it has characters that no `Authorization` header carries, or is too long for one")]
    NotAToken,
    /// It has three parts with dots between them.
    #[error("it has three parts with dots between them, as only a JWT has")]
    LooksLikeJwt,
}

/// Whether the text is a shorter one, again and again.
fn repeats(text: &[u8]) -> bool {
    (1..=text.len() / 2).any(|period| text.iter().zip(&text[period..]).all(|(a, b)| a == b))
}

/// The text's length times the Shannon entropy of its characters.
fn estimated_bits(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let length = f64::from(counts.iter().sum::<u32>());
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count))
        .map(|n| n * (length / n).log2())
        .sum()
}

/// 32 random hexadecimal digits come to 102 or more nearly always; text of one password twice does not.
const LEAST_BITS: f64 = 96.0;

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), WeakKey> {
        check_strength(&Secret::new(text))
    }

    #[test]
    fn a_text_that_could_be_guessed_cannot_be_a_key() {
        assert_eq!(check("kJ8-x_Zq0pLm4nVb7tRw2yUc5sEd9fG"), Err(WeakKey::TooShort));
        assert_eq!(check(""), Err(WeakKey::TooShort));
        for text in [
            &"a".repeat(64),
            "passwordpasswordpasswordpassword",
            "correct-horse-1correct-horse-1correct-h",
            "0000000000000000000000000000000000000001",
            "m4_0000000000000000000000000000000000000",
            "1212121212121212121212121212121221212121",
        ] {
            assert_eq!(check(text), Err(WeakKey::Guessable), "{text}");
        }
    }

    #[test]
    fn a_key_must_pass_through_a_header_and_not_for_a_jwt() {
        for text in [
            "kJ8 x_Zq0pLm4nVb7tRw2yUc5sEd9fGh1",
            "kJ8\nx_Zq0pLm4nVb7tRw2yUc5sEd9fGh1",
            "kJ8éx_Zq0pLm4nVb7tRw2yUc5sEd9fGh1",
        ] {
            assert_eq!(check(text), Err(WeakKey::NotAToken), "{text}");
        }
        let long = |length: usize| format!("{}kJ8-x_Zq0pLm4nVb7tRw2yUc5sEd9fGh", "a".repeat(length - 32));
        assert_eq!(check(&long(16 * 1024)), Ok(()));
        assert_eq!(check(&long(16 * 1024 + 1)), Err(WeakKey::NotAToken));
        assert_eq!(check("kJ8x.Zq0pLm4nVb7tRw2yUc5.sEd9fGh1"), Err(WeakKey::LooksLikeJwt));
    }

    #[test]
    fn what_generators_make_is_strong_enough() {
        for text in [
            "kJ8-x_Zq0pLm4nVb7tRw2yUc5sEd9fGh",
            "9f86d081884c7d659a2feaa0c55ad015",
            "550e8400-e29b-41d4-a716-446655440000",
            "dGhpcyBpcyBub3QgYSBzZWNyZXQgYXQgYWxs+/==",
            // As few as will do: 96 bits.
            "abcdefghbadcfehgcdabghefdcbahgfe",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
