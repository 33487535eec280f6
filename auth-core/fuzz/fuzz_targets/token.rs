//! Tokens: nothing is admitted that the issuer did not sign for it, and nothing panics.
//!
//! The first byte says what the rest is: the text of a credential; a header and claims that the issuer signs, which takes
//! the fuzzer past the signature; or a header and claims with a signature that nobody made.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use auth_core::algorithm::Algorithm;
use auth_core::authenticator::{Authenticator, Credential, Decision};
use auth_core::jwks::{KeyLifecycle, KeyLookup, KeyQuery, KeySet, KeySnapshot, LifecycleSettings};
use auth_core::policy::Policy;
use auth_core::scope::{Access, ScopeRequirements, ScopeSet};
use auth_core::time::{Instant, Now, UnixTime};
use auth_core::token::UnverifiedToken;
use auth_core_fuzz::{AUDIENCE, ISSUER, NOW, SCOPE, SEPARATOR, Signers, claims, encode, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant(&WORLD.signers.token_seeds()), |data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => raw(rest),
        1 => signed(rest),
        _ => forged(rest),
    }
});

fn raw(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = UnverifiedToken::parse(text) {
        let _ = (token.header(), token.digest().fingerprint().to_string());
    }
    if WORLD.admits(text) {
        let input = text.trim_ascii().rsplit_once('.').map_or("", |(input, _)| input);
        let known = WORLD.signers.good_inputs().iter().any(|good| input.ends_with(good.as_str()));
        assert!(known, "admitted a token that the issuer never signed");
    }
}

fn signed(bytes: &[u8]) {
    let (header, claims) = halves(bytes);
    let token = WORLD.signers.sign(header, claims);
    let admitted = WORLD.admits(&token);
    if admitted && let Some(objection) = claims::objection(header, claims) {
        panic!("admitted, though {objection}");
    }
    assert_eq!(admitted, WORLD.admits(&token), "the second decision differs from the first");
}

fn forged(bytes: &[u8]) {
    let (header, claims) = halves(bytes);
    let signature =
        bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { 64 }).collect::<Vec<_>>();
    let token = format!("{}.{}.{}", encode(header), encode(claims), encode(&signature));
    assert!(!WORLD.admits(&token), "admitted a signature that nobody made");
}

fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == SEPARATOR);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

struct World {
    signers: Signers,
    gate: Authenticator,
    keys: Arc<KeySnapshot>,
}

impl World {
    fn admits(&self, token: &str) -> bool {
        let access = Access { tool: "execute_query", dataset: Some("mimic-iv-demo") };
        match self.gate.decide(Credential::Bearer(token), &access, |_| self.keys.clone(), now()) {
            Decision::Admit(granted) => {
                assert!(granted.principal().is_some_and(|principal| !principal.subject().is_empty()));
                true
            }
            Decision::Reject(refused) => {
                let rejection = refused.rejection;
                assert!(!rejection.message().is_empty() && !rejection.hint().is_empty());
                false
            }
            Decision::NeedsKeys(needs) => {
                let _ = needs.unknown(Duration::from_secs(1)).message();
                false
            }
            Decision::NeedsIntrospection { .. } => panic!("no issuer is configured for it"),
        }
    }
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let signers = Signers::fixed();
    let mut policy = Policy::new(ISSUER, AUDIENCE);
    policy.algorithms = Algorithm::ALL.to_vec();
    let base = ScopeSet::parse(SCOPE).expect("a scope");
    policy.scopes = Arc::new(ScopeRequirements { base, ..ScopeRequirements::default() });
    let set = KeySet::parse(signers.jwks().to_string().as_bytes(), &Algorithm::ALL).expect("a key set");
    let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
    let query = KeyQuery { kid: None, algorithm: Algorithm::ES256 };
    assert_eq!(lifecycle.lookup(&query, now()), KeyLookup::NeedsFetch);
    let fetch = lifecycle.poll_fetch(now()).expect("the fetch that was asked for");
    lifecycle.handle_fetched(fetch.id, Ok(set), now());
    let world = World {
        gate: Authenticator::protected(vec![policy], None),
        keys: Arc::new(lifecycle.snapshot()),
        signers,
    };
    for seed in world.signers.token_seeds().iter().take(3) {
        let token = std::str::from_utf8(&seed[1..]).expect("a token");
        assert!(world.admits(token), "the good tokens have to be admitted, or the rest proves nothing");
    }
    world
});

fn now() -> Now {
    Now { wall: UnixTime(NOW), mono: Instant::from_start(Duration::from_secs(1000)) }
}
