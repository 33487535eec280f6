//! What the steps say they found, word for word where a reader acts on it.

use super::*;

fn judged(token: &str, change: impl FnOnce(&mut Policy), keys: &KeySet) -> Explanation {
    let mut policy = policy(ISSUER);
    change(&mut policy);
    explain(token, &[policy], |_| IssuerKeys::Known(keys), &BASE, UnixTime(START))
}

fn detail(token: &str, change: impl FnOnce(&mut Policy), name: &str) -> String {
    step(&judged(token, change, &set()), name).detail.clone()
}

fn unchanged(_: &mut Policy) {}

#[test]
fn a_good_token_is_told_step_by_step() {
    let explanation = explained(&signer().token(&claims()));
    let details: Vec<&str> = explanation.steps().iter().map(|step| step.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "2027-01-15T08:00:00Z",
            "three parts",
            "judged by the rules of `https://issuer.example/realm`, the only issuer",
            "alg `ES256`, kid `a`, typ `at+jwt`",
            "`ES256` is allowed",
            "demands no extension",
            "`at+jwt` may be an access token",
            "kid `a` is in the set (ES256)",
            "ES256 by that key",
            "each of its type",
            "no claim of another kind of token",
            "`https://issuer.example/realm`",
            "`m4-api`",
            "2027-01-15T08:05:00Z, 300 seconds ahead",
            "2027-01-15T08:00:00Z, 0 seconds ahead",
            "2027-01-15T08:00:00Z, 0 seconds ahead",
            "`ada`",
            "not bound to a key",
            "the token grants `read:mimic-data` in `scope`",
        ]
    );
}

#[test]
fn what_is_absent_is_said_to_be() {
    let bare = signer().token_with(
        &json!({ "alg": "ES256" }),
        &json!({ "iss": ISSUER, "aud": "m4-api", "sub": "ada", "exp": START + 300 }),
    );
    let explanation = judged(&bare, |policy| policy.scopes = Arc::new(ScopeRequirements::default()), &set());
    for (name, says) in [
        ("header", "alg `ES256`, kid absent, typ absent"),
        ("typ", "absent, as it may be"),
        ("nbf", "absent"),
        ("iat", "absent"),
        ("scopes", "the token grants none"),
    ] {
        assert_eq!(step(&explanation, name).detail, says, "{name}");
    }
    assert_eq!(explanation.verdict(), &Verdict::Passes);
}

#[test]
fn one_of_several_issuers_is_the_one_the_token_claims_to_be_from() {
    let keys = set();
    let policies = [policy(OTHER), policy(ISSUER)];
    let token = signer().token(&claims());
    let explanation = explain(&token, &policies, |_| IssuerKeys::Known(&keys), &BASE, UnixTime(START));
    assert_eq!(
        step(&explanation, "issuer").detail,
        "judged by the rules of `https://issuer.example/realm`, which it claims to be from"
    );
}

#[test]
fn times_are_told_with_their_distance_and_only_clocks_that_differ_are_said_to() {
    let detail = |name: &str, value: i64| detail(&with(name, json!(value)), unchanged, name);
    assert_eq!(detail("nbf", START - 1), "2027-01-15T07:59:59Z, 1 seconds ago");
    assert_eq!(detail("iat", START), "2027-01-15T08:00:00Z, 0 seconds ahead");
    assert_eq!(
        detail("iat", START + 1),
        "2027-01-15T08:00:01Z, 1 seconds ahead; the issuer's clock and this one differ by at least 1 s"
    );
    assert_eq!(detail("nbf", START + 1), "2027-01-15T08:00:01Z, 1 seconds ahead");
    // A failed check of another time says nothing about clocks either.
    assert!(!detail("nbf", START + 999).contains("clock"));
}

#[test]
fn a_subject_from_another_claim_is_told_with_the_claim() {
    let oid = |policy: &mut Policy| policy.subject_claims = vec!["oid".into(), "sub".into()];
    assert_eq!(detail(&with("oid", json!("o-1")), oid, "sub"), "`o-1` from `oid`");
    assert_eq!(detail(&with("oid", json!("")), oid, "sub"), "`ada`");
}

#[test]
fn a_set_without_the_key_is_told_key_by_key() {
    let gone = signer().token_with(&json!({ "alg": "ES256", "kid": "gone" }), &claims());
    let key = |keys: Vec<Value>| {
        let document = json!({ "keys": keys }).to_string();
        let keys = KeySet::parse(document.as_bytes(), &Algorithm::DEFAULT).unwrap();
        step(&judged(&gone, unchanged, &keys), "key").detail.clone()
    };
    let (named, mut nameless, mut unusable) = (KEYS[0].jwk(), KEYS[1].jwk(), KEYS[1].jwk());
    nameless.as_object_mut().unwrap().remove("kid");
    unusable["use"] = json!("enc");
    let held = key(vec![named.clone(), nameless.clone(), unusable.clone()]);
    assert!(held.ends_with("the issuer's set holds `a` and 1 without an id"), "{held}");
    // Only the key that was looked for counts, and one without an id is none.
    unusable.as_object_mut().unwrap().remove("kid");
    let held = key(vec![named.clone(), unusable.clone()]);
    assert!(held.ends_with("the issuer's set holds `a`"), "{held}");
    unusable["kid"] = json!("gone");
    let held = key(vec![named, unusable.clone()]);
    assert!(
        held.ends_with("the set has that key but it cannot be used: not for verifying signatures"),
        "{held}"
    );

    let without_kid = signer().token_with(&json!({ "alg": "ES256" }), &claims());
    unusable.as_object_mut().unwrap().remove("kid");
    let document = json!({ "keys": [unusable] }).to_string();
    let keys = KeySet::parse(document.as_bytes(), &Algorithm::DEFAULT).unwrap();
    let held = step(&judged(&without_kid, unchanged, &keys), "key").detail.clone();
    assert!(!held.contains("the set has that key"), "{held}");
}

#[test]
fn scopes_are_told_with_every_claim_they_come_from() {
    let permissions = |policy: &mut Policy| policy.scope_claims = vec!["permissions".into(), "roles".into()];
    let mut claims = claims();
    claims["scp"] = json!(["b"]);
    claims["permissions"] = json!(["c", ""]);
    claims["roles"] = json!([" "]);
    assert_eq!(
        detail(&signer().token(&claims), permissions, "scopes"),
        "the token grants `b`, `c`, `read:mimic-data` in `scope`, `scp`, `permissions`"
    );
    claims["scope"] = json!(" ");
    claims["permissions"] = json!("read:mimic-data");
    assert_eq!(
        detail(&signer().token(&claims), permissions, "scopes"),
        "the token grants `b`, `read:mimic-data` in `scp`, `permissions`"
    );
}

#[test]
fn scopes_in_a_claim_that_is_not_read_are_pointed_at_and_no_other_claim() {
    let hint = |name: &str, value: Value, change: fn(&mut Policy)| {
        let mut claims = claims();
        claims["scope"] = json!("openid");
        claims["department"] = json!("wards");
        claims[name] = value;
        step(&judged(&signer().token(&claims), change, &set()), "scopes").hint.clone().unwrap()
    };
    for value in [json!("x read:mimic-data"), json!(["x", "read:mimic-data"])] {
        let hint = hint("permissions", value, unchanged);
        assert!(
            hint.ends_with("; the claim `permissions` names such a scope, but scopes are not read from it"),
            "{hint}"
        );
    }
    for value in [json!("x"), json!(["x"]), json!({ "read:mimic-data": true }), json!("read:mimic-data-x")] {
        let hint = hint("permissions", value.clone(), unchanged);
        assert!(!hint.contains("names such a scope"), "{value}: {hint}");
    }
    let other =
        hint("permissions", json!("read:mimic-data"), |policy| policy.scope_claims = vec!["roles".into()]);
    assert!(other.contains("`permissions` names such a scope"), "{other}");
    // From a claim that is read, scopes are granted: what is missing cannot be in it.
    let mut claims = claims();
    claims["scope"] = json!("openid");
    claims["roles"] = json!("read:mimic-data");
    let roles = |policy: &mut Policy| policy.scope_claims = vec!["roles".into()];
    assert_eq!(judged(&signer().token(&claims), roles, &set()).verdict(), &Verdict::Passes);
}

#[test]
fn what_only_the_issuer_can_read_is_left_open() {
    let asks = |policy: &mut Policy| policy.introspection = true;
    let explanation = judged("opaque", asks, &set());
    let format = step(&explanation, "format");
    assert_eq!(format.detail, "no JWT; only its issuer can read it, and the server asks at each use");
    assert_eq!((format.outcome, explanation.issuer()), (Outcome::Unknown, Some(0)));
}

#[test]
fn why_a_step_was_left_out_is_said() {
    let token = signer().token(&claims());
    let skipped = |explanation: &Explanation, name: &str| {
        let step = step(explanation, name);
        assert_eq!((step.outcome, &step.hint), (Outcome::Skipped, &None), "{name}");
        step.detail.clone()
    };
    assert_eq!(skipped(&offline(&token), "key"), "the issuer's keys were not fetched");
    assert_eq!(skipped(&offline(&token), "signature"), "it needs the issuer's key");
    let symmetric = signer().token_with(&json!({ "alg": "HS256", "kid": "a" }), &claims());
    let says = "which key it would be is not clear from the header";
    assert_eq!(skipped(&explained(&symmetric), "key"), says);
    assert_eq!(skipped(&explained("opaque"), "claims"), "it needs what failed before");
    let off = judged(&token, |policy| policy.validate_aud = false, &set());
    assert_eq!(skipped(&off, "aud"), "this check is switched off");
}

#[test]
fn outcomes_have_the_names_that_programs_read() {
    let all = [Outcome::Passed, Outcome::Failed, Outcome::Skipped, Outcome::Unknown];
    assert_eq!(all.map(Outcome::name), ["passed", "failed", "skipped", "unknown"]);
}
