//! How often the issuer is asked for its keys, where, and what happens when they change or it is down.

use std::time::{Duration, Instant};

use m4_tests::issuer::{Counters, Endpoint, Fault, KeyKind, MockIssuer, OldKeys, Options, TokenSpec};
use serde_json::json;

use crate::setup::{DEADLINE, Guarded, Reply, answers, begin, eventually, every_tool, issuer};

#[test]
fn a_hundred_concurrent_calls_on_a_cold_cache_fetch_the_keys_once() {
    let mut guarded = Guarded::start();
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    // Long enough for all of them to arrive while the one fetch is under way.
    guarded.issuer.delay(Endpoint::Jwks, Duration::from_secs(1));
    let sent = Instant::now();
    let ids: Vec<u64> = (0..100).map(|_| begin(&mut guarded.server, "list_datasets", &json!({}))).collect();
    assert!(sent.elapsed() < Duration::from_millis(800), "the calls were not concurrent");
    let answers = answers(&mut guarded.server, &ids);
    assert!(sent.elapsed() >= Duration::from_secs(1), "answered before there were keys");
    for answer in answers.values() {
        assert!(!Reply::of(answer).is_error, "{answer}");
    }
    assert_eq!(guarded.issuer.counters(), Counters { jwks: 1, discovery: 1, ..Counters::default() });
}

#[test]
fn a_thousand_unknown_kids_cost_at_most_one_more_fetch() {
    let mut guarded = Guarded::start();
    assert!(!guarded.count(TokenSpec::new()).is_error);
    assert_eq!(guarded.issuer.reset_counters().jwks, 1);
    for number in 0..1000 {
        let kid = format!("unknown-{number}");
        let reply = guarded.count(TokenSpec::new().key(KeyKind::P256).kid(&kid));
        let begin = format!("Error: Invalid token signature: no key found for kid `{kid}`\n");
        assert!(reply.refusal().starts_with(&begin), "{}", reply.text);
    }
    let asked = guarded.issuer.counters();
    assert!(asked.jwks <= 1, "{asked:?}");
    assert!(!guarded.count(TokenSpec::new().subject("somebody new")).is_error);
}

#[test]
fn garbage_tokens_cost_no_fetch() {
    let mut guarded = Guarded::start();
    for number in 0..50 {
        assert!(guarded.count_with(&format!("a{number}.b.c")).is_error);
    }
    assert_eq!(guarded.issuer.counters(), Counters::default());
}

/// Every call has a token of its own, so that none is answered from the cache of verified tokens.
#[test]
fn an_issuer_that_answers_500_after_a_warm_fetch_stops_nobody() {
    let mut guarded = Guarded::with(issuer(), |sandbox| sandbox.with("M4_OAUTH2_JWKS_CACHE_TTL", "1"));
    let fresh = |number: u32| TokenSpec::new().key(KeyKind::P256).subject(&format!("caller-{number}"));
    assert!(!guarded.count(fresh(0)).is_error);
    guarded.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    guarded.issuer.fail(Endpoint::Discovery, Fault::Status(500));
    guarded.issuer.reset_counters();
    let start = Instant::now();
    let mut calls = 0;
    eventually("a refresh has failed and the keys are past their time", || {
        calls += 1;
        let reply = guarded.count(fresh(calls));
        assert!(!reply.is_error, "call {calls} after {:?}: {}", start.elapsed(), reply.text);
        guarded.issuer.counters().jwks >= 1 && start.elapsed() > Duration::from_secs(2)
    });
    // The outage costs retries now and then, not one for each call.
    let asked = guarded.issuer.counters();
    assert!(asked.jwks + asked.discovery <= 8, "{asked:?} for {calls} calls");

    guarded.issuer.fail(Endpoint::Jwks, None);
    guarded.issuer.fail(Endpoint::Discovery, None);
    guarded.issuer.rotate(OldKeys::Drop);
    eventually("the keys are fetched again once the issuer is back", || {
        calls += 1;
        !guarded.count(fresh(calls)).is_error
    });
}

#[test]
fn a_new_key_is_accepted_at_its_first_use_beside_the_old_one() {
    let mut guarded = Guarded::start();
    let old = guarded.issuer.mint(TokenSpec::new());
    assert!(!guarded.count_with(&old).is_error);
    guarded.issuer.rotate(OldKeys::Keep);
    assert!(!guarded.count(TokenSpec::new()).is_error);
    assert!(!guarded.count_with(&old).is_error);
    assert_eq!(guarded.issuer.counters().jwks, 2);
}

#[test]
fn a_withdrawn_key_is_refused_though_its_token_was_admitted_before() {
    let mut guarded = Guarded::start();
    let old = guarded.issuer.mint(TokenSpec::new());
    assert!(!guarded.count_with(&old).is_error);
    assert!(!guarded.count_with(&old).is_error);
    guarded.issuer.rotate(OldKeys::Drop);
    assert!(!guarded.count(TokenSpec::new()).is_error);
    let reply = guarded.count_with(&old);
    assert!(
        reply.refusal().starts_with("Error: Invalid token signature: no key found for kid `"),
        "{}",
        reply.text
    );
}

#[test]
fn the_keys_are_found_wherever_the_issuer_keeps_its_metadata() {
    for path in ["", "/", "/realms/demo"] {
        let issuer =
            MockIssuer::start(Options { path: path.into(), well_known_jwks: false, ..Options::default() });
        let mut guarded = Guarded::with(issuer, |sandbox| sandbox);
        let reply = guarded.count(TokenSpec::new());
        assert!(!reply.is_error, "{path:?}: {}", reply.text);
    }
}

#[test]
fn an_issuer_without_metadata_is_asked_at_the_conventional_address() {
    let mut guarded = Guarded::start();
    guarded.issuer.fail(Endpoint::Discovery, Fault::Status(404));
    assert!(!guarded.count(TokenSpec::new()).is_error);
    assert!(guarded.issuer.counters().discovery >= 1);
}

#[test]
fn a_configured_key_set_address_is_used_without_discovery() {
    let issuer = issuer();
    let address = issuer.jwks_uri();
    let mut guarded = Guarded::with(issuer, |sandbox| sandbox.with("M4_OAUTH2_JWKS_URL", address));
    assert!(!guarded.count(TokenSpec::new()).is_error);
    assert_eq!(guarded.issuer.counters(), Counters { jwks: 1, discovery: 0, ..Counters::default() });
}

#[test]
fn keys_that_cannot_be_had_let_nobody_in_and_the_upstream_body_stays_with_the_operator() {
    for (fault, says) in [(Fault::Status(500), "500"), (Fault::Garbage, ""), (Fault::Oversize, "")] {
        let mut guarded = Guarded::start();
        guarded.issuer.fail(Endpoint::Jwks, fault);
        let reply = guarded.count(TokenSpec::new());
        let text = reply.refusal();
        assert!(
            text.starts_with("Error: Failed to fetch JWKS: ") && text.contains(says),
            "{fault:?}: {text}"
        );
        assert!(
            text.ends_with(
                "\nHint: Check the network path to the issuer and M4_OAUTH2_ISSUER_URL / M4_OAUTH2_JWKS_URL."
            ),
            "{text}"
        );
        assert!(text.len() < 300 && !text.contains("acted out"), "{text}");
    }
}

#[test]
fn an_issuer_that_never_answers_does_not_hold_other_requests_up() {
    let mut guarded = Guarded::start();
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    guarded.issuer.fail(Endpoint::Jwks, Fault::Hang);
    let waiting = begin(&mut guarded.server, "list_datasets", &json!({}));
    let asked = Instant::now();
    let listed = guarded.server.request("tools/list", &json!({}), DEADLINE).unwrap();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), every_tool().len());
    assert!(asked.elapsed() < Duration::from_secs(3));
    let reply = Reply::of(&answers(&mut guarded.server, &[waiting])[&waiting]);
    assert!(reply.refusal().starts_with("Error: Failed to fetch JWKS: "), "{}", reply.text);
    assert!(asked.elapsed() < Duration::from_secs(15));
}
