//! The gate every data access passes.
//!
//! [`Gate::admit`] is the one place where calls are decided and where every decision is recorded. It joins the pure
//! decisions of `auth-core` with this process's clocks and with the task that fetches keys.

pub mod clock;
mod driver;
mod jwks_fetch;

use std::sync::Arc;
use std::time::Duration;

pub use auth_core::authenticator::Granted;
use auth_core::authenticator::{Authenticator, Decision, NeedsKeys, Refused};
use auth_core::jwks::{FetchFailed, KeyLifecycle, KeyLookup, KeySet, LifecycleSettings};
use auth_core::limit::RateLimit;
use auth_core::policy::Policy;
use auth_core::rejection::Rejection;
use auth_core::scope::Access;
use auth_core::secret::Secret;

use self::clock::Clock;
use self::driver::{KeyDriver, KeySource as _};
use self::jwks_fetch::HttpKeySource;
use crate::audit;
use crate::config::auth::RateLimitStore;
use crate::config::{AuthConfig, AuthSetting, Config, IssuerConfig};
use crate::error::Explain as _;

/// Decides who may do what.
#[derive(Debug)]
pub struct Gate {
    authenticator: Authenticator,
    /// One per issuer, in the authenticator's order.
    keys: Vec<KeyDriver>,
    clock: Clock,
}

impl Gate {
    /// The gate the configuration asks for. Whatever is wrong with it makes a gate that admits nobody.
    ///
    /// Must be called on a runtime: an enabled gate starts the task that fetches keys.
    pub fn new(config: &Config) -> Self {
        let clock = Clock::start();
        let closed = |detail: String, hint: Option<String>| Self {
            authenticator: Authenticator::misconfigured(detail, hint),
            keys: Vec::new(),
            clock,
        };
        match &config.auth {
            AuthSetting::Misconfigured(errors) => closed(errors.for_callers(), errors.hint()),
            AuthSetting::Disabled => Self { authenticator: Authenticator::open(), keys: Vec::new(), clock },
            AuthSetting::Enabled(auth) => match protected(auth, clock) {
                Ok((authenticator, keys)) => Self { authenticator, keys, clock },
                Err(detail) => closed(detail, None),
            },
        }
    }

    /// Decides one call and records the decision. Nothing else makes the proof that tools ask for.
    pub async fn admit(
        &self,
        credential: Option<&Secret>,
        access: &Access<'_>,
    ) -> Result<Granted, Rejection> {
        let outcome = self.decide(credential, access).await;
        audit::record_decision(access, &outcome);
        outcome.map_err(|refused| refused.rejection)
    }

    async fn decide(&self, credential: Option<&Secret>, access: &Access<'_>) -> Result<Granted, Refused> {
        let text = credential.map(Secret::expose);
        // Keys can be replaced between the answer and the next decision, hardly twice in a row.
        for _ in 0..ATTEMPTS {
            let needs = match self.decide_now(text, access) {
                Decision::Admit(granted) => return Ok(granted),
                Decision::Reject(refused) => return Err(refused),
                Decision::NeedsKeys(needs) => needs,
            };
            let Some(keys) = self.keys.get(needs.issuer) else {
                return Err(needs.unknown(Duration::ZERO).into());
            };
            match keys.obtain(needs.query.clone()).await {
                KeyLookup::Ready | KeyLookup::NeedsFetch => {}
                KeyLookup::Unknown { retry_after } => return Err(needs.unknown(retry_after).into()),
                KeyLookup::Unavailable { failure, retry_after } => {
                    return Err(NeedsKeys::unavailable(failure, retry_after).into());
                }
            }
        }
        Err(NeedsKeys::unavailable(FetchFailed::Unreachable, Duration::ZERO).into())
    }

    fn decide_now(&self, credential: Option<&str>, access: &Access<'_>) -> Decision {
        let keys = |issuer: usize| self.keys.get(issuer).map_or_else(Arc::default, KeyDriver::snapshot);
        self.authenticator.decide(credential, access, keys, self.clock.now())
    }
}

/// What keeps this version from protecting data as configured, in words that name settings and no values.
pub fn unsupported(auth: &AuthConfig) -> Option<String> {
    auth.rate_limit.as_ref().and_then(|limit| in_memory(limit).err())
}

/// The rules for tokens, one per issuer in the configured order, as the gate applies them.
pub fn policies(auth: &AuthConfig) -> Vec<Policy> {
    let policy = |issuer: &IssuerConfig| Policy {
        audiences: issuer.audiences.clone(),
        audience_claim: issuer.audience_claim.clone(),
        scopes: Arc::new(issuer.scopes.clone()),
        scope_claims: issuer.scope_claims.clone(),
        subject_claims: issuer.subject_claims.clone(),
        algorithms: issuer.algorithms.clone(),
        leeway: auth.leeway,
        require_at_jwt: issuer.require_at_jwt,
        accept_id_tokens: issuer.accept_id_tokens,
        validate_exp: auth.validate.exp,
        validate_aud: auth.validate.aud,
        validate_iss: auth.validate.iss,
        ..Policy::new(issuer.issuer.as_str(), "")
    };
    auth.issuers.iter().map(policy).collect()
}

/// Gets an issuer's keys once, to see whether they can be had and used. Verifies nothing.
pub async fn fetch_keys(issuer: &IssuerConfig) -> Result<KeySet, FetchFailed> {
    let source = key_source(issuer).map_err(|_| FetchFailed::Unreachable)?;
    source.fetch().await
}

/// Decisions per call before giving up on keys that keep changing.
const ATTEMPTS: u32 = 3;

/// The error is for callers: it names settings and no values.
fn protected(auth: &AuthConfig, clock: Clock) -> Result<(Authenticator, Vec<KeyDriver>), String> {
    let rate_limit = match &auth.rate_limit {
        None => None,
        Some(limit) => Some(in_memory(limit)?),
    };
    // Every source before any task, so that a gate that stays shut leaves none behind.
    let sources = auth.issuers.iter().map(key_source).collect::<Result<Vec<_>, _>>();
    let sources = sources.map_err(|_| "this machine's trusted certificates cannot be loaded".to_owned())?;
    // A task and a lifecycle for each issuer: one that is down or slow holds up nobody else's callers.
    let drive = |source| {
        let settings = LifecycleSettings { ttl: auth.jwks_cache_ttl, ..LifecycleSettings::default() };
        KeyDriver::spawn(KeyLifecycle::new(settings), source, move || clock.now())
    };
    let keys = sources.into_iter().map(drive).collect();
    Ok((Authenticator::protected(policies(auth), rate_limit), keys))
}

fn key_source(issuer: &IssuerConfig) -> Result<HttpKeySource, reqwest::Error> {
    let jwks_url = issuer.jwks_url.as_ref().map(|url| url.url().clone());
    HttpKeySource::new(issuer.issuer.clone(), jwks_url, issuer.algorithms.clone())
}

/// Limits shared through Redis are configured but not built: counting in memory instead would allow each process the
/// whole rate, so the gate stays closed and says why.
fn in_memory(limit: &crate::config::auth::RateLimit) -> Result<RateLimit, String> {
    match limit.store {
        RateLimitStore::Memory => Ok(RateLimit { requests: limit.requests, window: limit.window }),
        RateLimitStore::Redis(_) => {
            Err("M4_OAUTH2_RATE_LIMIT_STORE names Redis, which this version does not support; use memory"
                .into())
        }
    }
}
