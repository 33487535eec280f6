//! What `m4 login` needs to know about the issuer.

use auth_core::oauth::client::authorization::{InvalidRedirectUri, RedirectUri};
use auth_core::oauth::client::registration::ClientIdUrl;
use auth_core::oauth::client_auth::ClientAuth;
use auth_core::oauth::metadata::Issuer;
use auth_core::oauth::url::SecureUrl;
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;

use super::auth::{self, ClientAuthMethod};
use super::layers::Raw;
use super::parse::{self, Invalid};
use super::reader::{Place, Reader};
use super::setting;
use crate::credentials::store::{InvalidProfile, Profile};

/// The login's settings. What is left out is discovered from the issuer.
#[derive(Debug, Clone, Default)]
pub struct LoginConfig {
    /// The issuer, where it is not OAuth2's own.
    pub issuer: Option<Issuer>,
    /// The authorization endpoint.
    pub auth_endpoint: Option<SecureUrl>,
    /// The token endpoint.
    pub token_endpoint: Option<SecureUrl>,
    /// The client, with its secret where it has one.
    pub client: Option<ClientAuth>,
    /// The client's own metadata document.
    pub client_document: Option<ClientIdUrl>,
    /// Where the browser returns to.
    pub redirect_uri: Option<RedirectUri>,
    /// The scopes to ask for.
    pub scope: Option<ScopeSet>,
    /// The resource the login is for.
    pub resource: Option<String>,
    /// Whether the issuer is told so.
    pub send_resource: bool,
    /// Whether the issuer supports PKCE though it does not say so.
    pub pkce_vouched: bool,
    /// More parameters of the authorization request.
    pub parameters: Vec<(String, String)>,
    /// Whose login it is, for people with several.
    pub profile: Profile,
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>) -> LoginConfig {
    LoginConfig {
        issuer: reader.read(&setting::LOGIN_ISSUER_URL, auth::issuer),
        auth_endpoint: reader.read(&setting::LOGIN_AUTH_ENDPOINT, auth::endpoint),
        token_endpoint: reader.read(&setting::LOGIN_TOKEN_ENDPOINT, auth::endpoint),
        client: client(reader),
        client_document: reader.read(&setting::LOGIN_CLIENT_DOCUMENT, client_document),
        redirect_uri: reader.read(&setting::LOGIN_REDIRECT_URI, redirect_uri),
        scope: reader.read(&setting::LOGIN_SCOPE, auth::scopes),
        resource: reader.read(&setting::LOGIN_RESOURCE, auth::endpoint).map(|url| url.as_str().to_owned()),
        send_resource: reader.read(&setting::LOGIN_SEND_RESOURCE, parse::boolean).unwrap_or(true),
        pkce_vouched: reader.read(&setting::LOGIN_PKCE_VOUCHED, parse::boolean).unwrap_or(false),
        parameters: reader.read(&setting::LOGIN_PARAMETERS, parameters).unwrap_or_default(),
        profile: reader.read(&setting::LOGIN_PROFILE, profile).unwrap_or_default(),
    }
}

fn client(reader: &mut Reader<'_>) -> Option<ClientAuth> {
    let id = reader.read(&setting::LOGIN_CLIENT_ID, parse::text);
    let secret = reader.read(&setting::LOGIN_CLIENT_SECRET, parse::text).map(Secret::new);
    let method = reader.read(&setting::LOGIN_CLIENT_AUTH, secret_method);
    if secret.is_some() {
        reader.require(Place::Top, &setting::LOGIN_CLIENT_ID, "set the client ID the secret belongs to");
    }
    let client_id = id?;
    Some(match (secret, method) {
        (None, _) => ClientAuth::Public { client_id },
        (Some(secret), Some(ClientAuthMethod::Post)) => ClientAuth::Post { client_id, secret },
        (Some(secret), _) => ClientAuth::Basic { client_id, secret },
    })
}

fn secret_method(raw: &Raw) -> Result<ClientAuthMethod, Invalid> {
    match auth::client_auth_method(raw)? {
        ClientAuthMethod::PrivateKeyJwt => Err(Invalid::new("is no way to present a secret")
            .hint("use client_secret_basic or client_secret_post")),
        by_secret => Ok(by_secret),
    }
}

fn client_document(raw: &Raw) -> Result<ClientIdUrl, Invalid> {
    ClientIdUrl::parse(&parse::text(raw)?).map_err(|error| Invalid::new(error.to_string()))
}

fn redirect_uri(raw: &Raw) -> Result<RedirectUri, Invalid> {
    RedirectUri::parse(&parse::text(raw)?).map_err(|error: InvalidRedirectUri| {
        Invalid::new(error.to_string()).hint("use one like http://localhost:8088/callback")
    })
}

fn parameters(raw: &Raw) -> Result<Vec<(String, String)>, Invalid> {
    let pair = |item: &String| {
        let (name, value) = item.split_once('=').ok_or_else(|| {
            Invalid::new("holds an entry without `=`").hint("write NAME=VALUE, separated by commas")
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    parse::list(raw)?.iter().map(pair).collect()
}

fn profile(raw: &Raw) -> Result<Profile, Invalid> {
    parse::text(raw)?.parse().map_err(|error: InvalidProfile| Invalid::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};
    use crate::env::Environment;

    fn config(pairs: &[(&str, &str)]) -> Config {
        Config::load(
            &Environment::from_pairs([("M4_DATA_DIR", "/d")].iter().chain(pairs).copied()),
            &Flags::new(),
        )
    }

    #[test]
    fn a_secret_needs_its_client_and_goes_the_way_that_is_asked_for() {
        let secret = ("M4_LOGIN_CLIENT_SECRET", "s3cr3t");
        assert!(config(&[secret]).problems().to_string().contains("M4_LOGIN_CLIENT_ID"));
        let client = |method: &str| {
            let config = config(&[secret, ("M4_LOGIN_CLIENT_ID", "m4"), ("M4_LOGIN_CLIENT_AUTH", method)]);
            (config.login.client.as_ref().map(ClientAuth::method), config.problems().problems().len())
        };
        assert_eq!(client(""), (Some("client_secret_basic"), 0));
        assert_eq!(client("client_secret_post"), (Some("client_secret_post"), 0));
        assert_eq!(client("private_key_jwt").1, 1);
    }

    #[test]
    fn c17_a_redirect_uri_of_another_machine_is_a_problem() {
        for text in
            ["https://evil.example/callback", "http://192.168.0.1:8088/callback", "http://localhost/#x"]
        {
            let config = config(&[("M4_LOGIN_REDIRECT_URI", text)]);
            assert_eq!((config.login.redirect_uri, config.problems.problems().len()), (None, 1), "{text}");
        }
    }

    #[test]
    fn parameters_are_pairs() {
        let config = config(&[("M4_LOGIN_PARAMETERS", "audience=https://a.example/x=y, prompt=login")]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            config.login.parameters,
            [pair("audience", "https://a.example/x=y"), pair("prompt", "login")]
        );
    }
}
