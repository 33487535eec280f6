//! This server's own registration at an issuer: for introspection, and for a token of its own.

use std::path::PathBuf;

use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;

use super::auth;
use super::layers::Raw;
use super::parse::{self, Invalid};
use super::reader::{Place, Reader};
use super::setting::{self, Setting};

/// A client registration.
#[derive(Debug, Clone)]
pub struct Client {
    /// The client ID.
    pub id: String,
    /// Its secret, unless the client is public or has a key.
    pub secret: Option<Secret>,
    /// Its private key, PKCS #8 PEM.
    pub key_file: Option<PathBuf>,
    /// How it authenticates.
    pub method: ClientAuthMethod,
    /// Whether somebody chose the method. At the token endpoint a secret is otherwise presented as the issuer's metadata
    /// say.
    pub method_is_chosen: bool,
    /// The scopes to ask for in a token of its own; `None` for those that every call needs.
    pub scope: Option<ScopeSet>,
    /// The `audience` parameter of that request.
    pub audience: Option<String>,
    /// The `resource` parameter of that request.
    pub resource: Option<String>,
}

impl Client {
    /// Whether it can prove who it is, and so get tokens for itself.
    pub const fn has_credential(&self) -> bool {
        match self.method {
            ClientAuthMethod::Basic | ClientAuthMethod::Post => self.secret.is_some(),
            ClientAuthMethod::PrivateKeyJwt => self.key_file.is_some(),
        }
    }
}

/// How this server authenticates at an issuer (OpenID Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `private_key_jwt`
    PrivateKeyJwt,
}

/// Reads the settings; `None` where no client is configured or they cannot be used, which `reader` then knows.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Client> {
    let id = reader.read(&setting::OAUTH2_CLIENT_ID, parse::text);
    let secret = reader.read(&setting::OAUTH2_CLIENT_SECRET, parse::text).map(Secret::new);
    if secret.is_some() {
        reader.require(
            Place::Top,
            &setting::OAUTH2_CLIENT_ID,
            "M4_OAUTH2_CLIENT_SECRET is given: set the client ID it belongs to",
        );
    }
    let key_file = reader.read(&setting::OAUTH2_CLIENT_KEY_FILE, parse::text).map(PathBuf::from);
    let method = reader.read(&setting::OAUTH2_CLIENT_AUTH, method);
    if reader.is_given(&setting::OAUTH2_INTROSPECTION_URL) || method == Some(ClientAuthMethod::PrivateKeyJwt)
    {
        reader.require(
            Place::Top,
            &setting::OAUTH2_CLIENT_ID,
            "set this server's own client ID at the issuer",
        );
        let (credential, hint) = match method {
            Some(ClientAuthMethod::PrivateKeyJwt) => {
                (&setting::OAUTH2_CLIENT_KEY_FILE, "name the file of the client's private key")
            }
            _ => (&setting::OAUTH2_CLIENT_SECRET, "set the client's secret, or use private_key_jwt"),
        };
        reader.require(Place::Top, credential, hint);
    }
    let scope = reader.read(&setting::OAUTH2_CLIENT_SCOPE, auth::scopes);
    let audience = reader.read(&setting::OAUTH2_CLIENT_AUDIENCE, parse::text);
    let resource = reader.read(&setting::OAUTH2_CLIENT_RESOURCE, resource);
    if OF_ITS_TOKEN.iter().any(|setting| reader.is_given(setting)) {
        reader.require(
            Place::Top,
            &setting::OAUTH2_CLIENT_ID,
            "set the ID of the client that is to get a token for itself",
        );
    }
    let method_is_chosen = reader.is_given(&setting::OAUTH2_CLIENT_AUTH);
    Some(Client { id: id?, secret, key_file, method: method?, method_is_chosen, scope, audience, resource })
}

pub(super) fn method(raw: &Raw) -> Result<ClientAuthMethod, Invalid> {
    match parse::text(raw)?.to_ascii_lowercase().as_str() {
        "client_secret_basic" => Ok(ClientAuthMethod::Basic),
        "client_secret_post" => Ok(ClientAuthMethod::Post),
        "private_key_jwt" => Ok(ClientAuthMethod::PrivateKeyJwt),
        _ => Err(Invalid::new("is no way to authenticate")
            .hint("use client_secret_basic, client_secret_post or private_key_jwt")),
    }
}

/// An absolute URI without a fragment (RFC 8707 §2). It need not be a place that can be reached: `api://…`, `urn:…`.
fn resource(raw: &Raw) -> Result<String, Invalid> {
    let text = parse::text(raw)?;
    match url::Url::parse(&text) {
        Ok(url) if url.fragment().is_none() => Ok(text),
        Ok(_) => Err(Invalid::new("has a fragment").hint("leave out the # and what follows")),
        Err(_) => Err(Invalid::new("is not an absolute URI")
            .hint("write it as the issuer knows the resource, such as https://m4.example/mcp")),
    }
}

/// What has no meaning without a client.
static OF_ITS_TOKEN: [&Setting; 3] =
    [&setting::OAUTH2_CLIENT_SCOPE, &setting::OAUTH2_CLIENT_AUDIENCE, &setting::OAUTH2_CLIENT_RESOURCE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_uri_without_fragment() {
        let parse = |text: &str| resource(&Raw::Text(text.to_owned()));
        for text in ["https://m4.example/mcp", "api://m4-api", "urn:m4:api", "http://127.0.0.1:8000/mcp"] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
        for text in ["m4-api", "/mcp", "https://m4.example/mcp#x", "//m4.example"] {
            assert!(parse(text).unwrap_err().hint.is_some(), "{text}");
        }
    }
}
