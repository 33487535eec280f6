//! One login at a browser, from a URL to a stored session: a state machine without I/O.
//!
//! [`Login::poll`] says what to do. A request's answer goes to [`Login::handle`], what the loopback listener hears to
//! [`Login::receive`], a client id a person names to [`Login::use_client`]; then poll again. Whatever comes when nobody
//! waits for it changes nothing.

mod settings;
mod step;
#[cfg(test)]
mod tests;

use url::Url;

pub use self::settings::{ClientToUse, LoginSettings, LoginTarget};
pub use self::step::{LoginError, LoginRequest, LoginStep};

use super::authorization::{AuthorizationRequest, AuthorizationUrl, LoginRandomness};
use super::discovery::{Discovery, DiscoveryStep, Fetched};
use super::pkce::PkceSupport;
use super::redirect::{CodeGrant, PendingAuthorization, Redirect, RedirectError};
use super::registration::Registration;
use super::server::AuthorizationServer;
use super::stored_token::StoredSession;
use super::token_request::Grant;
use super::token_response::{TokenError, TokenResponse, TokenType};
use crate::oauth::client_auth::{AssertionTimes, AuthenticatedForm, ClientAuth};
use crate::scope::ScopeSet;
use crate::time::UnixTime;

/// A login under way.
#[derive(Debug)]
pub struct Login {
    settings: LoginSettings,
    randomness: Option<LoginRandomness>,
    state: State,
}

impl Login {
    /// Begins. The random numbers are for this login alone.
    pub fn new(settings: LoginSettings, randomness: LoginRandomness) -> Self {
        let target = settings.target.clone();
        let mut login = Self { settings, randomness: Some(randomness), state: State::passing() };
        match target {
            LoginTarget::Resource { url, challenge, rule, issuer } => {
                login.discover(Discovery::of_resource(url, challenge.as_ref(), rule, issuer));
            }
            LoginTarget::Issuer { issuer, .. } => login.discover(Discovery::of_issuer(issuer)),
            LoginTarget::Server { server, resource } => {
                login.choose_client(Box::new(Found {
                    server: *server,
                    resource,
                    scopes_supported: None,
                    is_registered: false,
                }));
            }
        }
        login
    }

    /// What to do now. The same answer comes again until something is handed in.
    pub fn poll(&self) -> LoginStep<'_> {
        match &self.state {
            State::Discovering { url, .. } => LoginStep::Send(LoginRequest::Get(url)),
            State::NoClient(found) => LoginStep::NameClient(&found.server),
            State::Registering { endpoint, body, .. } => {
                LoginStep::Send(LoginRequest::PostJson { url: endpoint, body })
            }
            State::Browsing { url, .. } => LoginStep::Open(url),
            State::Redeeming { found, form, .. } => {
                LoginStep::Send(LoginRequest::PostForm { url: found.server.token_endpoint.url(), form })
            }
            State::Done(session) => LoginStep::Done(session),
            State::Failed(error) => LoginStep::Failed(error),
        }
    }

    /// Takes the answer to the request that [`poll`](Self::poll) wanted.
    pub fn handle(&mut self, fetched: Fetched<'_>, now: UnixTime) {
        match std::mem::replace(&mut self.state, State::passing()) {
            State::Discovering { mut discovery, .. } => {
                discovery.handle(fetched);
                self.discover(*discovery);
            }
            State::Registering { found, .. } => match registered(fetched, &found.server) {
                Ok(client) => self.browse(Box::new(Found { is_registered: true, ..*found }), client),
                Err(error) => self.state = State::Failed(error),
            },
            State::Redeeming { found, client, grant, form } => {
                let tokens = match fetched {
                    Fetched::Answer { status, body } => TokenResponse::parse(status, body, &form),
                    Fetched::Unreachable => Err(TokenError::Unreachable),
                };
                self.state = match tokens {
                    // No proof was sent, so the key is nobody's here.
                    Ok(tokens) if tokens.token_type == TokenType::Dpop => {
                        State::Failed(LoginError::BoundToken)
                    }
                    Ok(tokens) => {
                        let session = StoredSession::issued(
                            &found.server,
                            client,
                            found.resource,
                            grant.scope,
                            tokens,
                            now,
                        );
                        State::Done(Box::new(StoredSession {
                            resource_parameter: self.settings.resource_parameter,
                            registered_redirect: found
                                .is_registered
                                .then(|| self.settings.redirect_uri.clone()),
                            ..session
                        }))
                    }
                    Err(error) => State::Failed(error.into()),
                };
            }
            unconcerned => self.state = unconcerned,
        }
    }

    /// Takes the client a person named, when [`poll`](Self::poll) asked for one.
    pub fn use_client(&mut self, client: ClientAuth) {
        match std::mem::replace(&mut self.state, State::passing()) {
            State::NoClient(found) => self.browse(found, client),
            unconcerned => self.state = unconcerned,
        }
    }

    /// Takes the target of a request at the loopback listener. `Ok(false)` says that it was none of the login's.
    pub fn receive(&mut self, target: &str, now: UnixTime) -> Result<bool, RedirectError> {
        self.redirected(now, |pending| pending.receive(target))
    }

    /// Takes the address a person copied from a browser elsewhere.
    pub fn receive_pasted(&mut self, text: &str, now: UnixTime) -> Result<bool, RedirectError> {
        self.redirected(now, |pending| pending.receive_pasted(text))
    }

    fn redirected(
        &mut self,
        now: UnixTime,
        read: impl FnOnce(&mut PendingAuthorization) -> Result<Redirect, RedirectError>,
    ) -> Result<bool, RedirectError> {
        let State::Browsing { pending, .. } = &mut self.state else {
            return Err(RedirectError::SecondAnswer);
        };
        match read(pending) {
            Ok(Redirect::NotTheCallback) => Ok(false),
            Ok(Redirect::Code(grant)) => {
                if let State::Browsing { found, client, .. } =
                    std::mem::replace(&mut self.state, State::passing())
                {
                    self.state = self.redeem(found, client, *grant, now);
                }
                Ok(true)
            }
            Err(error) => {
                if error.ends_login() {
                    self.state = State::Failed(error.clone().into());
                }
                Err(error)
            }
        }
    }

    fn discover(&mut self, discovery: Discovery) {
        let found = match discovery.poll() {
            DiscoveryStep::Fetch(url) => {
                let url = url.clone();
                self.state = State::Discovering { discovery: Box::new(discovery), url };
                return;
            }
            DiscoveryStep::Failed(error) => {
                self.state = State::Failed(error.clone().into());
                return;
            }
            DiscoveryStep::Found { server, resource } => Found {
                server: server.clone(),
                resource: match &self.settings.target {
                    LoginTarget::Issuer { resource, .. } => resource.clone(),
                    _ => resource.map(|resource| resource.resource.clone()),
                },
                scopes_supported: resource.and_then(|resource| resource.scopes_supported.clone()),
                is_registered: false,
            },
        };
        self.choose_client(Box::new(found));
    }

    fn choose_client(&mut self, found: Box<Found>) {
        match self.settings.choose_client(&found.server, found.resource.as_deref()) {
            ClientToUse::Named(client) => self.browse(found, client),
            ClientToUse::Registered(client) => {
                self.browse(Box::new(Found { is_registered: true, ..*found }), client);
            }
            ClientToUse::Register(endpoint) => {
                let endpoint = endpoint.url().clone();
                let body = self.settings.registration(&found.server, &self.scope(&found));
                self.state = State::Registering { found, endpoint, body };
            }
            ClientToUse::Ask => self.state = State::NoClient(found),
        }
    }

    fn browse(&mut self, mut found: Box<Found>, client: ClientAuth) {
        if self.settings.vouch_for_pkce && found.server.pkce == PkceSupport::NotAdvertised {
            found.server.pkce = PkceSupport::VouchedFor;
        }
        let extra: Vec<(&str, &str)> =
            self.settings.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = AuthorizationRequest {
            server: &found.server,
            client_id: client.client_id(),
            redirect_uri: &self.settings.redirect_uri,
            scope: &self.scope(&found),
            resource: found.resource.as_deref().filter(|_| self.settings.resource_parameter),
            extra: &extra,
        };
        let Some(randomness) = self.randomness.take() else { return };
        self.state = match request.begin(randomness) {
            Ok((url, pending)) => State::Browsing { found, client, url, pending: Box::new(pending) },
            Err(error) => State::Failed(error.into()),
        };
    }

    fn redeem(&self, found: Box<Found>, client: ClientAuth, grant: CodeGrant, now: UnixTime) -> State {
        let times = AssertionTimes {
            jti: &self.settings.jti,
            issued_at: now,
            expires_at: now.saturating_add(ASSERTION_SECONDS),
        };
        match Grant::AuthorizationCode(&grant).form(grant.resource.as_deref(), &client, &times) {
            Ok(form) => State::Redeeming { found, client, grant: Box::new(grant), form },
            Err(error) => State::Failed(error.into()),
        }
    }

    fn scope(&self, found: &Found) -> ScopeSet {
        self.settings.first_scopes(found.scopes_supported.as_ref(), &found.server)
    }
}

fn registered(fetched: Fetched<'_>, server: &AuthorizationServer) -> Result<ClientAuth, LoginError> {
    let Fetched::Answer { status, body } = fetched else { return Err(LoginError::RegistrationUnreachable) };
    let registration = Registration::parse(status, body)?;
    registration.client_auth(server).ok_or(LoginError::UnusableClient)
}

#[derive(Debug)]
enum State {
    Discovering {
        discovery: Box<Discovery>,
        url: Url,
    },
    NoClient(Box<Found>),
    Registering {
        found: Box<Found>,
        endpoint: Url,
        body: String,
    },
    Browsing {
        found: Box<Found>,
        client: ClientAuth,
        url: AuthorizationUrl,
        pending: Box<PendingAuthorization>,
    },
    Redeeming {
        found: Box<Found>,
        client: ClientAuth,
        grant: Box<CodeGrant>,
        form: AuthenticatedForm,
    },
    Done(Box<StoredSession>),
    Failed(LoginError),
}

impl State {
    /// Stands in while a state is worked on; a step that is left half-way fails the login.
    const fn passing() -> Self {
        Self::Failed(LoginError::Interrupted)
    }
}

/// What discovery found, or configuration named.
#[derive(Debug)]
struct Found {
    server: AuthorizationServer,
    resource: Option<String>,
    scopes_supported: Option<ScopeSet>,
    /// Whether the client registered itself, now or for an earlier login.
    is_registered: bool,
}

/// Plenty for one request.
const ASSERTION_SECONDS: i64 = 60;
