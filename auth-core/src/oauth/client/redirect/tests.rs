//! Answers of the browser: genuine, foreign, doubled, stray.

use proptest::prelude::*;

use super::*;
use crate::oauth::url::SecureUrl;

const STATE: &str = "the-state";
const ISSUER: &str = "https://as.example";

fn pending(iss_advertised: bool) -> PendingAuthorization {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let token = SecureUrl::parse("https://as.example/token").unwrap();
    let server =
        AuthorizationServer { iss_advertised, ..AuthorizationServer::configured(issuer, None, token) };
    PendingAuthorization::new(
        &server,
        "m4".into(),
        RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
        Some("https://m.example/mcp".into()),
        ScopeSet::parse("a").unwrap(),
        Secret::new(STATE),
        CodeVerifier::from_random([2; 32]),
    )
}

fn receive(target: &str) -> Result<Redirect, RedirectError> {
    pending(false).receive(target)
}

fn code(redirect: &Result<Redirect, RedirectError>) -> Option<&str> {
    match redirect {
        Ok(Redirect::Code(grant)) => Some(grant.code.expose()),
        _ => None,
    }
}

#[test]
fn the_code_comes_with_all_that_is_needed_to_spend_it() {
    let Ok(Redirect::Code(grant)) = receive("/callback?code=c%2F1&state=the-state&session_state=x") else {
        panic!()
    };
    assert_eq!(grant.code.expose(), "c/1");
    assert_eq!((grant.issuer.as_str(), grant.client_id.as_str()), (ISSUER, "m4"));
    assert_eq!(grant.resource.as_deref(), Some("https://m.example/mcp"));
    assert!(!format!("{grant:?}").contains("c/1"));
}

#[test]
fn c08_only_the_state_of_this_login_counts() {
    for query in
        ["code=c", "code=c&state=", "code=c&state=the-stat", "code=c&state=the-state2", "error=x&state=y"]
    {
        let error = receive(&format!("/callback?{query}")).unwrap_err();
        assert_eq!(error, RedirectError::WrongState, "{query}");
        assert!(!error.ends_login());
    }
    assert!(code(&receive("/callback?code=c&state=the-state")).is_some());
}

#[test]
fn c08_a_wrong_answer_neither_ends_the_login_nor_uses_it_up() {
    let mut pending = pending(false);
    assert_eq!(
        pending.receive("/callback?error=access_denied&state=x").unwrap_err(),
        RedirectError::WrongState
    );
    assert!(code(&pending.receive("/callback?code=c&state=the-state")).is_some());
    let second = pending.receive("/callback?code=d&state=the-state").unwrap_err();
    assert_eq!(second, RedirectError::SecondAnswer);
    assert!(!second.ends_login());
}

#[test]
fn c07_an_advertised_iss_that_is_absent_is_refused() {
    let target = "/callback?code=c&state=the-state";
    let error = pending(true).receive(target).unwrap_err();
    assert_eq!(error, RedirectError::NoIssuer { expected: Issuer::parse(ISSUER).unwrap() });
    let empty = pending(true).receive(&format!("{target}&iss=")).unwrap_err();
    assert!(matches!(empty, RedirectError::NoIssuer { .. }));
    assert!(code(&pending(true).receive(&format!("{target}&iss=https://as.example"))).is_some());
    assert!(code(&pending(false).receive(target)).is_some());
}

#[test]
fn c07_a_present_iss_is_compared_exactly_and_nothing_of_a_foreign_answer_is_shown() {
    for iss in
        ["https://as.example/", "https://AS.example", "https://as.example:443", "https%3A%2F%2Fevil.example"]
    {
        for advertised in [false, true] {
            let answer = "error=stolen&error_description=<b>call+0800&state=the-state";
            let error = pending(advertised).receive(&format!("/callback?{answer}&iss={iss}")).unwrap_err();
            assert_eq!(error, RedirectError::WrongIssuer { expected: Issuer::parse(ISSUER).unwrap() });
            let shown = format!("{error} {error:?}");
            assert!(!["stolen", "0800", "evil"].iter().any(|text| shown.contains(text)), "{shown}");
        }
    }
}

#[test]
fn a_refusal_is_shown_escaped_and_cut() {
    let long = "x".repeat(500);
    let target =
        format!("/callback?state=the-state&error=access_denied&error_description=no%1B%5B2J%0A{long}");
    let error = receive(&target).unwrap_err();
    assert!(error.ends_login());
    let text = error.to_string();
    assert!(
        text.starts_with("the authorization server refused the login: `access_denied` (`no\\u{1b}[2J\\n")
    );
    assert!(text.len() < 300 && text.ends_with("…`)"), "{text}");
}

#[test]
fn whoever_said_no_is_not_told_to_mend_anything() {
    let hint = |error: &str| receive(&format!("/callback?state=the-state&error={error}")).unwrap_err().hint();
    assert!(hint("access_denied").starts_with("log in again and allow it"));
    assert!(hint("invalid_scope").starts_with("mend what the authorization server names"));
}

#[test]
fn a_parameter_given_twice_is_refused_before_anything_is_read() {
    for name in ANSWER_PARAMETERS {
        let error = receive(&format!("/callback?code=c&state=the-state&iss=x&{name}=y&{name}=")).unwrap_err();
        assert!(matches!(error, RedirectError::Repeated { .. }), "{name}");
    }
    assert!(code(&receive("/callback?code=c&state=the-state&x=1&x=2")).is_some());
}

#[test]
fn neither_code_nor_error_or_both_is_no_answer() {
    for query in ["state=the-state", "state=the-state&code=c&error=x", "state=the-state&code="] {
        assert_eq!(receive(&format!("/callback?{query}")).unwrap_err(), RedirectError::Contradictory);
    }
}

#[test]
fn other_requests_are_not_the_callback() {
    for target in
        ["/favicon.ico", "/", "", "*", "/callback", "/callback/", "/callback2?code=c", "/callback?x=y"]
    {
        assert!(matches!(receive(target), Ok(Redirect::NotTheCallback)), "{target}");
    }
}

#[test]
fn an_answer_of_sixteen_kibibytes_is_read_and_a_longer_one_is_refused() {
    let padded = |start: &str, length| format!("{start:x<length$}");
    for start in ["/callback?state=the-state&code=", "http://127.0.0.1:8088/callback?state=the-state&code="] {
        let take = |length| {
            let answer = padded(start, length);
            if start.starts_with('/') { receive(&answer) } else { pending(false).receive_pasted(&answer) }
        };
        assert!(code(&take(16_384)).is_some(), "{start}");
        assert_eq!(take(16_385).unwrap_err(), RedirectError::TooLarge, "{start}");
    }
}

#[test]
fn a_pasted_address_counts_only_when_it_is_the_redirect_uri() {
    let paste = |text: &str| pending(false).receive_pasted(text);
    assert_eq!(code(&paste(" http://127.0.0.1:8088/callback?code=c&state=the-state#x\n")), Some("c"));
    for text in [
        "https://evil.example/callback?code=c&state=the-state",
        "http://127.0.0.1:9/callback?code=c&state=the-state",
        "http://127.0.0.1:8088/?code=c&state=the-state",
        "c",
    ] {
        assert!(matches!(paste(text), Ok(Redirect::NotTheCallback)), "{text}");
    }
}

proptest! {
    #[test]
    fn no_target_makes_it_panic_and_none_passes_without_the_state(
        target in "(/callback)?\\?((code|state|iss|error)=(the-state|[a-z%0-9]{0,5})&){0,5}|\\PC{0,60}",
    ) {
        for advertised in [false, true] {
            let received = pending(advertised).receive(&target);
            if code(&received).is_some() {
                prop_assert!(target.contains("state=the-state") && !advertised);
            }
            let _ = pending(advertised).receive_pasted(&target);
        }
    }
}
