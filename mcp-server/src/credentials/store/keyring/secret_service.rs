//! Secret Service (GNOME Keyring, `KWallet`, `KeePassXC`) over the session's D-Bus.
//!
//! A collection that is locked stays so: unlocking asks the user, and a server that an MCP client started has no business
//! opening windows.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use secret_service::{EncryptionType, Error, SecretService as Client};
use zeroize::Zeroizing;

use super::{Key, KeyId, Keyring, KeyringError};

/// The service at the address in the environment, or at the platform's own.
#[derive(Debug)]
pub(super) struct SecretService;

impl Keyring for SecretService {
    fn find(&self, id: &KeyId) -> Result<Key, KeyringError> {
        finish(async {
            let client = Client::connect(EncryptionType::Dh).await?;
            let found = client.search_items(attributes(id)).await?;
            for item in &found.unlocked {
                let bytes = Zeroizing::new(item.get_secret().await?);
                if let Some(key) = Key::named(id, &bytes) {
                    return Ok(Some(key));
                }
            }
            match found.locked.as_slice() {
                [] => Ok(None),
                _ => Err(Error::Locked),
            }
        })?
        .ok_or(KeyringError::NoKey)
    }

    fn keep(&self, key: &Key) -> Result<(), KeyringError> {
        finish(async {
            let client = Client::connect(EncryptionType::Dh).await?;
            // The one that is there after the next log-in too.
            let collection = client.get_default_collection().await?;
            if collection.is_locked().await? {
                return Err(Error::Locked);
            }
            let attributes = attributes(key.id());
            collection.create_item(LABEL, attributes, key.expose(), false, CONTENT_TYPE).await.map(drop)
        })
    }
}

fn attributes(id: &KeyId) -> HashMap<&str, &str> {
    HashMap::from([("application", "m4"), ("purpose", "key of logins"), ("key", id.as_str())])
}

/// Runs on the thread of its caller, which must not belong to a runtime.
fn finish<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, KeyringError> {
    let unreachable = |error: std::io::Error| KeyringError::Unreachable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unreachable)?;
    let silent = KeyringError::Silent { seconds: LONGEST.as_secs() };
    let outcome = runtime.block_on(async { tokio::time::timeout(LONGEST, work).await });
    outcome.map_err(|_| silent)?.map_err(|error| match error {
        Error::Locked => KeyringError::Locked,
        Error::NoResult => KeyringError::Unreachable("it has no default collection".to_owned()),
        error => KeyringError::Unreachable(error.to_string()),
    })
}

const LABEL: &str = "M4 key of logins";
const CONTENT_TYPE: &str = "application/octet-stream";

/// After it nobody waits for the answer; the thread is not to stay for ever.
const LONGEST: Duration = Duration::from_secs(60);
