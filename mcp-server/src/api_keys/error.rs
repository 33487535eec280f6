//! What can be wrong with the file of API keys.

use std::io;
use std::path::PathBuf;

use auth_core::api_key::{ApiKeysError, WeakKey};

use crate::error::{Explain, codes};

/// The keys cannot be read or changed. Holds no key and no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no file of API keys at {}", .0.display())]
    Missing(PathBuf),
    /// The file cannot be opened or read.
    #[error("the API keys in {} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The path leads to something that is not a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Other users of this machine can read or change the file.
    #[error("the API keys in {} are open to other users", .0.display())]
    OpenToOthers(PathBuf),
    /// The file holds something else than keys.
    #[error("the API keys in {} cannot be used: {problem}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: ApiKeysError,
    },
    /// The file, its folder or its lock cannot be written.
    #[error("the API keys in {} cannot be written", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key does not go with those that are there.
    #[error("the key cannot be added: {0}")]
    Conflict(#[from] ApiKeysError),
    /// There is no key of this name.
    #[error("there is no key called `{0}`")]
    NoSuchKey(String),
    /// The text that was given cannot be a key.
    #[error("this cannot be an API key: {0}")]
    Weak(WeakKey),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl KeyFileError {
    /// What was typed may be a key instead of its name, so no more of it is shown than a name can have, and no secret.
    pub(super) fn no_such(name: &str) -> Self {
        let is_name = auth_core::api_key::KeyName::parse(name).is_ok();
        let is_key = name.starts_with(auth_core::api_key::KEY_PREFIX);
        Self::NoSuchKey(if is_name && !is_key { name.to_owned() } else { "…".to_owned() })
    }
}

impl Explain for KeyFileError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing(_) => {
                "make a key with `m4 keys create NAME`, or correct M4_API_KEYS_FILE".to_owned()
            }
            Self::Unreadable { .. } | Self::NotAFile(_) => {
                "make it a file that this user can read, or correct M4_API_KEYS_FILE".to_owned()
            }
            Self::OpenToOthers(path) => format!("run: chmod 600 '{}'", path.display()),
            Self::Unusable { problem: ApiKeysError::UnknownVersion { .. }, .. } => {
                "use the version of M4 that wrote it, or a newer one".to_owned()
            }
            Self::Unusable { .. } => {
                "restore the file, or remove it and make new keys; nothing was changed".to_owned()
            }
            Self::Unwritable { .. } => {
                "make its folder writable for this user, or choose another file".to_owned()
            }
            Self::Conflict(ApiKeysError::NameTaken { .. }) => {
                "choose another name, or revoke that key first".to_owned()
            }
            Self::Conflict(ApiKeysError::SameKey { .. }) => "use that one, or revoke it first".to_owned(),
            Self::Conflict(_) => "revoke keys that nobody uses".to_owned(),
            Self::NoSuchKey(_) => "`m4 keys list` names them".to_owned(),
            Self::Weak(WeakKey::TooShort | WeakKey::Guessable) => {
                "let a generator make it (`openssl rand -hex 32`), or leave it out to have one made"
                    .to_owned()
            }
            Self::Weak(_) => "use letters and digits, or leave it out to have one made".to_owned(),
            Self::NoRandomness => "try again".to_owned(),
        };
        Some(hint)
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchKey(_) => codes::NO_SUCH_KEY,
            Self::Conflict(_) => codes::EXISTS,
            Self::Weak(_) => codes::USAGE,
            Self::NoRandomness => codes::INTERNAL,
            _ => codes::IO,
        }
    }
}
