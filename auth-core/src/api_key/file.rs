//! The file that keys are kept in, as text. Strict both ways: what is not understood is refused, never dropped.

use serde::{Deserialize, Serialize};

use super::{ApiKey, ApiKeys, KeyName};
use crate::json;
use crate::scope::ScopeSet;
use crate::time::UnixTime;
use crate::token::TokenDigest;

/// The most bytes a file of keys may have.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// The most keys there may be: every one is compared at every call.
pub const MAX_KEYS: usize = 1_000;

impl ApiKeys {
    /// Reads what [`Self::to_json`] wrote.
    pub fn parse(text: &[u8]) -> Result<Self, ApiKeysError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(ApiKeysError::TooLarge);
        }
        let document: Document = json::object(text).ok_or(ApiKeysError::NotKeys)?;
        if document.version != VERSION {
            return Err(ApiKeysError::UnknownVersion { version: document.version });
        }
        let mut keys = Self::default();
        for (index, entry) in document.keys.iter().enumerate() {
            let key = entry.parse().map_err(|what| ApiKeysError::BadKey { number: index + 1, what })?;
            keys.insert(key)?;
        }
        Ok(keys)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let document = Document { version: VERSION, keys: self.iter().map(Entry::from).collect() };
        // Texts and numbers alone always serialise.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Keys that cannot be used or kept. Holds no key and no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// The text is too long.
    #[error("it is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// The text is not the JSON it has to be: broken, a field missing, unknown, given twice or of the wrong type.
    #[error("it is not the JSON that `m4 keys` writes")]
    NotKeys,
    /// Another version of M4 wrote it.
    #[error("it has version {version}, and this M4 knows version {VERSION}")]
    UnknownVersion {
        /// Its version.
        version: u64,
    },
    /// One key's entry says something impossible.
    #[error("key {number} {what}")]
    BadKey {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is a key of this name.
    #[error("there is a key called {name} already")]
    NameTaken {
        /// The name.
        name: KeyName,
    },
    /// The same text is a key already.
    #[error("this is the key called {name} already")]
    SameKey {
        /// The other one's name.
        name: KeyName,
    },
    /// There is no room for another.
    #[error("there are {MAX_KEYS} keys, and no more are possible")]
    TooMany,
}

const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u64,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// Lower-case hexadecimal, as `sha256sum` prints it.
    sha256: String,
    scopes: Vec<String>,
    /// Seconds since 1970.
    created_at: i64,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl Entry {
    fn parse(&self) -> Result<ApiKey, &'static str> {
        let name = KeyName::parse(&self.name).map_err(|_| "has a name that is none")?;
        let digest =
            digest(&self.sha256).ok_or("has a sha256 that is not 64 lower-case hexadecimal digits")?;
        let mut scopes = ScopeSet::default();
        for scope in &self.scopes {
            let one = ScopeSet::parse(scope).map_err(|_| "has a scope that is none")?;
            if one.len() != 1 || !one.contains(scope) {
                return Err("has a scope that is not exactly one");
            }
            scopes.extend(&one);
        }
        let expires_at = self.expires_at.map(UnixTime);
        Ok(ApiKey::with_digest(name, digest, scopes, UnixTime(self.created_at), expires_at))
    }
}

impl From<&ApiKey> for Entry {
    fn from(key: &ApiKey) -> Self {
        Self {
            name: key.name.as_str().to_owned(),
            sha256: key.digest.to_hex(),
            scopes: key.scopes().iter().map(str::to_owned).collect(),
            created_at: key.created_at.0,
            expires_at: key.expires_at().map(|time| time.0),
        }
    }
}

fn digest(hex: &str) -> Option<TokenDigest> {
    let mut bytes = [0; 32];
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (hex_digit(*high)? << 4) + hex_digit(*low)?;
    }
    Some(TokenDigest::from_bytes(bytes))
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
