//! What the browser brings back (RFC 6749 §4.1.2, RFC 9207): a code to spend, a refusal to show, or nothing of ours.
//!
//! The order of the checks matters. A request to another path is not the callback. `state` comes first, because without it
//! anybody's page could have sent the browser here; `iss` next, because an answer from another server must not even be
//! shown. Only then is it looked at what the answer says.

use url::{Url, form_urlencoded};

use super::authorization::RedirectUri;
use super::pkce::CodeVerifier;
use super::server::AuthorizationServer;
use crate::oauth::metadata::Issuer;
use crate::rejection::Quoted;
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// A login that waits for the browser to come back. It is answered once.
#[derive(Debug, Clone)]
pub struct PendingAuthorization {
    issuer: Issuer,
    iss_advertised: bool,
    client_id: String,
    redirect_uri: RedirectUri,
    resource: Option<String>,
    scope: ScopeSet,
    state: Secret,
    verifier: CodeVerifier,
    is_answered: bool,
}

impl PendingAuthorization {
    pub(super) fn new(
        server: &AuthorizationServer,
        client_id: String,
        redirect_uri: RedirectUri,
        resource: Option<String>,
        scope: ScopeSet,
        state: Secret,
        verifier: CodeVerifier,
    ) -> Self {
        Self {
            issuer: server.issuer.clone(),
            iss_advertised: server.iss_advertised,
            client_id,
            redirect_uri,
            resource,
            scope,
            state,
            verifier,
            is_answered: false,
        }
    }

    /// The issuer recorded before the browser left.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where the browser is expected.
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// Takes the target of a GET request at the loopback listener, such as `/callback?code=…`.
    pub fn receive(&mut self, target: &str) -> Result<Redirect, RedirectError> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(RedirectError::TooLarge);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == self.redirect_uri.url().path() { self.answer(query) } else { Ok(Redirect::NotTheCallback) }
    }

    /// Takes the address that a person copied from the browser's address bar, when the browser runs elsewhere.
    pub fn receive_pasted(&mut self, text: &str) -> Result<Redirect, RedirectError> {
        let text = text.trim();
        if text.len() > MAX_TARGET_BYTES {
            return Err(RedirectError::TooLarge);
        }
        let Ok(url) = Url::parse(text) else { return Ok(Redirect::NotTheCallback) };
        let expected = self.redirect_uri.url();
        if url.origin() != expected.origin() || url.path() != expected.path() {
            return Ok(Redirect::NotTheCallback);
        }
        self.answer(url.query().unwrap_or(""))
    }

    fn answer(&mut self, query: &str) -> Result<Redirect, RedirectError> {
        let answer = Answer::parse(query)?;
        // A browser may fetch the bare path ahead of a person's click, or a scanner may.
        if answer.is_empty() {
            return Ok(Redirect::NotTheCallback);
        }
        if !answer.state.as_ref().is_some_and(|state| self.state.matches(state.expose())) {
            return Err(RedirectError::WrongState);
        }
        match &answer.iss {
            None if self.iss_advertised => {
                return Err(RedirectError::NoIssuer { expected: self.issuer.clone() });
            }
            Some(iss) if iss != self.issuer.as_str() => {
                return Err(RedirectError::WrongIssuer { expected: self.issuer.clone() });
            }
            _ => {}
        }
        if self.is_answered {
            return Err(RedirectError::SecondAnswer);
        }
        self.is_answered = true;
        match (answer.code, answer.error) {
            (Some(code), None) => Ok(Redirect::Code(Box::new(CodeGrant {
                code,
                verifier: self.verifier.clone(),
                redirect_uri: self.redirect_uri.clone(),
                issuer: self.issuer.clone(),
                client_id: self.client_id.clone(),
                resource: self.resource.clone(),
                scope: self.scope.clone(),
            }))),
            (None, Some(error)) => {
                Err(RedirectError::Refused(ProviderError { error, description: answer.description }))
            }
            _ => Err(RedirectError::Contradictory),
        }
    }
}

/// What a request at the loopback listener was.
#[derive(Debug, Clone)]
pub enum Redirect {
    /// A favicon, a scan, a typing error: answer it with 404 and go on waiting.
    NotTheCallback,
    /// The answer.
    Code(Box<CodeGrant>),
}

/// An authorization code and all that is needed to spend it. The code works once and only with the verifier.
#[derive(Debug, Clone)]
pub struct CodeGrant {
    pub(super) code: Secret,
    pub(super) verifier: CodeVerifier,
    pub(super) redirect_uri: RedirectUri,
    /// The issuer that gave the code.
    pub issuer: Issuer,
    /// The client it was given to.
    pub client_id: String,
    /// The resource the login asked for.
    pub resource: Option<String>,
    /// The scopes the login asked for.
    pub scope: ScopeSet,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// Too long for an answer.
    #[error("the answer is longer than {MAX_TARGET_BYTES} bytes")]
    TooLarge,
    /// A parameter comes twice (RFC 6749 §3.1).
    #[error("the answer holds {name} more than once")]
    Repeated {
        /// Its name.
        name: &'static str,
    },
    /// It does not belong to this login (RFC 6749 §10.12).
    #[error("the answer belongs to another login: its state is not the one of this login")]
    WrongState,
    /// The issuer promises `iss` and it is absent (RFC 9207 §2.4).
    #[error("the answer does not say that it comes from {expected}, as that issuer's answers do")]
    NoIssuer {
        /// The issuer that was asked.
        expected: Issuer,
    },
    /// It comes from another issuer (RFC 9207 §2.4).
    #[error("the answer comes from another issuer than {expected}")]
    WrongIssuer {
        /// The issuer that was asked.
        expected: Issuer,
    },
    /// The login has its answer already.
    #[error("this login has been answered already")]
    SecondAnswer,
    /// Neither a code nor an error, or both.
    #[error("the answer holds neither a code nor an error, or both")]
    Contradictory,
    /// The authorization server says no.
    #[error("the authorization server refused the login: {0}")]
    Refused(ProviderError),
}

impl RedirectError {
    /// Whether the login is over. What does not belong to it, or does not come from its issuer, does not end it:
    /// otherwise any page could, by sending the browser here.
    pub const fn ends_login(&self) -> bool {
        matches!(self, Self::Contradictory | Self::Refused(_))
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            // Mostly somebody who changed their mind (RFC 6749 §4.1.2.1).
            Self::Refused(refusal) if refusal.error == "access_denied" => {
                "log in again and allow it; if you did, ask whoever runs the authorization server"
            }
            Self::Refused(_) => "mend what the authorization server names, then log in again",
            Self::WrongState | Self::SecondAnswer => {
                "close this page and finish the login in the tab it was opened in"
            }
            Self::NoIssuer { .. } | Self::WrongIssuer { .. } => {
                "do not log in on the page that sent you here; it may belong to somebody else"
            }
            Self::TooLarge | Self::Repeated { .. } | Self::Contradictory => "log in again",
        }
    }
}

/// What an authorization server says about a refusal (RFC 6749 §4.1.2.1, §5.2). Shown escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// The `error` code.
    pub error: String,
    /// The `error_description`.
    pub description: Option<String>,
}

impl std::fmt::Display for ProviderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Quoted(&self.error).fmt(f)?;
        match &self.description {
            Some(description) => write!(f, " ({})", Quoted(description)),
            None => Ok(()),
        }
    }
}

/// Whether the answer brings such a parameter.
pub(super) fn is_answer_parameter(name: &str) -> bool {
    ANSWER_PARAMETERS.contains(&name)
}

/// The parameters that count; an empty one is the same as none (RFC 6749 §3.1).
#[derive(Default)]
struct Answer {
    state: Option<Secret>,
    iss: Option<String>,
    code: Option<Secret>,
    error: Option<String>,
    description: Option<String>,
}

impl Answer {
    fn parse(query: &str) -> Result<Self, RedirectError> {
        let mut seen = [false; ANSWER_PARAMETERS.len()];
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(index) = ANSWER_PARAMETERS.iter().position(|known| *known == name) else { continue };
            let name = ANSWER_PARAMETERS[index];
            if std::mem::replace(&mut seen[index], true) {
                return Err(RedirectError::Repeated { name });
            }
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match name {
                "state" => answer.state = value.map(Secret::new),
                "code" => answer.code = value.map(Secret::new),
                "iss" => answer.iss = value,
                "error" => answer.error = value,
                "error_description" => answer.description = value,
                _ => {}
            }
        }
        Ok(answer)
    }

    const fn is_empty(&self) -> bool {
        self.state.is_none() && self.code.is_none() && self.error.is_none()
    }
}

/// Longest request target or pasted address looked at.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;

const ANSWER_PARAMETERS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

#[cfg(test)]
mod tests;
