//! Issuers as they differ: several at once, the switches for kinds of token, what stands in for `sub`.

use super::*;

const OTHER: &str = "https://other.example";

/// Two issuers, each with its keys.
struct Pair {
    gate: Authenticator,
    issuers: [World; 2],
}

impl Pair {
    fn new(first: &Signer, second: &Signer) -> Self {
        let other = Policy { issuer: OTHER.into(), ..policy() };
        Self::with(policy(), other, first, second)
    }

    fn with(first: Policy, second: Policy, first_key: &Signer, second_key: &Signer) -> Self {
        let gate = Authenticator::protected(vec![first, second], None);
        Self { gate, issuers: [World::new(&[first_key]), World::new(&[second_key])] }
    }

    fn decide(&self, token: &str) -> Decision {
        let keys = |issuer: usize| Arc::new(self.issuers[issuer].lifecycle.snapshot());
        self.gate.decide(Some(token), &QUERY, keys, at(40))
    }

    fn reject(&self, token: &str) -> Rejection {
        match self.decide(token) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    }
}

fn of_other() -> Value {
    with("iss", json!(OTHER))
}

fn kind(rejection: Rejection) -> TokenKind {
    match rejection {
        Rejection::WrongKind(kind) => kind,
        other => panic!("{other:?}"),
    }
}

fn world(change: fn(&mut Policy), key: &Signer) -> World {
    let mut policy = policy();
    change(&mut policy);
    World::with(Authenticator::protected(vec![policy], None), &[key])
}

#[test]
fn one_key_id_at_two_issuers_means_two_keys() {
    let (first, second) = (Signer::p256("1"), Signer::p256("1"));
    let pair = Pair::new(&first, &second);
    for (signer, claims) in [(&first, claims()), (&second, of_other())] {
        let Decision::Admit(granted) = pair.decide(&signer.token(&claims)) else { panic!() };
        assert_eq!(**granted.principal().unwrap().issuer(), *claims["iss"].as_str().unwrap());
    }
    for (signer, claims) in [(&first, of_other()), (&second, claims())] {
        assert_eq!(pair.reject(&signer.token(&claims)), Rejection::BadSignature);
    }
}

#[test]
fn a_key_is_asked_for_at_the_issuer_the_token_names_and_at_no_other() {
    let (first, second) = (Signer::p256("a"), Signer::p256("b"));
    let pair = Pair::new(&first, &second);
    for (token, issuer) in [(second.token(&claims()), 0), (first.token(&of_other()), 1)] {
        let Decision::NeedsKeys(needs) = pair.decide(&token) else { panic!() };
        assert_eq!(needs.issuer, issuer);
    }
}

/// The cache of verified tokens must look at the keys of the issuer it had the token from.
#[test]
fn a_cached_token_dies_with_the_key_of_its_own_issuer() {
    let (first, second) = (Signer::p256("1"), Signer::p256("1"));
    let token = second.token(&of_other());
    let mut pair = Pair::new(&first, &second);
    assert!(matches!(pair.decide(&token), Decision::Admit(_)));
    pair.issuers[1].publish(&[&first], at(31));
    assert_eq!(pair.reject(&token), Rejection::BadSignature);

    let mut pair = Pair::new(&first, &second);
    assert!(matches!(pair.decide(&token), Decision::Admit(_)));
    pair.issuers[0].publish(&[&Signer::p256("1")], at(31));
    assert!(matches!(pair.decide(&token), Decision::Admit(_)), "the other issuer's keys do not matter");
}

#[test]
fn each_issuer_is_judged_by_its_own_rules() {
    let (first, second) = (Signer::p256("e"), Signer::rsa(2048, "r"));
    let scopes = ScopeRequirements { base: ScopeSet::parse("data.read").unwrap(), ..Default::default() };
    let other = Policy {
        audiences: vec!["other-api".into()],
        scopes: Arc::new(scopes),
        algorithms: vec![Algorithm::RS256],
        ..Policy::new(OTHER, "")
    };
    let mut mine = policy();
    mine.algorithms = vec![Algorithm::ES256];
    let pair = Pair::with(mine, other, &first, &second);
    let mut good = of_other();
    good["aud"] = json!("other-api");
    good["scope"] = json!("data.read");
    assert!(matches!(pair.decide(&second.token(&good)), Decision::Admit(_)));
    assert!(matches!(pair.decide(&first.token(&claims())), Decision::Admit(_)));

    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        pair.reject(&second.token(&claims))
    };
    assert!(matches!(changed("aud", json!("m4-api")), Rejection::WrongAudience { .. }));
    assert!(matches!(changed("scope", json!("read:mimic-data")), Rejection::MissingScopes { .. }));
    assert!(matches!(pair.reject(&second.token(&claims())), Rejection::AlgorithmNotAllowed { .. }));
    assert!(matches!(pair.reject(&first.token(&good)), Rejection::AlgorithmNotAllowed { .. }));
}

#[test]
fn an_issuer_that_is_none_of_them_is_named_beside_those_that_are() {
    let key = Signer::p256("e");
    let pair = Pair::new(&key, &key);
    let rejection = pair.reject(&key.token(&with("iss", json!("https://issuer.example/realm/"))));
    assert_eq!(
        rejection.message(),
        "Invalid token issuer: expected one of `https://issuer.example/realm`, `https://other.example`, \
         found `https://issuer.example/realm/`"
    );
    assert!(rejection.hint().contains("trailing slash"));
    assert!(!pair.reject(&key.token(&with("iss", json!("x")))).hint().contains("slash"));
    assert_eq!(pair.reject(&key.token(&without("iss"))), Rejection::missing("iss"));
}

#[test]
fn without_any_issuer_nobody_is_admitted() {
    let gate = Authenticator::protected(Vec::new(), None);
    let token = Signer::p256("e").token(&claims());
    let decision = gate.decide(Some(&token), &QUERY, no_keys, at(0));
    let Decision::Reject(refused) = decision else { panic!("{decision:?}") };
    assert!(matches!(refused.rejection, Rejection::Misconfigured { .. }));
}

#[test]
fn a_clients_assertion_is_refused_by_type_and_by_shape() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let typed = json!({ "alg": "ES256", "kid": "e", "typ": "client-authentication+jwt" });
    assert_eq!(kind(world.reject(&key.token_with(&typed, &claims()))), TokenKind::ClientAssertion);
    // RFC 7523 §3: issuer and subject are the client. Only where `iss` is not checked could it get this far.
    let world = self::world(|policy| policy.validate_iss = false, &key);
    let mut own = with("iss", json!("client"));
    own["sub"] = json!("client");
    assert_eq!(kind(world.reject(&key.token(&own))), TokenKind::ClientAssertion);
}

#[test]
fn only_at_jwt_passes_where_it_is_required() {
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
