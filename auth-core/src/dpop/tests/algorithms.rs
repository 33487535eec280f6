//! Every algorithm accepted by default, signed by a key of its type.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};

use super::*;
use crate::testing::signing_input;

/// Signs a message.
type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

struct Signed {
    algorithm: &'static str,
    jwk: Value,
    sign: Sign,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec(algorithm: &'static str, curve: &str, signing: &'static EcdsaSigningAlgorithm) -> Signed {
    let pair = EcdsaKeyPair::generate(signing).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
    let jwk = json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) });
    Signed {
        algorithm,
        jwk,
        sign: Box::new(move |m| pair.sign(&SystemRandom::new(), m).unwrap().as_ref().to_vec()),
    }
}

fn ed25519() -> Signed {
    let pair = Ed25519KeyPair::generate().unwrap();
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) });
    Signed { algorithm: "EdDSA", jwk, sign: Box::new(move |m| pair.sign(m).as_ref().to_vec()) }
}

fn rsa(algorithm: &'static str, padding: &'static dyn RsaEncoding) -> Signed {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let jwk = json!({
        "kty": "RSA",
        "n": encode(public.modulus().big_endian_without_leading_zero()),
        "e": encode(public.exponent().big_endian_without_leading_zero()),
    });
    let sign = move |message: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    };
    Signed { algorithm, jwk, sign: Box::new(sign) }
}

#[test]
fn a_proof_in_each_default_algorithm_is_accepted_and_in_no_other_of_its_key() {
    let signers = [
        ec("ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ec("ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        ed25519(),
        rsa("RS256", &RSA_PKCS1_SHA256),
        rsa("PS256", &RSA_PSS_SHA256),
    ];
    let names: Vec<&str> = signers.iter().map(|signer| signer.algorithm).collect();
    let defaults: Vec<&str> = DpopSettings::default().algorithms.iter().map(|a| a.name()).collect();
    assert_eq!(names, defaults);
    for signer in &signers {
        for named in &names {
            let header = json!({ "typ": "dpop+jwt", "alg": named, "jwk": signer.jwk });
            let input = signing_input(&header, &claims());
            let text = format!("{input}.{}", encode(&(signer.sign)(input.as_bytes())));
            let accepted = judge(&verifier(), &text, at(0)).is_ok();
            assert_eq!(accepted, *named == signer.algorithm, "{} as {named}", signer.algorithm);
        }
    }
}
