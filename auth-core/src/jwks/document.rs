//! A JWK set document (RFC 7517 §5) reduced to the keys that can verify tokens here.

use std::collections::HashSet;
use std::sync::Arc;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::json;
use crate::key::{Thumbprint, UnusableKey, VerifyingKey};

/// Largest JWK set document accepted, in bytes. The largest public ones are under 20 KiB.
pub const MAX_JWKS_BYTES: usize = 512 * 1024;

/// Most entries of a set that are looked at.
pub const MAX_KEYS: usize = 256;

/// The usable keys of one issuer. Immutable: a refresh makes a new set.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<VerifyingKey>>,
    skipped: Vec<Skipped>,
}

impl KeySet {
    /// Parses a document, keeping what verifies signatures with an `allowed` algorithm.
    ///
    /// One bad entry never spoils the set: it is skipped and listed in [`KeySet::skipped`]. Only a document that is
    /// no JWK set, or too large, is an error.
    pub fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        if document.len() > MAX_JWKS_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let document: Document = json::object(document).ok_or(KeySetError::NotAKeySet)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut set = Self::default();
        for (index, entry) in document.keys.into_iter().enumerate() {
            let kid = entry.get("kid").and_then(Value::as_str).map(str::to_owned);
            match usable_key(entry, allowed) {
                Ok(key) if set.shadows(&key) => {
                    set.skipped.push(Skipped { index, kid, reason: UnusableKey::Duplicate });
                }
                Ok(key) => set.keys.push(Arc::new(key)),
                Err(reason) => set.skipped.push(Skipped { index, kid, reason }),
            }
        }
        Ok(set)
    }

    /// The key that must have signed a token with this header, if exactly one can have.
    pub fn select(&self, query: &KeyQuery) -> Selection<'_> {
        let Some(kid) = &query.kid else {
            let mut candidates = self.keys.iter().filter(|key| key.accepts(query.algorithm));
            return match (candidates.next(), candidates.next()) {
                (Some(key), None) => Selection::Key(key),
                (None, _) => Selection::Unknown,
                (Some(_), Some(_)) => Selection::Ambiguous,
            };
        };
        let mut named = self.keys.iter().filter(|key| key.kid() == Some(kid)).peekable();
        match named.peek() {
            None => Selection::Unknown,
            Some(&first) => match named.find(|key| key.accepts(query.algorithm)) {
                Some(key) => Selection::Key(key),
                None => Selection::WrongAlgorithm(first),
            },
        }
    }

    /// Whether the set still holds the key with this thumbprint.
    pub fn contains(&self, thumbprint: &Thumbprint) -> bool {
        self.keys.iter().any(|key| key.thumbprint() == thumbprint)
    }

    /// Whether `other` holds the same keys under the same ids, in whatever order.
    pub(crate) fn has_the_keys_of(&self, other: &Self) -> bool {
        let holds = |key: &VerifyingKey| {
            self.keys().any(|own| own.kid() == key.kid() && own.thumbprint() == key.thumbprint())
        };
        self.keys.len() == other.keys.len() && other.keys().all(holds)
    }

    /// The usable keys in document order.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// What the document held that cannot be used, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Whether `key` could never be selected because an earlier one answers to the same header.
    fn shadows(&self, key: &VerifyingKey) -> bool {
        let earlier: HashSet<Algorithm> = self
            .keys
            .iter()
            .filter(|other| {
                other.kid() == key.kid() && (key.kid().is_some() || other.thumbprint() == key.thumbprint())
            })
            .flat_map(|other| other.algorithms().collect::<Vec<_>>())
            .collect();
        key.algorithms().all(|algorithm| earlier.contains(&algorithm))
    }
}

/// What a token's header says about its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyQuery {
    /// Key id, when the header has one.
    pub kid: Option<String>,
    /// Signature algorithm, already on the allow-list.
    pub algorithm: Algorithm,
}

/// What a key set answers to a [`KeyQuery`].
#[derive(Debug)]
pub enum Selection<'a> {
    /// Exactly this key.
    Key(&'a Arc<VerifyingKey>),
    /// The named key exists and must not be used with the algorithm.
    WrongAlgorithm(&'a Arc<VerifyingKey>),
    /// No key id given and several keys possible.
    Ambiguous,
    /// No such key; a refresh may bring it.
    Unknown,
}

/// An entry of the document that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its position in `keys`, from 0.
    pub index: usize,
    /// Its key id, if it has one.
    pub kid: Option<String>,
    /// Why.
    pub reason: UnusableKey,
}

/// A document that is no usable JWK set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// More than [`MAX_JWKS_BYTES`].
    #[error("the JWKS is larger than {MAX_JWKS_BYTES} bytes")]
    TooLarge,
    /// More than [`MAX_KEYS`].
    #[error("the JWKS holds more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Not JSON, or without a `keys` array.
    #[error("the answer is not a JWKS")]
    NotAKeySet,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

fn usable_key(entry: Value, allowed: &[Algorithm]) -> Result<VerifyingKey, UnusableKey> {
    const PRIVATE_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];
    let is_symmetric = entry.get("kty").and_then(Value::as_str) == Some("oct");
    if is_symmetric {
        return Err(UnusableKey::UnsupportedType);
    }
    if PRIVATE_MEMBERS.iter().any(|member| entry.get(member).is_some()) {
        return Err(UnusableKey::Private);
    }
    let jwk: Jwk = serde_json::from_value(entry).map_err(|_| UnusableKey::Broken)?;
    VerifyingKey::from_jwk(&jwk, allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Signer;

    fn parse(keys: &[Value]) -> KeySet {
        let document = json!({ "keys": keys }).to_string();
        KeySet::parse(document.as_bytes(), &Algorithm::DEFAULT).unwrap()
    }

    fn reasons(keys: &[Value]) -> Vec<UnusableKey> {
        parse(keys).skipped().iter().map(|skipped| skipped.reason).collect()
    }

    fn query(kid: Option<&str>, algorithm: Algorithm) -> KeyQuery {
        KeyQuery { kid: kid.map(str::to_owned), algorithm }
    }

    fn changed(jwk: &Value, name: &str, value: Value) -> Value {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    }

    #[test]
    fn one_bad_key_never_spoils_the_set() {
        let good = Signer::p256("good").jwk();
        let keys = [
            json!({}),
            json!("text"),
            json!({"kty": "oct", "k": "AAAA", "kid": "h"}),
            json!({"kty": "XYZ", "kid": "x"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "n": "!!", "e": "AQAB"}),
            changed(&good, "x", json!("AAAA")),
            good.clone(),
        ];
        let set = parse(&keys);
        assert_eq!(set.keys().filter_map(VerifyingKey::kid).collect::<Vec<_>>(), ["good"]);
        assert_eq!(set.skipped().len(), keys.len() - 1);
    }

    #[test]
    fn encryption_keys_are_skipped() {
        let key = Signer::rsa(2048, "k").jwk();
        for other in [changed(&key, "use", json!("enc")), changed(&key, "key_ops", json!(["encrypt"]))] {
            assert_eq!(reasons(&[other]), [UnusableKey::NotForSignatures]);
        }
        assert_eq!(reasons(&[changed(&key, "alg", json!("RSA-OAEP"))]), [UnusableKey::AlgorithmNotAllowed]);
        assert_eq!(reasons(&[changed(&key, "alg", json!("HS256"))]), [UnusableKey::AlgorithmNotAllowed]);
        assert_eq!(reasons(&[changed(&key, "alg", json!("ES256"))]), [UnusableKey::AlgorithmNotOfType]);
    }

    #[test]
    fn a_published_private_key_is_skipped() {
        let key = changed(&Signer::p256("k").jwk(), "d", json!("AAAA"));
        assert_eq!(reasons(&[key]), [UnusableKey::Private]);
    }

    #[test]
    fn rsa_keys_of_unsafe_size_are_skipped() {
        let key = Signer::rsa(2048, "k").jwk();
        let short = URL_SAFE_NO_PAD.encode([0xFF; 128]);
        let long = URL_SAFE_NO_PAD.encode([0xFF; 1025]);
        for n in [short, long, String::new()] {
            assert_eq!(reasons(&[changed(&key, "n", json!(n))]), [UnusableKey::Broken]);
        }
    }

    #[test]
    fn the_first_of_two_keys_with_one_id_is_used() {
        let first = Signer::p256("same");
        let second = Signer::p256("same");
        let rsa = Signer::rsa(2048, "same");
        let set = parse(&[first.jwk(), second.jwk(), rsa.jwk()]);
        assert_eq!(set.skipped().len(), 1);
        let Selection::Key(key) = set.select(&query(Some("same"), Algorithm::ES256)) else { panic!() };
        assert!(key.verify(Algorithm::ES256, b"m", &first.sign(b"m")));
        let Selection::Key(key) = set.select(&query(Some("same"), Algorithm::RS256)) else { panic!() };
        assert!(key.verify(Algorithm::RS256, b"m", &rsa.sign(b"m")));
    }

    #[test]
    fn without_a_key_id_exactly_one_key_must_fit() {
        let set = parse(&[Signer::p256("e").jwk(), Signer::rsa(2048, "r").jwk()]);
        assert!(matches!(set.select(&query(None, Algorithm::ES256)), Selection::Key(_)));
        let set = parse(&[Signer::p256("a").jwk(), Signer::p256("b").jwk()]);
        assert!(matches!(set.select(&query(None, Algorithm::ES256)), Selection::Ambiguous));
        assert!(matches!(set.select(&query(None, Algorithm::RS256)), Selection::Unknown));
    }

    #[test]
    fn a_set_knows_its_keys_by_thumbprint_whatever_they_are_called() {
        let (first, second) = (Signer::p256("k"), Signer::p256("k"));
        let held = parse(&[first.jwk(), Signer::p256("l").jwk()]);
        let thumbprint = |jwk: Value| parse(&[jwk]).keys().next().unwrap().thumbprint().clone();
        assert!(held.contains(&thumbprint(changed(&first.jwk(), "kid", json!("another name")))));
        assert!(!held.contains(&thumbprint(second.jwk())));
    }

    #[test]
    fn a_key_answers_only_to_its_own_algorithm() {
        let set = parse(&[Signer::p256("e").jwk()]);
        assert!(matches!(set.select(&query(Some("e"), Algorithm::RS256)), Selection::WrongAlgorithm(_)));
        assert!(matches!(set.select(&query(Some("x"), Algorithm::ES256)), Selection::Unknown));
    }

    #[test]
    fn documents_that_are_no_key_set_are_errors() {
        let parse = |bytes: &[u8]| KeySet::parse(bytes, &Algorithm::DEFAULT).unwrap_err();
        assert_eq!(parse(b"<html>"), KeySetError::NotAKeySet);
        assert_eq!(parse(b"{}"), KeySetError::NotAKeySet);
        assert_eq!(parse(b"[]"), KeySetError::NotAKeySet);
        assert_eq!(parse(&vec![b' '; 524_289]), KeySetError::TooLarge);
        let many = json!({ "keys": vec![json!({}); 257] }).to_string();
        assert_eq!(parse(many.as_bytes()), KeySetError::TooManyKeys);
    }

    #[test]
    fn the_largest_document_and_the_most_keys_are_read() {
        let mut document = json!({ "keys": vec![json!({}); 256] }).to_string().into_bytes();
        document.resize(524_288, b' ');
        let set = KeySet::parse(&document, &Algorithm::DEFAULT).unwrap();
        assert_eq!(set.skipped().len(), 256);
    }

    #[test]
    fn a_key_that_is_listed_twice_without_id_is_one_key() {
        let [mut one, mut other] = [Signer::p256("x").jwk(), Signer::p256("y").jwk()];
        for jwk in [&mut one, &mut other] {
            jwk.as_object_mut().unwrap().remove("kid");
        }
        let set = parse(&[one.clone(), one.clone()]);
        assert!(matches!(set.select(&query(None, Algorithm::ES256)), Selection::Key(_)));
        let twice = Skipped { index: 1, kid: None, reason: UnusableKey::Duplicate };
        assert_eq!(set.skipped(), [twice]);
        assert_eq!(parse(&[one, other]).skipped(), [], "two keys without id are two");
        let named = Signer::p256("x").jwk();
        let set = parse(&[named.clone(), changed(&named, "kid", json!("y"))]);
        assert_eq!(set.skipped(), [], "one key may have two ids");
        assert!(matches!(set.select(&query(Some("y"), Algorithm::ES256)), Selection::Key(_)));
    }

    #[test]
    fn a_key_without_alg_takes_it_from_type_and_curve() {
        let mut jwk = Signer::rsa(2048, "k").jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk.as_object_mut().unwrap().remove("use");
        let set = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes(), &Algorithm::ALL).unwrap();
        assert_eq!(set.keys().next().unwrap().algorithms().count(), 6);
    }

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
}
