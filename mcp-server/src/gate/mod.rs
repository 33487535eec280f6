//! The gate every data access passes.
//!
//! [`Gate::admit`] is the one place where calls are decided and where every decision is recorded. It joins the pure
//! decisions of `auth-core` with this process's clocks and with the task that fetches keys.

pub mod clock;
mod driver;
pub mod introspection;
mod jwks_fetch;

pub use auth_core::authenticator::Granted;
use auth_core::authenticator::{Authenticator, Decision, NeedsKeys};
use auth_core::jwks::{FetchFailed, KeyLifecycle, KeyLookup, KeySet, KeySnapshot, LifecycleSettings};
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
use crate::config::{AuthConfig, AuthSetting, Config};

/// Decides who may do what.
#[derive(Debug)]
pub struct Gate {
    authenticator: Authenticator,
    keys: Option<KeyDriver>,
    clock: Clock,
}

impl Gate {
    /// The gate the configuration asks for. Whatever is wrong with it makes a gate that admits nobody.
    ///
    /// Must be called on a runtime: an enabled gate starts the task that fetches keys.
    pub fn new(config: &Config) -> Self {
        let clock = Clock::start();
        let closed =
            |detail: String| Self { authenticator: Authenticator::misconfigured(detail), keys: None, clock };
        match &config.auth {
            AuthSetting::Misconfigured(errors) => closed(errors.for_callers()),
            AuthSetting::Disabled => Self { authenticator: Authenticator::open(), keys: None, clock },
            AuthSetting::Enabled(auth) => match protected(auth, clock) {
                Ok((authenticator, keys)) => Self { authenticator, keys: Some(keys), clock },
                Err(detail) => closed(detail),
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
        outcome
    }

    async fn decide(&self, credential: Option<&Secret>, access: &Access<'_>) -> Result<Granted, Rejection> {
        let text = credential.map(Secret::expose);
        let mut attempts = 0;
        loop {
            let needs = match self.decide_now(text, access) {
                Decision::Admit(granted) => return Ok(granted),
                Decision::Reject(rejection) => return Err(rejection),
                Decision::NeedsKeys(needs) => needs,
            };
            // Keys can be replaced between the answer and the next decision, hardly twice in a row.
            attempts += 1;
            let answer = match &self.keys {
                Some(keys) if attempts <= ATTEMPTS => keys.obtain(needs.query.clone()).await,
                _ => KeyLookup::Unknown { retry_after: std::time::Duration::ZERO },
            };
            if let Some(rejection) = refusal(needs, answer) {
                return Err(rejection);
            }
        }
    }

    fn decide_now(&self, credential: Option<&str>, access: &Access<'_>) -> Decision {
        let now = self.clock.now();
        match &self.keys {
            Some(keys) => self.authenticator.decide(credential, access, &keys.snapshot(), now),
            None => self.authenticator.decide(credential, access, &KeySnapshot::default(), now),
        }
    }
}

/// Gets the issuer's keys once, to see whether they can be had and used. Verifies nothing.
pub async fn fetch_keys(auth: &AuthConfig) -> Result<KeySet, FetchFailed> {
    let source = key_source(auth).map_err(|_| FetchFailed::Unreachable)?;
    source.fetch().await
}

/// Decisions per call before giving up on keys that keep changing.
const ATTEMPTS: u32 = 3;

fn refusal(needs: NeedsKeys, answer: KeyLookup) -> Option<Rejection> {
    match answer {
        KeyLookup::Ready | KeyLookup::NeedsFetch => None,
        KeyLookup::Unknown { retry_after } => Some(needs.unknown(retry_after)),
        KeyLookup::Unavailable { failure, retry_after } => Some(NeedsKeys::unavailable(failure, retry_after)),
    }
}

/// The error is for callers: it names settings and no values.
fn protected(auth: &AuthConfig, clock: Clock) -> Result<(Authenticator, KeyDriver), String> {
    let rate_limit = match &auth.rate_limit {
        None => None,
        Some(limit) => Some(in_memory(limit)?),
    };
    let policy = Policy {
        issuer: auth.issuer.as_str().to_owned(),
        audiences: auth.audiences.clone(),
        scopes: auth.scopes.clone(),
        algorithms: auth.algorithms.clone(),
        leeway: auth.leeway,
        validate_exp: auth.validate.exp,
        validate_aud: auth.validate.aud,
        validate_iss: auth.validate.iss,
    };
    let source =
        key_source(auth).map_err(|_| "this machine's trusted certificates cannot be loaded".to_owned())?;
    let settings = LifecycleSettings { ttl: auth.jwks_cache_ttl, ..LifecycleSettings::default() };
    let keys = KeyDriver::spawn(KeyLifecycle::new(settings), source, move || clock.now());
    Ok((Authenticator::protected(policy, rate_limit), keys))
}

fn key_source(auth: &AuthConfig) -> Result<HttpKeySource, reqwest::Error> {
    let jwks_url = auth.jwks_url.as_ref().map(|url| url.url().clone());
    HttpKeySource::new(auth.issuer.clone(), jwks_url, auth.algorithms.clone())
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
