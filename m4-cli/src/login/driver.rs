//! A login from its beginning to its end: requests go to the network, and what only a person can do to a [`User`].

use std::future::Future;

use auth_core::oauth::client::authorization::{AuthorizationUrl, LoginRandomness};
use auth_core::oauth::client::login::{Login, LoginError, LoginSettings, LoginStep};
use auth_core::oauth::client::redirect::RedirectError;
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client_auth::ClientAuth;
use aws_lc_rs::rand;
use mcp_server::credentials::exchange::{self, Answer};
use mcp_server::error::Explain;
use mcp_server::gate::clock::Clock;

/// What a login needs somebody for.
pub trait User: Send {
    /// Why it cannot be done.
    type Error: Explain;

    /// Takes a person, or a program in the place of one, to `url`, and hands to `callback` whatever comes back, until it
    /// [is answered](Callback::is_answered).
    fn authorize(
        &mut self,
        url: &AuthorizationUrl,
        callback: &mut Callback<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// The client to be at this server, which names none by itself, or which a server elsewhere named while the
    /// configured client has a secret.
    fn name_client(
        &mut self,
        server: &AuthorizationServer,
    ) -> impl Future<Output = Result<ClientAuth, Self::Error>> + Send;
}

/// Logs in. Nothing is stored: that is up to the caller.
pub async fn run<U: User>(
    settings: LoginSettings,
    randomness: LoginRandomness,
    user: &mut U,
) -> Result<StoredSession, RunError<U::Error>> {
    let clock = Clock::start();
    let mut login = Login::new(settings, randomness);
    loop {
        match login.poll() {
            LoginStep::Send(request) => {
                let answer = exchange::send(&request).await;
                login.handle(Answer::fetched(answer.as_ref()), clock.now().wall);
            }
            LoginStep::Open(url) => {
                let url = url.clone();
                let mut callback = Callback { login: &mut login, clock };
                user.authorize(&url, &mut callback).await.map_err(RunError::User)?;
                if !callback.is_answered() {
                    return Err(LoginError::Interrupted.into());
                }
            }
            LoginStep::NameClient(server) => {
                let server = server.clone();
                login.use_client(user.name_client(&server).await.map_err(RunError::User)?);
            }
            LoginStep::Done(session) => return Ok(session.clone()),
            LoginStep::Failed(error) => return Err(error.clone().into()),
        }
    }
}

/// Where a browser's return is reported.
#[derive(Debug)]
pub struct Callback<'a> {
    login: &'a mut Login,
    clock: Clock,
}

impl Callback<'_> {
    /// Takes the target of a GET request at the redirect URI's port, such as `/callback?code=…`. `Ok(false)` says that
    /// it was none of the login's; an error ends the login only where it then [is answered](Self::is_answered).
    pub fn receive(&mut self, target: &str) -> Result<bool, RedirectError> {
        self.login.receive(target, self.clock.now().wall)
    }

    /// The same for the address a person copied from a browser elsewhere.
    pub fn receive_pasted(&mut self, address: &str) -> Result<bool, RedirectError> {
        self.login.receive_pasted(address, self.clock.now().wall)
    }

    /// Whether the browser is no longer waited for, because it brought a code or a refusal.
    pub fn is_answered(&self) -> bool {
        !matches!(self.login.poll(), LoginStep::Open(_))
    }
}

/// Draws the random numbers of one login.
pub fn randomness() -> Result<LoginRandomness, NoRandomness> {
    let (mut state, mut verifier) = ([0; 32], [0; 32]);
    rand::fill(&mut state).and_then(|()| rand::fill(&mut verifier)).map_err(|_| NoRandomness)?;
    Ok(LoginRandomness::new(state, verifier))
}

/// 128 random bits as text, for [`LoginSettings::jti`].
pub fn unique_id() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Why a login ended without tokens.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E: Explain> {
    /// The login itself failed.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Nobody did what it needs a person for.
    #[error(transparent)]
    User(E),
}

impl<E: Explain> Explain for RunError<E> {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Login(error) => Some(error.hint().to_owned()),
            Self::User(error) => error.hint(),
        }
    }
}

/// The operating system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandomness;

impl Explain for NoRandomness {
    fn hint(&self) -> Option<String> {
        Some("try again; without random numbers a login cannot be kept from others".to_owned())
    }
}
