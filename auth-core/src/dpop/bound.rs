//! A proof that held, on its way to the access token it has to fit.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::rejection::DpopRejection;
use super::replay::{ProofId, ReplayStore};
use crate::key::Thumbprint;
use crate::time::UnixTime;
use crate::token::TokenDigest;

/// The key that made a request, proven for that request and one access token.
///
/// Only [`DpopVerifier::verify`](super::DpopVerifier::verify) makes one. It admits nothing until
/// [`redeem`](Self::redeem) has tied it to a verified token, and it belongs to one HTTP request: make a new one for the
/// next, never keep it in a session.
pub struct DpopBound {
    pub(super) thumbprint: Thumbprint,
    pub(super) token: TokenDigest,
    pub(super) issued_at: UnixTime,
    pub(super) expires: UnixTime,
    pub(super) id: ProofId,
    pub(super) store: Arc<ReplayStore>,
    pub(super) spent: OnceLock<Result<(), DpopRejection>>,
}

impl DpopBound {
    /// The RFC 7638 thumbprint of the proof's key.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The access token the proof was made for (`ath`).
    pub fn token(&self) -> &TokenDigest {
        &self.token
    }

    /// The last second at which the proof is acceptable.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// Uses the proof for a token whose signature and claims held: `token` is that token's digest, `cnf` its
    /// confirmation claim.
    ///
    /// Call it after the token was verified and before its rate is counted: only then can strangers neither fill the
    /// replay store nor use up a subject's rate with a captured proof. The proof is used up by the first call;
    /// further calls for the same request (the same value) give the same answer, another value made from the same
    /// proof is [`DpopRejection::Replayed`].
    pub fn redeem(
        &self,
        cnf: Option<&Value>,
        token: &TokenDigest,
        wall: UnixTime,
    ) -> Result<(), DpopRejection> {
        if self.token != *token {
            return Err(DpopRejection::WrongAccessToken);
        }
        if jkt(cnf).is_none() {
            return Err(DpopRejection::TokenNotBound);
        }
        if !matches(cnf, self) {
            return Err(DpopRejection::WrongKey);
        }
        if wall > self.expires {
            return Err(DpopRejection::Stale { issued_at: self.issued_at, now: wall });
        }
        self.spent.get_or_init(|| self.store.spend(self.id, self.expires, wall)).clone()
    }
}

impl fmt::Debug for DpopBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopBound")
            .field("thumbprint", &self.thumbprint)
            .field("token", &self.token)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Whether a token's `cnf` claim names the key of `bound` and asks for nothing else.
///
/// A confirmation with any other member (`x5t#S256`, `jwk`, …) needs a proof that DPoP does not give, even beside a
/// `jkt` that fits. Takes the same time for every text of a thumbprint's length. This compares keys only;
/// [`DpopBound::redeem`] decides.
pub fn matches(cnf: Option<&Value>, bound: &DpopBound) -> bool {
    jkt(cnf).is_some_and(|jkt| jkt.as_bytes().ct_eq(bound.thumbprint.as_str().as_bytes()).into())
}

/// The thumbprint of a confirmation that DPoP alone satisfies (RFC 9449 §6.1).
fn jkt(cnf: Option<&Value>) -> Option<&str> {
    let members = cnf?.as_object().filter(|members| members.len() == 1)?;
    members.get("jkt")?.as_str()
}
