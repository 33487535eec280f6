//! One verifying key, parsed once and bound to the algorithms it may be used with.

use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RsaParameters,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse, ThumbprintHash,
};

use crate::algorithm::Algorithm;

/// A public key of an issuer that verifies signatures.
///
/// Parsing an RSA key costs a fifth of a verification, so it happens here, once per algorithm, and not per token.
pub struct VerifyingKey {
    kid: Option<String>,
    thumbprint: Thumbprint,
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// Takes a JWK (RFC 7517) for those of the `allowed` algorithms that it may be used with.
    ///
    /// The key decides: its `alg` if it has one, else what its type and curve can do. Keys for encryption, private
    /// and symmetric keys, unknown types and RSA moduli under 2048 or over 8192 bits are refused.
    pub fn from_jwk(jwk: &Jwk, allowed: &[Algorithm]) -> Result<Self, UnusableKey> {
        if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return Err(UnusableKey::NotForSignatures);
        }
        if jwk.common.key_operations.as_ref().is_some_and(|ops| !ops.contains(&KeyOperations::Verify)) {
            return Err(UnusableKey::NotForSignatures);
        }
        let possible = possible_algorithms(&jwk.algorithm)?;
        let candidates: Vec<Algorithm> = match jwk.common.key_algorithm {
            None => possible.to_vec(),
            Some(named) => {
                let named = from_key_algorithm(named).ok_or(UnusableKey::AlgorithmNotAllowed)?;
                if !possible.contains(&named) {
                    return Err(UnusableKey::AlgorithmNotOfType);
                }
                vec![named]
            }
        };
        let parsed = candidates
            .into_iter()
            .filter(|algorithm| allowed.contains(algorithm))
            .map(|algorithm| Ok((algorithm, parse(algorithm, &jwk.algorithm)?)))
            .collect::<Result<Vec<_>, UnusableKey>>()?;
        if parsed.is_empty() {
            return Err(UnusableKey::AlgorithmNotAllowed);
        }
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| UnusableKey::Broken)?;
        Ok(Self { kid: jwk.common.key_id.clone(), thumbprint: Thumbprint(thumbprint), parsed })
    }

    /// The key's id in its set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The RFC 7638 thumbprint, which names the key whatever the set calls it.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The algorithms this key may be used with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.parsed.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether the key may be used with `algorithm`.
    pub fn accepts(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|own| own == algorithm)
    }

    /// Whether `signature` over `message` is this key's; `false` for an algorithm the key does not accept.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.parsed
            .iter()
            .find(|(own, _)| *own == algorithm)
            .is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("thumbprint", &self.thumbprint)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A JWK thumbprint (RFC 7638, SHA-256, base64url).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The base64url text, as `jkt` holds it (RFC 9449 §6.1).
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an entry of a key set verifies nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableKey {
    /// `use` or `key_ops` say so.
    #[error("not for verifying signatures")]
    NotForSignatures,
    /// A symmetric key, an unknown curve or an unknown key type.
    #[error("unsupported key type or curve")]
    UnsupportedType,
    /// Its algorithms and the allow-list have nothing in common.
    #[error("its algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// `alg` names an algorithm of another key type.
    #[error("its algorithm does not fit its type")]
    AlgorithmNotOfType,
    /// The entry holds private key material, so whoever reads the set can sign.
    #[error("a private key was published")]
    Private,
    /// Another key of the same type and id came before it.
    #[error("same key id as an earlier key")]
    Duplicate,
    /// The numbers are no key, or of a size that is not safe.
    #[error("broken or of unsafe size")]
    Broken,
}

const RSA_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

fn possible_algorithms(parameters: &AlgorithmParameters) -> Result<&'static [Algorithm], UnusableKey> {
    match parameters {
        AlgorithmParameters::RSA(_) => Ok(&RSA_ALGORITHMS),
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => Ok(&[Algorithm::ES256]),
            EllipticCurve::P384 => Ok(&[Algorithm::ES384]),
            _ => Err(UnusableKey::UnsupportedType),
        },
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            Ok(&[Algorithm::EdDSA])
        }
        _ => Err(UnusableKey::UnsupportedType),
    }
}

fn from_key_algorithm(named: KeyAlgorithm) -> Option<Algorithm> {
    named.to_string().parse().ok()
}

fn parse(algorithm: Algorithm, parameters: &AlgorithmParameters) -> Result<ParsedPublicKey, UnusableKey> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            let n = without_leading_zeros(decode(&rsa.n)?);
            // aws-lc checks the size at each verification only; here it also says why a key is unusable.
            if !RSA_MODULUS_BITS.contains(&bit_length(&n)) {
                return Err(UnusableKey::Broken);
            }
            let components = RsaPublicKeyComponents { n, e: without_leading_zeros(decode(&rsa.e)?) };
            components.to_parsed_public_key(rsa_parameters(algorithm)?).map_err(|_| UnusableKey::Broken)
        }
        AlgorithmParameters::EllipticCurve(ec) => {
            let (curve, coordinate_bytes) = match algorithm {
                Algorithm::ES256 => (&ECDSA_P256_SHA256_FIXED, 32),
                Algorithm::ES384 => (&ECDSA_P384_SHA384_FIXED, 48),
                _ => return Err(UnusableKey::AlgorithmNotOfType),
            };
            let (x, y) = (decode(&ec.x)?, decode(&ec.y)?);
            // RFC 7518 §6.2.1.2: the full length, leading zeros included.
            if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
                return Err(UnusableKey::Broken);
            }
            let point = [&[UNCOMPRESSED_POINT][..], &x, &y].concat();
            ParsedPublicKey::new(curve, point).map_err(|_| UnusableKey::Broken)
        }
        AlgorithmParameters::OctetKeyPair(okp) => {
            ParsedPublicKey::new(&ED25519, decode(&okp.x)?).map_err(|_| UnusableKey::Broken)
        }
        _ => Err(UnusableKey::UnsupportedType),
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Result<&'static RsaParameters, UnusableKey> {
    match algorithm {
        Algorithm::RS256 => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Ok(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Ok(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Ok(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => Err(UnusableKey::AlgorithmNotOfType),
    }
}

/// Issuers that encode two's-complement integers leave a zero byte in front, which RFC 7518 §2 does not allow.
fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.iter().position(|byte| *byte != 0) {
        Some(0) => bytes,
        Some(first) => bytes[first..].to_vec(),
        None => Vec::new(),
    }
}

/// Bits of a big-endian number without leading zero bytes.
fn bit_length(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize)
}

/// Some issuers pad although RFC 7515 §2 says not to.
fn decode(text: &str) -> Result<Vec<u8>, UnusableKey> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| UnusableKey::Broken)
}

/// RFC 7518 §3.3 asks for at least 2048; the upper bound keeps verification cheap.
const RSA_MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// SEC 1 §2.3.3.
const UNCOMPRESSED_POINT: u8 = 0x04;

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
    };
    use serde_json::{Value, json};

    use super::*;

    fn key(jwk: Value) -> Result<VerifyingKey, UnusableKey> {
        VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap(), &Algorithm::ALL)
    }

    fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Asserts that `key` takes `signature` under `algorithm` and under no other.
    fn assert_only(key: &VerifyingKey, algorithm: Algorithm, signature: &[u8]) {
        for other in Algorithm::ALL {
            assert_eq!(key.verify(other, b"m", signature), other == algorithm, "{algorithm} as {other}");
        }
        assert!(!key.verify(algorithm, b"n", signature));
    }

    #[test]
    fn an_rsa_key_verifies_each_of_its_algorithms_and_never_takes_one_for_another() {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let n = encode(public.modulus().big_endian_without_leading_zero());
        let e = encode(public.exponent().big_endian_without_leading_zero());
        let key = key(json!({ "kty": "RSA", "n": n, "e": e })).unwrap();
        let sign = |encoding: &'static dyn signature::RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), b"m", &mut signature).unwrap();
            signature
        };
        assert_only(&key, Algorithm::RS256, &sign(&RSA_PKCS1_SHA256));
        assert_only(&key, Algorithm::RS384, &sign(&RSA_PKCS1_SHA384));
        assert_only(&key, Algorithm::RS512, &sign(&RSA_PKCS1_SHA512));
        assert_only(&key, Algorithm::PS256, &sign(&RSA_PSS_SHA256));
        assert_only(&key, Algorithm::PS384, &sign(&RSA_PSS_SHA384));
        assert_only(&key, Algorithm::PS512, &sign(&RSA_PSS_SHA512));
    }

    #[test]
    fn p384_and_ed25519_keys_verify_their_own_algorithm_only() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let jwk =
            json!({ "kty": "EC", "crv": "P-384", "x": encode(&point[1..49]), "y": encode(&point[49..]) });
        let signature = pair.sign(&SystemRandom::new(), b"m").unwrap();
        assert_only(&key(jwk).unwrap(), Algorithm::ES384, signature.as_ref());

        let pair = Ed25519KeyPair::generate().unwrap();
        let x = encode(pair.public_key().as_ref());
        let jwk = |curve: &str| json!({ "kty": "OKP", "crv": curve, "x": x });
        assert_only(&key(jwk("Ed25519")).unwrap(), Algorithm::EdDSA, pair.sign(b"m").as_ref());
        assert_eq!(key(jwk("P-256")).unwrap_err(), UnusableKey::UnsupportedType);
    }

    #[test]
    fn a_thumbprint_is_that_of_rfc_7638() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = key(json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": "2011-04-29" })).unwrap();
        assert_eq!(key.thumbprint().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn leading_zeros_and_padding_do_not_change_a_number() {
        assert_eq!(without_leading_zeros(vec![0, 0, 1, 0]), [1, 0]);
        assert!(without_leading_zeros(vec![0, 0]).is_empty());
        assert_eq!(decode("AQ==").unwrap(), [1]);
        for (bytes, bits) in [(&[][..], 0), (&[1], 1), (&[0x80], 8), (&[1, 0], 9), (&[0xFF; 256], 2048)] {
            assert_eq!(bit_length(bytes), bits);
        }
    }

    #[test]
    fn coordinates_have_the_full_length_and_lie_on_the_curve() {
        let (x, y) = (encode(&[1; 32]), encode(&[1; 31]));
        for (x, y) in [(&x, &y), (&y, &x), (&x, &x)] {
            let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
            assert_eq!(key(jwk).unwrap_err(), UnusableKey::Broken);
        }
    }
}
