//! A server that wants scopes and an issuer that grants some, without a network.

use std::cell::RefCell;
use std::future::{poll_fn, ready};
use std::task::Poll;

use auth_core::oauth::client::authorization::RedirectUri;
use auth_core::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};

use super::*;

const ISSUER: &str = "https://as.example";
const MCP: &str = "https://m.example/mcp";
const CALLBACK: &str = "http://127.0.0.1:8088/callback";

#[tokio::test]
async fn c02_c15_a_401_leads_to_a_login_and_the_request_is_sent_again_with_its_token() {
    let session = Session::new(Issuer::granting(&["read"]), None);
    assert_eq!(wanting("read", &session).await, [None, Some("token-1".to_owned())]);
    assert_eq!(session.state.lock().await.source.asked, [(true, None)]);
    assert_eq!(wanting("read", &session).await, [Some("token-1".to_owned())], "no login for every request");
}

#[tokio::test]
async fn c14_more_scopes_are_asked_for_with_the_old_ones() {
    let session = Session::new(Issuer::granting(&["read", "read write"]), None);
    wanting("read", &session).await;
    let seen = wanting("write", &session).await;
    assert_eq!(seen, [Some("token-1".to_owned()), Some("token-2".to_owned())]);
    assert_eq!(session.state.lock().await.source.asked.last().unwrap().1.as_deref(), Some("read write"));
}

#[tokio::test]
async fn c14_an_operation_that_is_refused_whatever_it_brings_leads_to_three_logins() {
    let session = Session::new(Issuer::granting(&["a", "b", "c", "d", "e", "f"]), None);
    let error = session.send(|_| refused(401)).await.unwrap_err();
    assert!(matches!(error, SessionError::StepUp(StepUpError::Unauthenticated)), "{error}");
    assert_eq!(session.state.lock().await.source.asked.len(), 3);
    let error = session.send(|_| refused(403)).await.unwrap_err();
    assert!(matches!(error, SessionError::StepUp(StepUpError::TooOften { .. })), "{error}");
}

#[tokio::test]
async fn requests_that_are_refused_together_lead_to_one_login() {
    let session = Session::new(Issuer::granting(&["read"]), None);
    let (one, other) = tokio::join!(wanting("read", &session), wanting("read", &session));
    assert_eq!([one.last(), other.last()], [Some(&Some("token-1".to_owned())); 2]);
    assert_eq!(session.state.lock().await.source.asked.len(), 1);
}

#[tokio::test]
async fn a_login_in_vain_costs_no_token_that_is_good_for_something() {
    let session = Session::new(Issuer::granting(&["read"]), None);
    wanting("read", &session).await;
    let error = session.send(|_| refused(403)).await.unwrap_err();
    assert!(matches!(error, SessionError::Login(NoRandomness)));
    assert_eq!(wanting("read", &session).await, [Some("token-1".to_owned())]);
    session.send(|_| refused(401)).await.unwrap_err();
    assert!(session.state.lock().await.current.is_none());
}

#[tokio::test]
async fn what_is_no_matter_of_tokens_is_the_callers() {
    let session = Session::new(Issuer::granting(&[]), None);
    let error = session.send(|_| ready(Err::<(), _>(Attempt::Failed("broken")))).await.unwrap_err();
    assert!(matches!(error, SessionError::Request("broken")));
}

#[test]
fn c12_what_was_registered_is_used_again_and_nothing_else_is_remembered() {
    let mut browser = Browser::new(settings(), ());
    let challenge = TokenChallenge { error: Some("invalid_token".into()), ..TokenChallenge::default() };
    let next = |browser: &Browser<()>, scope: Option<&ScopeSet>| {
        browser.login_settings(Some(&challenge), scope).unwrap()
    };
    assert!(next(&browser, None).registered.is_empty());
    for _ in 0..2 {
        browser.remember(&login("token", "a"));
    }
    let first = next(&browser, None);
    assert_eq!(first.registered.len(), 1);
    assert_eq!(first.registered[0].0, login("other", "b").key());
    assert!(matches!(&first.target, LoginTarget::Resource { challenge: Some(put), .. } if *put == challenge));
    assert_ne!(first.jti, next(&browser, None).jti);
    let scope = ScopeSet::parse("a b").unwrap();
    assert_eq!(next(&browser, Some(&scope)).scope, Some(scope));

    let mut browser = Browser::new(settings(), ());
    let other = RedirectUri::parse("http://127.0.0.1:9099/callback").ok();
    for registered_redirect in [None, other] {
        browser.remember(&StoredSession { registered_redirect, ..login("token", "a") });
    }
    assert!(browser.settings.registered.is_empty());
}

/// Gives a token for each of these scopes, then none.
struct Issuer {
    granting: &'static [&'static str],
    /// Whether there was a challenge, and the scopes.
    asked: Vec<(bool, Option<String>)>,
}

impl Issuer {
    fn granting(granting: &'static [&'static str]) -> Self {
        Self { granting, asked: Vec::new() }
    }
}

impl Source for Issuer {
    type Error = NoRandomness;

    async fn log_in(
        &mut self,
        challenge: Option<&TokenChallenge>,
        scope: Option<&ScopeSet>,
    ) -> Result<StoredSession, NoRandomness> {
        let scope = scope.map(ScopeSet::joined);
        self.asked.push((challenge.is_some(), scope));
        let number = self.asked.len();
        self.granting
            .get(number - 1)
            .map(|scope| login(&format!("token-{number}"), scope))
            .ok_or(NoRandomness)
    }
}

/// Sends a request that needs this scope; gives the tokens that came with it.
async fn wanting(needed: &str, session: &Session<Issuer>) -> Vec<Option<String>> {
    let seen = RefCell::new(Vec::new());
    let request = |token: Option<Secret>| {
        let token = token.map(|token| token.expose().to_owned());
        let granted = match (token.as_deref(), needed) {
            (None, _) => refusal(401),
            (Some("token-1"), "write") => refusal(403),
            _ => Ok(()),
        };
        seen.borrow_mut().push(token);
        // Another request gets its turn, as on a network.
        let mut answered = Some(granted);
        let mut waited = false;
        poll_fn(move |context| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(answered.take().unwrap());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    };
    session.send(request).await.unwrap();
    seen.into_inner()
}

fn refused(status: u16) -> impl Future<Output = Result<(), Attempt<NoRandomness>>> {
    ready(refusal(status))
}

fn refusal(status: u16) -> Result<(), Attempt<NoRandomness>> {
    let field = r#"Bearer error="insufficient_scope", scope="write""#;
    Err(Attempt::Refused(Box::new(TokenRefusal::find(status, [field]).unwrap())))
}

fn login(token: &str, scope: &str) -> StoredSession {
    let text = serde_json::json!({
        "version": 1, "issuer": ISSUER, "resource": MCP, "client_id": "registered",
        "registered_redirect_uri": CALLBACK,
        "token_endpoint": format!("{ISSUER}/token"), "token_type": "Bearer", "access_token": token,
        "scope": scope, "issued_at": "2026-11-21T11:00:00Z",
    });
    StoredSession::parse(text.to_string().as_bytes()).unwrap()
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
        redirect_uri: RedirectUri::parse(CALLBACK).unwrap(),
        scope: None,
        resource_parameter: true,
        vouch_for_pkce: false,
        extra: Vec::new(),
        jti: String::new(),
    }
}
