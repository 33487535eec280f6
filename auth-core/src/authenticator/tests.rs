//! The whole decision against real signatures, in virtual time: what is admitted, and every line of what is refused.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::jwks::{FetchFailed, KeyLifecycle, KeyLookup, KeyQuery, KeySet, LifecycleSettings};
use crate::limit::{RateLimit, ToolLimits};
use crate::rejection::TokenKind;
use crate::scope::{ScopeRequirements, ScopeSet};
use crate::testing::{Signer, jwks, signing_input};
use crate::time::{Instant, UnixTime};
use crate::token::TokenDigest;

mod cached;
mod properties;
mod refusals;
mod rules;
mod several_issuers;

pub(super) const ISSUER: &str = "https://issuer.example/realm";
const START: i64 = 1_800_000_000;
pub(super) const QUERY: Access<'static> = Access { tool: "execute_query", dataset: Some("mimic-iv-demo") };

pub(super) fn policy() -> Policy {
    let mut policy = Policy::new(ISSUER, "m4-api");
    policy.scopes = Arc::new(ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        tools: BTreeMap::from([("get_note".into(), ScopeSet::parse("read:notes").unwrap())]),
        ..ScopeRequirements::default()
    });
    policy
}

pub(super) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "m4-api", "sub": "ada", "exp": START + 300, "iat": START,
        "scope": "read:mimic-data",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

pub(super) fn at(seconds: i64) -> Now {
    let mono = Instant::from_start(Duration::from_secs(u64::try_from(seconds + 1000).unwrap()));
    Now { wall: UnixTime(START + seconds), mono }
}

fn no_keys(_: usize) -> Arc<KeySnapshot> {
    Arc::default()
}

fn set(signers: &[&Signer]) -> KeySet {
    KeySet::parse(&jwks(signers), &Algorithm::ALL).unwrap()
}

/// A gate whose keys are there.
pub(super) struct World {
    gate: Authenticator,
    lifecycle: KeyLifecycle,
}

impl World {
    pub(super) fn new(signers: &[&Signer]) -> Self {
        Self::with(Authenticator::protected(vec![policy()], None), signers)
    }

    pub(super) fn with(gate: Authenticator, signers: &[&Signer]) -> Self {
        let mut world = Self { gate, lifecycle: KeyLifecycle::new(LifecycleSettings::default()) };
        world.publish(signers, at(0));
        world
    }

    fn publish(&mut self, signers: &[&Signer], now: Now) {
        let query = KeyQuery { kid: Some("whatever".into()), algorithm: Algorithm::ES256 };
        assert_eq!(self.lifecycle.lookup(&query, now), KeyLookup::NeedsFetch);
        let fetch = self.lifecycle.poll_fetch(now).unwrap();
        self.lifecycle.handle_fetched(fetch.id, Ok(set(signers)), now);
    }

    fn decide(&self, token: &str, access: &Access<'_>, now: Now) -> Decision {
        let keys = Arc::new(self.lifecycle.snapshot());
        self.gate.decide(Credential::Bearer(token), access, |_| keys.clone(), now)
    }

    pub(super) fn decide_with(
        &self,
        credential: Credential<'_>,
        access: &Access<'_>,
        now: Now,
    ) -> Result<Granted, Rejection> {
        let keys = Arc::new(self.lifecycle.snapshot());
        match self.gate.decide(credential, access, |_| keys.clone(), now) {
            Decision::Admit(granted) => Ok(granted),
            Decision::Reject(refused) => Err(refused.rejection),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn admit(&self, token: &str) -> Granted {
        match self.decide(token, &QUERY, at(0)) {
            Decision::Admit(granted) => granted,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn reject(&self, token: &str) -> Rejection {
        self.reject_at(token, at(0))
    }

    fn reject_at(&self, token: &str, now: Now) -> Rejection {
        match self.decide(token, &QUERY, now) {
            Decision::Reject(refused) => refused.rejection,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn header(signer: &Signer) -> Value {
    json!({ "alg": signer.algorithm(), "kid": signer.kid(), "typ": "at+jwt" })
}

#[test]
fn rsa_2048_3072_4096_and_p256_signatures_are_admitted() {
    for signer in [Signer::rsa(2048, "k"), Signer::rsa(3072, "k"), Signer::rsa(4096, "k"), Signer::p256("k")]
    {
        let world = World::new(&[&signer]);
        let granted = world.admit(&signer.token(&claims()));
        let principal = granted.principal().unwrap();
        assert_eq!((&**principal.issuer(), &**principal.subject()), (ISSUER, "ada"));
        assert!(principal.scopes().contains("read:mimic-data"));
    }
}

#[test]
fn times_are_judged_with_leeway_and_exp_is_exclusive() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&with("exp", json!(START + 100)));
    assert!(matches!(world.decide(&token, &QUERY, at(159)), Decision::Admit(_)));
    assert!(matches!(world.reject_at(&token, at(160)), Rejection::Expired { .. }));
    let early = key.token(&with("nbf", json!(START + 60)));
    world.admit(&early);
}

#[test]
fn an_encryption_key_verifies_nothing() {
    let key = Signer::rsa(2048, "enc");
    let mut jwk = key.jwk();
    jwk["use"] = json!("enc");
    let document = json!({ "keys": [jwk] }).to_string();
    let mut world = World::new(&[]);
    let query = KeyQuery { kid: None, algorithm: Algorithm::RS256 };
    let _ = world.lifecycle.lookup(&query, at(31));
    let fetch = world.lifecycle.poll_fetch(at(31)).unwrap();
    world.lifecycle.handle_fetched(
        fetch.id,
        KeySet::parse(document.as_bytes(), &Algorithm::ALL).map_err(FetchFailed::Document),
        at(31),
    );
    let Decision::NeedsKeys(needs) = world.decide(&key.token(&claims()), &QUERY, at(31)) else { panic!() };
    assert_eq!(
        needs.unknown(Duration::from_secs(5)).message(),
        "Invalid token signature: no key found for kid `enc`"
    );
}

#[test]
fn a_forbidden_algorithm_never_asks_for_keys() {
    let gate = Authenticator::protected(vec![policy()], None);
    for alg in ["none", "HS256", "RS384", "EdDSA", "ES256K"] {
        let token = format!("{}.AA", signing_input(&json!({ "alg": alg, "kid": "new" }), &claims()));
        let decision = gate.decide(Credential::Bearer(&token), &QUERY, no_keys, at(0));
        assert!(
            matches!(
                decision,
                Decision::Reject(Refused { rejection: Rejection::AlgorithmNotAllowed { .. }, .. })
            ),
            "{alg}"
        );
    }
}

#[test]
fn an_algorithm_off_the_allow_list_is_refused_even_by_a_key_that_knows_it() {
    let key = Signer::p256("e");
    let mut policy = policy();
    policy.algorithms = vec![Algorithm::RS256];
    let world = World::with(Authenticator::protected(vec![policy], None), &[&key]);
    assert!(matches!(world.reject(&key.token(&claims())), Rejection::AlgorithmNotAllowed { .. }));
}

type Switch = (fn(&mut Policy), &'static str);

#[test]
fn the_off_switches_switch_off_exactly_one_check_each() {
    let key = Signer::p256("e");
    let admits = |change: fn(&mut Policy), claims: &Value| {
        let mut policy = policy();
        change(&mut policy);
        let world = World::with(Authenticator::protected(vec![policy], None), &[&key]);
        matches!(world.decide(&key.token(claims), &QUERY, at(0)), Decision::Admit(_))
    };
    let off: [Switch; 3] = [
        (|policy| policy.validate_exp = false, "exp"),
        (|policy| policy.validate_aud = false, "aud"),
        (|policy| policy.validate_iss = false, "iss"),
    ];
    for (change, switched_off) in off {
        for (claim, bad) in [("exp", json!(1)), ("aud", json!("other")), ("iss", json!("other"))] {
            assert_eq!(
                admits(change, &with(claim, bad)),
                claim == switched_off,
                "{switched_off} off, bad {claim}"
            );
            assert_eq!(
                admits(change, &without(claim)),
                claim == switched_off,
                "{switched_off} off, no {claim}"
            );
        }
        assert!(!admits(change, &without("sub")));
    }
}

#[test]
fn tool_scopes_are_needed_on_top_and_named_together() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&with("scope", json!("openid")));
    let note = Access { tool: "get_note", dataset: None };
    let Decision::Reject(Refused { rejection, .. }) = world.decide(&token, &note, at(0)) else { panic!() };
    assert_eq!(rejection.message(), "Missing required scopes: read:mimic-data, read:notes");
}

#[test]
fn a_subject_over_its_rate_waits_and_a_refused_call_costs_nothing() {
    let key = Signer::p256("e");
    let limit = RateLimit { requests: NonZeroU32::new(2).unwrap(), window: Duration::from_secs(100) };
    let world =
        World::with(Authenticator::protected(vec![policy()], Some(RateLimiter::new(limit, 10))), &[&key]);
    let token = key.token(&claims());
    let note = Access { tool: "get_note", dataset: None };
    for _ in 0..10 {
        assert!(matches!(
            world.decide(&token, &note, at(0)),
            Decision::Reject(Refused { rejection: Rejection::MissingScopes { .. }, .. })
        ));
    }
    world.admit(&token);
    // Another token of the same subject draws on the same quota.
    world.admit(&key.token(&with("jti", json!("2"))));
    let rejection = world.reject(&token);
    assert_eq!(rejection.message(), "Rate limit exceeded: try again in 50 seconds");
    assert_eq!((rejection.http_status(), rejection.oauth_error()), (429, None));
    assert!(matches!(world.decide(&token, &QUERY, at(50)), Decision::Admit(_)));
    world.admit(&key.token(&with("sub", json!("grace"))));
}

#[test]
fn a_tool_may_have_a_limit_of_its_own_beside_the_subjects() {
    let key = Signer::p256("e");
    let limit = RateLimit { requests: NonZeroU32::new(100).unwrap(), window: Duration::from_secs(100) };
    let tools: ToolLimits = "execute_query=1/60".parse().unwrap();
    let limiter = RateLimiter::with_tools(limit, tools, 10);
    let world = World::with(Authenticator::protected(vec![policy()], Some(limiter)), &[&key]);
    let token = key.token(&claims());
    world.admit(&token);
    assert_eq!(world.reject(&token).message(), "Rate limit exceeded: try again in 60 seconds");
    let list = Access { tool: "list_datasets", dataset: None };
    assert!(matches!(world.decide(&token, &list, at(0)), Decision::Admit(_)));
}

#[test]
fn a_refusal_names_its_caller_only_once_the_token_is_proven() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let refused = |claims: &Value, signer: &Signer| match world.decide(&signer.token(claims), &QUERY, at(0)) {
        Decision::Reject(refused) => refused,
        other => panic!("{other:?}"),
    };
    let scopes = refused(&with("scope", json!("openid")), &key);
    assert_eq!(&**scopes.principal.unwrap().subject(), "ada");
    assert!(scopes.fingerprint.is_some());
    let forged = refused(&claims(), &Signer::p256("e"));
    assert!(forged.principal.is_none() && forged.fingerprint.is_some());
}

#[test]
fn a_clock_that_cannot_be_admits_nobody() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let now = Now { wall: UnixTime(0), mono: at(0).mono };
    let Decision::Reject(Refused { rejection, .. }) =
        world.decide(&key.token(&with("iat", json!(0))), &QUERY, now)
    else {
        panic!()
    };
    assert!(rejection.message().starts_with("OAuth2 is misconfigured: this machine's clock says 1970"));
}

#[test]
fn a_misconfigured_gate_admits_nobody_and_an_open_one_everybody() {
    let decide = |gate: Authenticator| gate.decide(Credential::None, &QUERY, no_keys, at(0));
    let closed = Authenticator::misconfigured("no issuer", Some("name one".to_owned()));
    assert!(closed.is_misconfigured() && !Authenticator::open().is_misconfigured());
    let Decision::Reject(Refused { rejection, .. }) = decide(closed) else { panic!() };
    assert_eq!(rejection.message(), "OAuth2 is misconfigured: no issuer");
    assert_eq!(rejection.hint(), "name one");
    assert_eq!(rejection.http_status(), 503);
    let Decision::Admit(granted) = decide(Authenticator::open()) else { panic!() };
    assert!(granted.principal().is_none());
}

#[test]
fn no_message_or_debug_output_holds_the_token() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&claims());
    let signature = token.rsplit('.').next().unwrap();
    let granted = world.admit(&token);
    let foreign = Signer::p256("e").token(&claims());
    let rejection = world.reject(&foreign);
    let shown = format!("{granted:?} {:?} {rejection:?} {rejection} {}", world.gate, rejection.hint());
    assert!(!shown.contains(signature) && !shown.contains(&token[..40]), "{shown}");
}

#[test]
fn a_proof_is_for_the_one_call_it_was_given_for() {
    let gate = Authenticator::open();
    let Decision::Admit(caller) = gate.authenticate(Credential::None, |_| Arc::default(), at(0)) else {
        panic!()
    };
    let asked = Access { tool: "execute_query", dataset: Some("mimic-iv") };
    let granted = gate.authorize(&caller, &asked, at(0)).unwrap();
    assert!(granted.is_for(&asked));
    for other in [
        Access { tool: "get_note", ..asked },
        Access { dataset: Some("mimic-iv-note"), ..asked },
        Access { dataset: None, ..asked },
    ] {
        assert!(!granted.is_for(&other), "{other:?}");
    }
}

#[test]
fn a_further_dataset_needs_its_scopes_and_costs_nothing_of_the_rate() {
    let key = Signer::p256("e");
    let limit = RateLimit { requests: NonZeroU32::new(1).unwrap(), window: Duration::from_secs(100) };
    let mut policy = policy();
    policy.scopes = Arc::new(ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        datasets: BTreeMap::from([("mimic-iv-note".into(), ScopeSet::parse("read:notes").unwrap())]),
        ..ScopeRequirements::default()
    });
    let gate = Authenticator::protected(vec![policy], Some(RateLimiter::new(limit, 10)));
    let world = World::with(gate, &[&key]);
    let notes = Access { tool: "execute_query", dataset: Some("mimic-iv-note") };
    let granted = world.admit(&key.token(&claims()));
    let refused = world.gate.authorize_further(&granted, &notes).unwrap_err();
    assert_eq!(refused.rejection.code(), "missing_scopes");
    assert!(refused.principal.is_some() && refused.fingerprint.is_some());
    let other = Access { dataset: Some("mimic-iv"), ..notes };
    for _ in 0..3 {
        assert!(world.gate.authorize_further(&granted, &other).unwrap().is_for(&other));
    }
    assert!(Authenticator::open().authorize_further(&granted, &notes).is_ok());
    let shut = Authenticator::misconfigured("x", None).authorize_further(&granted, &notes);
    assert_eq!(shut.unwrap_err().rejection.code(), "misconfigured");
}

#[test]
fn nobody_from_an_open_gate_is_nobody_at_a_protected_one() {
    let Decision::Admit(nobody) =
        Authenticator::open().authenticate(Credential::None, |_| Arc::default(), at(0))
    else {
        panic!()
    };
    let gate = Authenticator::protected(vec![Policy::new("https://issuer.example", "m4-api")], None);
    let access = Access { tool: "execute_query", dataset: None };
    assert_eq!(gate.authorize(&nobody, &access, at(0)).unwrap_err().rejection, Rejection::MissingToken);
    let shut = Authenticator::misconfigured("x", None);
    assert_eq!(shut.authorize(&nobody, &access, at(0)).unwrap_err().rejection.code(), "misconfigured");
}

#[test]
fn authenticating_costs_nothing_of_the_rate() {
    let key = Signer::p256("e");
    let limit = RateLimit { requests: NonZeroU32::new(1).unwrap(), window: Duration::from_secs(100) };
    let world =
        World::with(Authenticator::protected(vec![policy()], Some(RateLimiter::new(limit, 10))), &[&key]);
    let token = key.token(&claims());
    let snapshot = Arc::new(world.lifecycle.snapshot());
    let authenticate =
        || match world.gate.authenticate(Credential::Bearer(&token), |_| snapshot.clone(), at(0)) {
            Decision::Admit(caller) => caller,
            other => panic!("{other:?}"),
        };
    for _ in 0..5 {
        authenticate();
    }
    let caller = authenticate();
    assert_eq!(&**caller.principal().unwrap().subject(), "ada");
    assert_eq!(caller.fingerprint(), Some(TokenDigest::of(&token).fingerprint()));
    world.gate.authorize(&caller, &QUERY, at(0)).unwrap();
    let refused = world.gate.authorize(&caller, &QUERY, at(0)).unwrap_err();
    assert_eq!(refused.rejection.code(), "rate_limited");
    assert_eq!(refused.principal.unwrap().subject().as_ref(), "ada");
}

#[test]
fn only_a_token_that_was_verified_is_known() {
    let key = Signer::p256("e");
    let world = World::new(&[&key]);
    let token = key.token(&claims());
    let snapshot = Arc::new(world.lifecycle.snapshot());
    let knows = |text: &str, now| world.gate.knows(text, |_| snapshot.clone(), now);
    assert!(!knows(&token, at(0)));
    world.admit(&token);
    assert!(knows(&token, at(0)));
    assert!(!knows(&key.token(&with("jti", json!("2"))), at(0)));
    assert!(!knows("a.b.c", at(0)) && !Authenticator::open().knows(&token, no_keys, at(0)));
}
