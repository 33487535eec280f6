//! The operating system's keyring, which keeps the key of sealed logins: Secret Service, macOS Keychain, Windows
//! Credential Manager.
//!
//! It holds keys and no logins: it has no transactions across processes, and on Windows room for 2,560 bytes. Each key has
//! an entry of its own under its own ID, so two processes that make one at the same time do not take each other's away.

mod bounded;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(any(target_os = "macos", windows))]
mod native;
#[cfg(all(unix, not(target_os = "macos")))]
mod secret_service;

use std::fmt;

use super::seal::{Key, KeyId};

/// A place for keys that outlives this process and is open to this user alone.
pub(crate) trait Keyring: fmt::Debug + Send + Sync {
    /// The key with this ID; [`KeyringError::NoKey`] where there is none.
    fn find(&self, id: &KeyId) -> Result<Key, KeyringError>;

    /// Keeps a key under its ID.
    fn keep(&self, key: &Key) -> Result<(), KeyringError>;
}

/// This platform's keyring. It is not asked before it is needed, and then for a bounded time.
pub(super) fn of_this_platform() -> Box<dyn Keyring> {
    #[cfg(any(target_os = "macos", windows))]
    let keyring = native::Native;
    #[cfg(all(unix, not(target_os = "macos")))]
    let keyring = secret_service::SecretService;
    Box::new(bounded::Bounded::new(keyring))
}

/// Why the keyring gives or takes no key. Holds no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is none, or none that this process can reach.
    #[error("no keyring can be reached: {0}")]
    Unreachable(String),
    /// It is there and its user has to unlock it first.
    #[error("the keyring is locked")]
    Locked,
    /// It is there and says nothing; it may be waiting for its user.
    #[error("the keyring has not answered within {seconds} seconds")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// It answered, and does not have the key.
    #[error("the keyring does not have the key")]
    NoKey,
}

impl KeyringError {
    pub(super) const fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => {
                "run this where the keyring is (in the desktop session that logged in), or run `m4 login` here: the sealed \
                 logins are then kept under another name"
            }
            Self::Locked | Self::Silent { .. } => {
                "unlock the keyring and try again, or run `m4 login`: the sealed logins are then kept under another name"
            }
            Self::NoKey => "run `m4 login`; the sealed logins are then kept under another name",
        }
    }
}
