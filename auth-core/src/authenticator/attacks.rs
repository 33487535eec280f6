//! Tests of attacks from the published lists (RFC 8725, OWASP) that are about whole tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::jwks::{KeyLifecycle, KeyQuery, KeySet, LifecycleSettings};
use crate::scope::{ScopeRequirements, ScopeSet};
use crate::testing::{Signer, jwks};
use crate::time::{Instant, UnixTime};

const ISSUER: &str = "https://issuer.example";
const ACCESS: Access<'static> = Access { tool: "execute_query", dataset: None };

struct World {
    gate: Authenticator,
    key: Signer,
    keys: Arc<KeySnapshot>,
}

impl World {
    fn new() -> Self {
        let key = Signer::p256("k");
        let mut policy = Policy::new(ISSUER, "m4-api");
        let base = ScopeSet::parse("read:mimic-data").unwrap();
        policy.scopes = Arc::new(ScopeRequirements { base, ..ScopeRequirements::default() });
        let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
        let _ = lifecycle.lookup(&KeyQuery { kid: None, algorithm: Algorithm::ES256 }, now());
        let fetch = lifecycle.poll_fetch(now()).unwrap();
        lifecycle.handle_fetched(
            fetch.id,
            Ok(KeySet::parse(&jwks(&[&key]), &Algorithm::ALL).unwrap()),
            now(),
        );
        let keys = Arc::new(lifecycle.snapshot());
        Self { gate: Authenticator::protected(vec![policy], None), key, keys }
    }

    fn decide(&self, token: &str) -> Decision {
        self.gate.decide(Credential::Bearer(token), &ACCESS, |_| self.keys.clone(), now())
    }

    fn refuse(&self, token: &str) -> Rejection {
        match self.decide(token) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    }

    fn refuse_claims(&self, name: &str, value: Value) -> Rejection {
        let mut claims = claims();
        claims[name] = value;
        self.refuse(&self.key.token(&claims))
    }
}

fn now() -> Now {
    Now { wall: UnixTime(1_800_000_000), mono: Instant::default() }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "m4-api", "sub": "ada", "exp": 1_800_000_300, "scope": "read:mimic-data" })
}

#[test]
fn keys_and_addresses_that_a_token_brings_along_are_ignored() {
    let world = World::new();
    let attacker = Signer::p256("k");
    let address = "https://attacker.example/keys";
    for (name, value) in [
        ("jwk", attacker.jwk()),
        ("jku", json!(address)),
        ("x5u", json!(address)),
        ("x5c", json!([URL_SAFE_NO_PAD.encode(attacker.public_der())])),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "k" });
        header[name] = value;
        assert_eq!(world.refuse(&attacker.token_with(&header, &claims())), Rejection::BadSignature, "{name}");
        let honest = world.key.token_with(&header, &claims());
        assert!(matches!(world.decide(&honest), Decision::Admit(_)), "{name} neither helps nor harms");
    }
}

#[test]
fn a_key_id_is_compared_and_nothing_else() {
    let world = World::new();
    for kid in ["../../etc/passwd", "' OR 1=1 --", "https://attacker.example/k", "K", "k ", "k\u{0}", ""] {
        let token = world.key.token_with(&json!({ "alg": "ES256", "kid": kid }), &claims());
        let Decision::NeedsKeys(needs) = world.decide(&token) else { panic!("{kid:?}") };
        assert_eq!(needs.query.kid.as_deref(), Some(kid));
    }
}

#[test]
fn claims_in_the_header_count_for_nothing() {
    let world = World::new();
    let mut header = claims();
    header["alg"] = json!("ES256");
    header["kid"] = json!("k");
    let token = world.key.token_with(&header, &json!({ "iss": ISSUER, "aud": "m4-api", "sub": "ada" }));
    assert_eq!(world.refuse(&token), Rejection::missing("exp"));
}

#[test]
fn other_serializations_and_nested_tokens_are_malformed() {
    let world = World::new();
    let token = world.key.token(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    assert!(matches!(world.refuse(&json), Rejection::Malformed(_)));
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k","cty":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(&token)
    );
    let nested = format!("{input}.{}", URL_SAFE_NO_PAD.encode(world.key.sign(input.as_bytes())));
    assert!(matches!(world.refuse(&nested), Rejection::Malformed(_)));
    let encrypted = format!("{token}.AAAA.AAAA");
    assert!(world.refuse(&encrypted).hint().contains("encrypted"));
}

#[test]
fn names_that_only_resemble_ours_are_not_ours() {
    let world = World::new();
    for audience in ["m4-api.attacker", "m4-ap", "M4-API", "m4-api/", " m4-api", "m4-api other"] {
        let rejection = world.refuse_claims("aud", json!(audience));
        assert!(matches!(rejection, Rejection::WrongAudience { .. }), "{audience}");
    }
    for issuer in ["https://issuer.example.attacker", "https://issuer.example/", "HTTPS://ISSUER.EXAMPLE", ""]
    {
        let rejection = world.refuse_claims("iss", json!(issuer));
        assert!(matches!(rejection, Rejection::WrongIssuer { .. }), "{issuer}");
    }
    for scope in ["read:mimic-data-x", "read:mimic", "READ:MIMIC-DATA", "read:mimic-data,query", "*"] {
        let rejection = world.refuse_claims("scope", json!(scope));
        assert!(matches!(rejection, Rejection::MissingScopes { .. }), "{scope}");
    }
}

#[test]
fn what_tells_an_id_token_is_not_held_against_an_access_token() {
    let world = World::new();
    let admitted = |more: Value| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        matches!(world.decide(&world.key.token(&claims)), Decision::Admit(_))
    };
    for harmless in [
        json!({ "htm": "GET" }),
        json!({ "htu": "https://x" }),
        json!({ "token_use": "access", "typ": "Bearer" }),
        json!({ "nonce": "n", "typ": "Bearer" }),
    ] {
        assert!(admitted(harmless.clone()), "{harmless}");
    }
    for telling in [
        json!({ "c_hash": "h" }),
        json!({ "nonce": "n", "typ": "JWT" }),
        json!({ "at_hash": "h", "typ": "Bearer" }),
        json!({ "typ": "Offline" }),
    ] {
        assert!(!admitted(telling.clone()), "{telling}");
    }
}

#[test]
fn a_principal_is_what_the_token_says() {
    let world = World::new();
    let principal = |client: &str| {
        let mut claims = claims();
        claims[client] = json!("client");
        claims["email"] = json!("ada@example.com");
        claims["department"] = json!({ "ward": 7 });
        let Decision::Admit(granted) = world.decide(&world.key.token(&claims)) else { panic!() };
        granted.principal().unwrap().clone()
    };
    for client in ["client_id", "azp"] {
        let principal = principal(client);
        assert_eq!(principal.client_id(), Some("client"));
        assert_eq!(principal.email(), Some("ada@example.com"));
        assert_eq!(principal.expires_at(), Some(UnixTime(1_800_000_300)));
        assert_eq!(principal.claim("department"), Some(&json!({ "ward": 7 })));
        assert_eq!((principal.claim("sub"), principal.claim("absent")), (None, None));
    }
}
