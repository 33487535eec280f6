//! A token of this program's own: the client credentials grant (RFC 6749 §4.4), for servers on stdio without a person.

use std::sync::{Mutex, MutexGuard, PoisonError};

use auth_core::oauth::client::discovery::{Discovery, DiscoveryError, DiscoveryStep};
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client::token_request::Grant;
use auth_core::oauth::client::token_response::{TokenError, TokenResponse, TokenType};
use auth_core::oauth::client_auth::SigningFailed;
use auth_core::oauth::metadata::Issuer;
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;

use super::exchange::{Answer, Http, Network};
use super::renewal::{Issued, Origin, Renewal};
use crate::client_auth::{self, Assertion};
use crate::config::client::{Client, ClientAuthMethod};
use crate::config::{AuthConfig, Config};
use crate::error::Explain;

/// The tokens that one issuer gives this program's client, for one set of scopes.
#[derive(Debug)]
pub(super) struct ClientCredentials(Renewal<Registration>);

impl ClientCredentials {
    /// For the client in the settings; `None` where there is none that could prove who it is.
    pub(super) fn from_config(auth: &AuthConfig, config: &Config) -> Option<Self> {
        Registration::from_config(auth, config, Box::new(Http)).map(|origin| Self(Renewal::new(origin)))
    }

    /// The token; blocks while the issuer is asked.
    pub(super) fn current(&self) -> Result<Secret, ClientCredentialsError> {
        self.0.current()
    }

    /// The client's ID.
    pub(super) fn client_id(&self) -> &str {
        &self.0.origin().client.id
    }
}

/// Why there is no token for this program's client. Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCredentialsError {
    /// The client cannot prove who it is. The text names settings and no values.
    #[error("this server's client credentials cannot be used: {0}")]
    Unusable(String),
    /// Its key does not sign.
    #[error("this server's client credentials cannot be used")]
    NotSigned(#[from] SigningFailed),
    /// The issuer does not say where tokens are to be had.
    #[error("the token endpoint of {issuer} could not be found")]
    NoEndpoint {
        /// The issuer.
        issuer: String,
        /// Why.
        source: Box<DiscoveryError>,
    },
    /// The token endpoint gave none.
    #[error("{issuer} gave this server no token")]
    NoToken {
        /// The issuer.
        issuer: String,
        /// Why.
        source: TokenError,
    },
    /// A token of no use here.
    #[error("{issuer} gave this server a token that is bound to a key (DPoP)")]
    Bound {
        /// The issuer.
        issuer: String,
    },
}

impl ClientCredentialsError {
    /// What is wrong, for a caller who may not learn what the issuer said.
    pub(super) fn for_callers(&self) -> &'static str {
        match self {
            Self::Unusable(_) | Self::NotSigned(_) => "this server's client credentials cannot be used",
            Self::NoEndpoint { .. } => "the issuer's token endpoint could not be found",
            Self::NoToken { source, .. } if is_refusal(source) => "the issuer refuses this server's client",
            Self::NoToken { .. } => "the issuer gave this server no token",
            Self::Bound { .. } => "the issuer gave this server a token that is bound to a key",
        }
    }
}

impl Explain for ClientCredentialsError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unusable(_) | Self::NotSigned(_) => {
                "correct M4_OAUTH2_CLIENT_ID and its secret or key; `m4 doctor` says what is wrong"
            }
            Self::NoEndpoint { source, .. } => match &**source {
                DiscoveryError::NoServerMetadata { .. } => {
                    "check M4_OAUTH2_ISSUER_URL, or set M4_LOGIN_TOKEN_ENDPOINT to the issuer's token endpoint"
                }
                other => other.hint(),
            },
            Self::NoToken { source, .. } => match source.code() {
                Some("unauthorized_client" | "unsupported_grant_type") => {
                    "allow the client of M4_OAUTH2_CLIENT_ID the client credentials grant at the issuer"
                }
                Some("invalid_scope") => {
                    "set M4_OAUTH2_CLIENT_SCOPE to scopes that the issuer grants this client"
                }
                Some("invalid_target") => {
                    "set M4_OAUTH2_CLIENT_RESOURCE as the issuer knows this server, or leave it out"
                }
                _ if is_refusal(source) => {
                    "check M4_OAUTH2_CLIENT_ID, its secret or key, M4_OAUTH2_CLIENT_AUTH, and that the issuer has not \
                     disabled the client"
                }
                Some("invalid_request" | "access_denied") => {
                    "the issuer may want M4_OAUTH2_CLIENT_SCOPE, M4_OAUTH2_CLIENT_AUDIENCE or \
                     M4_OAUTH2_CLIENT_RESOURCE"
                }
                _ => source.hint(),
            },
            Self::Bound { .. } => "have the issuer give this client bearer tokens",
        };
        Some(hint.to_owned())
    }
}

/// Whether the issuer does not take this client for who it says it is, or does not let it have tokens at all.
fn is_refusal(error: &TokenError) -> bool {
    match error {
        TokenError::Status { status } => matches!(status, 401 | 403),
        other => {
            let codes = ["invalid_client", "unauthorized_client", "unsupported_grant_type"];
            other.code().is_some_and(|code| codes.contains(&code))
        }
    }
}

/// A client at one issuer and what it asks for.
#[derive(Debug)]
struct Registration {
    issuer: Issuer,
    client: Client,
    scope: ScopeSet,
    network: Box<dyn Network>,
    /// Where tokens are to be had, once that is known.
    server: Mutex<Option<AuthorizationServer>>,
}

impl Registration {
    fn from_config(auth: &AuthConfig, config: &Config, network: Box<dyn Network>) -> Option<Self> {
        let client = auth.client.clone().filter(Client::has_credential)?;
        let issuer = auth.issuers.get(auth.client_issuer?)?;
        // Where there are several issuers, the endpoint in the settings could be another one's, who would see the secret.
        let endpoint = config.login.token_endpoint.clone().filter(|_| auth.issuers.len() == 1);
        let server = endpoint.map(|url| AuthorizationServer::configured(issuer.issuer.clone(), None, url));
        Some(Self {
            issuer: issuer.issuer.clone(),
            scope: client.scope.clone().unwrap_or_else(|| issuer.scopes.base.clone()),
            client,
            network,
            server: Mutex::new(server),
        })
    }

    fn server(&self) -> Result<AuthorizationServer, ClientCredentialsError> {
        if let Some(server) = &*self.known() {
            return Ok(server.clone());
        }
        let found =
            discover(&*self.network, &self.issuer).map_err(|source| ClientCredentialsError::NoEndpoint {
                issuer: self.issuer.as_str().to_owned(),
                source: Box::new(source),
            })?;
        *self.known() = Some(found.clone());
        Ok(found)
    }

    fn ask(
        &self,
        server: &AuthorizationServer,
        now: UnixTime,
    ) -> Result<TokenResponse, ClientCredentialsError> {
        let auth = client_auth::of(&self.client, self.method(server), &self.issuer)
            .map_err(ClientCredentialsError::Unusable)?;
        let assertion = Assertion::now(now)?;
        let audience = self.client.audience.as_deref();
        let form = Grant::ClientCredentials { scope: &self.scope, audience }.form(
            self.client.resource.as_deref(),
            &auth,
            &assertion.times(),
        )?;
        let answer = self.network.post(&server.token_endpoint, &form);
        answer.and_then(|answer| TokenResponse::parse(answer.status, &answer.body, &form)).map_err(|source| {
            ClientCredentialsError::NoToken { issuer: self.issuer.as_str().to_owned(), source }
        })
    }

    fn method(&self, server: &AuthorizationServer) -> ClientAuthMethod {
        match self.client.method {
            ClientAuthMethod::Basic
                if !self.client.method_is_chosen && server.secret_method() == "client_secret_post" =>
            {
                ClientAuthMethod::Post
            }
            configured => configured,
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<AuthorizationServer>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin for Registration {
    type Error = ClientCredentialsError;

    const NAME: &'static str = "client credentials";

    fn fetch(&self, now: UnixTime) -> Result<Issued, ClientCredentialsError> {
        let server = self.server()?;
        let tokens = self.ask(&server, now)?;
        match tokens.token_type {
            TokenType::Bearer => Ok(Issued { token: tokens.access_token, expires_in: tokens.expires_in }),
            TokenType::Dpop => Err(ClientCredentialsError::Bound { issuer: self.issuer.as_str().to_owned() }),
        }
    }

    fn is_temporary(error: &ClientCredentialsError) -> bool {
        match error {
            ClientCredentialsError::NoToken { source, .. } => source.is_temporary(),
            ClientCredentialsError::NoEndpoint { source, .. } => {
                matches!(**source, DiscoveryError::Status { .. } | DiscoveryError::Unreachable)
            }
            _ => false,
        }
    }
}

fn discover(network: &dyn Network, issuer: &Issuer) -> Result<AuthorizationServer, DiscoveryError> {
    let mut discovery = Discovery::of_issuer(issuer.clone());
    loop {
        let answer = match discovery.poll() {
            DiscoveryStep::Fetch(url) => network.get(url),
            DiscoveryStep::Found { server, .. } => return Ok(server.clone()),
            DiscoveryStep::Failed(error) => return Err(error.clone()),
        };
        discovery.handle(Answer::fetched(answer.as_ref()));
    }
}

#[cfg(test)]
mod tests;
