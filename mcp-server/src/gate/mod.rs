//! The gate every data access passes.
//!
//! [`Gate::admit`] is the one place where calls are decided and where every decision is recorded. It joins the pure
//! decisions of `auth-core` with this process's clocks and with the task that fetches keys.

pub mod clock;
mod driver;
pub mod introspection;
mod jwks_fetch;
mod setup;

use std::sync::Arc;
use std::time::Duration;

pub use auth_core::authenticator::Granted;
use auth_core::authenticator::{Authenticator, Credential, Decision, NeedsKeys, Refused};
use auth_core::introspection::{Lookup, OpaqueToken};
use auth_core::jwks::{FetchFailed, KeyLookup};
use auth_core::rejection::Rejection;
use auth_core::scope::Access;
use auth_core::secret::Secret;

use self::clock::Clock;
use self::driver::KeyDriver;
use self::introspection::IntrospectionClient;
pub use self::setup::{fetch_keys, policies, unsupported};
use crate::audit;
use crate::config::{AuthSetting, Config};
use crate::error::Explain as _;

/// Decides who may do what.
#[derive(Debug)]
pub struct Gate {
    authenticator: Authenticator,
    /// One per issuer, in the authenticator's order.
    issuers: Vec<IssuerDriver>,
    clock: Clock,
}

/// How one issuer is reached.
#[derive(Debug)]
struct IssuerDriver {
    keys: KeyDriver,
    introspection: Option<IntrospectionClient>,
}

impl Gate {
    /// The gate the configuration asks for. Whatever is wrong with it makes a gate that admits nobody.
    ///
    /// Must be called on a runtime: an enabled gate starts the task that fetches keys.
    pub fn new(config: &Config) -> Self {
        let clock = Clock::start();
        let closed = |detail: String, hint: Option<String>| Self {
            authenticator: Authenticator::misconfigured(detail, hint),
            issuers: Vec::new(),
            clock,
        };
        match &config.auth {
            AuthSetting::Misconfigured(errors) => closed(errors.for_callers(), errors.hint()),
            AuthSetting::Disabled => {
                Self { authenticator: Authenticator::open(), issuers: Vec::new(), clock }
            }
            AuthSetting::Enabled(auth) => match setup::protected(auth, clock) {
                Ok((authenticator, issuers)) => Self { authenticator, issuers, clock },
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
        let credential = credential.map_or(Credential::None, |token| Credential::Bearer(token.expose()));
        // Keys can be replaced between the answer and the next decision, hardly twice in a row.
        for _ in 0..ATTEMPTS {
            match self.decide_now(credential, access) {
                Decision::Admit(granted) => return Ok(granted),
                Decision::Reject(refused) => return Err(refused),
                Decision::NeedsIntrospection { issuer } => {
                    return self.introspect(issuer, credential, access).await;
                }
                Decision::NeedsKeys(needs) => self.obtain(needs).await?,
            }
        }
        Err(NeedsKeys::unavailable(FetchFailed::Unreachable, Duration::ZERO).into())
    }

    fn decide_now(&self, credential: Credential<'_>, access: &Access<'_>) -> Decision {
        let keys = |issuer: usize| {
            self.issuers.get(issuer).map_or_else(Arc::default, |issuer| issuer.keys.snapshot())
        };
        self.authenticator.decide(credential, access, keys, self.clock.now())
    }

    /// Waits for a key, or says why there is none.
    async fn obtain(&self, needs: NeedsKeys) -> Result<(), Rejection> {
        let Some(issuer) = self.issuers.get(needs.issuer) else { return Err(needs.unknown(Duration::ZERO)) };
        match issuer.keys.obtain(needs.query.clone()).await {
            KeyLookup::Ready | KeyLookup::NeedsFetch => Ok(()),
            KeyLookup::Unknown { retry_after } => Err(needs.unknown(retry_after)),
            KeyLookup::Unavailable { failure, retry_after } => {
                Err(NeedsKeys::unavailable(failure, retry_after))
            }
        }
    }

    /// Decides on a token that only its issuer can read.
    async fn introspect(
        &self,
        issuer: usize,
        credential: Credential<'_>,
        access: &Access<'_>,
    ) -> Result<Granted, Refused> {
        let client = self.issuers.get(issuer).and_then(|issuer| issuer.introspection.as_ref());
        let (Some(client), Some(text)) = (client, credential.token()) else {
            return Err(Rejection::MissingToken.into());
        };
        let claims = match client.obtain(OpaqueToken::parse(text)?).await {
            Lookup::Active(claims) => claims,
            Lookup::Inactive(reason) => return Err(Rejection::from(reason).into()),
            Lookup::Unavailable { failure, retry_after } => {
                return Err(Rejection::IntrospectionUnavailable { failure, retry_after }.into());
            }
            Lookup::NeedsRequest => return Err(Rejection::MissingToken.into()),
        };
        match self.authenticator.decide_introspected(issuer, &claims, credential, access, self.clock.now()) {
            Decision::Admit(granted) => Ok(granted),
            Decision::Reject(refused) => Err(refused),
            Decision::NeedsKeys(needs) => Err(needs.unknown(Duration::ZERO).into()),
            Decision::NeedsIntrospection { .. } => Err(Rejection::MissingToken.into()),
        }
    }
}

/// Decisions per call before giving up on keys that keep changing.
const ATTEMPTS: u32 = 3;
