//! A client's private key, for `private_key_jwt`.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::client_auth::{AssertionSigner, SigningFailed};
use crate::algorithm::Algorithm;
use crate::secret::Secret;

/// A private key in memory, bound to one algorithm.
pub struct ClientKey {
    key: Key,
    algorithm: Algorithm,
    kid: Option<String>,
}

impl ClientKey {
    /// Takes a key in PKCS #8 PEM (`-----BEGIN PRIVATE KEY-----`), which must be one `algorithm` can use.
    ///
    /// RSA keys under 2048 bits are refused (RFC 7518 §3.3).
    pub fn from_pem(pem: &Secret, algorithm: Algorithm, kid: Option<String>) -> Result<Self, InvalidKey> {
        let der = decode(pem.expose())?;
        let wrong = |_| InvalidKey::NotOfAlgorithm { algorithm };
        let ecdsa = |curve| EcdsaKeyPair::from_pkcs8(curve, &der).map(Key::Ecdsa).map_err(wrong);
        let rsa = |encoding| {
            let pair = RsaKeyPair::from_pkcs8(&der).map_err(wrong)?;
            if pair.public_modulus_len() < LEAST_RSA_BYTES {
                return Err(InvalidKey::TooShort);
            }
            Ok(Key::Rsa(pair, encoding))
        };
        let key = match algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::PS256 => rsa(&RSA_PSS_SHA256),
            Algorithm::PS384 => rsa(&RSA_PSS_SHA384),
            Algorithm::PS512 => rsa(&RSA_PSS_SHA512),
            Algorithm::ES256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::ES384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(&der).map(Key::Ed25519).map_err(wrong),
        }?;
        Ok(Self { key, algorithm, kid })
    }
}

impl AssertionSigner for ClientKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Key::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(|_| SigningFailed)?.as_ref().to_vec()),
            Key::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Why a text is no usable private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// Not one PEM block of type `PRIVATE KEY`.
    #[error("not a PKCS #8 private key in PEM form (-----BEGIN PRIVATE KEY-----)")]
    NotPem,
    /// No key, or one of another type or curve.
    #[error("not a key for {algorithm}")]
    NotOfAlgorithm {
        /// What it should be for.
        algorithm: Algorithm,
    },
    /// An RSA key under 2048 bits.
    #[error("an RSA key of less than 2048 bits")]
    TooShort,
}

enum Key {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

fn decode(pem: &str) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let body = pem
        .trim_ascii()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PRIVATE KEY-----"))
        .ok_or(InvalidKey::NotPem)?;
    let base64: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(base64.as_bytes()).map(Zeroizing::new).map_err(|_| InvalidKey::NotPem)
}

/// 2048 bits.
const LEAST_RSA_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        self, ECDSA_P256_SHA256_FIXED, ED25519, KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;

    fn pem(der: &[u8]) -> Secret {
        let text = STANDARD.encode(der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
        let body = lines.join("\n");
        Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
    }

    fn check(key: &ClientKey, public: &[u8], by: &'static dyn VerificationAlgorithm) {
        let signature = key.sign(b"message").unwrap();
        UnparsedPublicKey::new(by, public).verify(b"message", &signature).unwrap();
        UnparsedPublicKey::new(by, public).verify(b"another", &signature).unwrap_err();
    }

    #[test]
    fn what_a_key_signs_its_public_half_verifies() {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let text = pem(p256.to_pkcs8v1().unwrap().as_ref());
        let key = ClientKey::from_pem(&text, Algorithm::ES256, Some("k".into())).unwrap();
        assert_eq!((key.kid(), key.algorithm()), (Some("k"), Algorithm::ES256));
        check(&key, p256.public_key().as_ref(), &ECDSA_P256_SHA256_FIXED);

        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let text = pem(ed25519.to_pkcs8v1().unwrap().as_ref());
        let key = ClientKey::from_pem(&text, Algorithm::EdDSA, None).unwrap();
        check(&key, ed25519.public_key().as_ref(), &ED25519);

        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
        let text = pem(der.as_ref());
        for (algorithm, by) in [
            (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
        ] {
            let key = ClientKey::from_pem(&text, algorithm, None).unwrap();
            check(&key, rsa.public_key().as_ref(), by);
        }

        let longer = RsaKeyPair::generate(KeySize::Rsa3072).unwrap();
        let der: Pkcs8V1Der<'_> = longer.as_der().unwrap();
        let key = ClientKey::from_pem(&pem(der.as_ref()), Algorithm::PS256, None).unwrap();
        check(&key, longer.public_key().as_ref(), &signature::RSA_PSS_2048_8192_SHA256);
    }

    #[test]
    fn a_key_of_another_type_or_curve_is_refused() {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let text = pem(p256.to_pkcs8v1().unwrap().as_ref());
        for algorithm in [Algorithm::RS256, Algorithm::ES384, Algorithm::EdDSA] {
            let error = ClientKey::from_pem(&text, algorithm, None).unwrap_err();
            assert_eq!(error, InvalidKey::NotOfAlgorithm { algorithm });
        }
    }

    #[test]
    fn text_that_is_no_pem_is_refused() {
        let rsa = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";
        for text in ["", "AAAA", rsa, "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"] {
            let error = ClientKey::from_pem(&Secret::new(text), Algorithm::RS256, None).unwrap_err();
            assert_eq!(error, InvalidKey::NotPem, "{text}");
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let text = pem(p256.to_pkcs8v1().unwrap().as_ref());
        let key = ClientKey::from_pem(&text, Algorithm::ES256, None).unwrap();
        assert_eq!(format!("{key:?}"), "ClientKey { algorithm: ES256, kid: None, .. }");
    }
}
