//! Where a login begins and how it goes about it.

use crate::oauth::client::authorization::RedirectUri;
use crate::oauth::client::registration::{ClientChoice, ClientIdUrl, ClientMetadata};
use crate::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use crate::oauth::client::scopes;
use crate::oauth::client::server::AuthorizationServer;
use crate::oauth::client::stored_token::SessionKey;
use crate::oauth::client::www_authenticate::TokenChallenge;
use crate::oauth::client_auth::ClientAuth;
use crate::oauth::metadata::Issuer;
use crate::oauth::url::SecureUrl;
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
#[derive(Debug)]
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
    /// Which client to be at `server`, in a login for `resource`.
    pub fn choose_client<'a>(
        &'a self,
        server: &'a AuthorizationServer,
        resource: Option<&str>,
    ) -> ClientToUse<'a> {
        if let Some(client) = &self.client {
            let has_secret = matches!(client, ClientAuth::Basic { .. } | ClientAuth::Post { .. });
            let is_safe = !has_secret || self.names_issuer();
            return if is_safe { ClientToUse::Named(client.clone()) } else { ClientToUse::Ask };
        }
        let key = SessionKey::new(&server.issuer, resource);
        let registered = self.registered.iter().find(|(of, _)| *of == key);
        match (ClientChoice::new(None, self.client_document.as_ref(), server), registered) {
            (ClientChoice::Document(url), _) => {
                ClientToUse::Named(ClientAuth::Public { client_id: url.as_str().to_owned() })
            }
            (_, Some((_, client))) => ClientToUse::Registered(client.clone()),
            (ClientChoice::Register(endpoint), None) => ClientToUse::Register(endpoint),
            (ClientChoice::Configured(_) | ClientChoice::Ask, None) => ClientToUse::Ask,
        }
    }

    /// The scopes to ask for at `server`, where the resource lists `listed`.
    pub fn first_scopes(&self, listed: Option<&ScopeSet>, server: &AuthorizationServer) -> ScopeSet {
        let challenge = match &self.target {
            LoginTarget::Resource { challenge, .. } => challenge.as_ref(),
            LoginTarget::Issuer { .. } | LoginTarget::Server { .. } => None,
        };
        scopes::first_request(self.scope.as_ref(), challenge, listed, server)
    }

    /// The body of a registration at `server`, for a client that asks for `scope`.
    pub fn registration(&self, server: &AuthorizationServer, scope: &ScopeSet) -> String {
        let redirect_uris = std::slice::from_ref(&self.redirect_uri);
        ClientMetadata::native(self.client_name.clone(), redirect_uris, scope).for_server(server).json()
    }

    /// Whether a person or the configuration named the issuer, rather than a server.
    const fn names_issuer(&self) -> bool {
        !matches!(self.target, LoginTarget::Resource { issuer: None, .. })
    }
}

/// How a login comes by its client.
#[derive(Debug, Clone)]
pub enum ClientToUse<'a> {
    /// This one, which a person or the configuration named.
    Named(ClientAuth),
    /// This one, which registered itself for the same issuer and resource before.
    Registered(ClientAuth),
    /// One to be registered here.
    Register(&'a SecureUrl),
    /// A person has to name one, or to agree that the configured one's secret goes to this server.
    Ask,
}
