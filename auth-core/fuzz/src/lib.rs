//! What the fuzz targets share: an issuer whose keys follow from fixed text, and the inputs to begin with.
//!
//! No key is checked in: each is the SHA-256 of a label, so a crash found on one machine is the same crash on another.

use std::fs;
use std::path::Path;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub mod claims;

/// The configured issuer.
pub const ISSUER: &str = "https://issuer.example/realm";
/// The configured audience.
pub const AUDIENCE: &str = "m4-api";
/// The scope every call needs.
pub const SCOPE: &str = "read:mimic-data";
/// The wall clock of every run.
pub const NOW: i64 = 1_800_000_000;
/// Separates the parts of a structured input; no UTF-8 text holds it.
pub const SEPARATOR: u8 = 0xFF;

/// The issuer's private keys.
pub struct Signers {
    p256: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

impl Signers {
    /// The keys that follow from the fixed labels.
    pub fn fixed() -> Self {
        let private = Sha256::digest(b"auth-core fuzzing, P-256");
        let pair =
            PrivateKey::from_private_key(&ECDH_P256, &private).expect("a hash below the group's order");
        let public = pair.compute_public_key().expect("a public key");
        let scalar: EcPrivateKeyBin<'_> = pair.as_be_bytes().expect("a scalar");
        Self {
            p256: EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                scalar.as_ref(),
                public.as_ref(),
            )
            .expect("the two halves fit"),
            ed25519: Ed25519KeyPair::from_seed_unchecked(&Sha256::digest(b"auth-core fuzzing, Ed25519"))
                .expect("32 bytes"),
        }
    }

    /// The issuer's published keys.
    pub fn jwks(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "p",
              "x": encode(&point[1..33]), "y": encode(&point[33..65]) },
            { "kty": "OKP", "crv": "Ed25519", "kid": "e", "x": encode(self.ed25519.public_key().as_ref()) },
        ] })
    }

    /// Header and claims, whatever they are, signed with Ed25519, which gives the same bytes each time.
    pub fn sign(&self, header: &[u8], claims: &[u8]) -> String {
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = encode(self.ed25519.sign(input.as_bytes()).as_ref());
        format!("{input}.{signature}")
    }

    /// What was signed of the two good tokens: nothing else may ever be admitted that was not signed for it.
    pub fn good_inputs(&self) -> [String; 2] {
        let claims = encode(good_claims().to_string().as_bytes());
        GOOD_HEADERS.map(|header| format!("{}.{claims}", encode(header)))
    }

    fn good_tokens(&self) -> [String; 2] {
        let [ec, ed] = self.good_inputs();
        let signature = self.p256.sign(&SystemRandom::new(), ec.as_bytes()).expect("a signature");
        let signature = encode(signature.as_ref());
        [format!("{ec}.{signature}"), format!("{ed}.{}", encode(self.ed25519.sign(ed.as_bytes()).as_ref()))]
    }

    /// Inputs of the target `token`.
    pub fn token_seeds(&self) -> Vec<Vec<u8>> {
        let raw = |text: &str| [&[0], text.as_bytes()].concat();
        let mut seeds: Vec<Vec<u8>> = self.good_tokens().iter().map(|token| raw(token)).collect();
        let [good, _] = self.good_tokens();
        seeds.push(raw(&format!("Bearer {good}")));
        let none = encode(br#"{"alg":"none","kid":"p"}"#);
        let hmac = encode(br#"{"alg":"HS256","kid":"p"}"#);
        let claims = encode(good_claims().to_string().as_bytes());
        seeds.extend([format!("{none}.{claims}."), format!("{hmac}.{claims}.AAAA")].map(|text| raw(&text)));
        for (header, claims) in claims::SHAPES {
            let claims = if claims.is_empty() { good_claims().to_string() } else { (*claims).to_owned() };
            for mode in [1, 2] {
                seeds.push([&[mode], header.as_bytes(), &[SEPARATOR], claims.as_bytes()].concat());
            }
        }
        seeds
    }

    /// Inputs of the target `jwks`.
    pub fn jwks_seeds(&self) -> Vec<Vec<u8>> {
        let good = self.jwks();
        let modulus = encode(&[0xC5; 256]);
        let more = json!({ "keys": [
            { "kty": "RSA", "n": modulus, "e": "AQAB", "kid": "r", "key_ops": ["verify"] },
            { "kty": "RSA", "n": modulus, "e": "AQAB", "kid": "r", "alg": "PS256", "d": "AQAB" },
            { "kty": "RSA", "n": modulus, "e": "AQAB", "use": "enc", "alg": "RSA-OAEP" },
            { "kty": "oct", "k": "AAAA", "kid": "h", "alg": "HS256" },
            { "kty": "EC", "crv": "P-384", "x": encode(&[1; 48]), "y": encode(&[2; 48]), "x5c": ["AAAA"] },
            good["keys"][0], good["keys"][0], good["keys"][1], {}, "text", null, 7,
        ] });
        [good.to_string(), more.to_string(), "{}".into(), r#"{"keys":[]}"#.into()]
            .map(String::into_bytes)
            .into()
    }

    /// Inputs of the target `metadata`.
    pub fn metadata_seeds(&self) -> Vec<Vec<u8>> {
        let document = |issuer: &str| {
            json!({ "issuer": issuer, "jwks_uri": "https://keys.example/k", "token_endpoint": null })
                .to_string()
        };
        [
            "https://a.example",
            ISSUER,
            "http://127.0.0.1:8080/r/",
            "http://[::1]",
            "https://a@b",
            "https://b?q#f",
        ]
        .map(|issuer| [issuer.as_bytes(), &[SEPARATOR], document(issuer).as_bytes()].concat())
        .into()
    }
}

/// The claims of a token that is admitted.
pub fn good_claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 300, "iat": NOW, "scope": SCOPE })
}

/// Writes the inputs to begin with where the variable `M4_FUZZ_SEEDS` says; libFuzzer reads the folder after that.
pub fn plant(seeds: &[Vec<u8>]) {
    let Some(folder) = std::env::var_os("M4_FUZZ_SEEDS") else { return };
    for (number, seed) in seeds.iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number}"));
        fs::write(file, seed).expect("the folder of M4_FUZZ_SEEDS can be written to");
    }
}

/// base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const GOOD_HEADERS: [&[u8]; 2] =
    [br#"{"alg":"ES256","kid":"p","typ":"at+jwt"}"#, br#"{"alg":"EdDSA","kid":"e","typ":"JWT"}"#];
