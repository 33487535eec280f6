//! The gate every data access passes.
//!
//! [`Gate::authorize`] is the one place where calls are decided and where every decision is recorded; [`Gate::admit`]
//! authenticates before it, and [`Gate::authenticate`] alone is for transports that ask twice. It joins the pure
//! decisions of `auth-core` with this process's clocks and with the task that fetches keys.

mod api_keys;
pub mod clock;
mod driver;
pub mod introspection;
mod jwks_fetch;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use auth_core::api_key::{ApiKeys, Shape};
pub use auth_core::authenticator::{Authenticated, Credential, Granted};
use auth_core::authenticator::{Authenticator, Decision, NeedsKeys, Refused};
use auth_core::introspection::{Lookup, OpaqueToken};
use auth_core::jwks::{FetchFailed, KeyLookup};
use auth_core::rejection::{ApiKeyRejection, Malformed, Rejection};
use auth_core::scope::Access;
use auth_core::secret::Secret;
use auth_core::time::Now;

use self::api_keys::ApiKeyStore;
use self::clock::Clock;
use self::driver::{KeyDriver, Published};
use self::introspection::IntrospectionClient;
pub use self::setup::{Asked, ask, fetch_keys, policies, unsupported};
use crate::audit;
use crate::config::{ApiKeyRules, AuthSetting, Config};
use crate::error::Explain as _;

/// Decides who may do what.
#[derive(Debug)]
pub struct Gate {
    authenticator: Authenticator,
    /// One per issuer, in the authenticator's order.
    issuers: Vec<IssuerDriver>,
    /// `None` where no API key is admitted.
    api_keys: Option<ApiKeyStore>,
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
        let without_issuers =
            |authenticator| Self { authenticator, issuers: Vec::new(), api_keys: None, clock };
        let closed = |detail: String, hint: Option<String>| {
            without_issuers(Authenticator::misconfigured(detail, hint))
        };
        match &config.auth {
            AuthSetting::Misconfigured(errors) => closed(errors.for_callers(), errors.hint()),
            AuthSetting::Disabled => without_issuers(Authenticator::open()),
            AuthSetting::Enabled(auth) => match setup::protected(auth, clock) {
                Ok((authenticator, issuers)) => {
                    let store = |rules: &ApiKeyRules| ApiKeyStore::open(rules.file.clone(), clock.now());
                    Self { authenticator, issuers, api_keys: auth.api_keys.as_ref().map(store), clock }
                }
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

    /// Decides whether an admitted call may touch a further dataset that it turns out to read. Counts nothing: it is one
    /// call. A no is recorded, and a yes where `yes_is_recorded`.
    pub fn authorize_further(
        &self,
        granted: &Granted,
        access: &Access<'_>,
        yes_is_recorded: bool,
    ) -> Result<(), Rejection> {
        let outcome = self.authenticator.authorize_further(granted, access);
        if yes_is_recorded || outcome.is_err() {
            audit::record_decision(access, &outcome);
        }
        outcome.map(drop).map_err(|refused| refused.rejection)
    }

    /// Records that somebody is turned away for a reason that this gate need not be asked about.
    pub fn turn_away(&self, rejection: Rejection) -> Rejection {
        let refused = Refused::from(rejection);
        audit::record_stranger(&refused);
        refused.rejection
    }

    /// Whether `token` was verified a moment ago and still stands, or is an API key.
    pub fn knows(&self, token: &str) -> bool {
        let now = self.now();
        let is_api_key = || {
            let keys = self.api_keys.as_ref().and_then(|store| store.current(now).ok());
            keys.is_some_and(|keys| {
                self.authenticator.authenticate_api_key(&keys, Credential::Bearer(token), now).is_ok()
            })
        };
        self.authenticator.knows(token, |issuer| self.keys_of(issuer), now) || is_api_key()
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
        // Where only API keys are admitted, their file is what has to be usable; beside issuers it shuts out its own callers.
        if self.issuers.is_empty()
            && self.api_keys.as_ref().is_some_and(|store| store.current(self.now()).is_err())
        {
            return false;
        }
        for (place, issuer) in self.issuers.iter().enumerate() {
            if self.keys_of(place).usable(self.now()).is_some() {
                continue;
            }
            if let KeyLookup::Unavailable { .. } = issuer.keys.warm().await {
                return false;
            }
        }
        true
    }

    fn keys_of(&self, issuer: usize) -> Published {
        self.issuers.get(issuer).map_or_else(Published::none, |issuer| issuer.keys.snapshot())
    }

    async fn genuine(&self, credential: Credential<'_>) -> Result<Authenticated, Refused> {
        let (Some(store), Some(text)) = (&self.api_keys, credential.token()) else {
            return self.genuine_token(credential).await;
        };
        let now = self.clock.now();
        let by_key = |keys: Arc<ApiKeys>| self.authenticator.authenticate_api_key(&keys, credential, now);
        match Shape::of(text)? {
            Shape::ApiKey => by_key(store.current(now)?),
            Shape::Jwt => self.genuine_token(credential).await,
            // A key in the operator's own words, or a token that its issuer has to be asked about: keys first, so that no
            // issuer ever sees one.
            Shape::Opaque => match store.current(now).map(by_key) {
                Ok(Err(refused)) if is_unknown_key(&refused.rejection) => {
                    self.genuine_token(credential).await
                }
                Ok(outcome) => outcome,
                Err(unavailable) => self.genuine_token(credential).await.map_err(|refused| {
                    let may_be_a_key = matches!(
                        refused.rejection,
                        Rejection::Malformed(Malformed::NotThreeParts { .. }) | Rejection::InvalidApiKey(_)
                    );
                    if may_be_a_key { unavailable.into() } else { refused }
                }),
            },
        }
    }

    async fn genuine_token(&self, credential: Credential<'_>) -> Result<Authenticated, Refused> {
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
        let mut lookup = issuer.keys.obtain(needs.query.clone()).await;
        // An issuer that restarts with a new key fails once and is back the next moment: whoever has a token of that key
        // waits for that moment. Where no key at all is usable there is nothing to bridge.
        if let KeyLookup::Unavailable { retry_after, .. } = lookup
            && retry_after <= WORTH_WAITING
            && self.keys_of(needs.issuer).usable(self.now()).is_some()
        {
            tokio::time::sleep(retry_after).await;
            lookup = issuer.keys.obtain(needs.query.clone()).await;
        }
        match lookup {
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

fn is_unknown_key(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::InvalidApiKey(ApiKeyRejection::Unknown))
}

/// How long a call waits for an issuer that just failed to be asked again.
const WORTH_WAITING: Duration = Duration::from_secs(1);

/// Decisions per call before giving up on keys that keep changing.
const ATTEMPTS: u32 = 3;
