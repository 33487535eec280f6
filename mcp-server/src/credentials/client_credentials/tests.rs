//! Tokens of the client's own, against an issuer of the test's own.

use std::fmt;
use std::sync::Arc;

use auth_core::oauth::client_auth::AuthenticatedForm;
use auth_core::oauth::url::SecureUrl;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::*;
use crate::config::{AuthSetting, Flags};
use crate::credentials::exchange::Exchange;
use crate::env::Environment;

const NOW: UnixTime = UnixTime(1_800_000_000);

/// Answers of one issuer: its metadata, and what its token endpoint says to anything.
#[derive(Clone)]
struct Fake {
    metadata: Option<Value>,
    answer: Option<(u16, Vec<u8>)>,
    /// URL, `Authorization` header, body.
    posted: Arc<Mutex<Vec<(String, bool, String)>>>,
    got: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Exchange for Fake {
    fn post(&self, url: &SecureUrl, form: &AuthenticatedForm) -> Result<Answer, TokenError> {
        let seen = (url.as_str().to_owned(), form.authorization.is_some(), form.body.expose().to_owned());
        self.posted.lock().unwrap().push(seen);
        let (status, body) = self.answer.clone().ok_or(TokenError::Unreachable)?;
        Ok(Answer { status, body: Zeroizing::new(body) })
    }
}

impl Network for Fake {
    fn get(&self, url: &Url) -> Option<Answer> {
        self.got.lock().unwrap().push(url.as_str().to_owned());
        let (status, body) = match &self.metadata {
            Some(metadata) => (200, metadata.to_string().into_bytes()),
            None => (404, Vec::new()),
        };
        Some(Answer { status, body: Zeroizing::new(body) })
    }
}

impl Fake {
    fn new() -> Self {
        let metadata = json!({ "issuer": "https://i.example", "token_endpoint": "https://i.example/token" });
        let tokens = json!({ "access_token": "t0k3n", "token_type": "bearer", "expires_in": 300 });
        Self {
            metadata: Some(metadata),
            answer: Some((200, tokens.to_string().into_bytes())),
            posted: Arc::default(),
            got: Arc::default(),
        }
    }

    fn answering(status: u16, body: &Value) -> Self {
        Self { answer: Some((status, body.to_string().into_bytes())), ..Self::new() }
    }

    fn body(&self) -> String {
        self.posted.lock().unwrap().last().unwrap().2.clone()
    }
}

const ENABLED: [(&str, &str); 5] = [
    ("M4_OAUTH2_ENABLED", "true"),
    ("M4_OAUTH2_ISSUER_URL", "https://i.example"),
    ("M4_OAUTH2_AUDIENCE", "m4-api"),
    ("M4_OAUTH2_CLIENT_ID", "m4"),
    ("M4_OAUTH2_CLIENT_SECRET", "s3cr3t"),
];

fn config(pairs: &[(&str, &str)]) -> Config {
    let env = Environment::from_pairs(ENABLED.iter().chain(pairs).copied());
    Config::load(&env, &Flags::new())
}

fn registration(fake: &Fake, config: &Config) -> Option<Registration> {
    match &config.auth {
        AuthSetting::Enabled(auth) => Registration::from_config(auth, config, Box::new(fake.clone())),
        other => panic!("{other:?}"),
    }
}

fn fetch_with(fake: &Fake, pairs: &[(&str, &str)]) -> Result<Issued, ClientCredentialsError> {
    registration(fake, &config(pairs)).unwrap().fetch(NOW)
}

fn refused(fake: &Fake) -> ClientCredentialsError {
    fetch_with(fake, &[]).unwrap_err()
}

#[test]
fn the_endpoint_is_discovered_once_and_asked_for_the_scopes_that_every_call_needs() {
    let fake = Fake::new();
    let client = registration(&fake, &config(&[])).unwrap();
    for _ in 0..2 {
        let issued = client.fetch(NOW).unwrap();
        assert!(issued.token.matches("t0k3n"));
        assert_eq!(issued.expires_in.unwrap().as_secs(), 300);
    }
    let posted = ("https://i.example/token".to_owned(), true, {
        "grant_type=client_credentials&scope=read%3Amimic-data".to_owned()
    });
    assert_eq!(*fake.posted.lock().unwrap(), [posted.clone(), posted]);
    assert_eq!(*fake.got.lock().unwrap(), ["https://i.example/.well-known/oauth-authorization-server"]);
}

#[test]
fn what_is_asked_for_is_what_the_settings_say_and_nothing_more() {
    let fake = Fake::new();
    fetch_with(
        &fake,
        &[
            ("M4_OAUTH2_CLIENT_SCOPE", "api://m4-api/.default"),
            ("M4_OAUTH2_CLIENT_AUDIENCE", "m4-api"),
            ("M4_OAUTH2_CLIENT_RESOURCE", "https://m4.example/mcp"),
        ],
    )
    .unwrap();
    assert_eq!(
        fake.body(),
        "grant_type=client_credentials&audience=m4-api&scope=api%3A%2F%2Fm4-api%2F.default\
         &resource=https%3A%2F%2Fm4.example%2Fmcp"
    );
}

#[test]
fn a_secret_is_presented_as_the_issuer_wants_it_unless_somebody_chose() {
    let mut fake = Fake::new();
    fake.metadata.as_mut().unwrap()["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    for (choice, in_header) in
        [(None, false), (Some("client_secret_basic"), true), (Some("client_secret_post"), false)]
    {
        let choice: Vec<_> = choice.into_iter().map(|method| ("M4_OAUTH2_CLIENT_AUTH", method)).collect();
        fetch_with(&fake, &choice).unwrap();
        let (_, header, body) = fake.posted.lock().unwrap().pop().unwrap();
        assert_eq!((header, body.contains("client_secret=s3cr3t")), (in_header, !in_header), "{choice:?}");
    }
}

#[test]
fn an_endpoint_in_the_settings_spares_discovery() {
    let fake = Fake { metadata: None, ..Fake::new() };
    fetch_with(&fake, &[("M4_LOGIN_TOKEN_ENDPOINT", "https://tokens.example/t")]).unwrap();
    assert_eq!(fake.posted.lock().unwrap()[0].0, "https://tokens.example/t");
    assert!(fake.got.lock().unwrap().is_empty());
    let error = refused(&fake);
    assert!(matches!(error, ClientCredentialsError::NoEndpoint { .. }));
    assert!(error.hint().unwrap().contains("M4_LOGIN_TOKEN_ENDPOINT"));
}

#[test]
fn metadata_of_another_issuer_gets_no_secret() {
    for issuer in ["https://i.example/", "https://evil.example"] {
        let mut fake = Fake::new();
        fake.metadata.as_mut().unwrap()["issuer"] = json!(issuer);
        let error = refused(&fake);
        assert!(matches!(error, ClientCredentialsError::NoEndpoint { .. }), "{error}");
        assert!(fake.posted.lock().unwrap().is_empty());
    }
}

#[test]
fn without_a_credential_there_is_no_client() {
    let secret = |value| {
        Environment::from_pairs(
            ENABLED
                .iter()
                .copied()
                .map(|(name, given)| (name, if name == "M4_OAUTH2_CLIENT_SECRET" { value } else { given })),
        )
    };
    for (value, is_client) in [("s3cr3t", true), ("", false)] {
        let config = Config::load(&secret(value), &Flags::new());
        assert_eq!(registration(&Fake::new(), &config).is_some(), is_client);
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_is_refused() {
    let tokens = json!({ "access_token": "t0k3n", "token_type": "DPoP", "expires_in": 300 });
    let error = refused(&Fake::answering(200, &tokens));
    assert!(matches!(error, ClientCredentialsError::Bound { .. }));
    assert!(!Registration::is_temporary(&error));
}

#[test]
fn each_refusal_says_what_mends_it_and_whether_to_try_again() {
    let of = |error: &str| Fake::answering(400, &json!({ "error": error, "error_description": "no" }));
    for (fake, hint, temporary) in [
        (of("invalid_client"), "M4_OAUTH2_CLIENT_ID", false),
        (Fake::answering(401, &json!({})), "M4_OAUTH2_CLIENT_ID", false),
        (of("unauthorized_client"), "client credentials grant", false),
        (of("invalid_scope"), "M4_OAUTH2_CLIENT_SCOPE", false),
        (of("invalid_target"), "M4_OAUTH2_CLIENT_RESOURCE", false),
        (of("invalid_request"), "M4_OAUTH2_CLIENT_AUDIENCE", false),
        (Fake::answering(503, &json!({})), "try again later", true),
        (Fake { answer: None, ..Fake::new() }, "try again later", true),
    ] {
        let error = refused(&fake);
        assert!(error.hint().unwrap().contains(hint), "{error:?}: {:?}", error.hint());
        assert_eq!(Registration::is_temporary(&error), temporary, "{error:?}");
    }
}

#[test]
fn no_answer_that_holds_no_token_is_taken_for_one() {
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let large = vec![b' '; 200 * 1024];
    for (status, body) in [
        (200, br#"{"error":"server_error","access_token":"t","token_type":"Bearer"}"#.to_vec()),
        (200, page),
        (200, large),
        (302, br#"{"access_token":"t","token_type":"Bearer"}"#.to_vec()),
        (200, br#"{"access_token":"a b","token_type":"Bearer"}"#.to_vec()),
        (200, br#"{"access_token":"t","token_type":"mac"}"#.to_vec()),
    ] {
        let fake = Fake { answer: Some((status, body)), ..Fake::new() };
        let error = refused(&fake);
        assert!(matches!(error, ClientCredentialsError::NoToken { .. }), "{error}");
        let shown = format!("{error} {error:?} {}", error.for_callers());
        assert!(!shown.contains("alert"), "{shown}");
    }
}

#[test]
fn no_error_and_no_debug_output_holds_the_secret() {
    let echo = json!({ "error": "invalid_client", "error_description": "wrong secret s3cr3t" });
    let fake = Fake::answering(401, &echo);
    let config = config(&[("M4_OAUTH2_CLIENT_AUTH", "client_secret_post")]);
    let client = registration(&fake, &config).unwrap();
    let error = client.fetch(NOW).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    let shown = format!("{error} {error:?} {source} {client:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn a_key_that_cannot_be_read_is_said_and_nothing_is_sent() {
    let fake = Fake::new();
    let error = fetch_with(
        &fake,
        &[("M4_OAUTH2_CLIENT_AUTH", "private_key_jwt"), ("M4_OAUTH2_CLIENT_KEY_FILE", "/does/not/exist.pem")],
    )
    .unwrap_err();
    assert!(error.to_string().contains("M4_OAUTH2_CLIENT_KEY_FILE"), "{error}");
    assert!(fake.posted.lock().unwrap().is_empty());
}
