//! From configuration to a gate: policies, limits, and a way to every issuer.

use std::sync::Arc;

use auth_core::authenticator::Authenticator;
use auth_core::jwks::{FetchFailed, KeyLifecycle, KeySet, LifecycleSettings};
use auth_core::limit::{DEFAULT_CAPACITY, RateLimit, RateLimiter};
use auth_core::policy::Policy;
use auth_core::time::UnixTime;

use super::IssuerDriver;
use super::clock::Clock;
use super::driver::{KeyDriver, KeySource as _};
use super::introspection::{IntrospectionClient, IntrospectionSettings};
use super::jwks_fetch::HttpKeySource;
use crate::client_auth;
use crate::config::auth::{self, RateLimitStore};
use crate::config::{AuthConfig, IssuerConfig};

/// What keeps this version from protecting data as configured, in words that name settings and no values.
pub fn unsupported(auth: &AuthConfig) -> Option<String> {
    auth.rate_limit.as_ref().and_then(|limit| in_memory(limit).err())
}

/// The rules for tokens, one per issuer, as the gate applies them.
pub fn policies(auth: &AuthConfig) -> Vec<Policy> {
    auth.issuers.iter().map(|issuer| policy(auth, issuer)).collect()
}

/// Gets an issuer's keys once, to see whether they can be had and used. Verifies nothing.
pub async fn fetch_keys(issuer: &IssuerConfig) -> Result<KeySet, FetchFailed> {
    ask(issuer).await.keys
}

/// An issuer's answer to somebody who looks at it.
#[derive(Debug)]
pub struct Asked {
    /// Its keys as they are now.
    pub keys: Result<KeySet, FetchFailed>,
    /// What its clock said when it answered, where it told.
    pub clock: Option<UnixTime>,
}

/// Asks an issuer for its keys once, as the gate does, and reads its clock off the answer. Verifies nothing.
pub async fn ask(issuer: &IssuerConfig) -> Asked {
    match key_source(issuer) {
        Ok(source) => {
            let keys = source.fetch().await;
            Asked { keys, clock: source.clock() }
        }
        Err(_) => Asked { keys: Err(FetchFailed::Unreachable), clock: None },
    }
}

/// The decisions and the ways to every issuer. The error is for callers: it names settings and no values.
pub(super) fn protected(
    auth: &AuthConfig,
    clock: Clock,
) -> Result<(Authenticator, Vec<IssuerDriver>), String> {
    let limiter = match &auth.rate_limit {
        None => None,
        Some(limit) => {
            Some(RateLimiter::with_tools(in_memory(limit)?, limit.tools.clone(), DEFAULT_CAPACITY))
        }
    };
    // Every source before any task, so that a gate that stays shut leaves none behind.
    let ways = auth.issuers.iter().map(|issuer| {
        let source = key_source(issuer).map_err(|_| NO_CERTIFICATES.to_owned())?;
        Ok((source, introspection(auth, issuer, clock)?))
    });
    let ways = ways.collect::<Result<Vec<_>, String>>()?;
    // A task and a lifecycle for each issuer: one that is down or slow holds up nobody else's callers.
    let drive = |(source, introspection)| {
        let settings = LifecycleSettings {
            ttl: auth.jwks_cache_ttl,
            stale_for: auth.jwks_stale_for,
            ..LifecycleSettings::default()
        };
        let keys = KeyDriver::spawn(KeyLifecycle::new(settings), source, move || clock.now());
        IssuerDriver { keys, introspection }
    };
    let authenticator = match &auth.api_keys {
        None => Authenticator::protected(policies(auth), limiter),
        Some(rules) => {
            Authenticator::protected_with_api_keys(policies(auth), Arc::new(rules.scopes.clone()), limiter)
        }
    };
    Ok((authenticator, ways.into_iter().map(drive).collect()))
}

fn introspection(
    auth: &AuthConfig,
    issuer: &IssuerConfig,
    clock: Clock,
) -> Result<Option<IntrospectionClient>, String> {
    let Some(endpoint) = &issuer.introspection_url else { return Ok(None) };
    let client = auth.client.as_ref().ok_or("M4_OAUTH2_CLIENT_ID is not set")?;
    let settings =
        IntrospectionSettings::new(endpoint.clone(), client_auth::of(client, client.method, &issuer.issuer)?);
    let client = IntrospectionClient::new(&settings, policy(auth, issuer), move || clock.now());
    client.map(Some).map_err(|_| NO_CERTIFICATES.to_owned())
}

const NO_CERTIFICATES: &str = "this machine's trusted certificates cannot be loaded";

fn policy(auth: &AuthConfig, issuer: &IssuerConfig) -> Policy {
    Policy {
        issuer: issuer.issuer.as_str().to_owned(),
        audiences: issuer.audiences.clone(),
        audience_claim: issuer.audience_claim.clone(),
        scopes: Arc::new(issuer.scopes.clone()),
        scope_claims: issuer.scope_claims.clone(),
        subject_claims: issuer.subject_claims.clone(),
        algorithms: issuer.algorithms.clone(),
        leeway: auth.leeway,
        require_at_jwt: issuer.require_at_jwt,
        accept_id_tokens: issuer.accept_id_tokens,
        introspection: issuer.introspection_url.is_some(),
        validate_exp: auth.validate.exp,
        validate_aud: auth.validate.aud,
        validate_iss: auth.validate.iss,
    }
}

fn key_source(issuer: &IssuerConfig) -> Result<HttpKeySource, reqwest::Error> {
    let jwks_url = issuer.jwks_url.as_ref().map(|url| url.url().clone());
    HttpKeySource::new(issuer.issuer.clone(), jwks_url, issuer.algorithms.clone())
}

/// Limits shared through Redis are configured but not built: counting in memory instead would allow each process the
/// whole rate, so the gate stays closed and says why.
fn in_memory(limit: &auth::RateLimit) -> Result<RateLimit, String> {
    match limit.store {
        RateLimitStore::Memory => Ok(RateLimit { requests: limit.requests, window: limit.window }),
        RateLimitStore::Redis(_) => {
            Err("M4_OAUTH2_RATE_LIMIT_STORE names Redis, which this version does not support; use memory"
                .into())
        }
    }
}
