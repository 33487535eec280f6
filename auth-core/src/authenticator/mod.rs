//! The gate's decision: may this token do this, now?

mod by_api_key;
mod decision;

use std::ops::Deref;
use std::sync::Arc;

pub use self::decision::{Authenticated, Credential, Decision, Granted, NeedsKeys, Refused};

use self::decision::{Caller, Rules};
use crate::api_key::{ApiKeys, KEY_PREFIX};
use crate::cache::DecisionCache;
use crate::checks;
use crate::introspection::{IntrospectedClaims, OpaqueToken};
use crate::jwks::KeySnapshot;
use crate::limit::{RateLimiter, SubjectKey};
use crate::policy::Policy;
use crate::rejection::{ApiKeyRejection, Rejection};
use crate::scope::{Access, ScopePolicy};
use crate::time::{Now, UnixTime};
use crate::token::{Fingerprint, TokenDigest, UnverifiedToken, without_scheme};
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
        Self::with_rules(issuers, None, limiter)
    }

    /// Admits tokens as [`protected`](Self::protected) does and, beside them, API keys whose scopes satisfy `api_keys`.
    ///
    /// Without any issuer it admits API keys alone.
    pub fn protected_with_api_keys(
        issuers: Vec<Policy>,
        api_keys: Arc<dyn ScopePolicy>,
        limiter: Option<RateLimiter>,
    ) -> Self {
        Self::with_rules(issuers, Some(api_keys), limiter)
    }

    fn with_rules(
        issuers: Vec<Policy>,
        api_keys: Option<Arc<dyn ScopePolicy>>,
        limiter: Option<RateLimiter>,
    ) -> Self {
        Self {
            mode: Mode::Protected(Box::new(Protected {
                verifiers: issuers.into_iter().map(Verifier::new).collect(),
                api_keys,
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

    /// Whether nobody is admitted because the configuration cannot protect anything.
    pub fn is_misconfigured(&self) -> bool {
        matches!(self.mode, Mode::Misconfigured { .. })
    }

    /// The rules for tokens, one per issuer, in the order given; empty when there are none.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let verifiers = match &self.mode {
            Mode::Protected(protected) => &*protected.verifiers,
            Mode::Open | Mode::Misconfigured { .. } => &[],
        };
        verifiers.iter().map(Verifier::policy)
    }

    /// Decides one call: [`authenticate`](Self::authenticate), then [`authorize`](Self::authorize).
    ///
    /// `keys` gives the keys of the issuer at a place in the order of [`Authenticator::protected`]: an `Arc` of them or, so
    /// that callers at once need not count references to the same, a borrow or a guard. The order of checks is
    /// fixed: token, key binding, scopes, rate; a call refused earlier costs nothing of the subject's rate.
    pub fn decide<K: Deref<Target = KeySnapshot>>(
        &self,
        credential: Credential<'_>,
        access: &Access<'_>,
        keys: impl Fn(usize) -> K,
        now: Now,
    ) -> Decision {
        self.authenticate(credential, keys, now).and_then(|caller| self.authorize(&caller, access, now))
    }

    /// Decides whether a credential is genuine and its bearer's, without asking what it is for.
    ///
    /// For servers that refuse strangers before they look at what is asked for. Costs nothing of a subject's rate.
    pub fn authenticate<K: Deref<Target = KeySnapshot>>(
        &self,
        credential: Credential<'_>,
        keys: impl Fn(usize) -> K,
        now: Now,
    ) -> Decision<Authenticated> {
        let outcome = match &self.mode {
            Mode::Open => Ok(Authenticated { caller: None }),
            Mode::Misconfigured { detail, hint } => {
                Err(Rejection::Misconfigured { detail: detail.clone(), hint: hint.clone() }.into())
            }
            Mode::Protected(protected) => protected.authenticate(credential, keys, now),
        };
        match outcome {
            Ok(caller) => Decision::Admit(caller),
            Err(Stop::Refused(refused)) => Decision::Reject(refused),
            Err(Stop::NeedsKeys(needs)) => Decision::NeedsKeys(needs),
            Err(Stop::NeedsIntrospection(issuer)) => Decision::NeedsIntrospection { issuer },
        }
    }

    /// Whether `token` was verified a moment ago and still stands: whoever sends it is no stranger who guesses.
    ///
    /// For limits on failed authentication, which would else let one guesser shut out all who share its address. Costs a
    /// hash and a lookup.
    pub fn knows<K: Deref<Target = KeySnapshot>>(
        &self,
        token: &str,
        keys: impl Fn(usize) -> K,
        now: Now,
    ) -> bool {
        let Mode::Protected(protected) = &self.mode else { return false };
        UnverifiedToken::parse(token)
            .is_ok_and(|token| protected.cache.get(&token.digest(), keys, now).is_some())
    }

    /// [`authenticate`](Self::authenticate) for an API key, which must be one of `keys` and a plain bearer credential.
    ///
    /// Only a gate that was made for API keys admits one; scopes and rate are asked for by [`authorize`](Self::authorize)
    /// as for a token.
    pub fn authenticate_api_key(
        &self,
        keys: &ApiKeys,
        credential: Credential<'_>,
        now: Now,
    ) -> Result<Authenticated, Refused> {
        match &self.mode {
            Mode::Protected(protected) if protected.api_keys.is_some() => {
                by_api_key::authenticate(keys, credential, now)
            }
            Mode::Misconfigured { detail, hint } => {
                Err(Rejection::Misconfigured { detail: detail.clone(), hint: hint.clone() }.into())
            }
            Mode::Protected(_) | Mode::Open => Err(Rejection::InvalidApiKey(ApiKeyRejection::Unknown).into()),
        }
    }

    /// Decides whether a caller may do one thing now: scopes, then rate.
    ///
    /// `caller` must be of this authenticator and of this request: a token's times are not judged again.
    pub fn authorize(
        &self,
        caller: &Authenticated,
        access: &Access<'_>,
        now: Now,
    ) -> Result<Granted, Refused> {
        let granted = Granted { caller: caller.caller.clone(), access: access.into() };
        match (&self.mode, &caller.caller) {
            (Mode::Open, _) => Ok(granted),
            (Mode::Protected(protected), Some(known)) => {
                protected.check_use(known, access, now).map_err(|rejection| known.refused(rejection))?;
                Ok(granted)
            }
            // Somebody whom another authenticator let in as nobody.
            (Mode::Protected(_), None) => Err(Rejection::MissingToken.into()),
            (Mode::Misconfigured { detail, hint }, _) => {
                Err(Rejection::Misconfigured { detail: detail.clone(), hint: hint.clone() }.into())
            }
        }
    }

    /// Decides whether a call that was admitted may touch one thing more: scopes, not rate, for it is one call still.
    ///
    /// For what is known only once the call is looked into, such as the datasets that a query reads.
    pub fn authorize_further(&self, granted: &Granted, access: &Access<'_>) -> Result<Granted, Refused> {
        let further = || Granted { caller: granted.caller.clone(), access: access.into() };
        match (&self.mode, &granted.caller) {
            (Mode::Open, _) => Ok(further()),
            (Mode::Protected(protected), Some(known)) => {
                protected.check_scopes(known, access).map_err(|rejection| known.refused(rejection))?;
                Ok(further())
            }
            (Mode::Protected(_), None) => Err(Rejection::MissingToken.into()),
            (Mode::Misconfigured { detail, hint }, _) => {
                Err(Rejection::Misconfigured { detail: detail.clone(), hint: hint.clone() }.into())
            }
        }
    }

    /// [`decide`](Self::decide) for a token that only its issuer can read, by what that issuer said.
    ///
    /// `issuer` is the place [`Decision::NeedsIntrospection`] named. Checks and their order are the same, keys and signature
    /// aside.
    pub fn decide_introspected(
        &self,
        issuer: usize,
        claims: &IntrospectedClaims,
        credential: Credential<'_>,
        access: &Access<'_>,
        now: Now,
    ) -> Result<Granted, Refused> {
        let caller = self.authenticate_introspected(issuer, claims, credential, now)?;
        self.authorize(&caller, access, now)
    }

    /// [`authenticate`](Self::authenticate) for a token that only its issuer can read, by what that issuer said.
    pub fn authenticate_introspected(
        &self,
        issuer: usize,
        claims: &IntrospectedClaims,
        credential: Credential<'_>,
        now: Now,
    ) -> Result<Authenticated, Refused> {
        match &self.mode {
            Mode::Protected(protected) => {
                protected.authenticate_introspected(issuer, claims, credential, now)
            }
            // Only a protected gate asks for introspection; whoever comes here without being asked gets nothing.
            Mode::Open | Mode::Misconfigured { .. } => Err(Rejection::MissingToken.into()),
        }
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
    /// At least one, or `api_keys` is there.
    verifiers: Vec<Verifier>,
    /// What callers with an API key need; `None` where none is admitted.
    api_keys: Option<Arc<dyn ScopePolicy>>,
    cache: DecisionCache,
    limiter: Option<RateLimiter>,
}

impl Protected {
    fn authenticate<K: Deref<Target = KeySnapshot>>(
        &self,
        credential: Credential<'_>,
        keys: impl Fn(usize) -> K,
        now: Now,
    ) -> Result<Authenticated, Stop> {
        check_clock(now.wall)?;
        let text = credential.token().ok_or(Rejection::MissingToken)?;
        if let Some(rejection) = self.refused_as_key(without_scheme(text)?) {
            return Err(Rejection::InvalidApiKey(rejection).into());
        }
        let token = UnverifiedToken::parse(text).map_err(|malformed| {
            checks::introspecting(&self.verifiers, &malformed)
                .map_or_else(|| malformed.into(), Stop::NeedsIntrospection)
        })?;
        let digest = token.digest();
        let fingerprint = digest.fingerprint();
        let (issuer, verified) =
            self.genuine(&token, digest, keys, now).map_err(|stop| stop.about(None, fingerprint))?;
        let principal = verified.principal().clone();
        let caller = Caller { rules: Rules::Issuer(issuer), principal, fingerprint };
        Ok(bound(caller, credential, &digest, now)?)
    }

    fn authenticate_introspected(
        &self,
        issuer: usize,
        claims: &IntrospectedClaims,
        credential: Credential<'_>,
        now: Now,
    ) -> Result<Authenticated, Refused> {
        check_clock(now.wall)?;
        let digest = OpaqueToken::parse(credential.token().ok_or(Rejection::MissingToken)?)?.digest();
        let fingerprint = digest.fingerprint();
        let rules = self.verifiers.get(issuer).ok_or(Rejection::MissingToken)?;
        let verified = rules
            .judge(claims.claims(), now.wall)
            .map_err(|rejection| Refused { fingerprint: Some(fingerprint), ..Refused::from(rejection) })?;
        let principal = verified.principal().clone();
        bound(Caller { rules: Rules::Issuer(issuer), principal, fingerprint }, credential, &digest, now)
    }

    /// Why a text is not even looked at as a token: API keys are no issuer's business.
    fn refused_as_key(&self, text: &str) -> Option<ApiKeyRejection> {
        if self.api_keys.is_some() && text.starts_with(KEY_PREFIX) {
            return Some(ApiKeyRejection::Unknown);
        }
        self.verifiers.is_empty().then_some(ApiKeyRejection::NotAKey)
    }

    /// What is checked at every use of a genuine token or key.
    fn check_use(&self, caller: &Caller, access: &Access<'_>, now: Now) -> Result<(), Rejection> {
        self.check_scopes(caller, access)?;
        self.check_rate(&caller.principal, access, now)
    }

    fn check_scopes(&self, caller: &Caller, access: &Access<'_>) -> Result<(), Rejection> {
        let principal = &caller.principal;
        match caller.rules {
            Rules::Issuer(place) => {
                self.verifiers.get(place).ok_or(Rejection::MissingToken)?.check_scopes(principal, access)
            }
            Rules::ApiKeys => {
                let scopes = self.api_keys.as_ref().ok_or(Rejection::MissingToken)?;
                checks::check_scopes(&**scopes, principal, access)
            }
        }
    }

    /// The token as its issuer made it, from the cache or by verifying it; with the issuer's place.
    fn genuine<K: Deref<Target = KeySnapshot>>(
        &self,
        token: &UnverifiedToken<'_>,
        digest: TokenDigest,
        keys: impl Fn(usize) -> K,
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
fn bound(
    caller: Caller,
    credential: Credential<'_>,
    digest: &TokenDigest,
    now: Now,
) -> Result<Authenticated, Refused> {
    let principal = &caller.principal;
    let outcome = match credential {
        Credential::Dpop { proof, .. } => {
            proof.redeem(principal.claim("cnf"), digest, now.wall).map_err(Rejection::from)
        }
        Credential::Bearer(_) | Credential::None => check_unbound(principal),
    };
    outcome.map_err(|rejection| caller.refused(rejection))?;
    Ok(Authenticated { caller: Some(caller) })
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

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection.into())
    }
}

pub(crate) const NO_ISSUER: &str = "no issuer is configured";

/// Enough for every session of a busy server. An entry of a usual token takes 1.4 kB (`tests/warm_memory.rs`).
const CACHED_TOKENS: usize = 10_000;

#[cfg(test)]
mod api_keys;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod binding_tests;
#[cfg(test)]
mod introspection_tests;
#[cfg(test)]
mod tests;
