//! macOS Keychain and Windows Credential Manager.

use keyring::Entry;
use zeroize::Zeroizing;

use super::{Key, KeyId, Keyring, KeyringError};

/// The keyring of the user who runs this process.
#[derive(Debug)]
pub(super) struct Native;

impl Keyring for Native {
    fn find(&self, id: &KeyId) -> Result<Key, KeyringError> {
        let bytes = Zeroizing::new(entry(id)?.get_secret().map_err(told)?);
        Key::named(id, &bytes).ok_or(KeyringError::NoKey)
    }

    fn keep(&self, key: &Key) -> Result<(), KeyringError> {
        entry(key.id())?.set_secret(key.expose()).map_err(told)
    }
}

fn entry(id: &KeyId) -> Result<Entry, KeyringError> {
    Entry::new(SERVICE, id.as_str()).map_err(told)
}

fn told(error: keyring::Error) -> KeyringError {
    match error {
        keyring::Error::NoEntry => KeyringError::NoKey,
        keyring::Error::NoStorageAccess(_) => KeyringError::Locked,
        keyring::Error::PlatformFailure(reason) => KeyringError::Unreachable(reason.to_string()),
        // Some of the others hold what lies in the keyring.
        _ => KeyringError::Unreachable("it has no entry that M4 can use".to_owned()),
    }
}

/// What the entries are called in the keyring's own program.
const SERVICE: &str = "M4 key of logins";
