//! A DPoP proof as it arrives, and what it says once its own key's signature held (RFC 9449 §4.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::rejection::DpopRejection;
use crate::algorithm::Algorithm;
use crate::claims::NumericDate;
use crate::key::{Thumbprint, UnusableKey, VerifyingKey};

/// Longest proof accepted, in bytes. One with an RSA key of 8192 bits stays under half of it.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;

/// A compact JWS that was split and whose header is one of a proof; nothing of it is believed yet.
pub struct DpopProof<'a> {
    text: &'a str,
    payload: &'a str,
    signature: &'a str,
    header: Header,
}

impl<'a> DpopProof<'a> {
    /// Takes the value of the one `DPoP` header field.
    ///
    /// Refuses what is too large or not a compact JWS, and headers that are not `dpop+jwt`, name critical extensions
    /// or embed no key. Several proofs joined by commas are not a compact JWS.
    pub fn parse(text: &'a str) -> Result<Self, DpopRejection> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(DpopRejection::TooLarge { bytes: text.len() });
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DpopRejection::NotThreeParts);
        };
        let header: Header = decode_json(header, "header")?;
        if header.typ.as_deref() != Some(PROOF_TYPE) {
            return Err(DpopRejection::WrongType { typ: header.typ });
        }
        if header.crit {
            return Err(DpopRejection::CriticalHeader);
        }
        Ok(Self { text, payload, signature, header })
    }

    /// Checks the signature with the embedded key, then reads the claims.
    ///
    /// The key decides the algorithm as well: it must be able to do what the header names, and that must be `allowed`.
    pub(super) fn verify(&self, allowed: &[Algorithm]) -> Result<SignedProof, DpopRejection> {
        let algorithm = self.algorithm(allowed)?;
        let key = self.key(algorithm)?;
        let signature = decode(self.signature, "signature")?;
        let signed = &self.text.as_bytes()[..self.text.len() - self.signature.len() - 1];
        if !key.verify(algorithm, signed, &signature) {
            return Err(DpopRejection::BadSignature);
        }
        Ok(SignedProof { thumbprint: key.thumbprint().clone(), claims: decode_json(self.payload, "claims")? })
    }

    fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, DpopRejection> {
        let named = self.header.alg.parse().ok().filter(|algorithm| allowed.contains(algorithm));
        named.ok_or_else(|| DpopRejection::AlgorithmNotAllowed {
            algorithm: self.header.alg.clone(),
            allowed: allowed.to_vec(),
        })
    }

    fn key(&self, algorithm: Algorithm) -> Result<VerifyingKey, DpopRejection> {
        let jwk = &self.header.jwk.0;
        if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
            return Err(UnusableKey::UnsupportedType.into());
        }
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(UnusableKey::Private.into());
        }
        let jwk: Jwk = serde_json::from_value(Value::Object(jwk.clone())).map_err(|_| UnusableKey::Broken)?;
        Ok(VerifyingKey::from_jwk(&jwk, &[algorithm])?)
    }
}

impl fmt::Debug for DpopProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopProof").field("alg", &self.header.alg).finish_non_exhaustive()
    }
}

/// A proof whose signature held: it says what the holder of this key said, and nothing about whose key that is.
#[derive(Debug)]
pub(super) struct SignedProof {
    pub(super) thumbprint: Thumbprint,
    pub(super) claims: ProofClaims,
}

/// RFC 9449 §4.2, and the two times of RFC 7519 that a client may add.
#[derive(Debug, Deserialize)]
pub(super) struct ProofClaims {
    pub(super) jti: Option<String>,
    pub(super) htm: Option<String>,
    pub(super) htu: Option<String>,
    pub(super) iat: Option<NumericDate>,
    pub(super) ath: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) exp: Option<NumericDate>,
    pub(super) nbf: Option<NumericDate>,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: String,
    jwk: DistinctMap,
    /// Whether there is a `crit` at all; even an empty or `null` one is invalid (RFC 7515 §4.1.11).
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

/// A JSON object in which no name occurs twice, so that no other reader can see another key in it.
struct DistinctMap(Map<String, Value>);

impl<'de> Deserialize<'de> for DistinctMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DistinctVisitor)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = DistinctMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<DistinctMap, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated name"));
            }
        }
        Ok(DistinctMap(map))
    }
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, DpopRejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| DpopRejection::NotBase64 { part: name })
}

fn decode_json<T: for<'de> Deserialize<'de>>(part: &str, name: &'static str) -> Result<T, DpopRejection> {
    serde_json::from_slice(&decode(part, name)?).map_err(|_| DpopRejection::NotJson { part: name })
}

/// RFC 9449 §4.2. The RFC gives the value itself, so no other spelling of the media type is taken.
const PROOF_TYPE: &str = "dpop+jwt";

/// RFC 7518 §6.2.2, §6.3.2 and §6.4.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
