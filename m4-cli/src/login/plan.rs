//! What a login is to be: where it begins, with which client, for which resource, kept under which name.

use std::path::PathBuf;

use auth_core::oauth::client::authorization::RedirectUri;
use auth_core::oauth::client::login::{LoginSettings, LoginTarget};
use auth_core::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client::stored_token::SessionKey;
use auth_core::oauth::client::www_authenticate::TokenChallenge;
use auth_core::oauth::client_auth::ClientAuth;
use auth_core::oauth::metadata::Issuer;
use auth_core::oauth::url::SecureUrl;
use auth_core::scope::ScopeSet;
use mcp_server::config::{AuthSetting, Config, IssuerConfig, LoginConfig};
use mcp_server::credentials::store::Sessions;

use super::driver::{NoRandomness, unique_id};
use super::loopback::DEFAULT_REDIRECT_URI;
use crate::failure::Failure;

/// A login as the settings and the command line have it.
#[derive(Debug)]
pub struct Plan {
    /// Where it begins.
    pub place: Place,
    /// The settings it goes by.
    pub login: LoginConfig,
    /// The scopes, where somebody chose them or the gate of this machine needs them.
    pub scope: Option<ScopeSet>,
    /// Where the browser returns to, unless that port is taken.
    pub redirect_uri: RedirectUri,
    /// Where logins are kept.
    pub store: PathBuf,
    /// What the login will not do, though one may expect it.
    pub warning: Option<String>,
}

/// Where a login begins.
#[derive(Debug)]
pub enum Place {
    /// At an MCP server, which names its issuer.
    Server(ResourceUrl),
    /// At an issuer with metadata.
    Issuer(Issuer, Option<String>),
    /// At endpoints that are configured.
    Endpoints(Box<AuthorizationServer>, Option<String>),
}

impl Plan {
    /// Reads the plan off the configuration; `mcp` is the server that was named.
    pub fn new(config: &Config, mcp: Option<&str>) -> Result<Self, Failure> {
        if !config.problems().is_empty() {
            return Err(config.problems().clone().into());
        }
        let login = config.login.clone();
        let store = config.locations.logins_file.clone().ok_or_else(|| {
            Failure::mendable(
                "this user has no home to keep the login in",
                "set M4_HOME to a folder of your own",
            )
        })?;
        let redirect_uri = match &login.redirect_uri {
            Some(uri) => uri.clone(),
            None => RedirectUri::parse(DEFAULT_REDIRECT_URI).map_err(|error| {
                Failure::mendable(format!("{DEFAULT_REDIRECT_URI} {error}"), "set M4_LOGIN_REDIRECT_URI")
            })?,
        };
        let base =
            |place, scope, warning| Self { place, login: login.clone(), scope, redirect_uri, store, warning };
        if let Some(text) = mcp {
            let url = ResourceUrl::parse(text).map_err(|error| {
                Failure::usage(format!("the URL of the MCP server {error}"), error.hint())
            })?;
            return Ok(base(Place::Server(url), login.scope.clone(), None));
        }
        let chosen = Chosen::of(config)?;
        let scope = login.scope.clone().or_else(|| chosen.rules.map(|rules| rules.scopes.base.clone()));
        let resource = login.resource.clone().or_else(|| chosen.rules.and_then(first_url));
        let warning = chosen.rules.and_then(|rules| not_for_the_gate(rules, resource.as_deref()));
        let place = match &login.token_endpoint {
            Some(token) => {
                let server = AuthorizationServer::configured(
                    chosen.issuer,
                    login.auth_endpoint.clone(),
                    token.clone(),
                );
                Place::Endpoints(Box::new(server), resource)
            }
            None => Place::Issuer(chosen.issuer, resource),
        };
        Ok(base(place, scope, warning))
    }

    /// The login itself, with the redirect URI that is listened at, and with the clients that registered themselves with
    /// that one before.
    pub fn settings(
        &self,
        challenge: Option<TokenChallenge>,
        redirect_uri: RedirectUri,
        sessions: &Sessions,
    ) -> Result<LoginSettings, NoRandomness> {
        let target = match &self.place {
            Place::Server(url) => LoginTarget::Resource {
                url: url.clone(),
                challenge,
                rule: ResourceRule::Same,
                issuer: self.login.issuer.clone(),
            },
            Place::Issuer(issuer, resource) => {
                LoginTarget::Issuer { issuer: issuer.clone(), resource: resource.clone() }
            }
            Place::Endpoints(server, resource) => {
                LoginTarget::Server { server: server.clone(), resource: resource.clone() }
            }
        };
        Ok(LoginSettings {
            target,
            client: self.login.client.clone(),
            registered: registered(sessions, &redirect_uri),
            client_document: self.login.client_document.clone(),
            client_name: "M4".to_owned(),
            redirect_uri,
            scope: self.scope.clone(),
            resource_parameter: self.login.send_resource,
            vouch_for_pkce: self.login.pkce_vouched,
            extra: self.login.parameters.clone(),
            jti: unique_id()?,
        })
    }
}

/// A registration is good for one redirect URI: not every issuer lets the port differ (RFC 8252 §7.3).
fn registered(sessions: &Sessions, redirect_uri: &RedirectUri) -> Vec<(SessionKey, ClientAuth)> {
    let with_it = sessions.iter().map(|(_, session)| session);
    with_it
        .filter(|session| session.registered_redirect.as_ref() == Some(redirect_uri))
        .map(|session| (session.key(), session.client.clone()))
        .collect()
}

/// The issuer, and what the gate of this machine wants of its tokens.
struct Chosen<'a> {
    issuer: Issuer,
    rules: Option<&'a IssuerConfig>,
}

impl<'a> Chosen<'a> {
    fn of(config: &'a Config) -> Result<Self, Failure> {
        let configured: &[IssuerConfig] = match &config.auth {
            AuthSetting::Enabled(auth) => &auth.issuers,
            AuthSetting::Disabled | AuthSetting::Misconfigured(_) => &[],
        };
        if let Some(issuer) = &config.login.issuer {
            let rules = configured.iter().find(|rules| rules.issuer == *issuer);
            return Ok(Self { issuer: issuer.clone(), rules });
        }
        match (configured, &config.auth) {
            ([rules], _) => Ok(Self { issuer: rules.issuer.clone(), rules: Some(rules) }),
            ([], AuthSetting::Misconfigured(errors)) => Err(errors.clone().into()),
            ([], _) => match config.login.token_endpoint.as_ref().and_then(own_name) {
                Some(issuer) => Ok(Self { issuer, rules: None }),
                None => Err(Failure::usage(
                    "it is not known where to log in",
                    "name the issuer with --issuer URL, or an MCP server with --mcp URL; `m4 status` shows what is configured",
                )),
            },
            (several, _) => {
                let names: Vec<_> = several.iter().map(|rules| rules.issuer.as_str()).collect();
                Err(Failure::usage(
                    "several issuers are configured",
                    format!("name one of them with --issuer: {}", names.join(", ")),
                ))
            }
        }
    }
}

/// For a provider that is known by its endpoints alone, the name its logins are kept under: where its tokens come from.
fn own_name(token_endpoint: &SecureUrl) -> Option<Issuer> {
    Issuer::parse(&token_endpoint.url().origin().ascii_serialization()).ok()
}

/// The resource of a login for the gate of this machine; other audiences cannot be named in a request (RFC 8707 §2).
fn first_url(rules: &IssuerConfig) -> Option<String> {
    rules.audiences.iter().find(|audience| ResourceUrl::parse(audience).is_ok()).cloned()
}

fn not_for_the_gate(rules: &IssuerConfig, resource: Option<&str>) -> Option<String> {
    let resource = resource?;
    let key = |text: &str| SessionKey::new(&rules.issuer, Some(text));
    let is_audience = rules.audiences.iter().any(|audience| key(audience) == key(resource));
    (!is_audience).then(|| {
        format!(
            "the server on this machine does not use a login for {resource}: its audience is {}",
            rules.audiences.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::*;

    const OAUTH2: [(&str, &str); 3] = [
        ("M4_OAUTH2_ENABLED", "true"),
        ("M4_OAUTH2_ISSUER_URL", "https://issuer.example/"),
        ("M4_OAUTH2_AUDIENCE", "m4-api,https://m4.example/mcp"),
    ];

    fn plan(pairs: &[(&str, &str)], mcp: Option<&str>) -> Result<Plan, Failure> {
        let always = [("M4_DATA_DIR", "/d"), ("M4_HOME", "/h")];
        let env = Environment::from_pairs(always.iter().chain(pairs).copied());
        Plan::new(&Config::load(&env, &Flags::new()), mcp)
    }

    #[test]
    fn without_a_word_it_is_the_issuer_the_audience_and_the_scopes_of_the_gate() {
        let plan = plan(&OAUTH2, None).unwrap();
        assert!(matches!(&plan.place, Place::Issuer(issuer, Some(resource))
            if issuer.as_str() == "https://issuer.example/" && resource == "https://m4.example/mcp"));
        assert_eq!(plan.scope, ScopeSet::parse("read:mimic-data").ok());
        assert_eq!(plan.redirect_uri.as_str(), "http://localhost:8088/callback");
        assert!(plan.warning.is_none() && plan.login.send_resource);
    }

    #[test]
    fn a_login_the_gate_does_not_take_is_said_to_be_one() {
        let other = [OAUTH2[0], OAUTH2[1], OAUTH2[2], ("M4_LOGIN_RESOURCE", "https://other.example/mcp")];
        assert!(plan(&other, None).unwrap().warning.unwrap().contains("https://other.example/mcp"));
        let same = [OAUTH2[0], OAUTH2[1], OAUTH2[2], ("M4_LOGIN_RESOURCE", "https://M4.example/mcp/")];
        assert!(plan(&same, None).unwrap().warning.is_none());
    }

    #[test]
    fn endpoints_stand_in_for_discovery_and_name_their_issuer() {
        let endpoints = [
            ("FMCP_OAUTH_AUTH_ENDPOINT", "https://p.example/authorize"),
            ("FMCP_OAUTH_TOKEN_ENDPOINT", "https://p.example/oauth/token"),
            ("FMCP_OAUTH_CLIENT_ID", "cli"),
        ];
        let plan = plan(&endpoints, None).unwrap();
        assert!(matches!(&plan.place, Place::Endpoints(server, None)
            if server.issuer.as_str() == "https://p.example" && server.authorization_endpoint.is_some()));
        assert_eq!(plan.login.client.unwrap().client_id(), "cli");
    }

    #[test]
    fn where_to_log_in_is_never_guessed() {
        assert!(matches!(plan(&[], None), Err(Failure::Usage(_))));
        assert!(matches!(plan(&[("M4_OAUTH2_ENABLED", "true")], None), Err(Failure::Mendable(_))));
        assert!(matches!(plan(&[], Some("ftp://m.example/mcp")), Err(Failure::Usage(_))));
        assert!(matches!(
            plan(&[("M4_LOGIN_SEND_RESOURCE", "maybe")], Some("https://m.example/mcp")),
            Err(Failure::Mendable(_))
        ));
        assert!(matches!(plan(&[], Some("https://m.example/mcp")).unwrap().place, Place::Server(_)));
    }
}
