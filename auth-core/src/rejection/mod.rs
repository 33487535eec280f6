//! Why a caller was refused: what it may read, what OAuth2 calls it, and what would mend it.

mod shown;
mod text;

use std::fmt;
use std::time::Duration;

pub(crate) use self::shown::{Listed, Quoted, QuotedList, Seconds};

use crate::algorithm::Algorithm;
use crate::dpop::DpopRejection;
use crate::introspection::{InactiveReason, IntrospectionFailed};
use crate::jwks::FetchFailed;
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
    /// The API key is none that lets anybody in.
    InvalidApiKey(ApiKeyRejection),
    /// The file that holds the API keys cannot be used, so that nobody gets in by key. Why is for the operator alone.
    ApiKeysUnavailable,
    /// The configuration cannot protect anything, so nobody gets in.
    Misconfigured {
        /// What is wrong with it.
        detail: String,
        /// What mends it, where that is known.
        hint: Option<String>,
    },
}

/// What is wrong with an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyRejection {
    /// It is not among the keys: mistyped, revoked, or made up.
    Unknown,
    /// Its time is over.
    Expired {
        /// When it ended.
        expired_at: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// It came under the DPoP scheme, with a proof of a key that it is not bound to.
    WithProof,
    /// It is a token, where only API keys are admitted.
    NotAKey,
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

    /// The `error` code of RFC 6750 §3.1; none where the RFC gives none.
    pub fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::MissingToken
            | Self::RateLimited { .. }
            | Self::KeysUnavailable { .. }
            | Self::IntrospectionUnavailable { .. }
            | Self::ApiKeysUnavailable
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
            | Self::ApiKeysUnavailable
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
            Self::Expired { .. } | Self::InvalidApiKey(ApiKeyRejection::Expired { .. }) => "expired",
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
            Self::InvalidApiKey(_) => "invalid_api_key",
            Self::ApiKeysUnavailable => "api_keys_unavailable",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }

    /// How long to wait before the same call may pass, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::KeysUnavailable { retry_after, .. }
            | Self::IntrospectionUnavailable { retry_after, .. } => Some(*retry_after),
            Self::UnknownKey { retry_after, .. } => Some(*retry_after).filter(|wait| !wait.is_zero()),
            Self::Dpop(rejection) => rejection.retry_after(),
            _ => None,
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
