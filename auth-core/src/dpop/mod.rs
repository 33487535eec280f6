//! Sender-constrained tokens: DPoP proofs at a resource server (RFC 9449), decided without clock, network or randomness.
//!
//! A DPoP-bound token is worth nothing without the private key it was issued to. The client proves, with each request,
//! that it holds that key: a small JWT in the `DPoP` header field, bound to the request's method and URL, to the access
//! token and to a moment, good for one use.
//!
//! **Two steps.** [`DpopVerifier::verify`] judges the proof by itself and gives a [`DpopBound`].
//! [`DpopBound::redeem`] ties it to the access token once *that* was verified: same token (`ath`), same key
//! (`cnf.jkt`), not used before. A token with `cnf` that comes without a redeemed proof stays refused, and so does a
//! token without `cnf` under the `DPoP` scheme.
//!
//! **What the HTTP layer has to do**
//!
//! 1. Read `Authorization: DPoP <token>` (the scheme is case-insensitive). Under any other scheme do not look at the
//!    proof at all: the token is then judged as plain bearer, and one with `cnf` is refused.
//! 2. Take the proof with [`single_proof`] from all values of `DPoP` (RFC 9449 §4.3, check 1). Refuse more than one
//!    `Authorization` with 400.
//! 3. Build the [`TargetUri`] from the server's *configured* public URL and the request's path, never from `Host` or
//!    `X-Forwarded-*` of a proxy it does not trust: `htu` says which server the client meant.
//! 4. Pass the method as it was on the request line and the token without scheme name.
//! 5. Make one [`DpopBound`] per HTTP request, hand it to the gate with the request, drop it with the request.
//! 6. On a refusal, also of a request without credentials: `WWW-Authenticate` from [`Challenge::dpop`] with
//!    [`DpopSettings::algorithms`], `DPoP-Nonce` from [`DpopVerifier::nonce`], status and `Retry-After` of the
//!    [`Rejection`].
//! 7. When nonces are on: send [`DpopVerifier::nonce`] in `DPoP-Nonce` with accepted requests too (RFC 9449 §8.2), and
//!    `Cache-Control: no-store`; behind CORS expose `DPoP-Nonce` and `WWW-Authenticate`.
//!
//! **What it does not protect from.** The list of used proofs is this process's: after a restart, or at another replica,
//! a captured proof can be used once more within its acceptance window, unless nonces with a key made at each start
//! are on. A proof does not cover the request's body, query or headers.
//!
//! ```
//! use auth_core::dpop::{DpopRequest, DpopSettings, DpopVerifier, TargetUri, single_proof};
//! use auth_core::oauth::challenge::Challenge;
//! use auth_core::rejection::Rejection;
//! use auth_core::scope::ScopeSet;
//! use auth_core::time::UnixTime;
//!
//! let verifier = DpopVerifier::new(DpopSettings::default());
//! let url = TargetUri::parse("https://m4.example/mcp?session=1").unwrap();
//! let now = UnixTime(1_800_000_000);
//! let refused = single_proof(["e30.e30.AA"])
//!     .and_then(|proof| {
//!         verifier.verify(&DpopRequest { proof, method: "POST", url: &url, access_token: "token" }, now)
//!     })
//!     .unwrap_err();
//! assert_eq!((refused.http_status(), refused.oauth_error()), (401, Some("invalid_dpop_proof")));
//! let challenge = Challenge::new(&Rejection::from(refused), &ScopeSet::default(), None);
//! let field = challenge.dpop(&verifier.settings().algorithms);
//! assert!(field.starts_with(r#"DPoP algs="ES256 ES384 EdDSA RS256 PS256", error="invalid_dpop_proof""#));
//! ```
//!
//! [`Challenge::dpop`]: crate::oauth::challenge::Challenge::dpop
//! [`Rejection`]: crate::rejection::Rejection

mod bound;
mod nonce;
mod proof;
mod rejection;
mod replay;
mod target;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

pub use bound::{DpopBound, matches};
pub use nonce::NonceIssuer;
pub use proof::{DpopProof, MAX_PROOF_BYTES};
pub use rejection::DpopRejection;
pub use target::{InvalidTarget, TargetUri};

use crate::algorithm::Algorithm;
use crate::time::UnixTime;
use crate::token::TokenDigest;
use proof::ProofClaims;
use replay::{ProofId, ReplayStore};

/// Longest `jti` accepted, in bytes. A UUID has 36.
pub const MAX_JTI_BYTES: usize = 256;

/// What proofs have to be. Read once, by [`DpopVerifier::new`].
#[derive(Debug)]
pub struct DpopSettings {
    /// Signature algorithms accepted.
    pub algorithms: Vec<Algorithm>,
    /// Oldest `iat` accepted, in whole seconds: the way to us, and how far a client's clock may be behind ours.
    pub max_age: Duration,
    /// How far `iat` may be ahead, in whole seconds.
    pub future_skew: Duration,
    /// Proofs remembered against replay. When as many are in use, new ones are refused until the oldest expire.
    pub replay_capacity: usize,
    /// Proofs remembered of one key, so that one client cannot use up the room of all.
    pub replay_per_key: usize,
    /// When there is an issuer, each proof needs one of its nonces.
    pub nonces: Option<NonceIssuer>,
}

impl Default for DpopSettings {
    /// ES256, ES384, `EdDSA`, RS256 and PS256; a minute back and half a minute ahead; 100,000 proofs, 10,000 per key; no
    /// nonces.
    fn default() -> Self {
        Self {
            algorithms: vec![
                Algorithm::ES256,
                Algorithm::ES384,
                Algorithm::EdDSA,
                Algorithm::RS256,
                Algorithm::PS256,
            ],
            max_age: Duration::from_secs(60),
            future_skew: Duration::from_secs(30),
            replay_capacity: 100_000,
            replay_per_key: 10_000,
            nonces: None,
        }
    }
}

/// A request as far as its proof covers it.
#[derive(Clone, Copy)]
pub struct DpopRequest<'a> {
    /// The value of the one `DPoP` header field.
    pub proof: &'a str,
    /// The request's method, as received.
    pub method: &'a str,
    /// The URL the request was made to, as the client knows it.
    pub url: &'a TargetUri,
    /// The access token, without `DPoP ` in front.
    pub access_token: &'a str,
}

/// Judges proofs. Made once per configuration and shared; all its methods take `&self`.
#[derive(Debug)]
pub struct DpopVerifier {
    settings: DpopSettings,
    store: Arc<ReplayStore>,
}

impl DpopVerifier {
    /// Applies `settings`, with no proof used yet.
    pub fn new(settings: DpopSettings) -> Self {
        let store = Arc::new(ReplayStore::new(settings.replay_capacity, settings.replay_per_key));
        Self { settings, store }
    }

    /// The rules applied.
    pub fn settings(&self) -> &DpopSettings {
        &self.settings
    }

    /// Judges a proof by itself (RFC 9449 §4.3, checks 2 to 12 except the key binding).
    ///
    /// Nothing is remembered yet: that is [`DpopBound::redeem`]'s, after the token was verified.
    pub fn verify(&self, request: &DpopRequest<'_>, wall: UnixTime) -> Result<DpopBound, DpopRejection> {
        let signed = DpopProof::parse(request.proof)?.verify(&self.settings.algorithms)?;
        let claims = signed.claims;
        let jti = required(claims.jti.as_deref(), "jti")?;
        if jti.len() > MAX_JTI_BYTES {
            return Err(DpopRejection::JtiTooLong { bytes: jti.len() });
        }
        check_method(required(claims.htm.as_deref(), "htm")?, request.method)?;
        check_url(required(claims.htu.as_deref(), "htu")?, request.url)?;
        let issued_at = self.check_times(&claims, wall)?;
        let token = TokenDigest::of(request.access_token);
        check_access_token(required(claims.ath.as_deref(), "ath")?, &token)?;
        self.check_nonce(claims.nonce.as_deref(), wall)?;
        Ok(DpopBound {
            id: ProofId::new(&signed.thumbprint, request.url, jti),
            thumbprint: signed.thumbprint,
            token,
            issued_at,
            expires: issued_at.saturating_add(whole_seconds(self.settings.max_age)),
            store: self.store.clone(),
            spent: OnceLock::new(),
        })
    }

    /// The nonce to send in `DPoP-Nonce` at `wall`, when nonces are on.
    pub fn nonce(&self, wall: UnixTime) -> Option<String> {
        self.settings.nonces.as_ref().map(|issuer| issuer.issue(wall))
    }

    fn check_times(&self, claims: &ProofClaims, wall: UnixTime) -> Result<UnixTime, DpopRejection> {
        let issued_at = claims.iat.ok_or(DpopRejection::MissingClaim("iat"))?.0;
        if wall.seconds_since(issued_at) > whole_seconds(self.settings.max_age)
            || claims.exp.is_some_and(|exp| wall >= exp.0)
        {
            return Err(DpopRejection::Stale { issued_at, now: wall });
        }
        let skew = whole_seconds(self.settings.future_skew);
        for valid_from in [Some(issued_at), claims.nbf.map(|nbf| nbf.0)].into_iter().flatten() {
            if valid_from.seconds_since(wall) > skew {
                return Err(DpopRejection::FromFuture { valid_from, now: wall });
            }
        }
        Ok(issued_at)
    }

    fn check_nonce(&self, nonce: Option<&str>, wall: UnixTime) -> Result<(), DpopRejection> {
        let Some(issuer) = &self.settings.nonces else { return Ok(()) };
        match nonce {
            None => Err(DpopRejection::NonceRequired { nonce: issuer.issue(wall) }),
            Some(nonce) if issuer.accepts(nonce, wall) => Ok(()),
            Some(_) => Err(DpopRejection::NonceStale { nonce: issuer.issue(wall) }),
        }
    }
}

/// The proof of a request, from the values of all its `DPoP` header fields: there has to be exactly one.
pub fn single_proof<'a>(fields: impl IntoIterator<Item = &'a str>) -> Result<&'a str, DpopRejection> {
    let mut fields = fields.into_iter();
    let proof = fields.next().ok_or(DpopRejection::MissingProof)?;
    if fields.next().is_some() {
        return Err(DpopRejection::SeveralProofs);
    }
    Ok(proof)
}

fn required<'a>(value: Option<&'a str>, claim: &'static str) -> Result<&'a str, DpopRejection> {
    value.filter(|value| !value.is_empty()).ok_or(DpopRejection::MissingClaim(claim))
}

/// Methods are case-sensitive (RFC 9110 §9.1).
fn check_method(found: &str, expected: &str) -> Result<(), DpopRejection> {
    if found == expected {
        return Ok(());
    }
    Err(DpopRejection::WrongMethod { expected: expected.into(), found: found.into() })
}

fn check_url(found: &str, expected: &TargetUri) -> Result<(), DpopRejection> {
    let found = TargetUri::parse(found).map_err(|reason| DpopRejection::InvalidUrl { reason })?;
    if found == *expected {
        return Ok(());
    }
    Err(DpopRejection::WrongUrl { expected: expected.clone(), found })
}

fn check_access_token(ath: &str, token: &TokenDigest) -> Result<(), DpopRejection> {
    let expected = URL_SAFE_NO_PAD.encode(token.as_bytes());
    if bool::from(expected.as_bytes().ct_eq(ath.as_bytes())) {
        return Ok(());
    }
    Err(DpopRejection::WrongAccessToken)
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
