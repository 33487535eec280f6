//! Proofs of real keys against the verifier, in virtual time: the RFC's examples, every refusal, replay and nonces.

mod algorithms;
mod binding;
mod challenges;
mod nonces;
mod properties;
mod refusals;
mod replay;
mod rfc_9449;

use serde_json::{Value, json};

use super::*;
use crate::key::UnusableKey;
use crate::testing::Signer;

const T: i64 = 1_800_000_000;
const URL: &str = "https://m4.example/mcp";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// Of the token above, RFC 9449 figure 13.
const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";

fn at(seconds: i64) -> UnixTime {
    UnixTime(T + seconds)
}

fn verifier() -> DpopVerifier {
    DpopVerifier::new(DpopSettings::default())
}

fn claims() -> Value {
    json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": T, "ath": ATH })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn header(signer: &Signer) -> Value {
    let mut jwk = signer.jwk();
    for name in ["use", "alg", "kid"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    json!({ "typ": "dpop+jwt", "alg": signer.algorithm(), "jwk": jwk })
}

fn proof(signer: &Signer, claims: &Value) -> String {
    signer.token_with(&header(signer), claims)
}

fn with_header(signer: &Signer, name: &str, value: Value) -> String {
    let mut header = header(signer);
    header[name] = value;
    signer.token_with(&header, &claims())
}

fn with_jwk(signer: &Signer, name: &str, value: Value) -> String {
    let mut header = header(signer);
    header["jwk"][name] = value;
    signer.token_with(&header, &claims())
}

fn judge(verifier: &DpopVerifier, proof: &str, wall: UnixTime) -> Result<DpopBound, DpopRejection> {
    let url = TargetUri::parse(URL).unwrap();
    verifier.verify(&DpopRequest { proof, method: "POST", url: &url, access_token: TOKEN }, wall)
}

fn refusal(proof: &str) -> DpopRejection {
    judge(&verifier(), proof, at(0)).unwrap_err()
}

fn cnf(bound: &DpopBound) -> Value {
    json!({ "jkt": bound.thumbprint().as_str() })
}

fn redeem(bound: &DpopBound, wall: UnixTime) -> Result<(), DpopRejection> {
    bound.redeem(Some(&cnf(bound)), &TokenDigest::of(TOKEN), wall)
}

#[test]
fn a_sound_proof_of_either_key_type_is_accepted_and_redeemed() {
    for signer in [Signer::p256("k"), Signer::rsa(2048, "k")] {
        let bound = judge(&verifier(), &proof(&signer, &claims()), at(0)).unwrap();
        redeem(&bound, at(0)).unwrap();
    }
}

#[test]
fn a_verifier_shows_the_rules_it_applies() {
    let rules = DpopSettings {
        algorithms: vec![Algorithm::EdDSA],
        max_age: Duration::from_secs(7),
        future_skew: Duration::from_secs(3),
        replay_capacity: 5,
        replay_per_key: 2,
        nonces: None,
    };
    let expected = format!("{rules:?}");
    assert_eq!(format!("{:?}", DpopVerifier::new(rules).settings()), expected);
}

#[test]
fn a_request_has_exactly_one_proof() {
    assert_eq!(single_proof([]), Err(DpopRejection::MissingProof));
    assert_eq!(single_proof(["a"]), Ok("a"));
    assert_eq!(single_proof(["a", "a"]), Err(DpopRejection::SeveralProofs));
}

#[test]
fn what_is_not_one_small_jws_is_refused() {
    let good = proof(&Signer::p256("k"), &claims());
    assert_eq!(refusal(&"a".repeat(8193)), DpopRejection::TooLarge { bytes: 8193 });
    assert_eq!(refusal(&"a".repeat(8192)), DpopRejection::NotThreeParts);
    for text in ["", "a.b", "a.b.c.d", &format!("{good},{good}"), &format!("{good}.")] {
        assert_eq!(refusal(text), DpopRejection::NotThreeParts, "{text}");
    }
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(refusal(&format!(" {good}")), DpopRejection::NotBase64 { part: "header" });
    assert_eq!(refusal(&format!("{good}=")), DpopRejection::NotBase64 { part: "signature" });
    assert_eq!(refusal(&format!("{unsigned}.{signature}\n")), DpopRejection::NotBase64 { part: "signature" });
    assert_eq!(refusal("e30.e30.AA"), DpopRejection::NotJson { part: "header" });
    assert_eq!(refusal(&format!("{unsigned}.")), DpopRejection::BadSignature);
}

#[test]
fn only_the_type_of_a_proof_is_accepted() {
    let signer = Signer::p256("k");
    for typ in [json!("JWT"), json!("at+jwt"), json!("DPoP+JWT"), json!("application/dpop+jwt"), Value::Null]
    {
        let rejection = refusal(&with_header(&signer, "typ", typ.clone()));
        assert_eq!(rejection, DpopRejection::WrongType { typ: typ.as_str().map(str::to_owned) });
    }
}

#[test]
fn critical_extensions_are_refused_even_empty_ones() {
    let signer = Signer::p256("k");
    for crit in [json!(["b64"]), json!([]), Value::Null] {
        assert_eq!(refusal(&with_header(&signer, "crit", crit)), DpopRejection::CriticalHeader);
    }
}

#[test]
fn unsigned_symmetric_and_unlisted_algorithms_are_refused() {
    let signer = Signer::p256("k");
    for algorithm in ["none", "HS256", "es256", "ES512", "RS512"] {
        let rejection = refusal(&with_header(&signer, "alg", json!(algorithm)));
        assert!(matches!(rejection, DpopRejection::AlgorithmNotAllowed { .. }), "{algorithm}: {rejection}");
    }
    let settings = DpopSettings { algorithms: vec![Algorithm::EdDSA], ..DpopSettings::default() };
    let rejection = judge(&DpopVerifier::new(settings), &proof(&signer, &claims()), at(0)).unwrap_err();
    assert!(matches!(rejection, DpopRejection::AlgorithmNotAllowed { .. }), "{rejection}");
}

#[test]
fn the_embedded_key_has_to_be_public_and_of_the_named_algorithm() {
    let signer = Signer::p256("k");
    let unusable = |proof: &str| match refusal(proof) {
        DpopRejection::UnusableKey(reason) => reason,
        other => panic!("{other}"),
    };
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(unusable(&with_jwk(&signer, member, json!("AAAA"))), UnusableKey::Private, "{member}");
    }
    let symmetric = with_header(&signer, "jwk", json!({ "kty": "oct", "k": "AAAA" }));
    assert_eq!(unusable(&symmetric), UnusableKey::UnsupportedType);
    assert_eq!(unusable(&with_header(&signer, "jwk", json!({}))), UnusableKey::UnsupportedType);
    assert_eq!(unusable(&with_header(&signer, "alg", json!("RS256"))), UnusableKey::AlgorithmNotAllowed);
    assert_eq!(unusable(&with_header(&signer, "alg", json!("ES384"))), UnusableKey::AlgorithmNotAllowed);
    assert_eq!(unusable(&with_jwk(&signer, "use", json!("enc"))), UnusableKey::NotForSignatures);
    assert_eq!(unusable(&with_jwk(&signer, "x", json!("AAAA"))), UnusableKey::Broken);
    assert_eq!(refusal(&with_header(&signer, "jwk", json!("x"))), DpopRejection::NotJson { part: "header" });
}

#[test]
fn a_name_given_twice_in_header_key_or_claims_is_refused() {
    let signer = Signer::p256("k");
    let sign = |header: &str, claims: &str| {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signer.sign(input.as_bytes())))
    };
    let (header, claims) = (header(&signer).to_string(), claims().to_string());
    judge(&verifier(), &sign(&header, &claims), at(0)).expect("the untouched one passes");
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let in_jwk = header.replacen("\"kty\"", "\"kty\":\"EC\",\"kty\"", 1);
    for (header, claims, part) in [
        (&twice(&header, "\"alg\":\"ES256\""), &claims, "header"),
        (&in_jwk, &claims, "header"),
        (&header, &twice(&claims, "\"htm\":\"POST\""), "claims"),
    ] {
        assert_eq!(refusal(&sign(header, claims)), DpopRejection::NotJson { part });
    }
}

#[test]
fn a_proof_signed_by_another_key_than_the_embedded_one_is_refused() {
    let (signer, other) = (Signer::p256("k"), Signer::p256("k"));
    assert_eq!(refusal(&other.token_with(&header(&signer), &claims())), DpopRejection::BadSignature);
}

#[test]
fn required_claims_are_required_and_of_their_type() {
    let signer = Signer::p256("k");
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(refusal(&proof(&signer, &without)), DpopRejection::MissingClaim(claim));
        if claim != "iat" {
            let empty = refusal(&proof(&signer, &with(claim, json!(""))));
            assert_eq!(empty, DpopRejection::MissingClaim(claim));
        }
        let wrong = refusal(&proof(&signer, &with(claim, json!([1]))));
        assert_eq!(wrong, DpopRejection::NotJson { part: "claims" }, "{claim}");
    }
}

#[test]
fn a_jti_has_a_longest_length() {
    let signer = Signer::p256("k");
    let of = |bytes: usize| proof(&signer, &with("jti", json!("x".repeat(bytes))));
    judge(&verifier(), &of(MAX_JTI_BYTES), at(0)).unwrap();
    assert_eq!(refusal(&of(MAX_JTI_BYTES + 1)), DpopRejection::JtiTooLong { bytes: MAX_JTI_BYTES + 1 });
}

#[test]
fn the_method_is_compared_exactly() {
    let signer = Signer::p256("k");
    for method in ["GET", "post", "POST "] {
        let rejection = refusal(&proof(&signer, &with("htm", json!(method))));
        assert!(matches!(rejection, DpopRejection::WrongMethod { .. }), "{method}");
    }
}

#[test]
fn the_url_is_compared_in_normal_form_without_query_and_fragment() {
    let signer = Signer::p256("k");
    for url in ["HTTPS://M4.Example:443/%6dcp", "https://m4.example/mcp?session=1#top"] {
        judge(&verifier(), &proof(&signer, &with("htu", json!(url))), at(0)).expect(url);
    }
    for url in ["http://m4.example/mcp", "https://m4.example/mcp/", "https://evil.example/mcp"] {
        let rejection = refusal(&proof(&signer, &with("htu", json!(url))));
        assert!(matches!(rejection, DpopRejection::WrongUrl { .. }), "{url}");
    }
    let rejection = refusal(&proof(&signer, &with("htu", json!("/mcp"))));
    assert_eq!(rejection, DpopRejection::InvalidUrl { reason: InvalidTarget::NotAbsolute });
}

#[test]
fn a_proof_is_acceptable_from_skew_before_to_age_after_its_iat() {
    let text = proof(&Signer::p256("k"), &claims());
    for (seconds, accepted) in [(-31, false), (-30, true), (0, true), (60, true), (61, false)] {
        assert_eq!(judge(&verifier(), &text, at(seconds)).is_ok(), accepted, "{seconds}");
    }
    let early = judge(&verifier(), &text, at(-31)).unwrap_err();
    assert_eq!(early, DpopRejection::FromFuture { valid_from: at(0), now: at(-31) });
    let late = judge(&verifier(), &text, at(61)).unwrap_err();
    assert_eq!(late, DpopRejection::Stale { issued_at: at(0), now: at(61) });
}

#[test]
fn absurd_times_are_refused_and_the_proofs_own_limits_kept() {
    let signer = Signer::p256("k");
    for (claim, value, code) in [
        ("iat", json!(1e300), "dpop_from_future"),
        ("iat", json!(-1e300), "dpop_stale"),
        ("iat", json!(u64::MAX), "dpop_from_future"),
        ("exp", json!(T), "dpop_stale"),
        ("nbf", json!(T + 31), "dpop_from_future"),
    ] {
        assert_eq!(refusal(&proof(&signer, &with(claim, value))).code(), code, "{claim}");
    }
    let settings =
        DpopSettings { max_age: Duration::MAX, future_skew: Duration::MAX, ..DpopSettings::default() };
    let endless = DpopVerifier::new(settings);
    let bound = judge(&endless, &proof(&signer, &with("iat", json!(1e300))), at(0)).unwrap();
    redeem(&bound, at(0)).unwrap();
}

#[test]
fn ath_has_to_be_the_hash_of_the_token_that_came_with_it() {
    let signer = Signer::p256("k");
    let other = URL_SAFE_NO_PAD.encode(TokenDigest::of("another").as_bytes());
    for ath in [other.as_str(), &ATH[1..], &format!("{ATH}="), &ATH.to_lowercase(), TOKEN] {
        let rejection = refusal(&proof(&signer, &with("ath", json!(ath))));
        assert_eq!(rejection, DpopRejection::WrongAccessToken, "{ath}");
    }
}
