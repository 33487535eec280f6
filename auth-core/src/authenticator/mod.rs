//! The gate's decision: may this token do this, now?

use std::sync::Arc;
use std::time::Duration;

use crate::cache::DecisionCache;
use crate::jwks::{FetchFailed, KeyQuery, KeySnapshot, Selection};
use crate::limit::{DEFAULT_CAPACITY, RateLimit, RateLimiter, SubjectKey};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::scope::Access;
use crate::time::Now;
use crate::token::{Fingerprint, TokenDigest, UnverifiedToken};
use crate::verify::{Principal, Verified, Verifier};

/// Decides calls. Made once per configuration and shared; all its methods take `&self`.
#[derive(Debug)]
pub struct Authenticator {
    mode: Mode,
}

impl Authenticator {
    /// Admits only tokens of these issuers, each by its own rules, and each subject at most at `rate_limit`.
    ///
    /// Without any issuer nobody could be admitted, and nobody is.
    pub fn protected(issuers: Vec<Policy>, rate_limit: Option<RateLimit>) -> Self {
        if issuers.is_empty() {
            return Self::misconfigured("no issuer is configured", None);
        }
        Self {
            mode: Mode::Protected(Box::new(Protected {
                verifiers: issuers.into_iter().map(Verifier::new).collect(),
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

    /// The rules for tokens, one per issuer, in the order given; empty when there are none.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let verifiers = match &self.mode {
            Mode::Protected(protected) => &*protected.verifiers,
            Mode::Open | Mode::Misconfigured { .. } => &[],
        };
        verifiers.iter().map(Verifier::policy)
    }

    /// Decides one call.
    ///
    /// `credential` is the text of the caller's token, if it has one; `keys` gives the keys of the issuer at a place in
    /// the order of [`Authenticator::protected`]. The order of checks is fixed: token, scopes, rate; a call refused for
    /// its scopes costs nothing of the subject's rate.
    pub fn decide(
        &self,
        credential: Option<&str>,
        access: &Access<'_>,
        keys: impl Fn(usize) -> Arc<KeySnapshot>,
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
            Err(Stop::Refused(refused)) => Decision::Reject(refused),
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
    Reject(Refused),
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

/// A refusal, and whose it is as far as that is proven.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub rejection: Rejection,
    /// Whom the token speaks for; `None` unless it was genuine, as it is where only scopes or rate are wrong.
    pub principal: Option<Arc<Principal>>,
    /// What a log may hold of the token, when one was presented.
    pub fingerprint: Option<Fingerprint>,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, principal: None, fingerprint: None }
    }
}

/// A key the snapshot does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsKeys {
    /// Whose key: the issuer's place in the order of [`Authenticator::protected`].
    pub issuer: usize,
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
    /// At least one.
    verifiers: Vec<Verifier>,
    cache: DecisionCache,
    limiter: Option<RateLimiter>,
}

impl Protected {
    fn decide(
        &self,
        credential: Option<&str>,
        access: &Access<'_>,
        keys: impl Fn(usize) -> Arc<KeySnapshot>,
        now: Now,
    ) -> Result<Granted, Stop> {
        if !now.wall.is_plausible() {
            let detail = format!("this machine's clock says {}, which cannot be", now.wall);
            let hint = Some("Set this machine's clock.".to_owned());
            return Err(Rejection::Misconfigured { detail, hint }.into());
        }
        let token = UnverifiedToken::parse(credential.ok_or(Rejection::MissingToken)?)?;
        let digest = token.digest();
        let fingerprint = digest.fingerprint();
        let (issuer, verified) =
            self.genuine(&token, digest, keys, now).map_err(|stop| stop.about(None, fingerprint))?;
        let principal = verified.principal();
        self.check_scopes(issuer, principal, access)
            .and_then(|()| self.check_rate(principal, now))
            .map_err(|rejection| Stop::from(rejection).about(Some(principal.clone()), fingerprint))?;
        Ok(Granted { caller: Some((verified, fingerprint)) })
    }

    /// The token as its issuer made it, from the cache or by verifying it; with the issuer's place.
    fn genuine(
        &self,
        token: &UnverifiedToken<'_>,
        digest: TokenDigest,
        keys: impl Fn(usize) -> Arc<KeySnapshot>,
        now: Now,
    ) -> Result<(usize, Arc<Verified>), Stop> {
        if let Some((issuer, verified)) = self.cache.get(&digest, &keys, now) {
            verified.check_times(now.wall)?;
            return Ok((issuer, verified));
        }
        let issuer = self.issuer_of(token)?;
        let snapshot = keys(issuer);
        let verified = Arc::new(self.verify(token, issuer, &snapshot, now)?);
        self.cache.insert(digest, issuer, verified.clone(), &snapshot, now);
        Ok((issuer, verified))
    }

    /// Whose rules a token is to be judged by. With one issuer its own: what the token claims does not matter yet. With
    /// several, the one it claims to be from, whose keys then have to prove it.
    fn issuer_of(&self, token: &UnverifiedToken<'_>) -> Result<usize, Rejection> {
        if self.verifiers.len() == 1 {
            return Ok(0);
        }
        let found = token.claimed_issuer()?.ok_or_else(|| Rejection::missing("iss"))?;
        let issuers = || self.verifiers.iter().map(|verifier| &verifier.policy().issuer);
        issuers()
            .position(|issuer| *issuer == found)
            .ok_or_else(|| Rejection::UnknownIssuer { known: issuers().cloned().collect(), found })
    }

    fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        issuer: usize,
        keys: &KeySnapshot,
        now: Now,
    ) -> Result<Verified, Stop> {
        let verifier = &self.verifiers[issuer];
        let query = verifier.key_query(&token.header()?)?;
        let Some(keys) = keys.usable(now) else { return Err(Stop::NeedsKeys(NeedsKeys { issuer, query })) };
        match keys.select(&query) {
            Selection::Key(key) => Ok(verifier.verify(token, &query, key, now.wall)?),
            Selection::WrongAlgorithm(key) => {
                let key = key.algorithms().collect();
                Err(Rejection::AlgorithmNotOfKey { algorithm: query.algorithm, key }.into())
            }
            Selection::Ambiguous => Err(Rejection::MissingKeyId.into()),
            Selection::Unknown => Err(Stop::NeedsKeys(NeedsKeys { issuer, query })),
        }
    }

    fn check_scopes(
        &self,
        issuer: usize,
        principal: &Principal,
        access: &Access<'_>,
    ) -> Result<(), Rejection> {
        let scopes = &self.verifiers[issuer].policy().scopes;
        let missing = scopes.missing(principal, access);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Rejection::MissingScopes {
            missing,
            required: scopes.required(access),
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
    Refused(Refused),
    NeedsKeys(NeedsKeys),
}

impl Stop {
    /// Adds what is known of the caller to a refusal.
    fn about(self, principal: Option<Arc<Principal>>, fingerprint: Fingerprint) -> Self {
        match self {
            Self::Refused(Refused { rejection, .. }) => {
                Self::Refused(Refused { rejection, principal, fingerprint: Some(fingerprint) })
            }
            needs @ Self::NeedsKeys(_) => needs,
        }
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection.into())
    }
}

/// Enough for every session of a busy server; each entry is under a kilobyte for usual tokens.
const CACHED_TOKENS: usize = 10_000;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod several_issuers;
#[cfg(test)]
mod tests;
