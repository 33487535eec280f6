//! Signing keys, generated fresh for each issuer, and their public halves as JWKs (RFC 7517, RFC 7518 §6).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _, RsaEncoding, RsaKeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which of the issuer's keys signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// RSA with a 2048-bit modulus, published with `use: sig`, `alg: RS256`.
    Rsa2048,
    /// RSA with a 3072-bit modulus; generated and published when first asked for.
    Rsa3072,
    /// RSA with a 4096-bit modulus; generated and published when first asked for.
    Rsa4096,
    /// NIST P-256, published with `use: sig`, `alg: ES256`.
    P256,
    /// RSA-2048 published with `use: enc`, `alg: RSA-OAEP`, as Keycloak does: must not verify a token.
    Encryption,
    /// RSA-2048 that no JWKS of this issuer ever lists.
    Unknown,
}

impl KeyKind {
    /// The `alg` a token signed by this key states unless told otherwise.
    pub fn default_alg(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            _ => "RS256",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
            Self::P256 => "p256",
            Self::Encryption => "enc",
            Self::Unknown => "unknown",
        }
    }
}

/// A private key with its key id.
pub(crate) struct SigningKey {
    pub(crate) kind: KeyKind,
    pub(crate) kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key. Its `kid` ends in a fingerprint, so that two issuers, or one before and after a rotation,
    /// never use the same id for different keys.
    pub(crate) fn generate(kind: KeyKind) -> Self {
        let pair = match kind {
            KeyKind::P256 => Pair::Ec(
                EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)
                    .expect("aws-lc makes P-256 keys"),
            ),
            KeyKind::Rsa3072 => Pair::rsa(KeySize::Rsa3072),
            KeyKind::Rsa4096 => Pair::rsa(KeySize::Rsa4096),
            KeyKind::Rsa2048 | KeyKind::Encryption | KeyKind::Unknown => Pair::rsa(KeySize::Rsa2048),
        };
        let print = digest::digest(&digest::SHA256, pair.public_key());
        let suffix = URL_SAFE_NO_PAD.encode(&print.as_ref()[..6]);
        Self { kind, kid: format!("{}-{suffix}", kind.label()), pair }
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let (usage, alg) = match self.kind {
            KeyKind::Encryption => ("enc", "RSA-OAEP"),
            kind => ("sig", kind.default_alg()),
        };
        match &self.pair {
            Pair::Rsa(_) => {
                let (modulus, exponent) = rsa_components(public);
                json!({
                    "kty": "RSA", "use": usage, "alg": alg, "kid": self.kid,
                    "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
                })
            }
            // Uncompressed point (SEC 1 §2.3.3): 0x04, then x and y of 32 bytes each.
            Pair::Ec(_) => json!({
                "kty": "EC", "crv": "P-256", "use": usage, "alg": alg, "kid": self.kid,
                "x": URL_SAFE_NO_PAD.encode(&public[1..33]), "y": URL_SAFE_NO_PAD.encode(&public[33..65]),
            }),
        }
    }

    /// The signature of `message` by `alg`; when this key cannot sign by `alg`, by the key's own algorithm, so that
    /// a token can state an algorithm its key does not have.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).expect("aws-lc signs ES256").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_padding(alg), &random, message, &mut bytes).expect("aws-lc signs with RSA");
                bytes
            }
        }
    }

    /// The public key as DER `SubjectPublicKeyInfo`.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
        }
        .expect("aws-lc encodes its own public keys");
        der.as_ref().to_vec()
    }

    /// The public key as PEM.
    pub(crate) fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der())
    }

    /// The private key as PKCS #8 PEM.
    pub(crate) fn private_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair.as_ref()).map(|der| der.as_ref().to_vec())
            }
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|document| document.as_ref().to_vec()),
        };
        pem("PRIVATE KEY", &der.expect("aws-lc encodes its own private keys"))
    }
}

/// Lines of 64 characters and a final newline, as `openssl` writes it.
fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

/// HMAC-SHA-256 of `message`: what a forger computes with a public key as the secret.
pub(crate) fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

impl Pair {
    fn rsa(size: KeySize) -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(size).expect("aws-lc makes RSA keys")))
    }

    /// PKCS#1 `RSAPublicKey` in DER, or the uncompressed curve point.
    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ec(pair) => pair.public_key().as_ref(),
        }
    }
}

fn rsa_padding(alg: &str) -> &'static dyn RsaEncoding {
    match alg {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

/// Modulus and exponent, without leading zeros, of `SEQUENCE { INTEGER n, INTEGER e }` (RFC 8017 appendix A.1.1).
fn rsa_components(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    (without_sign_byte(modulus), without_sign_byte(exponent))
}

/// The contents of the first DER element and what follows it. Only for input that aws-lc wrote.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        long => {
            let digits = usize::from(long & 0x7f);
            (2 + digits, der[2..2 + digits].iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
        }
    };
    der[header..].split_at(length)
}

fn without_sign_byte(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_modulus_has_exactly_the_bits_its_name_says() {
        for (kind, bytes) in [(KeyKind::Rsa2048, 256), (KeyKind::Rsa3072, 384)] {
            let jwk = SigningKey::generate(kind).jwk();
            let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
            assert_eq!(modulus.len(), bytes);
            assert!(modulus[0] >= 0x80, "no leading zero, top bit set");
            assert_eq!(jwk["e"], "AQAB");
        }
    }

    #[test]
    fn two_keys_of_one_kind_have_different_ids() {
        assert_ne!(SigningKey::generate(KeyKind::P256).kid, SigningKey::generate(KeyKind::P256).kid);
    }

    #[test]
    fn only_the_encryption_key_is_marked_as_such() {
        assert_eq!(SigningKey::generate(KeyKind::Encryption).jwk()["use"], "enc");
        assert_eq!(SigningKey::generate(KeyKind::P256).jwk()["use"], "sig");
    }
}
