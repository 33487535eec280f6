//! Asking an issuer about tokens only it can read (RFC 7662): over HTTP, once per token however many wait.

mod driver;
mod http;

use std::sync::Arc;
use std::time::Duration;

use auth_core::introspection::{
    Introspection, IntrospectionFailed, IntrospectionLimits, Introspector, Lookup, OpaqueToken,
};
use auth_core::oauth::client_auth::ClientAuth;
use auth_core::oauth::url::SecureUrl;
use auth_core::policy::Policy;
use auth_core::secret::Secret;
use auth_core::time::{Now, UnixTime};
use futures_util::future::BoxFuture;

use self::driver::Driver;
use self::http::Endpoint;
use crate::error::Explain;

/// How one issuer is asked. Issuers without these settings are never sent a token.
#[derive(Debug, Clone)]
pub struct IntrospectionSettings {
    /// The introspection endpoint.
    pub endpoint: SecureUrl,
    /// How this server authenticates there.
    pub auth: ClientAuth,
    /// Whether answers without `aud` are refused, see [`AnswerRules`](auth_core::introspection::AnswerRules).
    pub require_audience: bool,
    /// How long answers are believed and how many requests run at once.
    pub limits: IntrospectionLimits,
    /// Longest time for one exchange, body included.
    pub timeout: Duration,
}

impl IntrospectionSettings {
    /// The defaults: answers are believed for a minute and awaited for ten seconds, `aud` may be absent.
    pub fn new(endpoint: SecureUrl, auth: ClientAuth) -> Self {
        Self {
            endpoint,
            auth,
            require_audience: false,
            limits: IntrospectionLimits::default(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// Asks one issuer about tokens and remembers what it said. Clones share what they know.
#[derive(Debug, Clone)]
pub struct IntrospectionClient(Arc<Driver<Endpoint>>);

impl IntrospectionClient {
    /// A client for the issuer that `policy` is about; `now` is the clock that answers are judged by.
    ///
    /// Fails when the platform's trusted certificates cannot be loaded.
    pub fn new(
        settings: &IntrospectionSettings,
        policy: Policy,
        now: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        let endpoint = Endpoint::new(settings, policy)?;
        Ok(Self(Driver::new(Introspector::new(settings.limits.clone()), endpoint, now)))
    }

    /// What the issuer says about `token`, at once if it was asked recently. Never [`Lookup::NeedsRequest`].
    ///
    /// Must be called on a runtime. A caller that gives up does not stop the request for the others.
    pub async fn obtain(&self, token: OpaqueToken<'_>) -> Lookup {
        self.0.obtain(token).await
    }
}

impl Explain for IntrospectionFailed {
    fn hint(&self) -> Option<String> {
        Some(IntrospectionFailed::hint(self).to_owned())
    }
}

/// Where answers come from.
trait AnswerSource: Send + Sync + 'static {
    /// Asks about one token. Must end by itself: callers wait for it.
    fn ask(&self, token: Secret, wall: UnixTime)
    -> BoxFuture<'_, Result<Introspection, IntrospectionFailed>>;
}
