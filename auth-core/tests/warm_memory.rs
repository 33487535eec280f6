//! Holds the line on what a token seen before costs: a decision about it allocates nothing, remembering it is cheap.
//!
//! Alone in its file, because what it counts is everything the process allocates.
#![expect(clippy::unwrap_used, reason = "a token that cannot be made ends the test")]

#[expect(dead_code, reason = "shared with the unit tests, which use more of it")]
#[path = "../src/testing.rs"]
mod testing;

use std::alloc::System;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use auth_core::algorithm::Algorithm;
use auth_core::authenticator::{Authenticator, Credential, Decision};
use auth_core::jwks::{KeyLifecycle, KeyQuery, KeySet, KeySnapshot, LifecycleSettings};
use auth_core::limit::{DEFAULT_CAPACITY, RateLimit, RateLimiter};
use auth_core::policy::Policy;
use auth_core::scope::{Access, ScopeRequirements, ScopeSet};
use auth_core::time::{Instant, Now, UnixTime};
use cap::Cap;
use serde_json::json;
use testing::{Signer, jwks};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const ISSUER: &str = "https://issuer.example";
const WALL: i64 = 1_800_000_000;
const TOKENS: usize = 2_000;
/// What remembering one token of usual size may take.
const BUDGET: usize = 1_536;
/// As long as the longest names of tools; a decision holds them inline.
const ACCESS: Access<'static> =
    Access { tool: "search_patient_notes_x3", dataset: Some("mimic-iv-note-2.2-extra") };

#[test]
fn a_decision_about_a_known_token_allocates_nothing_and_remembering_one_costs_little() {
    let signer = Signer::p256("key-1");
    let keys = snapshot(&signer);
    let tokens: Vec<String> = (0..TOKENS).map(|number| token(&signer, number)).collect();
    let gate = gate();
    let decide = |token: &str, seconds| {
        let decision = gate.decide(Credential::Bearer(token), &ACCESS, |_| keys.clone(), at(seconds));
        assert!(matches!(decision, Decision::Admit(granted) if granted.is_for(&ACCESS)));
    };
    decide(&token(&signer, TOKENS), 0);

    let before = ALLOCATOR.allocated();
    for token in &tokens {
        decide(token, 0);
    }
    let each = (ALLOCATOR.allocated() - before) / TOKENS;
    println!("{TOKENS} tokens of {} bytes: {each} bytes each", tokens[0].len());
    assert!(each <= BUDGET, "{each} bytes for a token");

    let allocated = ALLOCATOR.total_allocated();
    for second in 1..=3 {
        for token in &tokens {
            decide(token, second);
        }
    }
    assert_eq!(ALLOCATOR.total_allocated(), allocated, "a decision about a known token allocates nothing");
}

fn gate() -> Authenticator {
    let mut policy = Policy::new(ISSUER, "m4-api");
    policy.scopes = Arc::new(ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        tools: [(ACCESS.tool.to_owned(), ScopeSet::parse("query:database").unwrap())].into(),
        ..ScopeRequirements::default()
    });
    let limit = RateLimit { requests: NonZeroU32::MAX, window: Duration::from_secs(3600) };
    Authenticator::protected(vec![policy], Some(RateLimiter::new(limit, DEFAULT_CAPACITY)))
}

/// A token of usual size. Subjects are few, so that what is counted is tokens.
fn token(signer: &Signer, number: usize) -> String {
    signer.token(&json!({
        "iss": ISSUER, "aud": "m4-api", "sub": format!("researcher-{}@hospital.example", number % 4),
        "exp": WALL + 3600, "iat": WALL, "nbf": WALL, "jti": format!("token-{number}"),
        "scope": "read:mimic-data query:database", "client_id": "m4-cli",
    }))
}

fn at(seconds: u32) -> Now {
    let mono = Instant::from_start(Duration::from_secs(5 + u64::from(seconds)));
    Now { wall: UnixTime(WALL + i64::from(seconds)), mono }
}

fn snapshot(signer: &Signer) -> Arc<KeySnapshot> {
    let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
    let query = KeyQuery { kid: Some("key-1".into()), algorithm: Algorithm::ES256 };
    let _ = lifecycle.lookup(&query, at(0));
    let fetch = lifecycle.poll_fetch(at(0)).unwrap();
    lifecycle.handle_fetched(fetch.id, Ok(KeySet::parse(&jwks(&[signer]), &Algorithm::ALL).unwrap()), at(0));
    Arc::new(lifecycle.snapshot())
}
