//! Logging in with a code that is confirmed on another device (RFC 8628).

use auth_core::oauth::client::device::{
    self, DeviceAuthorization, DeviceEnd, DeviceError, DevicePoll, DeviceStep,
};
use auth_core::oauth::client::discovery::{Discovery, DiscoveryStep, Fetched};
use auth_core::oauth::client::login::{ClientToUse, LoginError, LoginRequest, LoginSettings, LoginTarget};
use auth_core::oauth::client::registration::Registration;
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::token_request::Grant;
use auth_core::oauth::client::token_response::{TokenError, TokenResponse, TokenType};
use auth_core::oauth::client_auth::{AssertionTimes, ClientAuth, SigningFailed};
use auth_core::oauth::url::SecureUrl;
use auth_core::scope::ScopeSet;
use auth_core::time::UnixTime;
use mcp_server::credentials::exchange::{self, Answer};
use mcp_server::error::Explain;
use mcp_server::gate::clock::Clock;

use super::driver::{NoRandomness, User, unique_id};

/// Logs in; `show` tells the person what to do. Nothing is stored, and how long it takes is up to the caller.
pub async fn run<U: User>(
    settings: &LoginSettings,
    user: &mut U,
    show: impl FnOnce(&DeviceAuthorization),
) -> Result<StoredSession, DeviceLoginError<U::Error>> {
    let clock = Clock::start();
    let Found { server, resource, scopes_supported } = discovered(&settings.target).await?;
    let endpoint = server.device_authorization_endpoint.as_ref().ok_or(DeviceLoginError::NotOffered)?;
    let scope = settings.first_scopes(scopes_supported.as_ref(), &server);
    let (client, is_registered) = match settings.choose_client(&server, resource.as_deref()) {
        ClientToUse::Named(client) => (client, false),
        ClientToUse::Registered(client) => (client, true),
        ClientToUse::Register(at) => {
            (registered(at, &settings.registration(&server, &scope), &server).await?, true)
        }
        ClientToUse::Ask => (user.name_client(&server).await.map_err(DeviceLoginError::User)?, false),
    };
    let named = resource.as_deref().filter(|_| settings.resource_parameter);
    let asking = Asking { server: &server, client: &client, resource: named };

    let authorization = asking.authorization(endpoint, &scope, clock.now().wall).await?;
    show(&authorization);
    let tokens = asking.tokens(&authorization, clock).await?;
    let session =
        StoredSession::issued(&server, client.clone(), resource.clone(), scope, tokens, clock.now().wall);
    Ok(StoredSession {
        resource_parameter: settings.resource_parameter,
        registered_redirect: is_registered.then(|| settings.redirect_uri.clone()),
        ..session
    })
}

struct Found {
    server: AuthorizationServer,
    resource: Option<String>,
    scopes_supported: Option<ScopeSet>,
}

async fn discovered(target: &LoginTarget) -> Result<Found, LoginError> {
    let mut discovery = match target {
        LoginTarget::Resource { url, challenge, rule, issuer } => {
            Discovery::of_resource(url.clone(), challenge.as_ref(), *rule, issuer.clone())
        }
        LoginTarget::Issuer { issuer, .. } => Discovery::of_issuer(issuer.clone()),
        LoginTarget::Server { server, resource } => {
            let server = AuthorizationServer::clone(server);
            return Ok(Found { server, resource: resource.clone(), scopes_supported: None });
        }
    };
    loop {
        match discovery.poll() {
            DiscoveryStep::Fetch(url) => {
                let answer = exchange::send(&LoginRequest::Get(url)).await;
                discovery.handle(Answer::fetched(answer.as_ref()));
            }
            DiscoveryStep::Failed(error) => return Err(error.clone().into()),
            DiscoveryStep::Found { server, resource } => {
                return Ok(Found {
                    server: server.clone(),
                    resource: match target {
                        LoginTarget::Issuer { resource, .. } => resource.clone(),
                        _ => resource.map(|resource| resource.resource.clone()),
                    },
                    scopes_supported: resource.and_then(|resource| resource.scopes_supported.clone()),
                });
            }
        }
    }
}

async fn registered(
    endpoint: &SecureUrl,
    body: &str,
    server: &AuthorizationServer,
) -> Result<ClientAuth, LoginError> {
    let answer = exchange::send(&LoginRequest::PostJson { url: endpoint.url(), body }).await;
    let Fetched::Answer { status, body } = Answer::fetched(answer.as_ref()) else {
        return Err(LoginError::RegistrationUnreachable);
    };
    Registration::parse(status, body)?.client_auth(server).ok_or(LoginError::UnusableClient)
}

struct Asking<'a> {
    server: &'a AuthorizationServer,
    client: &'a ClientAuth,
    resource: Option<&'a str>,
}

impl Asking<'_> {
    async fn authorization<E: Explain>(
        &self,
        endpoint: &SecureUrl,
        scope: &ScopeSet,
        now: UnixTime,
    ) -> Result<DeviceAuthorization, DeviceLoginError<E>> {
        let jti = unique_id()?;
        let form = device::authorization_form(scope, self.resource, self.client, &times(&jti, now))?;
        let answer = exchange::post(endpoint, &form).await.map_err(DeviceError::from)?;
        Ok(DeviceAuthorization::parse(answer.status, &answer.body, &form, &self.server.issuer)?)
    }

    async fn tokens<E: Explain>(
        &self,
        authorization: &DeviceAuthorization,
        clock: Clock,
    ) -> Result<TokenResponse, DeviceLoginError<E>> {
        let mut poll = DevicePoll::new(authorization, clock.now());
        loop {
            match poll.poll(clock.now()) {
                DeviceStep::Wait(duration) => tokio::time::sleep(duration).await,
                DeviceStep::Ask => {
                    let jti = unique_id()?;
                    let grant = Grant::DeviceCode { device_code: &authorization.device_code };
                    let form = grant.form(self.resource, self.client, &times(&jti, clock.now().wall))?;
                    let answer = exchange::post(&self.server.token_endpoint, &form).await;
                    let answer =
                        answer.and_then(|answer| TokenResponse::parse(answer.status, &answer.body, &form));
                    match poll.handle(answer, clock.now()) {
                        Some(tokens) if tokens.token_type == TokenType::Dpop => {
                            return Err(LoginError::BoundToken.into());
                        }
                        Some(tokens) => return Ok(tokens),
                        None => {}
                    }
                }
                DeviceStep::Ended(DeviceEnd::Denied) => return Err(DeviceLoginError::Denied),
                DeviceStep::Ended(DeviceEnd::Failed(error)) => {
                    return Err(DeviceLoginError::Endpoint(error.into()));
                }
                // `Confirmed` came with tokens, above.
                DeviceStep::Ended(_) => return Err(DeviceLoginError::Expired),
            }
        }
    }
}

const fn times(jti: &str, now: UnixTime) -> AssertionTimes<'_> {
    AssertionTimes { jti, issued_at: now, expires_at: now.saturating_add(60) }
}

/// Why a device login ended without tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceLoginError<E: Explain> {
    /// What every login does failed.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The issuer has no such endpoint.
    #[error("the issuer does not offer logins on another device (device_authorization_endpoint is absent)")]
    NotOffered,
    /// An endpoint refused.
    #[error(transparent)]
    Endpoint(#[from] DeviceError),
    /// The person said no.
    #[error("the login was denied on the other device")]
    Denied,
    /// The code is over.
    #[error("nobody confirmed the code before it expired")]
    Expired,
    /// The client could not authenticate.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// No random numbers.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// Nobody did what it needs a person for.
    #[error(transparent)]
    User(E),
}

impl<E: Explain> Explain for DeviceLoginError<E> {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Login(error) => Some(error.hint().to_owned()),
            Self::NotOffered => {
                Some("leave out --device; --no-browser needs no browser here either".to_owned())
            }
            Self::Endpoint(DeviceError::Endpoint(error)) => Some(token_hint(error).to_owned()),
            Self::Endpoint(_) => Some("tell whoever runs the issuer".to_owned()),
            Self::Denied | Self::Expired => Some("run `m4 login --device` again".to_owned()),
            Self::Signing(error) => Some(LoginError::from(*error).hint().to_owned()),
            Self::Randomness(error) => error.hint(),
            Self::User(error) => error.hint(),
        }
    }
}

fn token_hint(error: &TokenError) -> &'static str {
    match error.code() {
        Some("unauthorized_client" | "invalid_client") => {
            "allow the device grant for this client at the issuer"
        }
        _ => error.hint(),
    }
}
