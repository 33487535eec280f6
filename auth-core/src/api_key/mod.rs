//! API keys: secrets that the operator hands out, each with a name, scopes and an end.
//!
//! Only a key's SHA-256 is kept. That is enough because a key has 256 random bits, or what [`check_strength`] lets pass: a
//! slow hash protects guessable secrets, and would let anybody keep the server busy.

mod file;
mod strength;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

pub use self::file::{ApiKeysError, MAX_FILE_BYTES, MAX_KEYS};
pub use self::strength::{MIN_KEY_BYTES, WeakKey, check_strength};

use crate::rejection::Rejection;
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::{TokenDigest, without_scheme};
use crate::verify::Principal;

/// The issuer of a principal who came with an API key. No token can name it: an issuer is an `https` URL.
pub const API_KEY_ISSUER: &str = "urn:m4:api-keys";

/// What every key made by [`key_text`] begins with, so that people and secret scanners know one when they see it.
pub const KEY_PREFIX: &str = "m4_";

/// The text of a key: [`KEY_PREFIX`] and `random` in base64url. `random` must come from a cryptographic generator.
pub fn key_text(random: &Zeroizing<[u8; 32]>) -> Secret {
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
    Secret::new(format!("{KEY_PREFIX}{}", encoded.as_str()))
}

/// A key's name, which audit records show as the subject: 1 to 64 letters, digits, `.`, `_` and `-`, the first of them a
/// letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(Arc<str>);

impl KeyName {
    /// Takes a name as somebody wrote it.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyName> {
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if begins_well && text.len() <= 64 && text.bytes().all(is_name_byte) {
            return Ok(Self(text.into()));
        }
        Err(InvalidKeyName)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not a key's name. Does not repeat what was written, which may be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's name has 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit")]
pub struct InvalidKeyName;

/// What is kept of one key.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    name: KeyName,
    digest: TokenDigest,
    created_at: UnixTime,
    principal: Arc<Principal>,
}

impl ApiKey {
    /// Keeps what is needed to recognise `text` and to know what it may do.
    pub fn new(
        name: KeyName,
        text: &Secret,
        scopes: ScopeSet,
        created_at: UnixTime,
        expires_at: Option<UnixTime>,
    ) -> Self {
        Self::with_digest(name, TokenDigest::of(text.expose()), scopes, created_at, expires_at)
    }

    fn with_digest(
        name: KeyName,
        digest: TokenDigest,
        scopes: ScopeSet,
        created_at: UnixTime,
        expires_at: Option<UnixTime>,
    ) -> Self {
        let principal =
            Principal::with_api_key(API_KEY_ISSUER.into(), Arc::clone(&name.0), scopes, expires_at);
        Self { name, digest, created_at, principal: Arc::new(principal) }
    }

    /// Its name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it grants.
    pub fn scopes(&self) -> &ScopeSet {
        self.principal.scopes()
    }

    /// When it was made.
    pub fn created_at(&self) -> UnixTime {
        self.created_at
    }

    /// From when on it is refused; `None` for never.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.principal.expires_at()
    }

    /// When it expired, if it has. There is no leeway: the clock that made it also judges it.
    pub fn expired_at(&self, now: UnixTime) -> Option<UnixTime> {
        self.expires_at().filter(|expires_at| *expires_at <= now)
    }

    /// Whether it has the other one's name and text.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.digest == other.digest
    }

    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

/// All keys that are known. No two have the same name, no two the same text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiKeys(Vec<ApiKey>);

impl ApiKeys {
    /// The keys, in the order they were made.
    pub fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a key. A name or text that is there already is refused: whoever asked would otherwise believe that the old key
    /// is gone, or that the new one is another.
    pub fn insert(&mut self, key: ApiKey) -> Result<(), ApiKeysError> {
        if self.0.iter().any(|known| known.name == key.name) {
            return Err(ApiKeysError::NameTaken { name: key.name });
        }
        if let Some(same) = self.0.iter().find(|known| known.digest == key.digest) {
            return Err(ApiKeysError::SameKey { name: same.name.clone() });
        }
        if self.0.len() == MAX_KEYS {
            return Err(ApiKeysError::TooMany);
        }
        self.0.push(key);
        Ok(())
    }

    /// Takes a key out. `None`: there is none of that name.
    pub fn remove(&mut self, name: &str) -> Option<ApiKey> {
        let place = self.0.iter().position(|key| key.name.as_str() == name)?;
        Some(self.0.remove(place))
    }

    /// The key that `digest` is of.
    ///
    /// Takes the same time whichever key matches and however many bytes do: every digest is compared in full, and the place
    /// of the match is selected without a branch. A digest that matches in part would help nobody anyway, since its text
    /// cannot be chosen.
    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<&ApiKey> {
        let mut found = NOWHERE;
        for (place, key) in (0_u32..).zip(&self.0) {
            found.conditional_assign(&place, key.digest.as_bytes().ct_eq(digest.as_bytes()));
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

/// Beyond [`MAX_KEYS`].
const NOWHERE: u32 = u32::MAX;

/// What a credential's text may be, by its shape alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It begins with [`KEY_PREFIX`]: a key, never a token.
    ApiKey,
    /// `a.b.c`: a JWT.
    Jwt,
    /// Neither. It may be a key whose text the operator chose, or a token that its issuer has to be asked about.
    Opaque,
}

impl Shape {
    /// The shape of a credential's text, with or without `Bearer ` in front.
    ///
    /// Empty text is [`Rejection::MissingToken`], and text longer than any token [`Rejection::Malformed`].
    pub fn of(text: &str) -> Result<Self, Rejection> {
        let text = without_scheme(text)?;
        Ok(if text.starts_with(KEY_PREFIX) {
            Self::ApiKey
        } else if text.bytes().filter(|byte| *byte == b'.').count() == 2 {
            Self::Jwt
        } else {
            Self::Opaque
        })
    }
}

#[cfg(test)]
mod tests;
