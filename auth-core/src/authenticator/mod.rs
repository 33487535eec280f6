//! The gate's decision: may this token do this, now?

use std::sync::Arc;
use std::time::Duration;

use crate::cache::DecisionCache;
use crate::jwks::{FetchFailed, KeyQuery, KeySet, KeySnapshot, Selection};
use crate::limit::{DEFAULT_CAPACITY, RateLimit, RateLimiter, SubjectKey};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::scope::Access;
use crate::time::Now;
use crate::token::{Fingerprint, UnverifiedToken};
use crate::verify::{Principal, Verified, Verifier};

/// Decides calls. Made once per configuration and shared; all its methods take `&self`.
#[derive(Debug)]
pub struct Authenticator {
    mode: Mode,
}

impl Authenticator {
    /// Admits only tokens that satisfy `policy`, each subject at most at `rate_limit`.
    pub fn protected(policy: Policy, rate_limit: Option<RateLimit>) -> Self {
        Self {
            mode: Mode::Protected(Box::new(Protected {
                verifier: Verifier::new(policy),
                cache: DecisionCache::new(CACHED_TOKENS),
                limiter: rate_limit.map(|limit| RateLimiter::new(limit, DEFAULT_CAPACITY)),
            })),
        }
    }

    /// Admits everyone: OAuth2 is switched off by the operator.
    pub fn open() -> Self {
        Self { mode: Mode::Open }
    }

    /// Admits nobody, and says what is wrong with the configuration and, where that is known, what mends it.
    pub fn misconfigured(detail: impl Into<String>, hint: Option<String>) -> Self {
        Self { mode: Mode::Misconfigured { detail: detail.into(), hint } }
    }

    /// The rules for tokens, when there are any.
    pub fn policy(&self) -> Option<&Policy> {
        match &self.mode {
            Mode::Protected(protected) => Some(protected.verifier.policy()),
            Mode::Open | Mode::Misconfigured { .. } => None,
        }
    }

    /// Decides one call.
    ///
    /// `credential` is the text of the caller's token, if it has one. The order is fixed: token, scopes, rate; a call
    /// refused for its scopes costs nothing of the subject's rate.
    pub fn decide(
        &self,
        credential: Option<&str>,
        access: &Access<'_>,
        keys: &KeySnapshot,
        now: Now,
    ) -> Decision {
        let outcome = match &self.mode {
            Mode::Open => return Decision::Admit(Granted { caller: None }),
            Mode::Misconfigured { detail, hint } => {
                Err(Rejection::Misconfigured { detail: detail.clone(), hint: hint.clone() }.into())
            }
            Mode::Protected(protected) => protected.decide(credential, access, keys, now),
        };
        match outcome {
            Ok(granted) => Decision::Admit(granted),
            Err(Stop::Rejected(rejection)) => Decision::Reject(rejection),
            Err(Stop::NeedsKeys(needs)) => Decision::NeedsKeys(needs),
        }
    }
}

/// What [`Authenticator::decide`] answers.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// The call may go on, with this proof.
    Admit(Granted),
    /// The call must not go on.
    Reject(Rejection),
    /// The snapshot cannot tell. Ask the issuer's [`KeyLifecycle`](crate::jwks::KeyLifecycle), then decide again.
    NeedsKeys(NeedsKeys),
}

/// Proof that the gate admitted a call. Only [`Authenticator::decide`] makes one.
#[derive(Debug, Clone)]
pub struct Granted {
    caller: Option<(Arc<Verified>, Fingerprint)>,
}

impl Granted {
    /// Who is calling; `None` when OAuth2 is switched off.
    pub fn principal(&self) -> Option<&Principal> {
        self.caller.as_ref().map(|(verified, _)| &**verified.principal())
    }

    /// What a log may hold of the token.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.caller.as_ref().map(|(_, fingerprint)| *fingerprint)
    }
}

/// A key the snapshot does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsKeys {
    /// What to look up.
    pub query: KeyQuery,
}

impl NeedsKeys {
    /// The refusal when the issuer has no such key.
    pub fn unknown(self, retry_after: Duration) -> Rejection {
        Rejection::UnknownKey { kid: self.query.kid, retry_after }
    }

    /// The refusal when the issuer cannot be asked.
    pub fn unavailable(failure: FetchFailed, retry_after: Duration) -> Rejection {
        Rejection::KeysUnavailable { failure, retry_after }
    }
}

#[derive(Debug)]
enum Mode {
    Open,
    Misconfigured { detail: String, hint: Option<String> },
    Protected(Box<Protected>),
}

#[derive(Debug)]
struct Protected {
    verifier: Verifier,
    cache: DecisionCache,
    limiter: Option<RateLimiter>,
}

impl Protected {
    fn decide(
        &self,
        credential: Option<&str>,
        access: &Access<'_>,
        keys: &KeySnapshot,
        now: Now,
    ) -> Result<Granted, Stop> {
        if !now.wall.is_plausible() {
            let detail = format!("this machine's clock says {}, which cannot be", now.wall);
            let hint = Some("Set this machine's clock.".to_owned());
            return Err(Rejection::Misconfigured { detail, hint }.into());
        }
        let token = UnverifiedToken::parse(credential.ok_or(Rejection::MissingToken)?)?;
        let digest = token.digest();
        let usable = keys.usable(now);
        let cached = usable.and_then(|set| self.cache.get(&digest, keys, set, now));
        let verified = match cached {
            Some(verified) => {
                verified.check_times(now.wall)?;
                verified
            }
            None => {
                let verified = Arc::new(self.verify(&token, usable, now)?);
                self.cache.insert(digest, verified.clone(), keys, now);
                verified
            }
        };
        self.check_scopes(verified.principal(), access)?;
        self.check_rate(verified.principal(), now)?;
        Ok(Granted { caller: Some((verified, digest.fingerprint())) })
    }

    fn verify(&self, token: &UnverifiedToken<'_>, keys: Option<&KeySet>, now: Now) -> Result<Verified, Stop> {
        let query = self.verifier.key_query(&token.header()?)?;
        let Some(keys) = keys else { return Err(Stop::NeedsKeys(NeedsKeys { query })) };
        match keys.select(&query) {
            Selection::Key(key) => Ok(self.verifier.verify(token, &query, key, now.wall)?),
            Selection::WrongAlgorithm(key) => {
                let key = key.algorithms().collect();
                Err(Rejection::AlgorithmNotOfKey { algorithm: query.algorithm, key }.into())
            }
            Selection::Ambiguous => Err(Rejection::MissingKeyId.into()),
            Selection::Unknown => Err(Stop::NeedsKeys(NeedsKeys { query })),
        }
    }

    fn check_scopes(&self, principal: &Principal, access: &Access<'_>) -> Result<(), Rejection> {
        let requirements = &self.verifier.policy().scopes;
        let missing = requirements.missing(principal.scopes(), access);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Rejection::MissingScopes {
            missing,
            required: requirements.for_call(access),
            granted: principal.scopes().clone(),
        })
    }

    fn check_rate(&self, principal: &Principal, now: Now) -> Result<(), Rejection> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let subject = SubjectKey { issuer: principal.issuer().clone(), subject: principal.subject().clone() };
        limiter.check(&subject, now.mono)
    }
}

/// Why a decision ended early.
enum Stop {
    Rejected(Rejection),
    NeedsKeys(NeedsKeys),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// Enough for every session of a busy server; each entry is under a kilobyte for usual tokens.
const CACHED_TOKENS: usize = 10_000;

#[cfg(test)]
mod tests;
