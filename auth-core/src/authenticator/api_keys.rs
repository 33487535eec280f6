//! API keys at the gate: whom they let in, what they are asked for, and that they open nothing else.

use std::num::NonZeroU32;
use std::time::Duration;

use zeroize::Zeroizing;

use super::binding_tests::Client;
use super::tests::{QUERY, World as TokenWorld, at, claims, policy};
use super::*;
use crate::api_key::{API_KEY_ISSUER, ApiKey, KeyName, key_text};
use crate::limit::{DEFAULT_CAPACITY, RateLimit};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::testing::Signer;

/// A key that ends in 300 seconds, one without the needed scope, one for ever.
struct World {
    keys: ApiKeys,
    ci: Secret,
    weak: Secret,
    forever: Secret,
}

fn world() -> World {
    let text = |seed| key_text(&Zeroizing::new([seed; 32]));
    let (ci, weak, forever) = (text(1), text(2), text(3));
    let mut keys = ApiKeys::default();
    for (name, text, scopes, expires_at) in [
        ("ci", &ci, "read:mimic-data", Some(at(300).wall)),
        ("weak", &weak, "other", None),
        ("forever", &forever, "read:mimic-data read:notes", None),
    ] {
        let scopes = ScopeSet::parse(scopes).unwrap();
        keys.insert(ApiKey::new(KeyName::parse(name).unwrap(), text, scopes, at(0).wall, expires_at))
            .unwrap();
    }
    World { keys, ci, weak, forever }
}

fn gate(issuers: Vec<Policy>) -> Authenticator {
    Authenticator::protected_with_api_keys(issuers, policy().scopes, None)
}

fn bearer(text: &Secret) -> Credential<'_> {
    Credential::Bearer(text.expose())
}

fn admit(gate: &Authenticator, world: &World, text: &Secret, now: Now) -> Result<Granted, Refused> {
    let caller = gate.authenticate_api_key(&world.keys, bearer(text), now)?;
    gate.authorize(&caller, &QUERY, now)
}

#[test]
fn a_key_is_admitted_with_its_name_and_scopes() {
    let (gate, world) = (gate(vec![policy()]), world());
    let granted = admit(&gate, &world, &world.ci, at(0)).unwrap();
    let principal = granted.principal().unwrap();
    assert_eq!((&**principal.issuer(), &**principal.subject()), (API_KEY_ISSUER, "ci"));
    assert_eq!(principal.scopes().to_string(), "read:mimic-data");
    assert_eq!(principal.expires_at(), Some(at(300).wall));
    assert_eq!(granted.fingerprint(), Some(TokenDigest::of(world.ci.expose()).fingerprint()));
    let with_scheme = Secret::new(format!("Bearer {}", world.ci.expose()));
    assert!(admit(&gate, &world, &with_scheme, at(0)).is_ok());
}

#[test]
fn an_expired_key_is_refused_from_its_second_on_without_leeway() {
    let (gate, world) = (gate(Vec::new()), world());
    assert!(admit(&gate, &world, &world.ci, at(299)).is_ok());
    let refused = admit(&gate, &world, &world.ci, at(300)).unwrap_err();
    assert!(refused.rejection.message().starts_with("Token has expired: at "), "{}", refused.rejection);
    assert_eq!((refused.rejection.code(), refused.rejection.http_status()), ("expired", 401));
    assert_eq!(&**refused.principal.unwrap().subject(), "ci");
    assert!(admit(&gate, &world, &world.forever, at(1_000_000_000)).is_ok());
}

#[test]
fn a_key_that_is_not_known_is_refused_and_named_nowhere() {
    let (gate, mut world) = (gate(vec![policy()]), world());
    world.keys.remove("ci").unwrap();
    for text in [world.ci.clone(), Secret::new("m4_"), Secret::new(format!("{}x", world.forever.expose()))] {
        let refused = admit(&gate, &world, &text, at(0)).unwrap_err();
        assert_eq!(refused.rejection, Rejection::InvalidApiKey(ApiKeyRejection::Unknown));
        assert!(refused.rejection.message().starts_with("Invalid API key: "));
        assert_eq!(refused.rejection.oauth_error(), Some("invalid_token"));
        assert_eq!(refused.rejection.http_status(), 401);
        assert!(refused.principal.is_none() && refused.fingerprint.is_some());
    }
    let missing = gate.authenticate_api_key(&world.keys, Credential::Bearer(" Bearer "), at(0)).unwrap_err();
    assert_eq!(missing.rejection, Rejection::MissingToken);
}

#[test]
fn a_key_needs_the_scopes_that_a_token_needs() {
    let (gate, world) = (gate(vec![policy()]), world());
    let refused = admit(&gate, &world, &world.weak, at(0)).unwrap_err();
    assert_eq!(refused.rejection.message(), "Missing required scopes: read:mimic-data");
    assert_eq!(&**refused.principal.unwrap().subject(), "weak");
    let note = Access { tool: "get_note", dataset: None };
    let allowed = |text| {
        let caller = gate.authenticate_api_key(&world.keys, bearer(text), at(0)).unwrap();
        gate.authorize(&caller, &note, at(0)).is_ok()
    };
    assert!(!allowed(&world.ci) && allowed(&world.forever));
}

#[test]
fn each_key_has_its_own_rate() {
    let rate = RateLimit { requests: NonZeroU32::new(2).unwrap(), window: Duration::from_secs(60) };
    let limiter = RateLimiter::new(rate, DEFAULT_CAPACITY);
    let gate = Authenticator::protected_with_api_keys(vec![policy()], policy().scopes, Some(limiter));
    let world = world();
    for _ in 0..2 {
        admit(&gate, &world, &world.ci, at(0)).unwrap();
    }
    let refused = admit(&gate, &world, &world.ci, at(0)).unwrap_err();
    assert!(matches!(refused.rejection, Rejection::RateLimited { .. }));
    assert!(admit(&gate, &world, &world.forever, at(0)).is_ok());
}

#[test]
fn a_key_with_a_dpop_proof_is_refused() {
    let (gate, world) = (gate(vec![policy()]), world());
    let proof = Client::new().prove(world.ci.expose(), "1");
    let credential = Credential::Dpop { token: world.ci.expose(), proof: &proof };
    let refused = gate.authenticate_api_key(&world.keys, credential, at(0)).unwrap_err();
    assert_eq!(refused.rejection, Rejection::InvalidApiKey(ApiKeyRejection::WithProof));
    assert_eq!(refused.rejection.http_status(), 401);
}

#[test]
fn no_key_opens_a_gate_that_was_not_made_for_keys() {
    let world = world();
    for gate in [Authenticator::open(), Authenticator::protected(vec![policy()], None)] {
        let refused = gate.authenticate_api_key(&world.keys, bearer(&world.ci), at(0)).unwrap_err();
        assert_eq!(refused.rejection, Rejection::InvalidApiKey(ApiKeyRejection::Unknown));
    }
    let gate = Authenticator::misconfigured("x", None);
    let refused = gate.authenticate_api_key(&world.keys, bearer(&world.ci), at(0)).unwrap_err();
    assert_eq!(refused.rejection.code(), "misconfigured");
    // Nor may a caller of one gate use another.
    let elsewhere =
        self::gate(Vec::new()).authenticate_api_key(&world.keys, bearer(&world.ci), at(0)).unwrap();
    let tokens_only = Authenticator::protected(vec![policy()], None);
    assert!(tokens_only.authorize(&elsewhere, &QUERY, at(0)).is_err());
}

#[test]
fn a_gate_for_keys_alone_admits_neither_strangers_nor_tokens() {
    let gate = gate(Vec::new());
    let refused = |text: Option<&str>| {
        let credential = text.map_or(Credential::None, Credential::Bearer);
        match gate.authenticate(credential, |_| Arc::default(), at(0)) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(None), Rejection::MissingToken);
    assert_eq!(refused(Some("  ")), Rejection::MissingToken);
    let token = Signer::p256("e").token(&claims());
    for text in [&*token, "opaque", "a.b.c"] {
        let rejection = refused(Some(text));
        assert_eq!(rejection, Rejection::InvalidApiKey(ApiKeyRejection::NotAKey));
        assert!(rejection.message().starts_with("Invalid API key: "));
    }
    assert_eq!(gate.policies().count(), 0);
}

#[test]
fn what_begins_like_a_key_is_never_taken_for_a_token() {
    let mut introspecting = policy();
    introspecting.introspection = true;
    let decide =
        |gate: &Authenticator, text| gate.authenticate(Credential::Bearer(text), |_| Arc::default(), at(0));
    let with_keys = gate(vec![introspecting.clone()]);
    for text in ["m4_abc", "Bearer m4_a.b.c", "m4_"] {
        let Decision::Reject(refused) = decide(&with_keys, text) else { panic!("{text}") };
        assert_eq!(refused.rejection, Rejection::InvalidApiKey(ApiKeyRejection::Unknown), "{text}");
    }
    assert!(matches!(decide(&with_keys, "opaque"), Decision::NeedsIntrospection { issuer: 0 }));
    let without_keys = Authenticator::protected(vec![policy()], None);
    let Decision::Reject(refused) = decide(&without_keys, "m4_abc") else { panic!() };
    assert_eq!(refused.rejection.code(), "malformed");
}

#[test]
fn a_clock_that_cannot_be_admits_no_key() {
    let (gate, world) = (gate(Vec::new()), world());
    let now = Now { wall: UnixTime(0), ..at(0) };
    assert_eq!(admit(&gate, &world, &world.forever, now).unwrap_err().rejection.code(), "misconfigured");
}

#[test]
fn a_token_is_admitted_beside_keys_and_keeps_its_own_subject() {
    let key = Signer::p256("e");
    let world = TokenWorld::with(gate(vec![policy()]), &[&key]);
    let granted = world.admit(&key.token(&claims()));
    assert_eq!(&**granted.principal().unwrap().subject(), "ada");
}
