//! Requests to a protected resource with the token it wants: a refusal leads to a login, a login to another attempt (MCP
//! authorization, "Scope Challenge Handling").

use std::future::Future;

use auth_core::oauth::client::login::{LoginSettings, LoginTarget};
use auth_core::oauth::client::scopes::{StepUp, StepUpError};
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::www_authenticate::{TokenChallenge, TokenRefusal};
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;
use mcp_server::error::Explain;
use tokio::sync::Mutex;

use super::driver::{self, NoRandomness, RunError, User};

/// The token for one resource, and how to come by another. Requests may share it; only one of them logs in at a time.
#[derive(Debug)]
pub struct Session<S> {
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S> {
    source: S,
    current: Option<StoredSession>,
}

/// How to come by a token.
pub trait Source: Send {
    /// Why there is none.
    type Error: Explain;

    /// Logs in at the resource, which answered with `challenge`. `scope` are the scopes to ask for; without them the
    /// challenge and the resource's metadata decide.
    fn log_in(
        &mut self,
        challenge: Option<&TokenChallenge>,
        scope: Option<&ScopeSet>,
    ) -> impl Future<Output = Result<StoredSession, Self::Error>> + Send;
}

impl<S: Source> Session<S> {
    /// Begins with a stored login, or with none.
    pub fn new(source: S, current: Option<StoredSession>) -> Self {
        Self { state: Mutex::new(State { source, current }) }
    }

    /// Sends one request as often as it takes to pass, and no more often than [`StepUp`] allows.
    ///
    /// `request` is given the access token, which belongs in the `Authorization` header and nowhere else. A request that
    /// comes while another logs in waits for the new token.
    pub async fn send<T, E, F>(
        &self,
        mut request: impl FnMut(Option<Secret>) -> F,
    ) -> Result<T, SessionError<E, S::Error>>
    where
        F: Future<Output = Result<T, Attempt<E>>>,
    {
        let (mut token, scope) = self.held().await;
        let mut step_up = StepUp::new(scope);
        loop {
            let refusal = match request(token.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Attempt::Failed(error)) => return Err(SessionError::Request(error)),
                Err(Attempt::Refused(refusal)) => refusal,
            };
            token = Some(self.another_than(token.as_ref(), &refusal, &mut step_up).await?);
        }
    }

    async fn held(&self) -> (Option<Secret>, ScopeSet) {
        match &self.state.lock().await.current {
            Some(session) => (Some(session.access_token.clone()), session.scope.clone()),
            None => (None, ScopeSet::default()),
        }
    }

    /// Another token than the refused one: what another request came by meanwhile, or a new login's.
    async fn another_than<E>(
        &self,
        refused: Option<&Secret>,
        refusal: &TokenRefusal,
        step_up: &mut StepUp,
    ) -> Result<Secret, SessionError<E, S::Error>> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.current {
            let is_refused = refused.is_some_and(|refused| session.access_token.matches(refused.expose()));
            if !is_refused {
                step_up.logged_in(&session.scope);
                return Ok(session.access_token.clone());
            }
        }
        let (challenge, scope) = match refusal {
            TokenRefusal::Unauthenticated(challenge) => {
                step_up.unauthenticated()?;
                // It is of no use to any other request either.
                state.current = None;
                (challenge.as_ref(), None)
            }
            TokenRefusal::InsufficientScope(challenge) => {
                (Some(challenge), Some(step_up.challenged(challenge)?))
            }
        };
        let session = state.source.log_in(challenge, scope).await.map_err(SessionError::Login)?;
        step_up.logged_in(&session.scope);
        Ok(state.current.insert(session).access_token.clone())
    }
}

/// A login at a browser. What is registered on the way is used again for the issuer and the resource it was registered
/// for.
#[derive(Debug)]
pub struct Browser<U> {
    settings: LoginSettings,
    user: U,
}

impl<U> Browser<U> {
    /// The settings hold for every login; its challenge, its scopes and its unique id are put in.
    pub const fn new(settings: LoginSettings, user: U) -> Self {
        Self { settings, user }
    }

    fn login_settings(
        &self,
        challenge: Option<&TokenChallenge>,
        scope: Option<&ScopeSet>,
    ) -> Result<LoginSettings, NoRandomness> {
        let mut settings = LoginSettings { jti: driver::unique_id()?, ..self.settings.clone() };
        if let LoginTarget::Resource { challenge: place, .. } = &mut settings.target {
            *place = challenge.cloned();
        }
        settings.scope = scope.cloned().or(settings.scope);
        Ok(settings)
    }

    fn remember(&mut self, session: &StoredSession) {
        if session.registered_redirect.as_ref() != Some(&self.settings.redirect_uri) {
            return;
        }
        let key = session.key();
        self.settings.registered.retain(|(of, _)| *of != key);
        self.settings.registered.push((key, session.client.clone()));
    }
}

impl<U: User> Source for Browser<U> {
    type Error = BrowserError<U::Error>;

    async fn log_in(
        &mut self,
        challenge: Option<&TokenChallenge>,
        scope: Option<&ScopeSet>,
    ) -> Result<StoredSession, Self::Error> {
        let settings = self.login_settings(challenge, scope)?;
        let session = driver::run(settings, driver::randomness()?, &mut self.user).await?;
        self.remember(&session);
        Ok(session)
    }
}

/// What came of one attempt.
#[derive(Debug)]
pub enum Attempt<E> {
    /// Another token would help.
    Refused(Box<TokenRefusal>),
    /// It would not.
    Failed(E),
}

/// Why a request did not pass. Whatever sends requests explains its own errors.
#[derive(Debug, thiserror::Error)]
pub enum SessionError<E, L> {
    /// It failed, and not for want of a token.
    #[error(transparent)]
    Request(E),
    /// There is no token.
    #[error(transparent)]
    Login(L),
    /// Another token would not help.
    #[error(transparent)]
    StepUp(#[from] StepUpError),
}

impl<E: Explain, L: Explain> Explain for SessionError<E, L> {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Request(error) => error.hint(),
            Self::Login(error) => error.hint(),
            Self::StepUp(error) => Some(error.hint().to_owned()),
        }
    }
}

/// Why a browser brought no token.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError<E: Explain> {
    /// The login ended without one.
    #[error(transparent)]
    Run(#[from] RunError<E>),
    /// The login could not begin.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl<E: Explain> Explain for BrowserError<E> {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Run(error) => error.hint(),
            Self::NoRandomness(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests;
