//! Logins sealed with a key that lies elsewhere: what stands in the file where there is a keyring.
//!
//! ```json
//! { "version": 2, "sealed": { "key": "<the key's ID>", "nonce": "<base64>", "data": "<base64>" } }
//! ```
//!
//! `data` is the store's text of format 1, encrypted with AES-256-GCM. Format and key ID are authenticated with it.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The format that sealed logins are stored in.
pub(super) const SEALED_VERSION: u64 = 2;

/// The name of a key, made from the key itself, so that another key under its name is noticed. It says nothing about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct KeyId(String);

impl KeyId {
    fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut text = Zeroizing::new(Vec::from(NAMED));
        text.reserve_exact(KEY_BYTES);
        text.extend_from_slice(bytes);
        let hash = digest(&SHA256, &text);
        // SHA-256 has more bytes than that.
        let beginning = hash.as_ref().first_chunk::<ID_BYTES>().copied().unwrap_or_default();
        Self(format!("{:032x}", u128::from_be_bytes(beginning)))
    }

    /// The ID as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && text.len() == 2 * ID_BYTES { Ok(Self(text)) } else { Err("not a key ID") }
    }
}

/// A key of 256 bits. Its `Debug` shows its ID alone, and its memory is wiped on drop.
#[derive(Clone)]
pub(crate) struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    /// A new one. `Err` where the operating system gives no random bytes.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice())?;
        Ok(Self { id: KeyId::of(&bytes), bytes })
    }

    /// The key that was kept under this ID; `None` where the bytes are another's.
    pub(crate) fn named(id: &KeyId, bytes: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(bytes).ok()?);
        (KeyId::of(&bytes) == *id).then(|| Self { id: id.clone(), bytes })
    }

    /// Its name.
    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// Its bytes, for the keyring.
    pub(crate) fn expose(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Encrypts text under a nonce that is drawn anew each time.
    pub(super) fn seal(&self, text: &[u8]) -> Result<Sealed, Unspecified> {
        let mut data = text.to_vec();
        let (nonce, tag) = self.cipher()?.seal_in_place_separate_tag(bound_to(&self.id), &mut data)?;
        data.extend_from_slice(tag.as_ref());
        let (nonce, data) = (STANDARD.encode(nonce.as_ref()), STANDARD.encode(data));
        Ok(Sealed { key: self.id.clone(), nonce, data })
    }

    /// The text that was sealed with this key; `Err` where anything of it was changed.
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let nonce = STANDARD.decode(&sealed.nonce).map_err(|_| Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce)?;
        let mut data = Zeroizing::new(STANDARD.decode(&sealed.data).map_err(|_| Unspecified)?);
        let length = self.cipher()?.open_in_place(nonce, bound_to(&sealed.key), &mut data)?.len();
        data.truncate(length);
        Ok(data)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, self.bytes.as_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Encrypted text with what opens it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) key: KeyId,
    nonce: String,
    data: String,
}

impl Sealed {
    /// Reads the file's text, which is known to be of format 2.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Document>(text).ok().map(|document| document.sealed)
    }

    /// The file's text.
    pub(super) fn to_json(&self) -> String {
        let document = Document { version: SEALED_VERSION, sealed: self.clone() };
        // Texts and numbers always serialise.
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    sealed: Sealed,
}

/// What is authenticated besides the text, so that it opens as what it was sealed as and as nothing else.
fn bound_to(key: &KeyId) -> Aad<String> {
    Aad::from(format!("M4 logins, format {SEALED_VERSION}, key {}", key.as_str()))
}

const KEY_BYTES: usize = 32;

/// Of the hash, enough that no two keys of a person share a name.
const ID_BYTES: usize = 16;

/// Keeps the hash apart from other hashes of the same bytes.
const NAMED: &[u8] = b"M4 key of logins";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Key {
        let bytes = Zeroizing::new([byte; KEY_BYTES]);
        Key { id: KeyId::of(&bytes), bytes }
    }

    fn opened(key: &Key, sealed: &Sealed) -> Option<Vec<u8>> {
        key.open(sealed).ok().map(|text| text.to_vec())
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_as_it_was(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let sealed = key(1).seal(&text).unwrap();
            let read = Sealed::parse(sealed.to_json().as_bytes()).unwrap();
            prop_assert_eq!(opened(&key(1), &read), Some(text));
            prop_assert_eq!(opened(&key(2), &read), None);
        }

        #[test]
        fn a_changed_bit_anywhere_is_refused(text in "[a-z]{1,40}", at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let sealed = key(1).seal(text.as_bytes()).unwrap();
            let (mut nonce, mut data) = (STANDARD.decode(&sealed.nonce).unwrap(), STANDARD.decode(&sealed.data).unwrap());
            let at = at.index(nonce.len() + data.len());
            let byte = if at < nonce.len() { &mut nonce[at] } else { let at = at - nonce.len(); &mut data[at] };
            *byte ^= 1 << bit;
            let changed = Sealed { nonce: STANDARD.encode(nonce), data: STANDARD.encode(data), ..sealed };
            prop_assert_eq!(opened(&key(1), &changed), None);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..200), nonce in "\\PC{0,20}", data in "\\PC{0,20}") {
            prop_assert!(Sealed::parse(&text).is_none());
            prop_assert_eq!(opened(&key(1), &Sealed { key: key(1).id, nonce, data }), None);
        }
    }

    #[test]
    fn the_keys_name_and_the_format_are_authenticated() {
        let sealed = key(1).seal(b"text").unwrap();
        assert_eq!(opened(&key(1), &Sealed { key: key(2).id, ..sealed.clone() }), None);
        // Under the same key and nonce, but bound to nothing, or to another format.
        for bound in [String::new(), format!("M4 logins, format 3, key {}", key(1).id.as_str())] {
            let mut data = b"text".to_vec();
            let (nonce, tag) =
                key(1).cipher().unwrap().seal_in_place_separate_tag(Aad::from(bound), &mut data).unwrap();
            data.extend_from_slice(tag.as_ref());
            let (nonce, data) = (STANDARD.encode(nonce.as_ref()), STANDARD.encode(data));
            assert_eq!(opened(&key(1), &Sealed { key: key(1).id, nonce, data }), None);
        }
    }

    #[test]
    fn no_nonce_is_drawn_twice() {
        let nonces: HashSet<_> = (0..1000).map(|_| key(1).seal(b"text").unwrap().nonce).collect();
        assert_eq!(nonces.len(), 1000);
        assert!(nonces.iter().all(|nonce| STANDARD.decode(nonce).unwrap().len() == 12));
    }

    #[test]
    fn a_key_is_taken_under_its_own_name_alone() {
        let (one, two) = (Key::generate().unwrap(), Key::generate().unwrap());
        assert_ne!(one.id(), two.id());
        assert!(Key::named(one.id(), one.expose()).is_some());
        assert!(Key::named(one.id(), two.expose()).is_none());
        assert!(Key::named(one.id(), &one.expose()[1..]).is_none());
        for text in ["", "../../key", &"A".repeat(32), &"a".repeat(31), &"a".repeat(33)] {
            assert!(KeyId::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        let key = key(0xab);
        let shown = format!("{key:?} {:?}", key.seal(b"s3cr3t").unwrap());
        assert!(
            !shown.contains("171") && !shown.contains("abababab") && !shown.contains("s3cr3t"),
            "{shown}"
        );
    }
}
