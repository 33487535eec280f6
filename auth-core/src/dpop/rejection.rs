//! Why a DPoP proof was refused: what the caller may read, what OAuth2 calls it, and what would mend it.

use std::fmt;
use std::time::Duration;

use super::proof::MAX_PROOF_BYTES;
use super::target::{InvalidTarget, TargetUri};
use crate::algorithm::Algorithm;
use crate::key::UnusableKey;
use crate::rejection::{Listed, Quoted, Seconds};
use crate::time::UnixTime;

/// A refusal of a proof, or of a token that the proof does not fit.
///
/// No variant holds any part of the access token. What the proof says is escaped and cut where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DpopRejection {
    /// The request has no `DPoP` header field.
    MissingProof,
    /// The request has more than one `DPoP` header field.
    SeveralProofs,
    /// Longer than [`MAX_PROOF_BYTES`].
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not `header.payload.signature`.
    NotThreeParts,
    /// A part is not base64url without padding.
    NotBase64 {
        /// Which part.
        part: &'static str,
    },
    /// A part is not the JSON it has to be: broken, a name given twice, or a value absent or of the wrong type.
    NotJson {
        /// Which part.
        part: &'static str,
    },
    /// `typ` is not `dpop+jwt`.
    WrongType {
        /// The header's `typ`.
        typ: Option<String>,
    },
    /// The header has `crit` (RFC 7515 §4.1.11); no extension is understood.
    CriticalHeader,
    /// The header's algorithm is not on the allow-list.
    AlgorithmNotAllowed {
        /// The header's `alg`.
        algorithm: String,
        /// The allow-list.
        allowed: Vec<Algorithm>,
    },
    /// The embedded key is not a public key for the header's algorithm.
    UnusableKey(UnusableKey),
    /// The signature does not match content and embedded key.
    BadSignature,
    /// A required claim is absent or empty.
    MissingClaim(&'static str),
    /// `jti` is longer than [`MAX_JTI_BYTES`](super::MAX_JTI_BYTES).
    JtiTooLong {
        /// Its length.
        bytes: usize,
    },
    /// `htm` is another method than the request's.
    WrongMethod {
        /// The request's method.
        expected: String,
        /// The proof's `htm`.
        found: String,
    },
    /// `htu` is no URI of an HTTP request.
    InvalidUrl {
        /// What is wrong with it.
        reason: InvalidTarget,
    },
    /// `htu` is another URI than the request's.
    WrongUrl {
        /// The request's URI.
        expected: TargetUri,
        /// The proof's `htu`.
        found: TargetUri,
    },
    /// The proof is older than is accepted, or its own `exp` has come.
    Stale {
        /// The proof's `iat`.
        issued_at: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// `iat` or `nbf` lies further ahead than clocks may differ.
    FromFuture {
        /// The proof's `iat` or `nbf`.
        valid_from: UnixTime,
        /// When it was judged.
        now: UnixTime,
    },
    /// `ath` is not the hash of the access token that came with the proof.
    WrongAccessToken,
    /// The proof has no nonce and the server asks for one.
    NonceRequired {
        /// What to send in `DPoP-Nonce`.
        nonce: String,
    },
    /// The proof's nonce is not one handed out lately.
    NonceStale {
        /// What to send in `DPoP-Nonce`.
        nonce: String,
    },
    /// The proof was used before.
    Replayed,
    /// The access token is not bound to a key by `cnf.jkt` alone, so no proof makes it acceptable here.
    TokenNotBound,
    /// The access token is bound to another key than the proof's.
    WrongKey,
    /// No room to remember another proof.
    ReplayStoreFull {
        /// When there is room again.
        retry_after: Duration,
    },
    /// This key used too many proofs within one acceptance window.
    TooManyProofs {
        /// When there is room again.
        retry_after: Duration,
    },
}

impl DpopRejection {
    /// What the caller may read.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The one next step.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::MissingProof
            | Self::SeveralProofs
            | Self::TooLarge { .. }
            | Self::NotThreeParts
            | Self::NotBase64 { .. }
            | Self::NotJson { .. }
            | Self::WrongType { .. }
            | Self::CriticalHeader
            | Self::MissingClaim(_)
            | Self::JtiTooLong { .. } => {
                "Send one `DPoP` header field with a proof made as RFC 9449 §4.2 says; a DPoP library does."
            }
            Self::AlgorithmNotAllowed { .. } => {
                "Sign proofs with one of the algorithms in the challenge's `algs`."
            }
            Self::UnusableKey(UnusableKey::Private) => {
                "Send the public key only, and stop using this one: its private part has left the client."
            }
            Self::UnusableKey(_) => "Embed the public key that signs the proof, of the type its `alg` needs.",
            Self::BadSignature => "Sign the proof with the private key of the embedded `jwk`.",
            Self::WrongMethod { .. } => "Set `htm` to the request's method, in the same case.",
            Self::InvalidUrl { .. } | Self::WrongUrl { .. } => {
                "Set `htu` to the URL the request is sent to, without query and fragment; \
                 behind a proxy the operator has to configure the server's public URL."
            }
            Self::Stale { .. } | Self::FromFuture { .. } => {
                "Make a new proof for each request, and compare the client's clock with the server's."
            }
            Self::WrongAccessToken => {
                "Set `ath` to base64url(SHA-256(access token)) of the token sent with it."
            }
            Self::NonceRequired { .. } | Self::NonceStale { .. } => {
                "Send the request again with a new proof that holds the value of `DPoP-Nonce` as `nonce`."
            }
            Self::Replayed => "Make a new proof, with a new `jti`, for each request.",
            Self::TokenNotBound => {
                "Ask the issuer for a DPoP-bound token, or send this one as its issuer meant it."
            }
            Self::WrongKey => "Sign the proof with the key that the access token was requested with.",
            Self::ReplayStoreFull { .. } | Self::TooManyProofs { .. } => "Wait, then send the request again.",
        }
    }

    /// The `error` of a challenge: RFC 9449 §12.2, and `invalid_token` where the proof is sound but the token is not
    /// bound to its key (§7.1). None where trying again later is all there is to do.
    pub fn oauth_error(&self) -> Option<&'static str> {
        match self {
            Self::NonceRequired { .. } | Self::NonceStale { .. } => Some("use_dpop_nonce"),
            Self::TokenNotBound | Self::WrongKey => Some("invalid_token"),
            Self::ReplayStoreFull { .. } | Self::TooManyProofs { .. } => None,
            _ => Some("invalid_dpop_proof"),
        }
    }

    /// The HTTP status that carries this refusal.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::TooManyProofs { .. } => 429,
            Self::ReplayStoreFull { .. } => 503,
            _ => 401,
        }
    }

    /// A stable name for audit records and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingProof => "dpop_missing_proof",
            Self::SeveralProofs
            | Self::TooLarge { .. }
            | Self::NotThreeParts
            | Self::NotBase64 { .. }
            | Self::NotJson { .. } => "dpop_malformed",
            Self::WrongType { .. } => "dpop_wrong_type",
            Self::CriticalHeader => "dpop_critical_header",
            Self::AlgorithmNotAllowed { .. } => "dpop_algorithm_not_allowed",
            Self::UnusableKey(_) => "dpop_unusable_key",
            Self::BadSignature => "dpop_bad_signature",
            Self::MissingClaim(_) | Self::JtiTooLong { .. } => "dpop_bad_claim",
            Self::WrongMethod { .. } => "dpop_wrong_method",
            Self::InvalidUrl { .. } | Self::WrongUrl { .. } => "dpop_wrong_url",
            Self::Stale { .. } => "dpop_stale",
            Self::FromFuture { .. } => "dpop_from_future",
            Self::WrongAccessToken => "dpop_wrong_access_token",
            Self::NonceRequired { .. } => "dpop_nonce_required",
            Self::NonceStale { .. } => "dpop_nonce_stale",
            Self::Replayed => "dpop_replayed",
            Self::TokenNotBound => "dpop_token_not_bound",
            Self::WrongKey => "dpop_wrong_key",
            Self::ReplayStoreFull { .. } => "dpop_replay_store_full",
            Self::TooManyProofs { .. } => "dpop_too_many_proofs",
        }
    }

    /// What to send in `DPoP-Nonce`, when a nonce is what is missing.
    pub fn nonce(&self) -> Option<&str> {
        match self {
            Self::NonceRequired { nonce } | Self::NonceStale { nonce } => Some(nonce),
            _ => None,
        }
    }

    /// How long to wait before the same call may pass, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ReplayStoreFull { retry_after } | Self::TooManyProofs { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// First words, which troubleshooting guides quote.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::TokenNotBound | Self::WrongKey => "Invalid token",
            Self::ReplayStoreFull { .. } | Self::TooManyProofs { .. } => "Too many DPoP proofs",
            Self::NonceRequired { .. } | Self::NonceStale { .. } => "DPoP nonce required",
            _ => "Invalid DPoP proof",
        }
    }

    /// What follows them.
    pub(crate) fn detail(&self) -> impl fmt::Display {
        Detail(self)
    }
}

impl fmt::Display for DpopRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title(), self.detail())
    }
}

struct Detail<'a>(&'a DpopRejection);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            DpopRejection::MissingProof => f.write_str("the request has none"),
            DpopRejection::SeveralProofs => f.write_str("the request has more than one"),
            DpopRejection::TooLarge { bytes } => {
                write!(f, "{bytes} bytes, at most {MAX_PROOF_BYTES} are accepted")
            }
            DpopRejection::NotThreeParts => f.write_str("it is not one JWT of 3 parts"),
            DpopRejection::NotBase64 { part } => write!(f, "the {part} is not base64url"),
            DpopRejection::NotJson { part } => write!(f, "the {part} is not the JSON a proof has"),
            DpopRejection::WrongType { typ: None } => f.write_str("it has no type, expected `dpop+jwt`"),
            DpopRejection::WrongType { typ: Some(typ) } => {
                write!(f, "its type is {}, expected `dpop+jwt`", Quoted(typ))
            }
            DpopRejection::CriticalHeader => f.write_str("it demands header extensions (crit)"),
            DpopRejection::AlgorithmNotAllowed { algorithm, allowed } => {
                write!(f, "algorithm {} is not allowed (allowed: {})", Quoted(algorithm), Listed(allowed))
            }
            DpopRejection::UnusableKey(UnusableKey::Private) => {
                f.write_str("its `jwk` cannot be used: it holds a private key")
            }
            DpopRejection::UnusableKey(reason) => write!(f, "its `jwk` cannot be used: {reason}"),
            DpopRejection::BadSignature => f.write_str("its signature does not match its `jwk`"),
            DpopRejection::MissingClaim(claim) => write!(f, "the required claim `{claim}` is absent"),
            DpopRejection::JtiTooLong { bytes } => {
                write!(f, "its `jti` has {bytes} bytes, at most {} are accepted", super::MAX_JTI_BYTES)
            }
            DpopRejection::WrongMethod { expected, found } => {
                write!(f, "`htm` is {}, the request's method is {}", Quoted(found), Quoted(expected))
            }
            DpopRejection::InvalidUrl { reason } => write!(f, "`htu` is no URL of a request: {reason}"),
            DpopRejection::WrongUrl { expected, found } => {
                write!(
                    f,
                    "`htu` is {}, the request's is {}",
                    Quoted(found.as_str()),
                    Quoted(expected.as_str())
                )
            }
            DpopRejection::Stale { issued_at, now } => {
                write!(f, "it is too old: made at {issued_at}, {} seconds ago", now.seconds_since(*issued_at))
            }
            DpopRejection::FromFuture { valid_from, now } => {
                write!(
                    f,
                    "it is from the future: {valid_from}, {} seconds ahead",
                    valid_from.seconds_since(*now)
                )
            }
            DpopRejection::WrongAccessToken => f.write_str("`ath` is not the hash of this access token"),
            DpopRejection::NonceRequired { .. } => f.write_str("the proof has none"),
            DpopRejection::NonceStale { .. } => {
                f.write_str("the proof's is not one that was handed out lately")
            }
            DpopRejection::Replayed => f.write_str("it was used before"),
            DpopRejection::TokenNotBound => f.write_str("it is not bound to a DPoP key (cnf.jkt)"),
            DpopRejection::WrongKey => f.write_str("it is bound to another key than the DPoP proof's"),
            DpopRejection::ReplayStoreFull { retry_after } | DpopRejection::TooManyProofs { retry_after } => {
                write!(f, "try again in {}", Seconds(*retry_after))
            }
        }
    }
}

impl std::error::Error for DpopRejection {}

impl From<UnusableKey> for DpopRejection {
    fn from(reason: UnusableKey) -> Self {
        Self::UnusableKey(reason)
    }
}
