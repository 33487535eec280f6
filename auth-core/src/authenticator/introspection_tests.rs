//! Tokens only their issuer can read, at the gate.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};

use super::tests::{ISSUER, QUERY, at, policy};
use super::*;
use crate::introspection::{AnswerRules, Introspection};
use crate::limit::RateLimit;

const OPAQUE: &str = "2YotnFZFEjr1zCsicMWpAA";

fn gate(limiter: Option<RateLimiter>) -> Authenticator {
    let other = Policy::new("https://other.example", "m4-api");
    Authenticator::protected(vec![other, Policy { introspection: true, ..policy() }], limiter)
}

fn answer() -> Value {
    json!({ "active": true, "sub": "ada", "scope": "read:mimic-data", "aud": "m4-api", "iss": ISSUER })
}

fn introspected(answer: &Value) -> Arc<IntrospectedClaims> {
    let policy = policy();
    let rules = AnswerRules { policy: &policy, require_audience: false };
    match Introspection::parse(answer.to_string().as_bytes(), &rules).unwrap() {
        Introspection::Active(claims) => claims,
        Introspection::Inactive(reason) => panic!("{reason}"),
    }
}

fn decide(gate: &Authenticator, answer: &Value) -> Result<Granted, Rejection> {
    let claims = introspected(answer);
    gate.decide_introspected(1, &claims, Credential::Bearer(OPAQUE), &QUERY, at(0))
        .map_err(|refused| refused.rejection)
}

#[test]
fn an_opaque_token_is_for_the_issuer_that_is_configured_to_be_asked() {
    let ask =
        |gate: &Authenticator, text| gate.decide(Credential::Bearer(text), &QUERY, |_| Arc::default(), at(0));
    assert!(matches!(ask(&gate(None), OPAQUE), Decision::NeedsIntrospection { issuer: 1 }));
    assert!(matches!(ask(&gate(None), "ya29.x"), Decision::NeedsIntrospection { issuer: 1 }));
    let without = Authenticator::protected(vec![policy()], None);
    assert!(matches!(ask(&without, OPAQUE), Decision::Reject(_)));
}

#[test]
fn what_the_issuer_says_is_judged_like_claims() {
    let gate = gate(None);
    let granted = decide(&gate, &answer()).unwrap();
    assert_eq!(&**granted.principal().unwrap().subject(), "ada");
    let with = |name: &str, value: Value| {
        let mut answer = answer();
        answer[name] = value;
        answer
    };
    assert!(matches!(decide(&gate, &with("scope", json!("openid"))), Err(Rejection::MissingScopes { .. })));
    assert!(matches!(decide(&gate, &with("cnf", json!({ "jkt": "x" }))), Err(Rejection::SenderConstrained)));
    assert!(matches!(decide(&gate, &with("sub", Value::Null)), Err(Rejection::MissingClaim(_))));
    assert!(matches!(decide(&gate, &with("exp", json!(at(-400).wall.0))), Err(Rejection::Expired { .. })));
    decide(&gate, &with("exp", json!(at(300).wall.0))).unwrap();
}

#[test]
fn introspected_callers_have_the_same_limits() {
    let limit = RateLimit { requests: NonZeroU32::MIN, window: Duration::from_secs(60) };
    let gate = gate(Some(RateLimiter::new(limit, 10)));
    decide(&gate, &answer()).unwrap();
    assert!(matches!(decide(&gate, &answer()), Err(Rejection::RateLimited { .. })));
}

#[test]
fn a_gate_that_did_not_ask_admits_nobody() {
    for gate in [Authenticator::open(), Authenticator::misconfigured("x", None)] {
        assert!(decide(&gate, &answer()).is_err());
    }
}

#[test]
fn a_refusal_of_what_an_issuer_said_names_the_token_by_its_fingerprint() {
    let gate = gate(None);
    let claims = introspected(&json!({ "active": true, "sub": "ada", "aud": "m4-api", "exp": 1 }));
    let refused = gate.authenticate_introspected(1, &claims, Credential::Bearer(OPAQUE), at(0)).unwrap_err();
    assert_eq!(refused.rejection.code(), "expired");
    assert!(refused.fingerprint.is_some() && refused.principal.is_none());
}
