//! Who calls: the credential of a request, judged before anything else of it is looked at.

use std::net::IpAddr;
use std::time::Duration;

use auth_core::dpop::{
    DpopBound, DpopRejection, DpopRequest, DpopSettings, DpopVerifier, NonceIssuer, TargetUri,
};
use auth_core::limit::{DEFAULT_CAPACITY, FailedAuthLimiter, PeerKey};
use auth_core::rejection::Rejection;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use http::Method;

use super::presented::Presented;
use crate::config::HttpConfig;
use crate::config::http::Dpop;
use crate::gate::{Authenticated, Credential, Gate};

/// Judges credentials of requests. Lives as long as the server, also through changes of its configuration, because it
/// remembers who failed and which proofs were used.
#[derive(Debug)]
pub(super) struct Guard {
    /// `None` where tokens bound to a key are not accepted.
    dpop: Option<DpopVerifier>,
    requires_dpop: bool,
    failures: FailedAuthLimiter,
}

/// A request as far as a proof covers it, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub method: &'a Method,
    /// The URL the client called, as [`Site`](super::site::Site) has it.
    pub url: &'a str,
    pub peer: IpAddr,
}

/// Why a request is turned away.
#[derive(Debug)]
pub(super) enum TurnedAway {
    /// The gate says no.
    Rejected(Rejection),
    /// Its peer failed too often lately.
    TooManyFailures {
        /// When the peer may try again.
        retry_after: Duration,
    },
}

impl From<Rejection> for TurnedAway {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Guard {
    /// The guard for `config`. Nonces of an earlier start are not accepted.
    pub(super) fn new(config: &HttpConfig) -> Self {
        let nonces = config.dpop_nonce.then(|| NonceIssuer::new(&random_key(), NONCE_STEP));
        let settings = DpopSettings { nonces, ..DpopSettings::default() };
        Self {
            dpop: (config.dpop != Dpop::Off).then(|| DpopVerifier::new(settings)),
            requires_dpop: config.dpop == Dpop::Required,
            failures: FailedAuthLimiter::new(config.limits.failed_auth, DEFAULT_CAPACITY),
        }
    }

    /// What judges proofs, where there is any.
    pub(super) fn dpop(&self) -> Option<&DpopVerifier> {
        self.dpop.as_ref()
    }

    /// Whether a token has to be bound to a key.
    pub(super) fn requires_dpop(&self) -> bool {
        self.requires_dpop
    }

    /// Who calls, as far as the gate believes it.
    pub(super) async fn authenticate(
        &self,
        gate: &Gate,
        presented: &Presented,
        asked: Asked<'_>,
    ) -> Result<Authenticated, TurnedAway> {
        let peer = PeerKey::from(asked.peer);
        if let Err(rejection) = self.failures.check(peer, gate.now().mono) {
            // Others may share the address: who is known already is not in question.
            if !presented.token().is_some_and(|token| gate.knows(token.expose())) {
                let retry_after = rejection.retry_after().unwrap_or_default();
                return Err(TurnedAway::TooManyFailures { retry_after });
            }
        }
        self.judge(gate, presented, asked).await.map_err(|rejection| {
            if is_failure(&rejection) {
                self.failures.record_failure(peer, gate.now().mono);
            }
            TurnedAway::Rejected(rejection)
        })
    }

    async fn judge(
        &self,
        gate: &Gate,
        presented: &Presented,
        asked: Asked<'_>,
    ) -> Result<Authenticated, Rejection> {
        match (presented, &self.dpop) {
            (Presented::Dpop { token, proof }, Some(verifier)) => {
                let proof = held(verifier, token, proof, asked, gate.now().wall);
                let proof = proof.map_err(|rejection| gate.turn_away(rejection.into()))?;
                gate.authenticate(Credential::Dpop { token: token.expose(), proof: &proof }).await
            }
            (Presented::Bearer(token), _) => {
                let caller = gate.authenticate(Credential::Bearer(token.expose())).await?;
                if self.requires_dpop && caller.principal().is_some() {
                    return Err(gate.turn_away(DpopRejection::TokenNotBound.into()));
                }
                Ok(caller)
            }
            (Presented::Nothing, _) | (Presented::Dpop { .. }, None) => {
                gate.authenticate(Credential::None).await
            }
        }
    }
}

/// The proof of a request, if it holds.
fn held(
    verifier: &DpopVerifier,
    token: &Secret,
    proof: &Result<String, DpopRejection>,
    asked: Asked<'_>,
    wall: UnixTime,
) -> Result<DpopBound, DpopRejection> {
    let proof = proof.as_deref().map_err(Clone::clone)?;
    let url = TargetUri::parse(asked.url).map_err(|reason| DpopRejection::InvalidUrl { reason })?;
    let request =
        DpopRequest { proof, method: asked.method.as_str(), url: &url, access_token: token.expose() };
    verifier.verify(&request, wall)
}

impl Presented {
    fn token(&self) -> Option<&Secret> {
        match self {
            Self::Nothing => None,
            Self::Bearer(token) | Self::Dpop { token, .. } => Some(token),
        }
    }
}

/// Whether a refusal says that somebody tried a credential that is not good.
///
/// Asking without one, or without the nonce that only this answer tells, is how every client begins. A key id that is not
/// known is what good tokens have after an issuer began to sign with a new key; refusing one costs no signature.
fn is_failure(rejection: &Rejection) -> bool {
    !matches!(rejection, Rejection::UnknownKey { .. })
        && matches!(rejection.oauth_error(), Some("invalid_token" | "invalid_dpop_proof"))
}

/// A nonce is good for one to two of these: RFC 9449 §8 has the server choose, and clients fetch a new one in a round
/// trip.
const NONCE_STEP: Duration = Duration::from_mins(5);

#[expect(
    clippy::expect_used,
    reason = "an operating system without randomness protects nothing; the server must not start"
)]
fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).expect("the operating system gives random bytes");
    key
}
