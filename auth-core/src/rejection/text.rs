//! What a refusal says: the fixed first words, the detail, the next step.

use std::fmt::{self, Write as _};

use super::shown::{Listed, Quoted, QuotedList, Seconds};
use super::{ApiKeyRejection, Malformed, Rejection, TokenKind};
use crate::jwks::FetchFailed;
use crate::oauth::metadata::{MetadataError, differ_by_trailing_slash};

impl Rejection {
    /// What the caller may read: the fixed first words of the message, then the detail.
    pub fn message(&self) -> String {
        let mut text = self.title().to_owned();
        // Writing to a string cannot fail.
        let _ = self.write_detail(&mut text);
        text
    }

    /// The one next step.
    pub fn hint(&self) -> String {
        match self {
            Self::MissingToken => "Run `m4 login`, or put an access token into the file named by M4_OAUTH2_TOKEN_FILE; \
                over HTTP send it as `Authorization: Bearer …`."
                .into(),
            Self::Malformed(Malformed::NotThreeParts { parts: 5 }) => {
                "This is an encrypted token; have the issuer sign access tokens without encrypting them.".into()
            }
            Self::Malformed(Malformed::NotThreeParts { parts: 1 | 2 }) => {
                "This looks like an opaque token; have the issuer issue JWT access tokens for this audience.".into()
            }
            Self::Malformed(_) => "Copy the whole access token (header.payload.signature) and try again.".into(),
            Self::MissingKeyId => "Have the issuer put `kid` into the token's header.".into(),
            Self::UnknownKey { retry_after, .. } => format!(
                "Check that the token comes from the configured issuer; if its keys were just rotated, try again in {}.",
                Seconds(*retry_after)
            ),
            Self::AlgorithmNotAllowed { .. } | Self::AlgorithmNotOfKey { .. } => {
                "Have the issuer sign with an allowed algorithm, or allow an asymmetric one in M4_OAUTH2_ALGORITHMS.".into()
            }
            Self::BadSignature => "Check that the token comes from the configured issuer and was copied whole.".into(),
            Self::Expired { .. } => "Get a new access token.".into(),
            Self::NotYetValid { .. } => {
                "Compare this machine's clock with the issuer's; M4_OAUTH2_LEEWAY allows for small differences.".into()
            }
            Self::WrongIssuer { expected, found } if differ_by_trailing_slash(expected, found) => {
                format!(
                    "The two differ by a trailing slash only: set M4_OAUTH2_ISSUER_URL to exactly {}",
                    Quoted(found)
                )
            }
            Self::UnknownIssuer { known, found } if known.iter().any(|known| differ_by_trailing_slash(known, found)) => {
                format!("One of the two differs by a trailing slash only: configure exactly {}", Quoted(found))
            }
            Self::UnknownIssuer { .. } => "Get a token from one of the configured issuers, or configure this one.".into(),
            Self::WrongIssuer { .. } => "Get a token from the configured issuer, or correct M4_OAUTH2_ISSUER_URL.".into(),
            Self::WrongAudience { .. } => {
                "Ask the issuer for a token for this audience, or correct M4_OAUTH2_AUDIENCE.".into()
            }
            Self::MissingClaim(claim) => format!("Have the issuer include `{claim}` in access tokens."),
            Self::WrongKind(_) => "Send the access token the issuer returned as `access_token`.".into(),
            Self::UnknownCriticalHeader { .. } => "Have the issuer issue tokens without `crit` headers.".into(),
            Self::SenderConstrained => {
                "Send it with a proof of its key where the transport takes one, or ask the issuer for a token without key binding."
                    .into()
            }
            Self::Dpop(rejection) => rejection.hint().into(),
            Self::MissingScopes { required, .. } => format!("Request a new token with the scopes: {required}"),
            Self::RateLimited { retry_after } => format!(
                "Wait {}; the operator sets how often a caller may call (M4_OAUTH2_RATE_LIMIT_…).",
                Seconds(*retry_after)
            ),
            Self::NotActive { .. } => "Get a new access token from the configured issuer.".into(),
            Self::IntrospectionUnavailable { failure, .. } => failure.hint().into(),
            Self::KeysUnavailable { failure: FetchFailed::Metadata(MetadataError::WrongIssuerBySlash), .. } => {
                "Add or remove the slash at the end of M4_OAUTH2_ISSUER_URL.".into()
            }
            Self::KeysUnavailable { failure: FetchFailed::Metadata(MetadataError::WrongIssuer), .. } => {
                "Set M4_OAUTH2_ISSUER_URL to the issuer exactly as its own metadata names it.".into()
            }
            Self::KeysUnavailable { .. } => {
                "Check the network path to the issuer and M4_OAUTH2_ISSUER_URL / M4_OAUTH2_JWKS_URL.".into()
            }
            Self::InvalidApiKey(rejection) => rejection.hint().into(),
            Self::ApiKeysUnavailable => {
                "Have the operator look into the server's log; `m4 keys list` says what is wrong with the file.".into()
            }
            Self::Misconfigured { hint: Some(hint), .. } => hint.clone(),
            Self::Misconfigured { hint: None, .. } => "Correct the M4_OAUTH2_* settings; `m4 doctor` checks them.".into(),
        }
    }

    /// First words, which troubleshooting guides quote.
    fn title(&self) -> &'static str {
        match self {
            Self::MissingToken => "Missing OAuth2 access token",
            Self::Malformed(_) => "Invalid token format",
            Self::MissingKeyId => "Token missing key ID (kid)",
            Self::UnknownKey { .. }
            | Self::AlgorithmNotAllowed { .. }
            | Self::AlgorithmNotOfKey { .. }
            | Self::BadSignature => "Invalid token signature",
            Self::Expired { .. } | Self::InvalidApiKey(ApiKeyRejection::Expired { .. }) => {
                "Token has expired"
            }
            Self::NotYetValid { .. } => "Token is not yet valid",
            Self::WrongIssuer { .. } | Self::UnknownIssuer { .. } => "Invalid token issuer",
            Self::WrongAudience { .. } => "Invalid token audience",
            Self::MissingClaim(_)
            | Self::WrongKind(_)
            | Self::UnknownCriticalHeader { .. }
            | Self::NotActive { .. }
            | Self::SenderConstrained => "Invalid token",
            Self::Dpop(rejection) => rejection.title(),
            Self::MissingScopes { .. } => "Missing required scopes",
            Self::RateLimited { .. } => "Rate limit exceeded",
            Self::IntrospectionUnavailable { .. } => "Failed to introspect token",
            Self::KeysUnavailable { .. } => "Failed to fetch JWKS",
            Self::InvalidApiKey(_) => "Invalid API key",
            Self::ApiKeysUnavailable => "API keys cannot be read",
            Self::Misconfigured { .. } => "OAuth2 is misconfigured",
        }
    }

    fn write_detail(&self, out: &mut String) -> fmt::Result {
        match self {
            Self::MissingToken | Self::MissingKeyId | Self::ApiKeysUnavailable => Ok(()),
            Self::BadSignature => out.write_str(": it does not match the issuer's key"),
            Self::Malformed(malformed) => write!(out, ": {malformed}"),
            Self::UnknownKey { kid: Some(kid), .. } => write!(out, ": no key found for kid {}", Quoted(kid)),
            Self::UnknownKey { kid: None, .. } => {
                out.write_str(": the issuer has no key that could have signed it")
            }
            Self::AlgorithmNotAllowed { algorithm, allowed } => {
                write!(out, ": algorithm {} is not allowed (allowed: {})", Quoted(algorithm), Listed(allowed))
            }
            Self::AlgorithmNotOfKey { algorithm, key } => {
                write!(out, ": algorithm {algorithm} is not the key's ({})", Listed(key))
            }
            Self::Expired { expired_at, now }
            | Self::InvalidApiKey(ApiKeyRejection::Expired { expired_at, now }) => {
                write!(out, ": at {expired_at}, {} seconds ago", now.seconds_since(*expired_at))
            }
            Self::NotYetValid { claim, valid_from, now } => {
                write!(out, ": {claim} is {valid_from}, {} seconds ahead", valid_from.seconds_since(*now))
            }
            Self::WrongIssuer { expected, found } => {
                write!(out, ": expected {}, found {}", Quoted(expected), Quoted(found))
            }
            Self::UnknownIssuer { known, found } => {
                write!(out, ": expected one of {}, found {}", QuotedList(known), Quoted(found))
            }
            Self::WrongAudience { expected, found } => {
                write!(out, ": expected {}, found {}", QuotedList(expected), QuotedList(found))
            }
            Self::MissingClaim(claim) => write!(out, ": the required claim `{claim}` is absent"),
            Self::WrongKind(kind) => write!(out, ": {kind}"),
            Self::UnknownCriticalHeader { name } => {
                write!(out, ": it demands the unknown header extension {}", Quoted(name))
            }
            Self::SenderConstrained => {
                out.write_str(": it is bound to a key (cnf) and was sent as a plain bearer token")
            }
            Self::Dpop(rejection) => write!(out, ": {}", rejection.detail()),
            Self::MissingScopes { missing, .. } => write!(out, ": {missing}"),
            Self::RateLimited { retry_after } => write!(out, ": try again in {}", Seconds(*retry_after)),
            Self::NotActive { reason } => write!(out, ": {reason}"),
            Self::IntrospectionUnavailable { failure, .. } => write!(out, ": {failure}"),
            Self::KeysUnavailable { failure, .. } => write!(out, ": {failure}"),
            Self::InvalidApiKey(rejection) => write!(out, ": {}", rejection.detail()),
            Self::Misconfigured { detail, .. } => write!(out, ": {detail}"),
        }
    }
}

impl ApiKeyRejection {
    const fn detail(self) -> &'static str {
        match self {
            Self::Unknown | Self::Expired { .. } => "no such key is known here",
            Self::WithProof => "it came with a DPoP proof, and is bound to no key",
            Self::NotAKey => "this is no API key, and nothing else is admitted here",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Unknown => {
                "Copy the whole key; if it was revoked, have the operator make a new one with `m4 keys create`."
            }
            Self::Expired { .. } => "Have the operator make a new key with `m4 keys create`.",
            Self::WithProof => "Send it as `Authorization: Bearer …`, without a proof.",
            Self::NotAKey => {
                "Send a key that `m4 keys create` printed; for access tokens the operator enables OAuth2."
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => {
                write!(f, "{bytes} bytes, at most {} are accepted", crate::token::MAX_TOKEN_BYTES)
            }
            Self::NotThreeParts { parts: 1 } => f.write_str("1 part where a JWT has 3"),
            Self::NotThreeParts { parts } => write!(f, "{parts} parts where a JWT has 3"),
            Self::EmptyPart => f.write_str("one of the three parts is empty"),
            Self::NotBase64 { part } => write!(f, "the {part} is not base64url"),
            Self::NotJson { part } => write!(f, "the {part} is not the JSON a JWT has"),
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IdToken => f.write_str("this is an ID token, not an access token"),
            Self::SecurityEvent => {
                f.write_str("this is a logout token or security event, not an access token")
            }
            Self::DpopProof => f.write_str("this is a DPoP proof, not an access token"),
            Self::ClientAssertion => f.write_str("this is a client assertion, not an access token"),
            Self::NotTyped => f.write_str("it is not typed at+jwt, which this server requires"),
            Self::RefreshToken => f.write_str("this is a refresh token, not an access token"),
            Self::Other { typ } => write!(f, "its type {} is not that of an access token", Quoted(typ)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::UnixTime;

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        let kid = format!("\u{1b}[31m\n`{}", "x".repeat(10_000));
        let message = Rejection::UnknownKey { kid: Some(kid), retry_after: Duration::ZERO }.message();
        assert!(
            message.starts_with("Invalid token signature: no key found for kid `\\u{1b}[31m\\n"),
            "{message}"
        );
        assert!(message.len() < 400 && !message.contains('\n'), "{message}");
    }

    #[test]
    fn a_lone_trailing_slash_is_named_in_the_hint() {
        let wrong = |expected: &str, found: &str| Rejection::WrongIssuer {
            expected: expected.into(),
            found: found.into(),
        };
        assert!(wrong("https://a", "https://a/").hint().contains("trailing slash"));
        assert!(wrong("https://a/", "https://a").hint().contains("trailing slash"));
        assert!(!wrong("https://a", "https://b/").hint().contains("trailing slash"));
    }

    #[test]
    fn what_makes_a_text_no_token_is_said() {
        for (malformed, text) in [
            (Malformed::TooLarge { bytes: 20_000 }, "20000 bytes, at most 16384 are accepted"),
            (Malformed::NotThreeParts { parts: 1 }, "1 part where a JWT has 3"),
            (Malformed::NotThreeParts { parts: 5 }, "5 parts where a JWT has 3"),
            (Malformed::EmptyPart, "one of the three parts is empty"),
            (Malformed::NotBase64 { part: "header" }, "the header is not base64url"),
            (Malformed::NotJson { part: "payload" }, "the payload is not the JSON a JWT has"),
        ] {
            assert_eq!(Rejection::from(malformed).message(), format!("Invalid token format: {text}"));
        }
    }

    #[test]
    fn waits_are_rounded_up_to_whole_seconds() {
        let message =
            |millis| Rejection::RateLimited { retry_after: Duration::from_millis(millis) }.message();
        assert_eq!(message(35_001), "Rate limit exceeded: try again in 36 seconds");
        assert_eq!(message(1000), "Rate limit exceeded: try again in 1 second");
    }

    #[test]
    fn times_are_shown_with_their_distance() {
        let rejection =
            Rejection::Expired { expired_at: UnixTime(1_795_219_199), now: UnixTime(1_795_219_239) };
        assert_eq!(rejection.message(), "Token has expired: at 2026-11-20T23:59:59Z, 40 seconds ago");
        assert_eq!(rejection.to_string(), rejection.message());
    }
}
