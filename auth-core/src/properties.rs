//! What holds for any input, not only for those somebody thought of.
//!
//! `changing_any_byte_of_a_token_refuses_it` and its neighbours in `authenticator/tests.rs` go through the whole decision;
//! these ask the parts.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::algorithm::Algorithm;
use crate::jwks::{KeyQuery, KeySet, Selection};
use crate::oauth::metadata::{Issuer, Metadata};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::testing::{Signer, jwks, signing_input};
use crate::time::UnixTime;
use crate::token::UnverifiedToken;
use crate::verify::{Verified, Verifier};

proptest! {
    #[test]
    fn what_was_signed_verifies_to_the_same_claims(
        signer in 0..SIGNERS,
        subject in "\\PC{1,40}",
        audiences in vec("[a-z:/.]{1,12}", 0..4),
        expires in 1..1_000_000_000_u32,
        early in option::of(0..1_000_000_u32),
        scopes in btree_map("[!#-\\[\\]-~]{1,12}", any::<bool>(), 0..6),
        email in option::of("[a-z]{1,8}@[a-z]{1,8}"),
        more in btree_map("x_[a-z]{1,8}", any_json(), 0..4),
        list_of_one in any::<bool>(),
    ) {
        let exp = NOW + i64::from(expires);
        let (scope, scp): (Vec<_>, Vec<_>) = scopes.iter().partition(|(_, in_scope)| **in_scope);
        let names = |part: &[(&String, &bool)]| part.iter().map(|(name, _)| (*name).clone()).collect::<Vec<_>>();
        let mut claims = json!({
            "iss": ISSUER, "sub": subject, "exp": exp, "scope": names(&scope).join(" "), "scp": names(&scp),
        });
        claims["aud"] = if audiences.is_empty() && !list_of_one {
            json!("m4-api")
        } else {
            json!([audiences, vec!["m4-api".to_owned()]].concat())
        };
        let fields = claims.as_object_mut().unwrap();
        fields.extend(early.map(|seconds| ("nbf".to_owned(), json!(NOW - i64::from(seconds)))));
        fields.extend(email.clone().map(|email| ("email".to_owned(), json!(email))));
        fields.extend(more.clone());

        let verified = verify(&SET, &SIGNED_BY[signer].token(&claims)).unwrap();
        let principal = verified.principal();
        prop_assert_eq!(&**principal.issuer(), ISSUER);
        prop_assert_eq!(&**principal.subject(), subject.as_str());
        prop_assert_eq!(principal.expires_at(), Some(UnixTime(exp)));
        prop_assert_eq!(principal.email(), email.as_deref());
        prop_assert!(principal.scopes().iter().eq(scopes.keys().map(String::as_str)));
        for (name, value) in &more {
            prop_assert_eq!(principal.claim(name), Some(value));
        }
    }

    #[test]
    fn jsonwebtoken_agrees_on_every_signature(
        signer in 0..SIGNERS,
        subject in "[a-z]{1,20}",
        change in any_change(),
    ) {
        let signer = &SIGNED_BY[signer];
        let claims = |subject: &str| json!({ "iss": ISSUER, "aud": "m4-api", "sub": subject, "exp": NOW + 300 });
        let header = json!({ "alg": signer.algorithm(), "kid": signer.kid() });
        let input = signing_input(&header, &claims(&subject));
        let signature = signer.sign(input.as_bytes());
        let (input, signature) = change.apply(&header, &claims("mallory"), input, signature);
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));

        let ours = match verify(&SET, &token) {
            Ok(_) => true,
            Err(Rejection::BadSignature) => false,
            Err(other) => panic!("{other}"),
        };
        prop_assert_eq!(ours, jsonwebtoken_verifies(signer, &token));
        prop_assert_eq!(ours, matches!(change, Change::Nothing));
    }

    #[test]
    fn arbitrary_bytes_are_no_key_set_and_no_metadata(bytes in vec(any::<u8>(), 0..200)) {
        let issuer = Issuer::parse(ISSUER).unwrap();
        prop_assert!(KeySet::parse(&bytes, &Algorithm::ALL).is_err());
        prop_assert!(Metadata::parse(&bytes, &issuer).is_err());
    }

    #[test]
    fn every_entry_of_a_key_set_is_used_or_accounted_for(
        entries in vec(btree_map(any_jwk_member(), any_jwk_value(), 0..8), 0..6),
        odd in any_json(),
    ) {
        let mut keys: Vec<Value> = entries.into_iter().map(|entry| Value::Object(Map::from_iter(entry))).collect();
        keys.push(odd);
        let document = json!({ "keys": keys }).to_string();
        let set = KeySet::parse(document.as_bytes(), &Algorithm::ALL).unwrap();
        prop_assert_eq!(set.keys().count() + set.skipped().len(), keys.len());
        for key in set.keys() {
            prop_assert!(key.algorithms().count() > 0 && set.contains(key.thumbprint()));
        }
    }

    #[test]
    fn metadata_counts_only_under_the_name_that_was_asked(
        name in prop_oneof![Just(json!(ISSUER)), any_json()],
        jwks_uri in prop_oneof!["(https?|ftp)://[a-z.0-9@:/]{0,20}".prop_map(Value::from), any_json()],
    ) {
        let document = json!({ "issuer": name, "jwks_uri": jwks_uri }).to_string();
        if let Ok(metadata) = Metadata::parse(document.as_bytes(), &Issuer::parse(ISSUER).unwrap()) {
            prop_assert_eq!(name, json!(ISSUER));
            prop_assert_eq!(jwks_uri, json!(metadata.jwks_uri.as_str()));
        }
    }
}

fn verify(set: &KeySet, token: &str) -> Result<Verified, Rejection> {
    let verifier = Verifier::new(Policy::new(ISSUER, "m4-api"));
    let token = UnverifiedToken::parse(token)?;
    let query: KeyQuery = verifier.key_query(&token.header()?)?;
    let Selection::Key(key) = set.select(&query) else { panic!("the key is in the set") };
    verifier.verify(&token, &query, key, UnixTime(NOW))
}

/// The library's own check of signature and form, with every check of a claim switched off.
fn jsonwebtoken_verifies(signer: &Signer, token: &str) -> bool {
    let jwk = serde_json::from_value(signer.jwk()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let mut validation = jsonwebtoken::Validation::new(signer.algorithm().parse().unwrap());
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    #[expect(clippy::disallowed_methods, reason = "a second opinion in a test; no time is judged with it")]
    let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
    decoded.is_ok()
}

/// What happens to a token between issuer and server.
#[derive(Debug, Clone)]
enum Change {
    Nothing,
    FlipBit(prop::sample::Index, u8),
    CutSignature(prop::sample::Index),
    LengthenSignature(u8),
    ZeroSignature,
    SwapHalves,
    OtherClaims,
    OtherKey,
}

impl Change {
    fn apply(
        &self,
        header: &Value,
        other: &Value,
        input: String,
        mut signature: Vec<u8>,
    ) -> (String, Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::FlipBit(index, bit) => {
                let index = index.index(signature.len());
                signature[index] ^= 1 << (bit % 8);
            }
            // At least a byte stays: an empty signature is refused as malformed before it is looked at.
            Self::CutSignature(index) => signature.truncate(index.index(signature.len() - 1) + 1),
            Self::LengthenSignature(byte) => signature.push(*byte),
            Self::ZeroSignature => signature.fill(0),
            Self::SwapHalves => {
                let half = signature.len() / 2;
                signature.rotate_left(half);
            }
            Self::OtherClaims => return (signing_input(header, other), signature),
            Self::OtherKey => {
                let other = if header["alg"] == "ES256" { &STRANGERS[0] } else { &STRANGERS[1] };
                signature = other.sign(input.as_bytes());
            }
        }
        (input, signature)
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Nothing),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(index, bit)| Change::FlipBit(index, bit)),
        any::<prop::sample::Index>().prop_map(Change::CutSignature),
        any::<u8>().prop_map(Change::LengthenSignature),
        Just(Change::ZeroSignature),
        Just(Change::SwapHalves),
        Just(Change::OtherClaims),
        Just(Change::OtherKey),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

fn any_jwk_member() -> impl Strategy<Value = String> {
    prop::sample::select(JWK_MEMBERS).prop_map(str::to_owned)
}

fn any_jwk_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(JWK_WORDS).prop_map(Value::from),
        2 => vec(any::<u8>(), 0..70).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes).into()),
        1 => any_json(),
    ]
}

const JWK_MEMBERS: &[&str] =
    &["kty", "crv", "alg", "use", "key_ops", "kid", "n", "e", "x", "y", "d", "k", "x5c"];
const JWK_WORDS: &[&str] = &[
    "RSA", "EC", "OKP", "oct", "P-256", "P-384", "Ed25519", "RS256", "ES256", "EdDSA", "sig", "enc", "AQAB",
];

const ISSUER: &str = "https://issuer.example/realm";
const NOW: i64 = 1_800_000_000;

const SIGNERS: usize = 2;
static SIGNED_BY: LazyLock<[Signer; SIGNERS]> = LazyLock::new(|| [Signer::p256("e"), Signer::rsa(2048, "r")]);
static STRANGERS: LazyLock<[Signer; 2]> = LazyLock::new(|| [Signer::p256("e"), Signer::rsa(2048, "r")]);
static SET: LazyLock<KeySet> = LazyLock::new(|| {
    let signers: Vec<&Signer> = SIGNED_BY.iter().collect();
    KeySet::parse(&jwks(&signers), &Algorithm::ALL).unwrap()
});
