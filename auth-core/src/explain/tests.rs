//! Every bad token fails at its step, and no verdict differs from the gate's.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::algorithm::Algorithm;
use crate::authenticator::{Authenticator, Credential, Decision};
use crate::jwks::{KeyLifecycle, KeySnapshot, LifecycleSettings};
use crate::scope::{ScopeRequirements, ScopeSet};
use crate::testing::{Signer, jwks};
use crate::time::{Instant, Now};

mod details;

const ISSUER: &str = "https://issuer.example/realm";
const OTHER: &str = "https://other.example";
const START: i64 = 1_800_000_000;
const BASE: Access<'static> = Access { tool: "execute_query", dataset: None };

static KEYS: LazyLock<[Signer; 3]> =
    LazyLock::new(|| [Signer::p256("a"), Signer::rsa(2048, "b"), Signer::p256("a")]);

fn signer() -> &'static Signer {
    &KEYS[0]
}

fn set() -> KeySet {
    KeySet::parse(&jwks(&[&KEYS[0], &KEYS[1]]), &Algorithm::DEFAULT).unwrap()
}

fn policy(issuer: &str) -> Policy {
    let mut policy = Policy::new(issuer, "m4-api");
    policy.scopes = Arc::new(ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        ..ScopeRequirements::default()
    });
    policy
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "m4-api", "sub": "ada", "exp": START + 300, "nbf": START, "iat": START,
        "scope": "read:mimic-data",
    })
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    signer().token(&claims)
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    signer().token(&claims)
}

fn explained(token: &str) -> Explanation {
    let keys = set();
    explain(token, &[policy(ISSUER)], |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START))
}

fn offline(token: &str) -> Explanation {
    explain(token, &[policy(ISSUER)], |_| IssuerKeys::NotAsked, &BASE, UnixTime(START))
}

fn failed(explanation: &Explanation) -> Vec<&'static str> {
    of(explanation, Outcome::Failed)
}

fn of(explanation: &Explanation, outcome: Outcome) -> Vec<&'static str> {
    explanation.steps().iter().filter(|step| step.outcome == outcome).map(|step| step.name).collect()
}

#[track_caller]
fn step<'a>(explanation: &'a Explanation, name: &str) -> &'a Step {
    explanation.steps().iter().find(|step| step.name == name).unwrap()
}

#[test]
fn a_good_token_passes_every_step() {
    let explanation = explained(&signer().token(&claims()));
    assert_eq!(of(&explanation, Outcome::Passed), STEPS);
    assert_eq!((explanation.verdict(), explanation.is_proven()), (&Verdict::Passes, true));
}

#[test]
fn every_bad_token_fails_at_its_own_step_and_nowhere_else() {
    let signed = |header: Value| signer().token_with(&header, &claims());
    let tampered = {
        let (good, other) = (signer().token(&claims()), with("sub", json!("root")));
        let signature = good.rsplit('.').next().unwrap().to_owned();
        format!("{}.{signature}", other.rsplit_once('.').unwrap().0)
    };
    for (token, step_name) in [
        ("opaque".to_owned(), "format"),
        (signed(json!({ "alg": "ES256", "kid": "a", "crit": ["b64"] })), "crit"),
        (signed(json!({ "alg": "ES256", "kid": "a", "typ": "logout+jwt" })), "typ"),
        (signed(json!({ "alg": "ES256", "kid": "c" })), "key"),
        (signed(json!({ "alg": "RS256", "kid": "a" })), "key"),
        (KEYS[2].token(&claims()), "signature"),
        (tampered, "signature"),
        (signed(json!({ "alg": "HS256", "kid": "a" })), "algorithm"),
        (with("exp", json!("soon")), "claims"),
        (with("nonce", json!("n")), "kind"),
        (with("iss", json!(format!("{ISSUER}/"))), "iss"),
        (with("aud", json!("other")), "aud"),
        (with("exp", json!(START - 3600)), "exp"),
        (without("exp"), "exp"),
        (with("nbf", json!(START + 3600)), "nbf"),
        (with("iat", json!(START + 3600)), "iat"),
        (without("sub"), "sub"),
        (with("cnf", json!({ "jkt": "x" })), "cnf"),
        (with("scope", json!("other")), "scopes"),
    ] {
        let explanation = explained(&token);
        assert_eq!(failed(&explanation), [step_name]);
        assert!(step(&explanation, step_name).hint.is_some(), "{step_name}");
        assert!(matches!(explanation.verdict(), Verdict::Refused(_)), "{step_name}");
    }
}

#[test]
fn what_is_wrong_is_all_told_at_once_and_the_first_decides() {
    let token = KEYS[2].token(&json!({ "iss": OTHER, "aud": "x", "exp": START - 99, "iat": START }));
    let explanation = explained(&token);
    assert_eq!(failed(&explanation), ["signature", "iss", "aud", "exp", "sub", "scopes"]);
    assert_eq!(explanation.verdict(), &Verdict::Refused(Rejection::BadSignature));
    assert!(!explanation.is_proven());
}

#[test]
fn an_issuer_that_differs_by_a_slash_is_told_so_with_one_issuer_and_with_several() {
    let token = with("iss", json!(format!("{ISSUER}/")));
    let one = explained(&token);
    assert!(step(&one, "iss").hint.as_ref().unwrap().contains("trailing slash"));
    let keys = set();
    let policies = [policy(OTHER), policy(ISSUER)];
    let several = explain(&token, &policies, |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START));
    assert_eq!(failed(&several), ["issuer", "iss"]);
    assert!(step(&several, "issuer").hint.as_ref().unwrap().contains("trailing slash"));
    assert_eq!((several.issuer(), step(&several, "signature").outcome), (Some(1), Outcome::Passed));
}

#[test]
fn an_issuer_nobody_knows_leaves_the_rest_unjudged() {
    let keys = set();
    let token = with("iss", json!("https://evil.example"));
    let policies = [policy(OTHER), policy(ISSUER)];
    let explanation = explain(&token, &policies, |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START));
    assert_eq!((failed(&explanation), explanation.issuer()), (vec!["issuer"], None));
    assert_eq!(of(&explanation, Outcome::Skipped).len(), STEPS.len() - 3);
}

#[test]
fn an_unknown_key_id_is_told_beside_the_ids_there_are() {
    let explanation = explained(&signer().token_with(&json!({ "alg": "ES256", "kid": "gone" }), &claims()));
    let key = step(&explanation, "key");
    assert!(
        key.detail.contains("`gone`") && key.detail.contains("the issuer's set holds `a`, `b`"),
        "{key:?}"
    );
    assert!(!key.hint.as_ref().unwrap().contains("0 seconds"), "{key:?}");
}

#[test]
fn a_key_that_is_there_and_unusable_says_why() {
    let mut jwk = Signer::p256("e").jwk();
    jwk["use"] = json!("enc");
    let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes(), &Algorithm::DEFAULT).unwrap();
    let token = signer().token_with(&json!({ "alg": "ES256", "kid": "e" }), &claims());
    let explanation =
        explain(&token, &[policy(ISSUER)], |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START));
    assert!(step(&explanation, "key").detail.contains("not for verifying signatures"));
}

#[test]
fn scopes_say_which_claim_they_come_from_and_where_else_they_are() {
    let mut scp = claims();
    scp.as_object_mut().unwrap().remove("scope");
    scp["scp"] = json!(["read:mimic-data"]);
    let explanation = explained(&signer().token(&scp));
    assert_eq!(explanation.verdict(), &Verdict::Passes);
    assert_eq!(step(&explanation, "scopes").detail, "the token grants `read:mimic-data` in `scp`");

    let mut roles = claims();
    roles["scope"] = json!("openid");
    roles["permissions"] = json!(["read:mimic-data"]);
    let explanation = explained(&signer().token(&roles));
    let scopes = step(&explanation, "scopes");
    let begins = "Missing required scopes: read:mimic-data; the token grants `openid` in `scope`";
    assert_eq!(scopes.detail, begins);
    assert!(scopes.hint.as_ref().unwrap().contains("`permissions` names such a scope"), "{scopes:?}");
}

#[test]
fn an_issue_time_ahead_measures_the_clocks_also_where_leeway_forgives_it() {
    for (ahead, outcome) in [(45, Outcome::Passed), (600, Outcome::Failed)] {
        let explanation = explained(&with("iat", json!(START + ahead)));
        let iat = step(&explanation, "iat");
        let says = format!("the issuer's clock and this one differ by at least {ahead} s");
        assert!(iat.outcome == outcome && iat.detail.ends_with(&says), "{iat:?}");
    }
}

#[test]
fn without_keys_nothing_passes_and_what_needs_none_is_judged_all_the_same() {
    let explanation = offline(&signer().token(&claims()));
    assert_eq!(of(&explanation, Outcome::Skipped), ["key", "signature"]);
    assert_eq!((explanation.verdict(), explanation.is_proven()), (&Verdict::Unknown, false));
    let expired = offline(&with("exp", json!(START - 3600)));
    assert!(matches!(expired.verdict(), Verdict::Refused(Rejection::Expired { .. })));
    let failure = FetchFailed::Status(500);
    let token = signer().token(&claims());
    let unavailable =
        explain(&token, &[policy(ISSUER)], |_| IssuerKeys::Unavailable(&failure), &BASE, UnixTime(START));
    let key = step(&unavailable, "key");
    assert_eq!((key.outcome, unavailable.verdict()), (Outcome::Unknown, &Verdict::Unknown));
    assert!(key.detail.starts_with("Failed to fetch JWKS: ") && key.detail.contains("500"), "{key:?}");
}

#[test]
fn a_check_that_is_switched_off_is_not_said_to_have_passed() {
    let mut lax = policy(ISSUER);
    (lax.validate_exp, lax.validate_aud, lax.validate_iss) = (false, false, false);
    let keys = set();
    let token = signer().token(&json!({ "sub": "ada", "scope": "read:mimic-data" }));
    let explanation = explain(&token, &[lax], |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START));
    assert_eq!(of(&explanation, Outcome::Skipped), ["iss", "aud", "exp"]);
    assert_eq!(explanation.verdict(), &Verdict::Passes);
}

#[test]
fn no_step_holds_the_token_or_a_claim_no_check_is_about() {
    for secret in [with("secret_claim", json!("hunter2hunter2")), KEYS[2].token(&claims())] {
        let shown = format!("{:?}", explained(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
        for part in secret.split('.') {
            let windows = part.as_bytes().windows(12);
            assert!(
                !windows.map(|window| std::str::from_utf8(window).unwrap()).any(|text| shown.contains(text))
            );
        }
    }
}

/// A token that is mostly good, and sometimes bad in any of many ways.
fn tokens() -> impl Strategy<Value = String> {
    let header = (
        prop_oneof![8 => Just("ES256"), 2 => select(vec!["RS256", "HS256", "none", "ES384"])],
        prop_oneof![8 => Just(json!("a")), 2 => select(vec![json!("b"), json!("gone"), Value::Null, json!(7)])],
        prop_oneof![8 => Just(json!("at+jwt")), 2 => select(vec![json!("JWT"), Value::Null, json!("dpop+jwt")])],
        prop_oneof![12 => Just(Value::Null), 1 => select(vec![json!(["b64"]), json!([]), json!("x")])],
    );
    let changes = proptest::collection::vec((select(CHANGED.to_vec()), select(values())), 0..3);
    let text = prop_oneof![
        8 => Just(Text::Whole),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(index, byte)| Text::Changed(index, byte)),
        1 => any::<prop::sample::Index>().prop_map(Text::Cut),
    ];
    let by = prop_oneof![8 => Just(0_usize), 2 => 1..3_usize];
    (header, changes, by, text).prop_map(|((alg, kid, typ, crit), changes, by, text)| {
        let header = json!({ "alg": alg, "kid": kid, "typ": typ, "crit": crit });
        let mut claims = claims();
        for (name, value) in changes {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value,
            }
        }
        text.apply(KEYS[by].token_with(&header, &claims))
    })
}

#[derive(Debug, Clone)]
enum Text {
    Whole,
    Changed(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

impl Text {
    fn apply(&self, token: String) -> String {
        match self {
            Self::Whole => token,
            Self::Changed(index, byte) => {
                let mut bytes = token.into_bytes();
                let place = index.index(bytes.len());
                bytes[place] = *byte;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Self::Cut(index) => token[..index.index(token.len())].to_owned(),
        }
    }
}

const CHANGED: [&str; 12] =
    ["iss", "aud", "sub", "exp", "nbf", "iat", "scope", "scp", "cnf", "nonce", "events", "typ"];

fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!(7),
        json!(START),
        json!(START + 61),
        json!(START + 40),
        json!(START - 60),
        json!(i64::MAX),
        json!(ISSUER),
        json!(format!("{ISSUER}/")),
        json!(OTHER),
        json!(["read:mimic-data", "m4-api"]),
        json!("read:mimic-data"),
        json!({ "jkt": "x" }),
        json!("ID"),
    ]
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let switches = (any::<[bool; 4]>(), 0..10_u8);
    let set = prop_oneof![
        1 => Just(vec![]),
        6 => Just(vec![ISSUER]),
        4 => Just(vec![OTHER, ISSUER]),
    ];
    (set, switches).prop_map(|(issuers, ([iss, aud, exp, typed], dice))| {
        let change = |mut policy: Policy| {
            if dice == 0 {
                (policy.validate_iss, policy.validate_aud, policy.validate_exp) = (iss, aud, exp);
                policy.require_at_jwt = typed;
                policy.introspection = typed && aud;
            }
            policy
        };
        issuers.into_iter().map(policy).map(change).collect()
    })
}

fn snapshot(now: Now) -> Arc<KeySnapshot> {
    let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
    let query = KeyQuery { kid: None, algorithm: Algorithm::ES256 };
    let _ = lifecycle.lookup(&query, now);
    let fetch = lifecycle.poll_fetch(now).unwrap();
    lifecycle.handle_fetched(fetch.id, Ok(set()), now);
    Arc::new(lifecycle.snapshot())
}

/// What the gate answers, as a verdict: where the set lacks the key it refuses once the issuer has been asked again.
fn verdict_of_the_gate(decision: Decision) -> Verdict {
    match decision {
        Decision::Admit(_) => Verdict::Passes,
        Decision::Reject(refused) => Verdict::Refused(refused.rejection),
        Decision::NeedsKeys(needs) => Verdict::Refused(needs.unknown(Duration::ZERO)),
        Decision::NeedsIntrospection { .. } => Verdict::Unknown,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_verdict_is_always_what_the_gate_decides(
        token in tokens(),
        policies in policies(),
        wall in prop_oneof![8 => Just(START), 1 => Just(START + 361), 1 => Just(START - 100), 1 => Just(0)],
    ) {
        let now = Now { wall: UnixTime(wall), mono: Instant::from_start(Duration::from_secs(10)) };
        let snapshot = snapshot(now);
        let gate = Authenticator::protected(policies.clone(), None);
        let decided = verdict_of_the_gate(gate.decide(Credential::Bearer(&token), &BASE, |_| snapshot.clone(), now));
        let keys = snapshot.usable(now).unwrap();
        let explanation = explain(&token, &policies, |_| IssuerKeys::Known(keys), &BASE, now.wall);
        prop_assert_eq!(explanation.verdict(), &decided);
        prop_assert_eq!(failed(&explanation).is_empty(), !matches!(decided, Verdict::Refused(_)));
        prop_assert!(explanation.steps().iter().map(|step| step.name).eq(STEPS));

        // Without keys the gate asks for them exactly where nothing it checks before them fails.
        let empty = Arc::<KeySnapshot>::default();
        let without = explain(&token, &policies, |_| IssuerKeys::NotAsked, &BASE, now.wall);
        let before = STEPS.iter().position(|name| *name == "key").unwrap();
        let fails_before = failed(&without).iter().any(|name| STEPS[..before].contains(name));
        match gate.decide(Credential::Bearer(&token), &BASE, |_| empty.clone(), now) {
            Decision::NeedsKeys(needs) => {
                prop_assert!(!fails_before && without.verdict() != &Verdict::Passes);
                prop_assert_eq!(without.issuer(), Some(needs.issuer));
            }
            Decision::Reject(refused) => {
                prop_assert_eq!(without.verdict(), &Verdict::Refused(refused.rejection));
            }
            Decision::Admit(_) => prop_assert!(false, "admitted without keys"),
            Decision::NeedsIntrospection { issuer } => {
                prop_assert_eq!(without.verdict(), &Verdict::Unknown);
                prop_assert_eq!(without.issuer(), Some(issuer));
            }
        }
    }

    #[test]
    fn arbitrary_text_is_explained_without_a_panic(text in ".{0,200}") {
        let explanation = explained(&text);
        prop_assert!(matches!(explanation.verdict(), Verdict::Refused(_)));
    }
}

/// The comparison above is worth what its tokens reach.
#[test]
fn the_generated_tokens_reach_every_step() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = std::collections::BTreeSet::new();
    let strategy = tokens();
    for _ in 0..4096 {
        let explanation = explained(&strategy.new_tree(&mut runner).unwrap().current());
        let first = failed(&explanation).first().copied().unwrap_or("passes");
        reached.insert(first);
    }
    let of_policy_and_time = ["clock", "issuer"];
    let expected = STEPS.into_iter().filter(|name| !of_policy_and_time.contains(name)).chain(["passes"]);
    assert_eq!(reached, expected.collect());
}
