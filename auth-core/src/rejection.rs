//! Why a caller was refused: what it may read, what OAuth2 calls it, and what would mend it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::dpop::DpopRejection;
use crate::introspection::{InactiveReason, IntrospectionFailed};
use crate::jwks::FetchFailed;
use crate::oauth::metadata::{MetadataError, differ_by_trailing_slash};
use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// A refusal. Every comparison that failed carries both of its sides.
///
/// What a token says is only quoted after its signature held, except the names in its header (`alg`, `kid`), and
/// always escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// No token was presented.
    MissingToken,
    /// The text is not a compact JWS.
    Malformed(Malformed),
    /// The header names no key and more than one key could have signed.
    MissingKeyId,
    /// No key of the issuer has this id, even after asking again.
    UnknownKey {
        /// The id in the token's header.
        kid: Option<String>,
        /// How long until the issuer may be asked again for keys.
        retry_after: Duration,
    },
    /// The header's algorithm is not on the allow-list.
    AlgorithmNotAllowed {
        /// The header's `alg`.
        algorithm: String,
        /// The allow-list.
        allowed: Vec<Algorithm>,
    },
    /// The header's algorithm is not one the key may be used with.
    AlgorithmNotOfKey {
        /// The header's `alg`.
        algorithm: Algorithm,
        /// What the key may be used with.
        key: Vec<Algorithm>,
    },
    /// The signature does not match content and key.
    BadSignature,
    /// `exp` lies in the past.
    Expired {
        /// The token's `exp`.
        expired_at: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// `nbf` or `iat` lies in the future.
    NotYetValid {
        /// Which of the two.
        claim: &'static str,
        /// Its value.
        valid_from: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// `iss` is not the configured issuer, compared byte for byte (RFC 8414 §2).
    WrongIssuer {
        /// The configured issuer.
        expected: String,
        /// The token's `iss`.
        found: String,
    },
    /// `iss` is none of the configured issuers.
    UnknownIssuer {
        /// The configured issuers.
        known: Vec<String>,
        /// What the token, still unverified, claims.
        found: String,
    },
    /// No `aud` value is one of ours (RFC 7519 §4.1.3).
    WrongAudience {
        /// The configured audiences.
        expected: Vec<String>,
        /// The token's `aud`.
        found: Vec<String>,
    },
    /// A required claim is absent or empty.
    MissingClaim(String),
    /// The token is genuine but is no access token.
    WrongKind(TokenKind),
    /// The header demands an extension that is not understood (RFC 7515 §4.1.11).
    UnknownCriticalHeader {
        /// Its name.
        name: String,
    },
    /// The token is bound to a key (`cnf`, RFC 7800) but came as a plain bearer token.
    SenderConstrained,
    /// The token came with a DPoP proof that does not hold or does not fit it.
    Dpop(DpopRejection),
    /// The issuer, asked about the token, does not vouch for it (RFC 7662).
    NotActive {
        /// What it said.
        reason: String,
    },
    /// The issuer has to be asked about the token and cannot be.
    IntrospectionUnavailable {
        /// What went wrong.
        failure: IntrospectionFailed,
        /// When asking again may help.
        retry_after: Duration,
    },
    /// The token lacks scopes the call needs.
    MissingScopes {
        /// What it lacks.
        missing: ScopeSet,
        /// Everything the call needs, for one complete challenge.
        required: ScopeSet,
        /// What it has.
        granted: ScopeSet,
    },
    /// The subject used up its rate.
    RateLimited {
        /// When the next call would pass.
        retry_after: Duration,
    },
    /// No usable keys and the issuer does not give any.
    KeysUnavailable {
        /// What went wrong with the last attempt.
        failure: FetchFailed,
        /// When the issuer may be asked again.
        retry_after: Duration,
    },
    /// The configuration cannot protect anything, so nobody gets in.
    Misconfigured {
        /// What is wrong with it.
        detail: String,
        /// What mends it, where that is known.
        hint: Option<String>,
    },
}

/// What made a text not a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::token::MAX_TOKEN_BYTES).
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not `header.payload.signature`.
    NotThreeParts {
        /// How many parts there are.
        parts: usize,
    },
    /// One of the parts is empty.
    EmptyPart,
    /// A part is not base64url without padding.
    NotBase64 {
        /// Which part.
        part: &'static str,
    },
    /// A part is not the JSON it has to be: broken, a name given twice, or a value of the wrong type.
    NotJson {
        /// Which part.
        part: &'static str,
    },
}

/// Tokens that issuers sign with the same keys but that grant no access.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// An OpenID Connect ID token.
    IdToken,
    /// An OpenID Connect back-channel logout token or another security event (RFC 8417).
    SecurityEvent,
    /// A DPoP proof (RFC 9449 §4.2).
    DpopProof,
    /// A refresh token in JWT form.
    RefreshToken,
    /// A client's own assertion (RFC 7523).
    ClientAssertion,
    /// Not typed `at+jwt` where that is required (RFC 9068 §4).
    NotTyped,
    /// Some other `typ`.
    Other {
        /// The `typ` it has.
        typ: String,
    },
}

impl Rejection {
    pub(crate) fn missing(claim: &str) -> Self {
        Self::MissingClaim(claim.to_owned())
    }

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
            Self::MissingToken => "Put an access token into M4_OAUTH2_TOKEN or the file named by M4_OAUTH2_TOKEN_FILE; \
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
            Self::Misconfigured { hint: Some(hint), .. } => hint.clone(),
            Self::Misconfigured { hint: None, .. } => "Correct the M4_OAUTH2_* settings; `m4 doctor` checks them.".into(),
        }
    }

    /// The `error` code of RFC 6750 §3.1; none where the RFC gives none.
    pub fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::MissingToken
            | Self::RateLimited { .. }
            | Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::Misconfigured { .. } => None,
            Self::MissingScopes { .. } => Some("insufficient_scope"),
            Self::Dpop(rejection) => rejection.oauth_error(),
            _ => Some("invalid_token"),
        }
    }

    /// The HTTP status that carries this refusal.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::MissingScopes { .. } => 403,
            Self::Dpop(rejection) => rejection.http_status(),
            Self::RateLimited { .. } => 429,
            Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::Misconfigured { .. } => 503,
            _ => 401,
        }
    }

    /// A stable name for audit records and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::Malformed(_) => "malformed",
            Self::MissingKeyId => "missing_kid",
            Self::UnknownKey { .. } => "unknown_kid",
            Self::AlgorithmNotAllowed { .. } => "algorithm_not_allowed",
            Self::AlgorithmNotOfKey { .. } => "algorithm_not_of_key",
            Self::BadSignature => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::WrongIssuer { .. } | Self::UnknownIssuer { .. } => "wrong_issuer",
            Self::WrongAudience { .. } => "wrong_audience",
            Self::MissingClaim(_) => "missing_claim",
            Self::WrongKind(_) => "wrong_kind",
            Self::UnknownCriticalHeader { .. } => "unknown_critical_header",
            Self::SenderConstrained => "sender_constrained",
            Self::Dpop(rejection) => rejection.code(),
            Self::MissingScopes { .. } => "missing_scopes",
            Self::RateLimited { .. } => "rate_limited",
            Self::NotActive { .. } => "not_active",
            Self::IntrospectionUnavailable { .. } => "introspection_unavailable",
            Self::KeysUnavailable { .. } => "keys_unavailable",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }

    /// How long to wait before the same call may pass, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::KeysUnavailable { retry_after, .. }
            | Self::IntrospectionUnavailable { retry_after, .. } => Some(*retry_after),
            Self::Dpop(rejection) => rejection.retry_after(),
            _ => None,
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
            Self::Expired { .. } => "Token has expired",
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
            Self::Misconfigured { .. } => "OAuth2 is misconfigured",
        }
    }

    fn write_detail(&self, out: &mut String) -> fmt::Result {
        match self {
            Self::MissingToken | Self::MissingKeyId => Ok(()),
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
            Self::Expired { expired_at, now } => {
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
            Self::Misconfigured { detail, .. } => write!(out, ": {detail}"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Rejection {}

impl From<DpopRejection> for Rejection {
    fn from(rejection: DpopRejection) -> Self {
        Self::Dpop(rejection)
    }
}

impl From<InactiveReason> for Rejection {
    fn from(reason: InactiveReason) -> Self {
        match reason {
            InactiveReason::Refused(rejection) => rejection,
            other => Self::NotActive { reason: other.to_string() },
        }
    }
}

impl From<Malformed> for Rejection {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
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

/// Whole seconds, rounded up, because a caller who comes back too early is refused again.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0);
        write!(f, "{seconds} second{}", if seconds == 1 { "" } else { "s" })
    }
}

/// Foreign text made safe to show: control and invisible characters escaped, cut at a readable length.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 200;
        f.write_char('`')?;
        for c in self.0.chars().take(MOST) {
            write!(f, "{}", c.escape_debug())?;
        }
        if self.0.chars().nth(MOST).is_some() {
            f.write_char('…')?;
        }
        f.write_char('`')
    }
}

pub(crate) struct QuotedList<'a>(pub(crate) &'a [String]);

impl fmt::Display for QuotedList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 8;
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, text) in self.0.iter().take(MOST).enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, Quoted(text))?;
        }
        if self.0.len() > MOST {
            write!(f, " and {} more", self.0.len() - MOST)?;
        }
        Ok(())
    }
}

pub(crate) struct Listed<'a>(pub(crate) &'a [Algorithm]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, algorithm) in self.0.iter().enumerate() {
            write!(f, "{}{algorithm}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
