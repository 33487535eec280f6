//! The gate's decision: may this token do this, now?

use std::sync::Arc;
use std::time::Duration;

use crate::cache::DecisionCache;
use crate::checks;
use crate::dpop::DpopBound;
use crate::introspection::{IntrospectedClaims, OpaqueToken};
use crate::jwks::{FetchFailed, KeyQuery, KeySnapshot};
use crate::limit::{RateLimiter, SubjectKey};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::scope::Access;
use crate::time::{Now, UnixTime};
use crate::token::{Fingerprint, TokenDigest, UnverifiedToken};
use crate::verify::{Principal, Verified, Verifier};

/// Decides calls. Made once per configuration and shared; all its methods take `&self`.
#[derive(Debug)]
pub struct Authenticator {
    mode: Mode,
}

impl Authenticator {
    /// Admits only tokens of these issuers, each by its own rules, and each subject only as often as `limiter` lets it.
    ///
    /// Without any issuer nobody could be admitted, and nobody is.
    pub fn protected(issuers: Vec<Policy>, limiter: Option<RateLimiter>) -> Self {
        if issuers.is_empty() {
            return Self::misconfigured(NO_ISSUER, None);
        }
        Self {
            mode: Mode::Protected(Box::new(Protected {
                verifiers: issuers.into_iter().map(Verifier::new).collect(),
                cache: DecisionCache::new(CACHED_TOKENS),
                limiter,
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
    /// `keys` gives the keys of the issuer at a place in the order of [`Authenticator::protected`]. The order of checks is
    /// fixed: token, key binding, scopes, rate; a call refused earlier costs nothing of the subject's rate.
    pub fn decide(
        &self,
        credential: Credential<'_>,
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
            Err(Stop::NeedsIntrospection(issuer)) => Decision::NeedsIntrospection { issuer },
        }
    }

    /// Decides one call whose token only its issuer can read, by what that issuer said.
    ///
    /// `issuer` is the place [`Decision::NeedsIntrospection`] named. Checks and their order are those of
    /// [`Authenticator::decide`], keys and signature aside.
    pub fn decide_introspected(
        &self,
        issuer: usize,
        claims: &IntrospectedClaims,
        credential: Credential<'_>,
        access: &Access<'_>,
        now: Now,
    ) -> Decision {
        let Mode::Protected(protected) = &self.mode else {
            // Only a protected gate asks for introspection; whoever comes here without being asked gets nothing.
            return Decision::Reject(Rejection::MissingToken.into());
        };
        match protected.decide_introspected(issuer, claims, credential, access, now) {
            Ok(granted) => Decision::Admit(granted),
            Err(refused) => Decision::Reject(refused),
        }
    }
}

/// What a caller presents.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    None,
    /// A token, good for whoever holds it (RFC 6750). A key-bound token is not: it needs its proof.
    Bearer(&'a str),
    /// A token with the proof that its holder has a key (RFC 9449), already verified for this very request.
    Dpop {
        /// The token.
        token: &'a str,
        /// What the proof proved.
        proof: &'a DpopBound,
    },
}

impl<'a> Credential<'a> {
    /// The token's text, when there is one.
    pub const fn token(self) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::Bearer(token) | Self::Dpop { token, .. } => Some(token),
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
    /// The token is no JWT. Ask its issuer ([`crate::introspection`]), then [`Authenticator::decide_introspected`].
    NeedsIntrospection {
        /// Whom to ask: the issuer's place in the order of [`Authenticator::protected`].
        issuer: usize,
    },
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
        credential: Credential<'_>,
        access: &Access<'_>,
        keys: impl Fn(usize) -> Arc<KeySnapshot>,
        now: Now,
    ) -> Result<Granted, Stop> {
        check_clock(now.wall)?;
        let text = credential.token().ok_or(Rejection::MissingToken)?;
        let token = UnverifiedToken::parse(text).map_err(|malformed| {
            checks::introspecting(&self.verifiers, &malformed)
                .map_or_else(|| malformed.into(), Stop::NeedsIntrospection)
        })?;
        let digest = token.digest();
        let fingerprint = digest.fingerprint();
        let (issuer, verified) =
            self.genuine(&token, digest, keys, now).map_err(|stop| stop.about(None, fingerprint))?;
        let principal = verified.principal();
        self.check_use(issuer, principal, credential, &digest, access, now)
            .map_err(|rejection| Stop::from(rejection).about(Some(principal.clone()), fingerprint))?;
        Ok(Granted { caller: Some((verified, fingerprint)) })
    }

    fn decide_introspected(
        &self,
        issuer: usize,
        claims: &IntrospectedClaims,
        credential: Credential<'_>,
        access: &Access<'_>,
        now: Now,
    ) -> Result<Granted, Refused> {
        check_clock(now.wall)?;
        let digest = OpaqueToken::parse(credential.token().ok_or(Rejection::MissingToken)?)?.digest();
        let fingerprint = digest.fingerprint();
        let refused = |rejection, principal| Refused { rejection, principal, fingerprint: Some(fingerprint) };
        let rules = self.verifiers.get(issuer).ok_or(Rejection::MissingToken)?;
        let verified =
            rules.judge(claims.claims(), now.wall).map_err(|rejection| refused(rejection, None))?;
        let principal = verified.principal();
        self.check_use(issuer, principal, credential, &digest, access, now)
            .map_err(|rejection| refused(rejection, Some(principal.clone())))?;
        Ok(Granted { caller: Some((Arc::new(verified), fingerprint)) })
    }

    /// What is checked at every use of a genuine token.
    fn check_use(
        &self,
        issuer: usize,
        principal: &Principal,
        credential: Credential<'_>,
        digest: &TokenDigest,
        access: &Access<'_>,
        now: Now,
    ) -> Result<(), Rejection> {
        check_binding(credential, principal, digest, now)?;
        self.verifiers[issuer].check_scopes(principal, access)?;
        self.check_rate(principal, access, now)
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
        let issuer = checks::issuer_of(&self.verifiers, token)?;
        let snapshot = keys(issuer);
        let verified = Arc::new(self.verify(token, issuer, &snapshot, now)?);
        self.cache.insert(digest, issuer, verified.clone(), &snapshot, now);
        Ok((issuer, verified))
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
        match checks::select_key(keys, &query)? {
            Some(key) => Ok(verifier.verify(token, &query, key, now.wall)?),
            None => Err(Stop::NeedsKeys(NeedsKeys { issuer, query })),
        }
    }

    fn check_rate(&self, principal: &Principal, access: &Access<'_>, now: Now) -> Result<(), Rejection> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let subject = SubjectKey { issuer: principal.issuer().clone(), subject: principal.subject().clone() };
        limiter.check_tool(&subject, access.tool, now.mono)
    }
}

/// A token bound to a key is only good together with a proof of that key (RFC 7800 §3.1, RFC 9449 §7.2), asked for at
/// every use, also of a token verified before.
fn check_binding(
    credential: Credential<'_>,
    principal: &Principal,
    digest: &TokenDigest,
    now: Now,
) -> Result<(), Rejection> {
    match credential {
        Credential::Dpop { proof, .. } => Ok(proof.redeem(principal.claim("cnf"), digest, now.wall)?),
        Credential::Bearer(_) | Credential::None => check_unbound(principal),
    }
}

/// A clock that cannot be right judges nothing.
pub(crate) fn check_clock(wall: UnixTime) -> Result<(), Rejection> {
    if wall.is_plausible() {
        return Ok(());
    }
    let detail = format!("this machine's clock says {wall}, which cannot be");
    Err(Rejection::Misconfigured { detail, hint: Some("Set this machine's clock.".to_owned()) })
}

/// A token bound to a key is no bearer token.
pub(crate) fn check_unbound(principal: &Principal) -> Result<(), Rejection> {
    principal.claim("cnf").map_or(Ok(()), |_| Err(Rejection::SenderConstrained))
}

/// Why a decision ended early.
enum Stop {
    Refused(Refused),
    NeedsKeys(NeedsKeys),
    NeedsIntrospection(usize),
}

impl Stop {
    /// Adds what is known of the caller to a refusal.
    fn about(self, principal: Option<Arc<Principal>>, fingerprint: Fingerprint) -> Self {
        match self {
            Self::Refused(Refused { rejection, .. }) => {
                Self::Refused(Refused { rejection, principal, fingerprint: Some(fingerprint) })
            }
            needs @ (Self::NeedsKeys(_) | Self::NeedsIntrospection(_)) => needs,
        }
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection.into())
    }
}

pub(crate) const NO_ISSUER: &str = "no issuer is configured";

/// Enough for every session of a busy server; each entry is under a kilobyte for usual tokens.
const CACHED_TOKENS: usize = 10_000;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod binding_tests;
#[cfg(test)]
mod introspection_tests;
#[cfg(test)]
mod tests;
