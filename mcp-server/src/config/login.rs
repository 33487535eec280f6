//! What `m4 login` needs to know about the issuer.

use auth_core::oauth::url::SecureUrl;
use auth_core::scope::ScopeSet;

use super::auth;
use super::layers::Raw;
use super::parse::{self, Invalid};
use super::reader::Reader;
use super::setting;
use crate::credentials::store::{InvalidProfile, Profile};

/// The login's settings. What is left out is discovered from the issuer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginConfig {
    /// The authorization endpoint.
    pub auth_endpoint: Option<SecureUrl>,
    /// The token endpoint.
    pub token_endpoint: Option<SecureUrl>,
    /// The public client's ID.
    pub client_id: Option<String>,
    /// Where the browser returns to.
    pub redirect_uri: Option<SecureUrl>,
    /// The scopes to ask for.
    pub scope: Option<ScopeSet>,
    /// Whose login it is, for people with several.
    pub profile: Profile,
    /// Whether the stored logins are sealed with a key in the operating system's keyring.
    pub keyring: KeyringUse,
}

/// When logins are sealed. What is sealed is read either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyringUse {
    /// Where there is a keyring.
    #[default]
    Auto,
    /// Never; the next write stores them as they are.
    Off,
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>) -> LoginConfig {
    LoginConfig {
        auth_endpoint: reader.read(&setting::LOGIN_AUTH_ENDPOINT, auth::endpoint),
        token_endpoint: reader.read(&setting::LOGIN_TOKEN_ENDPOINT, auth::endpoint),
        client_id: reader.read(&setting::LOGIN_CLIENT_ID, parse::text),
        redirect_uri: reader.read(&setting::LOGIN_REDIRECT_URI, auth::endpoint),
        scope: reader.read(&setting::LOGIN_SCOPE, auth::scopes),
        profile: reader.read(&setting::LOGIN_PROFILE, profile).unwrap_or_default(),
        keyring: reader.read(&setting::LOGIN_KEYRING, keyring).unwrap_or_default(),
    }
}

fn profile(raw: &Raw) -> Result<Profile, Invalid> {
    parse::text(raw)?.parse().map_err(|error: InvalidProfile| Invalid::new(error.to_string()))
}

fn keyring(raw: &Raw) -> Result<KeyringUse, Invalid> {
    match parse::text(raw)?.to_ascii_lowercase().as_str() {
        "auto" => Ok(KeyringUse::Auto),
        "off" => Ok(KeyringUse::Off),
        _ => Err(Invalid::new("is neither auto nor off")),
    }
}
