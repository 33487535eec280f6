//! Tokens for a client itself (RFC 6749 §4.4), at the issuer that the server names.

use auth_core::oauth::client::discovery::{Discovery, DiscoveryError, DiscoveryStep};
use auth_core::oauth::client::login::LoginRequest;
use auth_core::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use auth_core::oauth::client::scopes;
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::token_request::Grant;
use auth_core::oauth::client::token_response::{TokenError, TokenResponse};
use auth_core::oauth::client::www_authenticate::TokenChallenge;
use auth_core::oauth::client_auth::{AssertionTimes, ClientAuth, SigningFailed};
use auth_core::scope::ScopeSet;
use m4_cli::login::driver::{self, NoRandomness};
use m4_cli::login::session::Source;
use mcp_server::credentials::exchange::{self, Answer};
use mcp_server::error::Explain;
use mcp_server::gate::clock::Clock;

use crate::context::Client;

/// A client with credentials. They go to whichever issuer the suite's server names, as no real client's may.
pub(crate) struct Credentials {
    resource: ResourceUrl,
    client: Client,
}

impl Credentials {
    pub(crate) const fn new(resource: ResourceUrl, client: Client) -> Self {
        Self { resource, client }
    }

    fn at(&self, server: &AuthorizationServer) -> ClientAuth {
        match self.client.clone() {
            Client::Secret { client_id, secret } if server.secret_method() == "client_secret_post" => {
                ClientAuth::Post { client_id, secret }
            }
            Client::Secret { client_id, secret } => ClientAuth::Basic { client_id, secret },
            Client::Key { client_id, key } => ClientAuth::PrivateKeyJwt {
                client_id,
                audience: server.issuer.as_str().to_owned(),
                signer: key,
            },
        }
    }
}

impl Source for Credentials {
    type Error = CredentialsError;

    async fn log_in(
        &mut self,
        challenge: Option<&TokenChallenge>,
        scope: Option<&ScopeSet>,
    ) -> Result<StoredSession, CredentialsError> {
        let mut discovery =
            Discovery::of_resource(self.resource.clone(), challenge, ResourceRule::Same, None);
        let (server, found) = loop {
            let answer = match discovery.poll() {
                DiscoveryStep::Fetch(url) => exchange::send(&LoginRequest::Get(url)).await,
                DiscoveryStep::Found { server, resource } => break (server.clone(), resource.cloned()),
                DiscoveryStep::Failed(error) => return Err(error.clone().into()),
            };
            discovery.handle(Answer::fetched(answer.as_ref()));
        };
        let listed = found.as_ref().and_then(|resource| resource.scopes_supported.as_ref());
        let scope = scopes::first_request(scope, challenge, listed, &server);
        let resource = found.map(|resource| resource.resource);
        let client = self.at(&server);
        let now = Clock::start().now().wall;
        let jti = driver::unique_id()?;
        let times = AssertionTimes { jti: &jti, issued_at: now, expires_at: now.saturating_add(60) };
        let form = Grant::ClientCredentials { scope: &scope, audience: None }.form(
            resource.as_deref(),
            &client,
            &times,
        )?;
        let answer = exchange::post(&server.token_endpoint, &form).await?;
        let tokens = TokenResponse::parse(answer.status, &answer.body, &form)?;
        Ok(StoredSession::issued(&server, client, resource, scope, tokens, now))
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl Explain for CredentialsError {
    fn hint(&self) -> Option<String> {
        None
    }
}
