//! What a decision costs beside the bare signature check of the same crypto library, in the same run.
//!
//! Prints medians and ratios: `warm` is a token seen before, `cold` one never seen (parsing, hashing, signature, claims,
//! scopes, rate limit). Cold decisions see a different token each time, so the cache cannot help.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints and stops at the first surprise"
)]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark measures with a clock")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, Instant as Clock};

use auth_core::algorithm::Algorithm;
use auth_core::authenticator::{Authenticator, Decision};
use auth_core::jwks::{KeyLifecycle, KeyQuery, KeySet, KeySnapshot, LifecycleSettings};
use auth_core::limit::RateLimit;
use auth_core::policy::Policy;
use auth_core::scope::{Access, ScopeRequirements, ScopeSet};
use auth_core::time::{Instant, Now, UnixTime};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const ACCESS: Access<'static> = Access { tool: "execute_query", dataset: Some("mimic-iv-demo") };
/// Distinct tokens per measured batch.
const TOKENS: usize = 400;
/// Batches; the median is reported. Contenders take turns, so that drift of the machine hits all alike.
const ROUNDS: usize = 25;

fn main() {
    println!("median per operation over {ROUNDS} rounds of {TOKENS} tokens");
    for issuer in [Issuer::rsa(), Issuer::p256()] {
        measure(&issuer);
    }
}

fn measure(issuer: &Issuer) {
    let tokens: Vec<String> = (0..TOKENS).map(|n| issuer.token(n)).collect();
    let snapshot = issuer.snapshot();
    let mut raw = Vec::new();
    let mut cold = Vec::new();
    let mut warm = Vec::new();
    for _ in 0..ROUNDS {
        raw.push(time(&tokens, |token| {
            let (message, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            issuer.public.verify_sig(message.as_bytes(), &signature).unwrap();
        }));
        let gate = gate();
        let decide = |token: &str| {
            let decision = gate.decide(Some(token), &ACCESS, &snapshot, now());
            assert!(matches!(black_box(decision), Decision::Admit(_)));
        };
        cold.push(time(&tokens, decide));
        warm.push(time(&tokens, decide));
    }
    let (raw, cold, warm) = (median(raw), median(cold), median(warm));
    let ratio = |a: Duration| a.as_secs_f64() / raw.as_secs_f64();
    println!(
        "{}: raw signature check {raw:.2?} | cold decision {cold:.2?} = {:.2} x raw | warm decision {warm:.2?} = {:.3} x raw",
        issuer.algorithm,
        ratio(cold),
        ratio(warm),
    );
}

fn time(tokens: &[String], operation: impl Fn(&str)) -> Duration {
    let start = Clock::now();
    for token in tokens {
        operation(black_box(token));
    }
    start.elapsed() / u32::try_from(tokens.len()).unwrap()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn gate() -> Authenticator {
    let mut policy = Policy::new(ISSUER, "m4-api");
    policy.scopes = ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        tools: [("execute_query".to_owned(), ScopeSet::parse("query:database").unwrap())].into(),
        datasets: [].into(),
    };
    let limit = RateLimit { requests: NonZeroU32::MAX, window: Duration::from_secs(3600) };
    Authenticator::protected(policy, Some(limit))
}

fn now() -> Now {
    Now { wall: UnixTime(1_800_000_000), mono: Instant::from_start(Duration::from_secs(5)) }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// An issuer with one key.
struct Issuer {
    algorithm: &'static str,
    jwk: Value,
    sign: Sign,
    public: ParsedPublicKey,
}

impl Issuer {
    fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let n = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
        let e = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
        let jwk = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(&n), "e": URL_SAFE_NO_PAD.encode(&e) });
        let public =
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        Self { algorithm: "RS256", jwk, sign: Box::new(sign), public }
    }

    fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let coordinate = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": coordinate(1..33), "y": coordinate(33..65) });
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
        let sign = move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
        Self { algorithm: "ES256", jwk, sign: Box::new(sign), public }
    }

    /// A token of usual size; `n` makes it different from the others.
    fn token(&self, n: usize) -> String {
        let header = json!({ "alg": self.algorithm, "kid": "key-1", "typ": "at+jwt" });
        let claims = json!({
            "iss": ISSUER, "aud": "m4-api", "sub": "researcher@hospital.example", "exp": 1_800_000_300,
            "iat": 1_800_000_000, "nbf": 1_800_000_000, "jti": format!("token-{n}"),
            "scope": "read:mimic-data query:database", "client_id": "m4-cli",
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode((self.sign)(input.as_bytes()));
        format!("{input}.{signature}")
    }

    fn snapshot(&self) -> KeySnapshot {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = json!("key-1");
        let document = json!({ "keys": [jwk] }).to_string();
        let mut lifecycle = KeyLifecycle::new(LifecycleSettings::default());
        let query = KeyQuery { kid: Some("key-1".into()), algorithm: Algorithm::RS256 };
        let _ = lifecycle.lookup(&query, now());
        let fetch = lifecycle.poll_fetch(now()).unwrap();
        let set = KeySet::parse(document.as_bytes(), &Algorithm::DEFAULT).unwrap();
        lifecycle.handle_fetched(fetch.id, Ok(set), now());
        lifecycle.snapshot()
    }
}
