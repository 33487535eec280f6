//! The gate every data access passes.
//!
//! [`Gate::authorize`] is the one place where calls are decided and where every decision is recorded; [`Gate::admit`]
//! authenticates before it, and [`Gate::authenticate`] alone is for transports that ask twice. It joins the pure
//! decisions of `auth-core` with this process's clocks and with the task that fetches keys.

pub mod clock;
mod driver;
pub mod introspection;
mod jwks_fetch;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use auth_core::algorithm::Algorithm;
pub use auth_core::authenticator::{Authenticated, Credential, Granted};
use auth_core::authenticator::{Authenticator, Decision, NeedsKeys, Refused};
use auth_core::introspection::{Lookup, OpaqueToken};
use auth_core::jwks::{FetchFailed, KeyLookup, KeyQuery, KeySnapshot};
use auth_core::rejection::Rejection;
use auth_core::scope::Access;
use auth_core::secret::Secret;
use auth_core::time::Now;

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

    /// Decides one call of a caller who presents `token`, and records the decision.
    pub async fn admit(&self, token: Option<&Secret>, access: &Access<'_>) -> Result<Granted, Rejection> {
        let credential = token.map_or(Credential::None, |token| Credential::Bearer(token.expose()));
        let outcome = match self.genuine(credential).await {
            Ok(caller) => self.authenticator.authorize(&caller, access, self.now()),
            Err(refused) => Err(refused),
        };
        audit::record_decision(access, &outcome);
        outcome.map_err(|refused| refused.rejection)
    }

    /// Decides whether a credential is genuine, whatever it is for, and records a refusal. For transports that turn
    /// strangers away before they read what is asked for.
    pub async fn authenticate(&self, credential: Credential<'_>) -> Result<Authenticated, Rejection> {
        self.genuine(credential).await.map_err(|refused| {
            audit::record_stranger(&refused);
            refused.rejection
        })
    }

    /// Decides whether a caller may do one thing, and records the decision. Nothing else makes the proof that tools ask
    /// for.
    pub fn authorize(&self, caller: &Authenticated, access: &Access<'_>) -> Result<Granted, Rejection> {
        let outcome = self.authenticator.authorize(caller, access, self.now());
        audit::record_decision(access, &outcome);
        outcome.map_err(|refused| refused.rejection)
    }

    /// Records that somebody is turned away for a reason that this gate need not be asked about.
    pub fn turn_away(&self, rejection: Rejection) -> Rejection {
        let refused = Refused::from(rejection);
        audit::record_stranger(&refused);
        refused.rejection
    }

    /// Whether `token` was verified a moment ago and still stands.
    pub fn knows(&self, token: &str) -> bool {
        self.authenticator.knows(token, |issuer| self.keys_of(issuer), self.now())
    }

    /// This moment, by the clock that decisions are made by.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Whether tokens could be judged now: the configuration is usable and every issuer's keys are there. Fetches keys
    /// that are not.
    pub async fn is_ready(&self) -> bool {
        if self.authenticator.is_misconfigured() {
            return false;
        }
        for (place, issuer) in self.issuers.iter().enumerate() {
            if self.keys_of(place).usable(self.now()).is_some() {
                continue;
            }
            // No key has this id; asking for it is asking for the set.
            let query = KeyQuery { kid: Some(String::new()), algorithm: Algorithm::RS256 };
            if let KeyLookup::Unavailable { .. } = issuer.keys.obtain(query).await {
                return false;
            }
        }
        true
    }

    fn keys_of(&self, issuer: usize) -> Arc<KeySnapshot> {
        self.issuers.get(issuer).map_or_else(Arc::default, |issuer| issuer.keys.snapshot())
    }

    async fn genuine(&self, credential: Credential<'_>) -> Result<Authenticated, Refused> {
        // Keys can be replaced between the answer and the next decision, hardly twice in a row.
        for _ in 0..ATTEMPTS {
            match self.authenticator.authenticate(credential, |issuer| self.keys_of(issuer), self.now()) {
                Decision::Admit(caller) => return Ok(caller),
                Decision::Reject(refused) => return Err(refused),
                Decision::NeedsIntrospection { issuer } => return self.introspect(issuer, credential).await,
                Decision::NeedsKeys(needs) => self.obtain(needs).await?,
            }
        }
        Err(NeedsKeys::unavailable(FetchFailed::Unreachable, Duration::ZERO).into())
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
    async fn introspect(&self, issuer: usize, credential: Credential<'_>) -> Result<Authenticated, Refused> {
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
        self.authenticator.authenticate_introspected(issuer, &claims, credential, self.now())
    }
}

/// Decisions per call before giving up on keys that keep changing.
const ATTEMPTS: u32 = 3;
