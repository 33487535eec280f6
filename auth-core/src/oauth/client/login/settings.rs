//! Where a login begins and how it goes about it.

use crate::oauth::client::authorization::RedirectUri;
use crate::oauth::client::registration::ClientIdUrl;
use crate::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use crate::oauth::client::server::AuthorizationServer;
use crate::oauth::client::stored_token::SessionKey;
use crate::oauth::client::www_authenticate::TokenChallenge;
use crate::oauth::client_auth::ClientAuth;
use crate::oauth::metadata::Issuer;
use crate::scope::ScopeSet;

/// Where a login begins.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one per login")]
pub enum LoginTarget {
    /// At a protected resource, which says who issues its tokens.
    Resource {
        /// Its URL.
        url: ResourceUrl,
        /// The challenge it answered with, if it was asked.
        challenge: Option<TokenChallenge>,
        /// What it may call itself.
        rule: ResourceRule,
        /// The configured issuer, which it then has to name.
        issuer: Option<Issuer>,
    },
    /// At an issuer with metadata.
    Issuer {
        /// The issuer.
        issuer: Issuer,
        /// The resource to name in requests.
        resource: Option<String>,
    },
    /// At a server whose endpoints are configured.
    Server {
        /// The server.
        server: Box<AuthorizationServer>,
        /// The resource to name in requests.
        resource: Option<String>,
    },
}

/// How to log in.
#[derive(Debug, Clone)]
pub struct LoginSettings {
    /// Where to begin.
    pub target: LoginTarget,
    /// The configured client. One with a secret is used at a configured issuer only, because any server can name any
    /// issuer: elsewhere [`LoginStep::NameClient`](super::LoginStep::NameClient) shows the issuer first.
    pub client: Option<ClientAuth>,
    /// Clients registered before, each for the issuer and the resource that it was registered for.
    pub registered: Vec<(SessionKey, ClientAuth)>,
    /// The client's own metadata document, where it has one.
    pub client_document: Option<ClientIdUrl>,
    /// The name under which the client registers.
    pub client_name: String,
    /// Where the browser returns to; the listener listens there already.
    pub redirect_uri: RedirectUri,
    /// The scopes, where a person chose them.
    pub scope: Option<ScopeSet>,
    /// Whether `resource` is sent; off for issuers that refuse it.
    pub resource_parameter: bool,
    /// Whether a person vouches that the server supports PKCE with S256 though its metadata does not say so.
    pub vouch_for_pkce: bool,
    /// More parameters of the authorization request.
    pub extra: Vec<(String, String)>,
    /// At least 128 random bits as text, for the assertion of `private_key_jwt`.
    pub jti: String,
}

impl LoginSettings {
    /// Whether a person or the configuration named the issuer, rather than a server.
    pub(super) const fn names_issuer(&self) -> bool {
        !matches!(self.target, LoginTarget::Resource { issuer: None, .. })
    }
}
