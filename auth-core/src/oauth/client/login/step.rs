//! What a login asks of its driver, and how it can fail.

use url::Url;

use crate::oauth::client::authorization::{AuthorizationError, AuthorizationUrl};
use crate::oauth::client::discovery::DiscoveryError;
use crate::oauth::client::redirect::RedirectError;
use crate::oauth::client::registration::RegistrationError;
use crate::oauth::client::server::AuthorizationServer;
use crate::oauth::client::stored_token::StoredSession;
use crate::oauth::client::token_response::TokenError;
use crate::oauth::client_auth::{AuthenticatedForm, SigningFailed};

/// What a login wants.
#[derive(Debug)]
pub enum LoginStep<'a> {
    /// A request, without following redirects; the answer goes to [`Login::handle`](super::Login::handle).
    Send(LoginRequest<'a>),
    /// A person to open this in a browser; the callback goes to [`Login::receive`](super::Login::receive).
    Open(&'a AuthorizationUrl),
    /// The client to be at this server, which gives none by itself, or to which a server elsewhere sent the login while the
    /// configured client has a secret. It goes to [`Login::use_client`](super::Login::use_client).
    NameClient(&'a AuthorizationServer),
    /// Nothing more: store this.
    Done(&'a StoredSession),
    /// Nothing more.
    Failed(&'a LoginError),
}

/// A request a login wants sent.
#[derive(Debug)]
pub enum LoginRequest<'a> {
    /// GET, accepting `application/json`.
    Get(&'a Url),
    /// POST of `application/json`.
    PostJson {
        /// Where to.
        url: &'a Url,
        /// The body.
        body: &'a str,
    },
    /// POST of `application/x-www-form-urlencoded`, accepting `application/json`.
    PostForm {
        /// Where to.
        url: &'a Url,
        /// Body and header.
        form: &'a AuthenticatedForm,
    },
}

/// Why a login ended without tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No authorization server was found.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The client could not be registered.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The registration endpoint did not answer.
    #[error("the registration endpoint did not answer")]
    RegistrationUnreachable,
    /// The client was registered with a way to authenticate that this one does not have.
    #[error("the authorization server registered this client with a method it cannot authenticate with")]
    UnusableClient,
    /// The request cannot be made.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The browser brought no code.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The client could not authenticate.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    /// The code brought no tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is bound to a key (RFC 9449), and this login has none.
    #[error("the authorization server bound the token to a key that this login does not have")]
    BoundToken,
    /// A step ended before its time.
    #[error("the login was interrupted")]
    Interrupted,
}

impl LoginError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Discovery(error) => error.hint(),
            Self::Registration(error) => error.hint(),
            Self::UnusableClient => {
                "register a native client with the authorization server by hand and name it with --client-id"
            }
            Self::Authorization(AuthorizationError::Pkce(_)) => {
                "ask the provider for PKCE with S256; if it supports it without saying so, name its endpoints"
            }
            Self::Authorization(AuthorizationError::NoAuthorizationEndpoint) => "log in with --device",
            Self::Authorization(_) => "leave the parameter out",
            Self::Redirect(error) => error.hint(),
            Self::Signing(_) => "check the client's private key",
            Self::Token(error) => error.hint(),
            Self::BoundToken => "ask the provider for bearer tokens for this client",
            Self::RegistrationUnreachable | Self::Interrupted => "try again",
        }
    }
}
