//! A login at rest: the format every M4 program reads and writes, and when it is due for renewal.
//!
//! One JSON object per login:
//!
//! ```json
//! {
//!   "version": 1,
//!   "issuer": "https://issuer.example",
//!   "resource": "https://m4.example/mcp",
//!   "client_id": "m4",
//!   "token_endpoint": "https://issuer.example/token",
//!   "revocation_endpoint": "https://issuer.example/revoke",
//!   "token_type": "Bearer",
//!   "access_token": "…",
//!   "refresh_token": "…",
//!   "scope": "read:mimic-data",
//!   "issued_at": "2026-11-21T11:00:00Z",
//!   "expires_at": "2026-11-21T12:00:00Z"
//! }
//! ```
//!
//! `resource_parameter` is there, and `false`, where the issuer refuses the parameter (RFC 8707) that names the resource.
//! `registered_redirect_uri` is there where the client registered itself, with this redirect URI and for this login alone.
//! `resource`, `revocation_endpoint`, `refresh_token`, `expires_at`, `client_secret` and `client_auth_method` may be
//! absent. Times are RFC 3339 in UTC. Members that are not known stay as they are.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::authorization::RedirectUri;
use super::resource_metadata::ResourceUrl;
use super::server::AuthorizationServer;
use super::token_response::{TokenResponse, TokenType};
use crate::json;
use crate::oauth::client_auth::ClientAuth;
use crate::oauth::metadata::Issuer;
use crate::oauth::url::SecureUrl;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What a login is good for: tokens of one issuer for one resource, and never for another (MCP authorization, "Token
/// Handling"; RFC 8707).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    issuer: String,
    resource: Option<String>,
}

impl SessionKey {
    /// The key of a login at `issuer` for `resource`; all spellings of the resource are one, the issuer's are not.
    pub fn new(issuer: &Issuer, resource: Option<&str>) -> Self {
        let canonical =
            |text: &str| ResourceUrl::parse(text).map_or_else(|_| text.to_owned(), |url| url.canonical());
        Self { issuer: issuer.as_str().to_owned(), resource: resource.map(canonical) }
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The resource in its canonical form.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }
}

/// A stored login. Its `Debug` shows no token and nothing of what a newer version wrote.
#[derive(Clone)]
pub struct StoredSession {
    /// The issuer the tokens come from.
    pub issuer: Issuer,
    /// The resource they are for, byte for byte; `None` for a login at an issuer without regard to one.
    pub resource: Option<String>,
    /// Whether the issuer is told so in requests (RFC 8707), which some refuse.
    pub resource_parameter: bool,
    /// How the client is known there. Only the methods without a private key are stored.
    pub client: ClientAuth,
    /// The redirect URI the client registered itself with (RFC 7591); `None` for a client that a person named.
    pub registered_redirect: Option<RedirectUri>,
    /// Where to renew.
    pub token_endpoint: SecureUrl,
    /// Where to give back.
    pub revocation_endpoint: Option<SecureUrl>,
    /// How the access token is presented.
    pub token_type: TokenType,
    /// The access token.
    pub access_token: Secret,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// What was granted.
    pub scope: ScopeSet,
    /// When the access token was issued.
    pub issued_at: UnixTime,
    /// When it expires, where the issuer said so.
    pub expires_at: Option<UnixTime>,
    /// Members written by a newer version of the same format.
    pub other: Map<String, Value>,
}

impl StoredSession {
    /// What the login is good for.
    pub fn key(&self) -> SessionKey {
        SessionKey::new(&self.issuer, self.resource.as_deref())
    }

    /// The login that tokens from `server` begin. `asked` are the scopes where the answer names none (RFC 6749 §5.1).
    pub fn issued(
        server: &AuthorizationServer,
        client: ClientAuth,
        resource: Option<String>,
        asked: ScopeSet,
        tokens: TokenResponse,
        now: UnixTime,
    ) -> Self {
        Self {
            issuer: server.issuer.clone(),
            resource,
            resource_parameter: true,
            client,
            registered_redirect: None,
            token_endpoint: server.token_endpoint.clone(),
            revocation_endpoint: server.revocation_endpoint.clone(),
            token_type: tokens.token_type,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            scope: tokens.scope.unwrap_or(asked),
            issued_at: now,
            expires_at: tokens.expires_in.map(|lifetime| expiry(now, lifetime)),
            other: Map::new(),
        }
    }

    /// The `resource` parameter of a refresh.
    pub fn resource_to_send(&self) -> Option<&str> {
        self.resource.as_deref().filter(|_| self.resource_parameter)
    }

    /// Reads one login.
    pub fn parse(text: &[u8]) -> Result<Self, StoredSessionError> {
        let Envelope { version } = json::object(text).ok_or(StoredSessionError::Corrupt)?;
        if version != VERSION {
            return Err(StoredSessionError::Version { found: version });
        }
        let document: Document = json::object(text).ok_or(StoredSessionError::Corrupt)?;
        document.into_session().ok_or(StoredSessionError::Corrupt)
    }

    /// Writes it. The text is as secret as the tokens in it.
    pub fn to_json(&self) -> Secret {
        let document = Document::from(self);
        // Texts, times and JSON values always serialise.
        Secret::new(serde_json::to_string_pretty(&document).unwrap_or_default())
    }

    /// The login after a refresh: new tokens, and the old refresh token where no new one came (RFC 6749 §6). Scopes the
    /// issuer does not name stay (§5.1).
    #[must_use]
    pub fn renewed(&self, tokens: TokenResponse, now: UnixTime) -> Self {
        Self {
            token_type: tokens.token_type,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.or_else(|| self.refresh_token.clone()),
            scope: tokens.scope.unwrap_or_else(|| self.scope.clone()),
            issued_at: now,
            expires_at: tokens.expires_in.map(|lifetime| expiry(now, lifetime)),
            ..self.clone()
        }
    }

    /// When the access token is due for renewal: five minutes before it expires, or once two thirds of a lifetime under
    /// fifteen minutes are over. `None` when it does not say when it expires.
    pub fn refresh_at(&self) -> Option<UnixTime> {
        let expires_at = self.expires_at?;
        let lifetime = expires_at.seconds_since(self.issued_at).max(0);
        Some(expires_at.saturating_add(-(lifetime / 3).min(EARLY_SECONDS)))
    }

    /// Whether it is due.
    pub fn refresh_due(&self, now: UnixTime) -> bool {
        self.refresh_at().is_some_and(|at| at <= now)
    }

    /// Whether the access token is over; until then a failed refresh costs nothing.
    pub fn is_expired(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether another process renewed the login since this copy was read: then nothing of this copy may be spent or
    /// given up, and the stored one is to be used.
    pub fn was_renewed_in(&self, stored: &Self) -> bool {
        let same = |a: &Option<Secret>, b: &Option<Secret>| match (a, b) {
            (Some(a), Some(b)) => a.matches(b.expose()),
            (None, None) => true,
            _ => false,
        };
        !self.access_token.matches(stored.access_token.expose())
            || !same(&self.refresh_token, &stored.refresh_token)
    }

    /// The value of an `Authorization` header. A token goes nowhere else, least of all into a URL (RFC 6750 §2.3).
    pub fn authorization(&self) -> Secret {
        Secret::new(format!("{} {}", self.token_type.name(), self.access_token.expose()))
    }
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession")
            .field("issuer", &self.issuer)
            .field("resource", &self.resource)
            .field("client_id", &self.client.client_id())
            .field("token_type", &self.token_type)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("scope", &self.scope)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// When tokens issued `now` expire.
pub fn expiry(now: UnixTime, lifetime: std::time::Duration) -> UnixTime {
    now.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX))
}

/// Stored text that is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredSessionError {
    /// Not what this program writes.
    #[error("the stored login is damaged")]
    Corrupt,
    /// Written by another version of this program.
    #[error("the stored login has format {found}, and this program reads format {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
}

impl StoredSessionError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Corrupt => "log in again",
            Self::Version { .. } => "use the version of M4 that wrote it, or log in again",
        }
    }
}

/// The format written.
pub const VERSION: u64 = 1;

/// So far ahead that no call of a long session meets an expired token.
const EARLY_SECONDS: i64 = 300;

#[derive(Deserialize)]
struct Envelope {
    version: u64,
}

/// The JSON. Its texts are wiped with the [`Secret`]s they come from as far as serde lets one.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    resource_parameter: bool,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    client_secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_auth_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_redirect_uri: Option<String>,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    token_type: String,
    #[serde(serialize_with = "exposed")]
    access_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    refresh_token: Option<Secret>,
    scope: String,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl From<&StoredSession> for Document {
    fn from(session: &StoredSession) -> Self {
        let (client_secret, method) = match &session.client {
            ClientAuth::Basic { secret, .. } | ClientAuth::Post { secret, .. } => {
                (Some(secret.clone()), Some(session.client.method()))
            }
            ClientAuth::PrivateKeyJwt { .. } | ClientAuth::Public { .. } => (None, None),
        };
        Self {
            version: VERSION,
            issuer: session.issuer.as_str().to_owned(),
            resource: session.resource.clone(),
            resource_parameter: session.resource_parameter,
            client_id: session.client.client_id().to_owned(),
            client_secret,
            client_auth_method: method.map(str::to_owned),
            registered_redirect_uri: session.registered_redirect.as_ref().map(|uri| uri.as_str().to_owned()),
            token_endpoint: session.token_endpoint.as_str().to_owned(),
            revocation_endpoint: session.revocation_endpoint.as_ref().map(|url| url.as_str().to_owned()),
            token_type: session.token_type.name().to_owned(),
            access_token: Some(session.access_token.clone()),
            refresh_token: session.refresh_token.clone(),
            scope: session.scope.joined(),
            issued_at: session.issued_at.to_string(),
            expires_at: session.expires_at.map(|at| at.to_string()),
            other: session.other.clone(),
        }
    }
}

impl Document {
    fn into_session(self) -> Option<StoredSession> {
        let client_id = self.client_id;
        let client = match (self.client_secret, self.client_auth_method.as_deref()) {
            (None, None | Some("none")) => ClientAuth::Public { client_id },
            (Some(secret), Some("client_secret_basic")) => ClientAuth::Basic { client_id, secret },
            (Some(secret), Some("client_secret_post")) => ClientAuth::Post { client_id, secret },
            _ => return None,
        };
        // A damaged file must not send a token to where none may go, or break a header.
        let is_token =
            |token: &Secret| !token.is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        Some(StoredSession {
            issuer: Issuer::parse(&self.issuer).ok()?,
            resource: self.resource,
            resource_parameter: self.resource_parameter,
            client,
            registered_redirect: self
                .registered_redirect_uri
                .map(|text| RedirectUri::parse(&text))
                .transpose()
                .ok()?,
            token_endpoint: SecureUrl::parse(&self.token_endpoint).ok()?,
            revocation_endpoint: self
                .revocation_endpoint
                .map(|text| SecureUrl::parse(&text))
                .transpose()
                .ok()?,
            token_type: TokenType::from_name(&self.token_type)?,
            access_token: self.access_token.filter(is_token)?,
            refresh_token: match self.refresh_token {
                Some(token) => Some(Some(token).filter(is_token)?),
                None => None,
            },
            scope: self.scope.split(' ').filter(|scope| !scope.is_empty()).collect(),
            issued_at: self.issued_at.parse().ok()?,
            expires_at: self.expires_at.map(|text| text.parse()).transpose().ok()?,
            other: self.other,
        })
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::ref_option, reason = "the signature serde calls")]
fn exposed<S: serde::Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

#[cfg(test)]
mod tests;
