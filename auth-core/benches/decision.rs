//! What a decision costs beside the bare signature check of the same crypto library, in the same run.
//!
//! `raw` checks a signature with a key parsed once, base64 decoding included; `cold` decides on tokens never seen before
//! (parsing, hashing, signature, claims, scopes, rate limit); `warm` decides on tokens seen before. Every measured
//! iteration takes the next of many tokens. The last lines give ratios, measured in turns, also for two threads on the
//! warm path, each with subjects of its own: ratios, not times, are what two machines can compare.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints and stops at the first surprise"
)]
#![expect(clippy::cast_precision_loss, reason = "counts are small")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark measures with a clock and criterion writes files"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use auth_core::algorithm::Algorithm;
use auth_core::authenticator::{Authenticator, Credential, Decision};
use auth_core::jwks::{KeyLifecycle, KeyQuery, KeySet, KeySnapshot, LifecycleSettings};
use auth_core::limit::{DEFAULT_CAPACITY, RateLimit, RateLimiter};
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
use criterion::Criterion;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const ACCESS: Access<'static> = Access { tool: "execute_query", dataset: Some("mimic-iv-demo") };
/// Distinct tokens; a gate that has seen them all is replaced, outside the measured time.
const TOKENS: u32 = 1000;
/// Rounds of the comparison, each some 100 ms long.
const ROUNDS: usize = 101;
/// Tokens that one thread decides about again and again: as many sessions.
const SESSIONS: usize = 50;
/// How often it does in one round: enough that starting the thread does not count.
const PASSES: usize = 400;

fn main() {
    let results = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("decision");
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let issuers = [Issuer::rsa(), Issuer::p256()];
    for issuer in &issuers {
        measure(&mut criterion, issuer);
    }
    criterion.final_summary();
    // `cargo test --benches` and a list of the benchmarks ask for no figures.
    if std::env::args().any(|argument| argument == "--bench") {
        issuers.iter().for_each(compare);
    }
}

/// Prints ratios. What is compared takes turns, a few milliseconds each, so that whatever else the machine does meets all
/// of it alike; of many rounds the median counts.
fn compare(issuer: &Issuer) {
    let tokens: Vec<String> = (0..TOKENS).map(|n| issuer.token(n)).collect();
    let snapshot = issuer.snapshot();
    let known = gate();
    let decide = |gate: &Authenticator, token: &str| admit(gate, &snapshot, token);
    for token in &tokens {
        decide(&known, token);
    }
    let sessions = &tokens[..2 * SESSIONS];
    // A gate for each thread: what two processors give to callers that share nothing at all.
    let apart = [(gate(), issuer.snapshot()), (gate(), issuer.snapshot())];
    for (gate, snapshot) in &apart {
        for token in &tokens {
            admit(gate, snapshot, token);
        }
    }
    let again = |callers| together(PASSES, &sessions[..callers * SESSIONS], |_, token| decide(&known, token));
    let alone = || {
        together(PASSES, sessions, |thread, token| {
            let (gate, snapshot) = &apart[thread];
            admit(gate, snapshot, token);
        })
    };
    let bare =
        |callers| together(PASSES / 20, &sessions[..callers * SESSIONS], |_, token| issuer.check(token));
    let [mut cold, mut warm, mut two, mut nanos, mut two_bare, mut two_apart, mut sharing] =
        [const { Vec::new() }; 7];
    for _ in 0..ROUNDS {
        let raw = timed(|| tokens.iter().for_each(|token| issuer.check(token))) / f64::from(TOKENS);
        let fresh = gate();
        let all = timed(|| tokens.iter().for_each(|token| decide(&fresh, token))) / f64::from(TOKENS);
        // What comes first would find the caches cold, and the second processor asleep.
        again(2);
        let (separate, both, one) = (alone(), again(2), again(1));
        cold.push(all / raw);
        warm.push(one / raw);
        nanos.push(one * 1e9);
        two.push(2.0 * one / both);
        two_apart.push(2.0 * one / separate);
        sharing.push(separate / both);
        two_bare.push(2.0 * bare(1) / bare(2));
    }
    println!(
        "{}: cold decision = {:.2} x raw signature check, warm decision = {:.3} x raw ({:.0} ns), \
         two callers get {:.2} x the warm decisions of one ({:.2} x with a gate each, so {:.2} of that) \
         and {:.2} x the raw checks",
        issuer.algorithm,
        median(cold),
        median(warm),
        median(nanos),
        median(two),
        median(two_apart),
        median(sharing),
        median(two_bare),
    );
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Clock::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(criterion: &mut Criterion, issuer: &Issuer) {
    let tokens: Vec<String> = (0..TOKENS).map(|n| issuer.token(n)).collect();
    let next = Cell::new(0);
    let token = || {
        let index = next.get();
        next.set((index + 1) % tokens.len());
        &tokens[index]
    };
    let snapshot = issuer.snapshot();
    let decide = |gate: &Authenticator, token: &str| admit(gate, &snapshot, token);
    let mut group = criterion.benchmark_group(issuer.algorithm);
    group.bench_function("raw", |bencher| {
        bencher.iter(|| issuer.check(black_box(token())));
    });
    group.bench_function("cold", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut measured = Duration::ZERO;
            let mut left = usize::try_from(iterations).unwrap();
            while left > 0 {
                let gate = gate();
                let batch = left.min(tokens.len());
                let start = Clock::now();
                for token in &tokens[..batch] {
                    decide(&gate, black_box(token));
                }
                measured += start.elapsed();
                left -= batch;
            }
            measured
        });
    });
    let gate = gate();
    for token in &tokens {
        decide(&gate, token);
    }
    group.bench_function("warm", |bencher| bencher.iter(|| decide(&gate, black_box(token()))));
    group.finish();
}

fn admit(gate: &Authenticator, keys: &KeySnapshot, token: &str) {
    let decision = gate.decide(Credential::Bearer(token), &ACCESS, |_| keys, now());
    assert!(matches!(black_box(decision), Decision::Admit(_)));
}

/// Seconds that a thread takes for one decision, when there is one thread for every [`SESSIONS`] of `tokens`.
/// `decide` is told the number of its thread.
fn together(passes: usize, tokens: &[String], decide: impl Fn(usize, &str) + Sync) -> f64 {
    timed(|| {
        std::thread::scope(|scope| {
            for (thread, own) in tokens.chunks(SESSIONS).enumerate() {
                let decide = &decide;
                scope.spawn(move || {
                    for _ in 0..passes {
                        for token in own {
                            decide(thread, black_box(token));
                        }
                    }
                });
            }
        });
    }) / (passes * SESSIONS) as f64
}

fn gate() -> Authenticator {
    let mut policy = Policy::new(ISSUER, "m4-api");
    policy.scopes = Arc::new(ScopeRequirements {
        base: ScopeSet::parse("read:mimic-data").unwrap(),
        tools: [("execute_query".to_owned(), ScopeSet::parse("query:database").unwrap())].into(),
        ..ScopeRequirements::default()
    });
    let limit = RateLimit { requests: NonZeroU32::MAX, window: Duration::from_secs(3600) };
    Authenticator::protected(vec![policy], Some(RateLimiter::new(limit, DEFAULT_CAPACITY)))
}

fn now() -> Now {
    Now { wall: UnixTime(1_800_000_000), mono: Instant::from_start(Duration::from_secs(5)) }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Sync>;

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

    /// The bare signature check, with a key parsed before.
    fn check(&self, token: &str) {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        self.public.verify_sig(black_box(message.as_bytes()), &signature).unwrap();
    }

    /// A token of usual size; `n` makes it different from the others.
    fn token(&self, n: u32) -> String {
        let header = json!({ "alg": self.algorithm, "kid": "key-1", "typ": "at+jwt" });
        let claims = json!({
            "iss": ISSUER, "aud": "m4-api", "sub": format!("researcher-{n:04}@hospital.example"), "exp": 1_800_000_300,
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
