//! A login against a simulated resource and issuer: no sockets, no clock.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::*;
use crate::oauth::client::authorization::{AuthorizationError, RedirectUri};
use crate::oauth::client::discovery::DiscoveryError;
use crate::oauth::client::pkce::PkceUnsupported;
use crate::oauth::client::registration::ClientIdUrl;
use crate::oauth::client::resource_metadata::ResourceMetadataError;
use crate::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use crate::oauth::client::stored_token::SessionKey;
use crate::oauth::client::www_authenticate::TokenChallenge;
use crate::oauth::metadata::Issuer;
use crate::secret::Secret;

const NOW: UnixTime = UnixTime(1_800_000_000);
const MCP: &str = "https://m.example/mcp";
const ISSUER: &str = "https://as.example";

/// A resource and an issuer that check what a careful server checks.
struct World {
    resource: Value,
    metadata: Value,
    registration: Value,
    token: (u16, Value),
    registered: Vec<Value>,
    authorized: BTreeMap<String, String>,
    redeemed: BTreeMap<String, String>,
    credentials: Option<String>,
}

impl World {
    fn new() -> Self {
        Self {
            resource: json!({
                "resource": MCP, "authorization_servers": [ISSUER], "scopes_supported": ["read", "query"],
            }),
            metadata: json!({
                "issuer": ISSUER, "authorization_endpoint": "https://as.example/authorize",
                "token_endpoint": "https://as.example/token", "registration_endpoint": "https://as.example/register",
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": true,
            }),
            registration: json!({ "client_id": "registered" }),
            token: (200, json!({ "access_token": "acc3ss", "token_type": "Bearer", "expires_in": 3600 })),
            registered: Vec::new(),
            authorized: BTreeMap::new(),
            redeemed: BTreeMap::new(),
            credentials: None,
        }
    }

    /// Takes the login as far as it goes; a person at the browser says yes.
    fn run(&mut self, login: &mut Login) {
        for _ in 0..12 {
            let (status, body) = match login.poll() {
                LoginStep::Send(LoginRequest::Get(url)) => self.document(url.as_str()),
                LoginStep::Send(LoginRequest::PostJson { url, body }) => {
                    assert_eq!(url.as_str(), "https://as.example/register");
                    self.registered.push(serde_json::from_str(body).unwrap());
                    (201, self.registration.clone())
                }
                LoginStep::Send(LoginRequest::PostForm { url, form }) => {
                    assert_eq!(url.as_str(), "https://as.example/token");
                    self.redeemed = pairs(form_urlencoded::parse(form.body.expose().as_bytes()));
                    self.credentials = form.authorization.as_ref().map(|header| header.expose().to_owned());
                    self.redeem()
                }
                LoginStep::Open(url) => {
                    let url = Url::parse(url.as_str()).unwrap();
                    self.authorized = pairs(url.query_pairs());
                    let state = &self.authorized["state"];
                    let target = format!("/callback?code=c0de&state={state}&iss={ISSUER}");
                    login.receive(&target, NOW).unwrap();
                    continue;
                }
                LoginStep::NameClient(_) | LoginStep::Done(_) | LoginStep::Failed(_) => return,
            };
            login.handle(Fetched::Answer { status, body: body.to_string().as_bytes() }, NOW);
        }
        panic!("never ends: {login:?}");
    }

    fn document(&self, url: &str) -> (u16, Value) {
        match url {
            "https://m.example/.well-known/oauth-protected-resource/mcp" => (200, self.resource.clone()),
            "https://as.example/.well-known/oauth-authorization-server" => (200, self.metadata.clone()),
            _ => (404, Value::Null),
        }
    }

    /// RFC 7636 §4.6 and RFC 6749 §4.1.3, from the server's side.
    fn redeem(&self) -> (u16, Value) {
        use base64::Engine as _;
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(self.redeemed["code_verifier"].as_bytes());
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        assert_eq!(challenge, self.authorized["code_challenge"]);
        assert_eq!(self.redeemed["code"], "c0de");
        for same in ["redirect_uri", "resource"] {
            assert_eq!(self.redeemed.get(same), self.authorized.get(same));
        }
        self.token.clone()
    }
}

fn pairs(pairs: form_urlencoded::Parse<'_>) -> BTreeMap<String, String> {
    pairs.into_owned().collect()
}

fn settings() -> LoginSettings {
    LoginSettings {
        target: LoginTarget::Resource {
            url: ResourceUrl::parse(MCP).unwrap(),
            challenge: None,
            rule: ResourceRule::Same,
            issuer: None,
        },
        client: None,
        registered: Vec::new(),
        client_document: None,
        client_name: "M4".into(),
        redirect_uri: RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
        scope: None,
        resource_parameter: true,
        vouch_for_pkce: false,
        extra: Vec::new(),
        jti: "one-of-a-kind".into(),
    }
}

fn begin(settings: LoginSettings) -> Login {
    Login::new(settings, LoginRandomness::new([1; 32], [2; 32]))
}

fn run(world: &mut World, settings: LoginSettings) -> Result<StoredSession, LoginError> {
    let mut login = begin(settings);
    world.run(&mut login);
    match login.poll() {
        LoginStep::Done(session) => Ok(session.clone()),
        LoginStep::Failed(error) => Err(error.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn from_the_url_of_a_server_to_a_stored_session() {
    let mut world = World::new();
    let session = run(&mut world, settings()).unwrap();
    assert_eq!(session.access_token.expose(), "acc3ss");
    assert_eq!((session.issuer.as_str(), session.resource.as_deref()), (ISSUER, Some(MCP)));
    assert_eq!(session.scope, ScopeSet::parse("read query").unwrap());
    assert_eq!(session.expires_at, Some(NOW.saturating_add(3600)));
    assert_eq!(session.client.client_id(), "registered");
    assert_eq!(session.registered_redirect, Some(settings().redirect_uri));
    assert_eq!(world.registered[0]["application_type"], "native");
    assert_eq!(world.authorized["resource"], MCP);
    assert_eq!(world.authorized["scope"], "query read");
    assert_eq!(world.redeemed["client_id"], "registered");
}

#[test]
fn c09_a_configured_client_or_a_document_is_registered_nowhere() {
    let mut world = World::new();
    let client = Some(ClientAuth::Public { client_id: "mine".into() });
    let named = run(&mut world, LoginSettings { client, ..settings() }).unwrap();
    assert_eq!(named.registered_redirect, None);
    assert_eq!(world.authorized["client_id"], "mine");
    assert!(world.credentials.is_none() && world.registered.is_empty());

    world.metadata["client_id_metadata_document_supported"] = true.into();
    let client_document = ClientIdUrl::parse("https://m4.example/client.json").ok();
    run(&mut world, LoginSettings { client_document, ..settings() }).unwrap();
    assert_eq!(world.authorized["client_id"], "https://m4.example/client.json");
    assert!(world.registered.is_empty());
}

#[test]
fn c12_a_configured_secret_goes_to_no_issuer_that_only_a_server_names() {
    let client = || Some(ClientAuth::Basic { client_id: "mine".into(), secret: Secret::new("s3cr3t") });
    let mut world = World::new();
    let mut login = begin(LoginSettings { client: client(), ..settings() });
    world.run(&mut login);
    assert!(matches!(login.poll(), LoginStep::NameClient(server) if server.issuer.as_str() == ISSUER));
    assert!(world.authorized.is_empty() && world.credentials.is_none());

    let issuer = Issuer::parse(ISSUER).ok();
    let url = ResourceUrl::parse(MCP).unwrap();
    let target = LoginTarget::Resource { url, challenge: None, rule: ResourceRule::Same, issuer };
    run(&mut world, LoginSettings { target, client: client(), ..settings() }).unwrap();
    assert!(world.credentials.is_some() && world.registered.is_empty());
}

#[test]
fn c12_a_registration_is_used_again_where_it_was_made_and_nowhere_else() {
    let registered = |issuer: &str, resource: &str| {
        let key = SessionKey::new(&Issuer::parse(issuer).unwrap(), Some(resource));
        vec![(key, ClientAuth::Public { client_id: "earlier".into() })]
    };
    let mut world = World::new();
    let again = run(&mut world, LoginSettings { registered: registered(ISSUER, MCP), ..settings() }).unwrap();
    assert_eq!(again.registered_redirect, Some(settings().redirect_uri));
    assert_eq!((world.authorized["client_id"].as_str(), world.registered.len()), ("earlier", 0));
    for other in [registered("https://before.example", MCP), registered(ISSUER, "https://m.example/other")] {
        run(&mut world, LoginSettings { registered: other, ..settings() }).unwrap();
        assert_eq!(world.authorized["client_id"], "registered");
    }
    assert_eq!(world.registered.len(), 2);
}

#[test]
fn a_token_bound_to_nobodys_key_is_not_stored() {
    let mut world = World::new();
    world.token = (200, json!({ "access_token": "acc3ss", "token_type": "DPoP" }));
    assert_eq!(run(&mut world, settings()).unwrap_err(), LoginError::BoundToken);
}

#[test]
fn c09_a_person_is_asked_where_nothing_else_gives_a_client() {
    let mut world = World::new();
    world.metadata["registration_endpoint"] = Value::Null;
    let mut login = begin(settings());
    world.run(&mut login);
    assert!(matches!(login.poll(), LoginStep::NameClient(server) if server.issuer.as_str() == ISSUER));
    login.use_client(ClientAuth::Public { client_id: "asked".into() });
    world.run(&mut login);
    assert!(matches!(login.poll(), LoginStep::Done(session) if session.client.client_id() == "asked"));
}

#[test]
fn c09_a_secret_from_registration_is_presented_as_registered() {
    let mut world = World::new();
    world.metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    world.registration = json!({ "client_id": "x", "client_secret": "s3cr3t" });
    run(&mut world, settings()).unwrap();
    assert_eq!(world.registered[0]["token_endpoint_auth_method"], "client_secret_post");
    assert_eq!(world.redeemed["client_secret"], "s3cr3t");
}

#[test]
fn c06_the_resource_parameter_can_be_switched_off() {
    let mut world = World::new();
    let session = run(&mut world, LoginSettings { resource_parameter: false, ..settings() }).unwrap();
    assert!(!world.authorized.contains_key("resource") && !world.redeemed.contains_key("resource"));
    assert_eq!((session.resource_to_send(), session.resource.as_deref()), (None, Some(MCP)));
}

#[test]
fn c05_nothing_is_opened_without_pkce_unless_a_person_vouches_for_it() {
    let mut world = World::new();
    world.metadata["code_challenge_methods_supported"] = Value::Null;
    let error = run(&mut world, settings()).unwrap_err();
    assert_eq!(error, AuthorizationError::from(PkceUnsupported::NotAdvertised).into());
    assert!(world.authorized.is_empty());
    run(&mut world, LoginSettings { vouch_for_pkce: true, ..settings() }).unwrap();
    world.metadata["code_challenge_methods_supported"] = json!(["plain"]);
    assert!(run(&mut world, LoginSettings { vouch_for_pkce: true, ..settings() }).is_err());
}

#[test]
fn c01_c04_a_resource_or_an_issuer_under_another_name_ends_it() {
    let mut world = World::new();
    world.metadata["issuer"] = "https://evil.example".into();
    assert!(matches!(run(&mut world, settings()), Err(LoginError::Discovery(DiscoveryError::Server(_)))));
    world.resource["resource"] = "https://evil.example/mcp".into();
    let error = run(&mut world, settings()).unwrap_err();
    assert_eq!(
        error,
        DiscoveryError::from(ResourceMetadataError::WrongResource { asked: MCP.into() }).into()
    );
}

#[test]
fn c13_a_challenge_decides_about_scopes_and_offline_access_comes_on_top() {
    let mut world = World::new();
    world.metadata["scopes_supported"] = json!(["offline_access"]);
    let challenge = TokenChallenge { scope: ScopeSet::parse("read").ok(), ..TokenChallenge::default() };
    let target = LoginTarget::Resource {
        url: ResourceUrl::parse(MCP).unwrap(),
        challenge: Some(challenge),
        rule: ResourceRule::Same,
        issuer: None,
    };
    run(&mut world, LoginSettings { target, ..settings() }).unwrap();
    assert_eq!(world.authorized["scope"], "offline_access read");
}

#[test]
fn a_login_at_an_issuer_or_at_configured_endpoints() {
    let mut world = World::new();
    let issuer = Issuer::parse(ISSUER).unwrap();
    let client = || Some(ClientAuth::Public { client_id: "m4".into() });
    let target = LoginTarget::Issuer { issuer: issuer.clone(), resource: None };
    let session = run(&mut world, LoginSettings { target, client: client(), ..settings() }).unwrap();
    assert_eq!((session.resource, world.authorized.contains_key("scope")), (None, false));

    let [authorize, token] = ["authorize", "token"]
        .map(|name| crate::oauth::url::SecureUrl::parse(&format!("{ISSUER}/{name}")).unwrap());
    let server = Box::new(AuthorizationServer::configured(issuer, Some(authorize), token));
    let target = LoginTarget::Server { server, resource: Some(MCP.into()) };
    let extra = vec![("prompt".to_owned(), "login".to_owned())];
    run(&mut world, LoginSettings { target, client: client(), extra, ..settings() }).unwrap();
    assert_eq!((world.authorized["prompt"].as_str(), world.authorized["resource"].as_str()), ("login", MCP));
}

/// A login whose browser is open.
fn browsing() -> Login {
    let mut login = begin(settings());
    let mut world = World::new();
    while !matches!(login.poll(), LoginStep::Open(_)) {
        let (status, body) = match login.poll() {
            LoginStep::Send(LoginRequest::Get(url)) => world.document(url.as_str()),
            _ => (201, world.registration.take()),
        };
        login.handle(Fetched::Answer { status, body: body.to_string().as_bytes() }, NOW);
    }
    login
}

#[test]
fn c07_c08_stray_and_foreign_answers_leave_the_login_waiting() {
    let mut login = browsing();
    let state = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    assert_eq!(login.receive("/favicon.ico", NOW), Ok(false));
    assert_eq!(login.receive("/callback?code=x&state=y", NOW), Err(RedirectError::WrongState));
    for iss in ["", "&iss=https://evil.example"] {
        assert!(login.receive(&format!("/callback?code=x&state={state}{iss}"), NOW).is_err());
        assert!(matches!(login.poll(), LoginStep::Open(_)));
    }
    let good = format!("http://127.0.0.1:8088/callback?code=c0de&state={state}&iss={ISSUER}");
    assert_eq!(login.receive_pasted(&good, NOW), Ok(true));
    assert_eq!(login.receive_pasted(&good, NOW), Err(RedirectError::SecondAnswer));
    assert!(matches!(login.poll(), LoginStep::Send(LoginRequest::PostForm { .. })));
    let shown = format!("{login:?}");
    assert!(!shown.contains("c0de") && !shown.contains("AQEB") && !shown.contains("AgIC"), "{shown}");
}

#[test]
fn a_refusal_at_the_browser_or_at_the_token_endpoint_ends_it() {
    let mut login = browsing();
    let refusal = format!("/callback?error=access_denied&state={}&iss={ISSUER}", "AQEB".repeat(10) + "AQE");
    assert!(login.receive(&refusal, NOW).is_err());
    assert!(matches!(login.poll(), LoginStep::Failed(LoginError::Redirect(RedirectError::Refused(_)))));

    let mut world = World::new();
    world.token = (200, json!({ "error": "invalid_grant", "error_description": "c0de" }));
    let error = run(&mut world, settings()).unwrap_err();
    assert_eq!(error.to_string(), "the authorization server refused: `invalid_grant`");
    assert_eq!(error.hint(), "log in again");
    world.token = (302, Value::Null);
    assert_eq!(run(&mut world, settings()).unwrap_err(), TokenError::Redirected.into());
}

proptest! {
    #[test]
    fn whatever_comes_in_whatever_order_it_never_panics_and_never_invents_a_session(
        events in proptest::collection::vec((0..5_u8, 200..600_u16, "(\\{\\}|<html>|/callback\\?code=c&state=x|\\PC{0,20})"), 0..20),
    ) {
        let mut login = browsing();
        for (kind, status, text) in events {
            match kind {
                0 => login.handle(Fetched::Answer { status, body: text.as_bytes() }, NOW),
                1 => login.handle(Fetched::Unreachable, NOW),
                2 => login.use_client(ClientAuth::Public { client_id: text }),
                3 => drop(login.receive(&text, NOW)),
                _ => drop(login.receive_pasted(&text, NOW)),
            }
        }
        prop_assert!(matches!(login.poll(), LoginStep::Open(_)));
    }
}
