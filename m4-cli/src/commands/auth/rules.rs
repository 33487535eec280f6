//! What the gate is configured to judge by, as far as these commands need it.

use auth_core::api_key::Shape;
use auth_core::explain::{Explanation, IssuerKeys, explain};
use auth_core::jwks::{FetchFailed, KeySet};
use auth_core::policy::Policy;
use auth_core::scope::Access;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use mcp_server::config::{AuthConfig, AuthSetting, Config};
use mcp_server::credentials::TokenSource;
use mcp_server::error::codes;
use mcp_server::gate;
use mcp_server::gate::clock::Clock;

use crate::failure::Failure;

/// An OAuth2 configuration that the gate can work with.
pub(in crate::commands) struct Rules<'a> {
    config: &'a Config,
    auth: &'a AuthConfig,
    policies: Vec<Policy>,
    clock: Clock,
}

impl<'a> Rules<'a> {
    /// Fails where the gate would judge no token at all.
    pub(in crate::commands) fn of(config: &'a Config) -> Result<Self, Failure> {
        let auth = match &config.auth {
            AuthSetting::Enabled(auth) => auth,
            AuthSetting::Disabled => {
                return Err(Failure::coded(
                    codes::OAUTH2_OFF,
                    "OAuth2 is disabled: every caller is let in and no token is looked at",
                    "set M4_OAUTH2_ENABLED to true, with M4_OAUTH2_ISSUER_URL and M4_OAUTH2_AUDIENCE",
                ));
            }
            AuthSetting::Misconfigured(errors) => return Err(errors.clone().into()),
        };
        if !auth.admits_tokens() {
            return Err(Failure::coded(
                codes::OAUTH2_OFF,
                "OAuth2 is disabled: only API keys are let in, and no token is looked at",
                "`m4 keys list` shows the keys; to admit tokens too, set M4_OAUTH2_ENABLED to true",
            ));
        }
        if let Some(what) = gate::unsupported(auth) {
            return Err(Failure::coded(
                codes::MISCONFIGURED,
                what,
                "change that setting; until then nobody gets data",
            ));
        }
        Ok(Self { config, auth, policies: gate::policies(auth), clock: Clock::start() })
    }

    /// The rules for tokens, one per issuer, in the gate's order.
    pub(super) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Asks one issuer, by its place, for its keys.
    pub(super) fn fetch_keys(&self, place: usize) -> Result<Fetched, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::io("the issuer was not asked", "try again", error))?;
        let outcome = runtime.block_on(gate::fetch_keys(&self.auth.issuers[place]));
        Ok(Fetched { outcome, at: self.now() })
    }

    /// Has the gate's checks made. Without keys first, which tells whose to fetch; `offline`, with none at all.
    pub(in crate::commands) fn judge(
        &self,
        token: &str,
        access: &Access<'_>,
        offline: bool,
    ) -> Result<Explanation, Failure> {
        let judged = |keys| explain(token, &self.policies, |_| keys, access, self.now());
        let without_keys = judged(IssuerKeys::NotAsked);
        let Some(place) = without_keys.issuer().filter(|_| !offline) else { return Ok(without_keys) };
        Ok(match &self.fetch_keys(place)?.outcome {
            Ok(keys) => judged(IssuerKeys::Known(keys)),
            Err(failure) => judged(IssuerKeys::Unavailable(failure)),
        })
    }

    /// The token of whoever runs this, from where the configuration says; `offline`, no issuer is made to give one out.
    pub(super) fn own_token(&self, offline: bool) -> Result<Option<Secret>, Failure> {
        let source = if offline {
            TokenSource::without_client(self.auth, self.config)
        } else {
            TokenSource::from_config(self.auth, self.config)
        };
        Ok(source.token_now()?)
    }

    /// Whether the gate takes this text for an API key, whatever is in it.
    pub(super) fn is_api_key(&self, text: &str) -> bool {
        self.auth.api_keys.is_some() && Shape::of(text) == Ok(Shape::ApiKey)
    }

    /// What the wall clock says.
    pub(super) fn now(&self) -> UnixTime {
        self.clock.now().wall
    }
}

/// What an issuer answered, and when.
pub(super) struct Fetched {
    pub(super) outcome: Result<KeySet, FetchFailed>,
    pub(super) at: UnixTime,
}
