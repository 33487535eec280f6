//! Tests of a gate with several issuers: each is judged by its own rules and vouched for by its own keys.

use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::jwks::{KeyLifecycle, KeyQuery, KeySet, LifecycleSettings};
use crate::testing::{Signer, jwks};
use crate::time::{Instant, UnixTime};

const NAMES: [&str; 2] = ["https://one.example", "https://two.example"];
const ACCESS: Access<'static> = Access { tool: "list_datasets", dataset: None };

struct World {
    gate: Authenticator,
    signers: [Signer; 2],
    keys: [Arc<KeySnapshot>; 2],
}

impl World {
    fn new() -> Self {
        // Both call their key the same.
        let signers = [Signer::p256("k"), Signer::p256("k")];
        let keys = [snapshot(&signers[0]), snapshot(&signers[1])];
        let policies = NAMES.map(|name| Policy::new(name, format!("{name}/api")));
        Self { gate: Authenticator::protected(policies.to_vec(), None), signers, keys }
    }

    fn decide(&self, token: &str) -> Decision {
        self.gate.decide(Credential::Bearer(token), &ACCESS, |issuer| self.keys[issuer].clone(), now())
    }
}

fn now() -> Now {
    Now { wall: UnixTime(1_800_000_000), mono: Instant::default() }
}

fn snapshot(signer: &Signer) -> Arc<KeySnapshot> {
    let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
    let _ = lifecycle.lookup(&KeyQuery { kid: None, algorithm: Algorithm::ES256 }, now());
    let fetch = lifecycle.poll_fetch(now()).unwrap();
    lifecycle.handle_fetched(fetch.id, Ok(KeySet::parse(&jwks(&[signer]), &Algorithm::ALL).unwrap()), now());
    Arc::new(lifecycle.snapshot())
}

fn claims(issuer: &str, audience: &str) -> Value {
    json!({ "iss": issuer, "aud": audience, "sub": "ada", "exp": 1_800_000_300 })
}

fn refusal(decision: Decision) -> Rejection {
    match decision {
        Decision::Reject(refused) => refused.rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_is_judged_by_the_rules_and_keys_of_its_own_issuer() {
    let world = World::new();
    for (place, name) in NAMES.iter().enumerate() {
        let token = world.signers[place].token(&claims(name, &format!("{name}/api")));
        // The second decision comes from the cache.
        for _ in 0..2 {
            let Decision::Admit(granted) = world.decide(&token) else { panic!("{name}") };
            assert_eq!(&**granted.principal().unwrap().issuer(), *name);
            let fingerprint = UnverifiedToken::parse(&token).unwrap().digest().fingerprint();
            assert_eq!(granted.fingerprint(), Some(fingerprint));
        }
    }
}

#[test]
fn the_key_of_one_issuer_never_vouches_for_another() {
    let world = World::new();
    for (place, name) in NAMES.iter().enumerate() {
        let token = world.signers[1 - place].token(&claims(name, &format!("{name}/api")));
        assert_eq!(refusal(world.decide(&token)), Rejection::BadSignature);
    }
}

#[test]
fn the_audience_of_one_issuer_is_not_that_of_another() {
    let world = World::new();
    let token = world.signers[0].token(&claims(NAMES[0], &format!("{}/api", NAMES[1])));
    assert!(matches!(refusal(world.decide(&token)), Rejection::WrongAudience { .. }));
}

#[test]
fn a_token_of_no_configured_issuer_asks_for_no_keys() {
    let world = World::new();
    let decide = |claims: &Value| {
        let token = world.signers[0].token(claims);
        refusal(world.gate.decide(
            Credential::Bearer(&token),
            &ACCESS,
            |_| panic!("no issuer, no keys"),
            now(),
        ))
    };
    let unknown = decide(&claims("https://one.example/", "x"));
    assert!(matches!(unknown, Rejection::UnknownIssuer { .. }));
    assert!(unknown.hint().contains("trailing slash"));
    assert!(!decide(&claims("https://three.example", "x")).hint().contains("trailing slash"));
    assert_eq!(decide(&json!({ "sub": "ada" })), Rejection::missing("iss"));
}

#[test]
fn keys_are_asked_of_the_issuer_the_token_names() {
    let world = World::new();
    for (place, name) in NAMES.iter().enumerate() {
        let token = world.signers[place].token(&claims(name, "x"));
        let decision = world.gate.decide(Credential::Bearer(&token), &ACCESS, |_| Arc::default(), now());
        assert!(matches!(decision, Decision::NeedsKeys(NeedsKeys { issuer, .. }) if issuer == place));
    }
}

#[test]
fn a_gate_lists_the_rules_of_its_issuers_in_their_order() {
    let world = World::new();
    assert!(world.gate.policies().map(|policy| &*policy.issuer).eq(NAMES));
    assert_eq!(Authenticator::open().policies().count(), 0);
}
