//! What one issuer's rules can change: the kinds of token, what stands in for `sub` and for `aud`.

use super::*;

fn world(change: fn(&mut Policy), key: &Signer) -> World {
    let mut policy = policy();
    change(&mut policy);
    World::with(Authenticator::protected(vec![policy], None), &[key])
}

fn kind(rejection: Rejection) -> TokenKind {
    match rejection {
        Rejection::WrongKind(kind) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_speaks_for_itself_is_refused() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let typed = json!({ "alg": "ES256", "kid": "e", "typ": "client-authentication+jwt" });
    assert_eq!(kind(world.reject(&key.token_with(&typed, &claims()))), TokenKind::ClientAssertion);
    // RFC 7523 §3: issuer and subject are the client. It gets as far as that where the client is called as the issuer
    // is, and where `iss` is not checked.
    assert_eq!(kind(world.reject(&key.token(&with("sub", json!(ISSUER))))), TokenKind::ClientAssertion);
    let world = self::world(|policy| policy.validate_iss = false, &key);
    let mut own = with("iss", json!("client"));
    own["sub"] = json!("client");
    assert_eq!(kind(world.reject(&key.token(&own))), TokenKind::ClientAssertion);
}

#[test]
fn where_at_jwt_is_required_nothing_else_will_do() {
    let key = Signer::p256("e");
    let strict = world(|policy| policy.require_at_jwt = true, &key);
    let typed = |typ: Value| key.token_with(&json!({ "alg": "ES256", "kid": "e", "typ": typ }), &claims());
    for typ in [json!("at+jwt"), json!("AT+JWT"), json!("application/at+jwt")] {
        strict.admit(&typed(typ));
    }
    for typ in [json!("JWT"), json!("application/jwt"), Value::Null] {
        assert_eq!(kind(strict.reject(&typed(typ))), TokenKind::NotTyped);
    }
    let untyped = key.token_with(&json!({ "alg": "ES256", "kid": "e" }), &claims());
    assert_eq!(kind(strict.reject(&untyped)), TokenKind::NotTyped);
    assert_eq!(kind(strict.reject(&typed(json!("dpop+jwt")))), TokenKind::DpopProof);
}

#[test]
fn accepting_id_tokens_lets_no_other_kind_in() {
    let key = Signer::p256("e");
    let world = world(|policy| policy.accept_id_tokens = true, &key);
    for (name, value) in [("nonce", json!("n")), ("at_hash", json!("h")), ("token_use", json!("id"))] {
        world.admit(&key.token(&with(name, value)));
    }
    assert_eq!(kind(world.reject(&key.token(&with("events", json!({}))))), TokenKind::SecurityEvent);
    assert_eq!(kind(world.reject(&key.token(&with("typ", json!("Refresh"))))), TokenKind::RefreshToken);
    assert!(matches!(world.reject(&key.token(&without("exp"))), Rejection::MissingClaim(_)));
    assert!(matches!(world.reject(&key.token(&with("aud", json!("app")))), Rejection::WrongAudience { .. }));
}

#[test]
fn the_first_subject_claim_that_says_something_counts_and_one_is_needed() {
    let key = Signer::p256("e");
    let world =
        world(|policy| policy.subject_claims = ["oid", "sub", "client_id"].map(str::to_owned).to_vec(), &key);
    let subject = |claims: &Value| world.admit(&key.token(claims)).principal().unwrap().subject().to_string();
    assert_eq!(subject(&with("oid", json!("o-1"))), "o-1");
    assert_eq!(subject(&with("oid", json!(""))), "ada");
    assert_eq!(subject(&with("oid", json!(["o-1"]))), "ada", "a list is nobody");
    let mut client = without("sub");
    client["client_id"] = json!("app");
    assert_eq!(subject(&client), "app");
    assert_eq!(world.reject(&key.token(&without("sub"))), Rejection::missing("oid"));
}

#[test]
fn the_audience_is_looked_for_in_the_configured_claim_only() {
    let key = Signer::p256("e");
    let world = world(|policy| policy.audience_claim = "client_id".into(), &key);
    world.admit(&key.token(&with("client_id", json!("m4-api"))));
    assert_eq!(world.reject(&key.token(&claims())), Rejection::missing("client_id"));
    assert!(matches!(
        world.reject(&key.token(&with("client_id", json!("other")))),
        Rejection::WrongAudience { .. }
    ));
}
