//! The store with a keyring: what is on the disk gives no token away, and what cannot be opened is not lost.

use std::fs;
use std::sync::Arc;
use std::thread;

use super::keyring::fake::Fake;
use super::keys::Keys;
#[cfg(unix)]
use super::tests::mode;
use super::tests::{NOW, key, path, put, session, store as plain, token};
use super::*;
use crate::config::KeyringUse;
use crate::credentials::logout::forget;
use crate::credentials::refresh::LoginError;
use crate::error::Explain as _;

const ISSUER: &str = "https://a.example";

/// The same file as another process sees it, with this keyring.
fn process(folder: &tempfile::TempDir, keyring: &Fake, wanted: KeyringUse) -> FileStore {
    FileStore::new(path(folder), Keys::new(Box::new(keyring.clone()), wanted))
}

fn auto(folder: &tempfile::TempDir, keyring: &Fake) -> FileStore {
    process(folder, keyring, KeyringUse::Auto)
}

/// A file with one login that is sealed with a key in this keyring.
fn sealed() -> (tempfile::TempDir, Fake) {
    let (folder, keyring) = (tempfile::tempdir().unwrap(), Fake::default());
    put(&auto(&folder, &keyring), "default", session(ISSUER, None, "s3cr3t"));
    (folder, keyring)
}

fn bytes(folder: &tempfile::TempDir) -> String {
    fs::read_to_string(path(folder)).unwrap()
}

fn is_sealed(folder: &tempfile::TempDir) -> bool {
    let text = bytes(folder);
    assert_eq!(text.contains("\"sealed\""), !text.contains("s3cr3t"), "{text}");
    text.contains("\"sealed\"")
}

fn stored(store: &FileStore) -> Option<String> {
    token(&store.read().unwrap(), "default", &key(ISSUER, None))
}

/// Reads and writes, as a renewal does.
fn rewrite(store: &FileStore) -> Result<(), StoreError> {
    let locked = store.try_lock().unwrap().unwrap();
    let sessions = locked.read(NOW)?;
    locked.write(&sessions)
}

fn reason(outcome: Result<impl fmt::Debug, StoreError>) -> KeyringError {
    match outcome {
        Err(StoreError::Sealed { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_a_keyring_the_file_holds_no_token_and_another_process_reads_it() {
    let (folder, keyring) = sealed();
    let text = bytes(&folder);
    for secret in ["s3cr3t", "r3fr3sh", "a.example", "default"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for bytes in keyring.keys().values() {
        let hex = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert!(!text.contains(&hex));
    }
    assert_eq!(stored(&auto(&folder, &keyring)).as_deref(), Some("s3cr3t"));
    #[cfg(unix)]
    assert_eq!(mode(&path(&folder)), 0o600);
}

#[test]
fn every_write_is_sealed_anew_under_the_same_key() {
    let (folder, keyring) = sealed();
    let first = bytes(&folder);
    rewrite(&auto(&folder, &keyring)).unwrap();
    assert_ne!(bytes(&folder), first);
    assert_eq!(keyring.keys().len(), 1);
}

#[test]
fn the_keyring_is_asked_once_and_not_at_every_read() {
    let (folder, keyring) = sealed();
    let store = auto(&folder, &keyring);
    let before = keyring.asked();
    for _ in 0..100 {
        stored(&store.clone()).unwrap();
    }
    rewrite(&store).unwrap();
    assert_eq!(keyring.asked(), before + 1);
    // What a process has read it goes on reading when the keyring is locked meanwhile.
    keyring.fail(Some(KeyringError::Locked));
    rewrite(&store).unwrap();
    assert_eq!(stored(&store).as_deref(), Some("s3cr3t"));
}

#[test]
fn logins_that_were_stored_as_they_are_get_sealed_by_the_next_write() {
    let (folder, store) = plain();
    put(&store, "default", session(ISSUER, None, "s3cr3t"));
    assert!(!is_sealed(&folder));
    let keyring = Fake::default();
    let store = auto(&folder, &keyring);
    assert_eq!(stored(&store).as_deref(), Some("s3cr3t"));
    assert_eq!(keyring.asked(), 0, "to read what is not sealed takes no keyring");
    rewrite(&store).unwrap();
    assert!(is_sealed(&folder));
    assert_eq!(stored(&store).as_deref(), Some("s3cr3t"));
}

#[test]
fn without_a_keyring_that_takes_a_key_the_file_stays_as_it_is() {
    let silent = KeyringError::Silent { seconds: 5 };
    for failure in
        [KeyringError::Unreachable(String::new()), KeyringError::Locked, silent, KeyringError::NoKey]
    {
        let (folder, keyring) = (tempfile::tempdir().unwrap(), Fake::default());
        keyring.fail(Some(failure));
        put(&auto(&folder, &keyring), "default", session(ISSUER, None, "s3cr3t"));
        assert!(!is_sealed(&folder));
    }
}

#[test]
fn a_keyring_that_keeps_nothing_is_not_trusted_with_a_key() {
    #[derive(Debug)]
    struct Forgetful;
    impl keyring::Keyring for Forgetful {
        fn find(&self, _: &seal::KeyId) -> Result<seal::Key, KeyringError> {
            Err(KeyringError::NoKey)
        }
        fn keep(&self, _: &seal::Key) -> Result<(), KeyringError> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(path(&folder), Keys::new(Box::new(Forgetful), KeyringUse::Auto));
    put(&store, "default", session(ISSUER, None, "s3cr3t"));
    assert!(!is_sealed(&folder));
}

#[test]
fn a_sealed_store_whose_key_cannot_be_had_is_neither_read_nor_replaced() {
    let (folder, keyring) = sealed();
    let before = bytes(&folder);
    let unreachable = KeyringError::Unreachable("no session bus".to_owned());
    for failure in
        [unreachable, KeyringError::Locked, KeyringError::Silent { seconds: 5 }, KeyringError::NoKey]
    {
        keyring.fail(Some(failure.clone()));
        for wanted in [KeyringUse::Auto, KeyringUse::Off] {
            let store = process(&folder, &keyring, wanted);
            assert_eq!(reason(store.read()), failure);
            let locked = store.try_lock().unwrap().unwrap();
            assert_eq!(reason(locked.read(NOW)), failure);
            assert_eq!(reason(locked.write(&Sessions::default())), failure, "not even by mistake");
            assert_eq!(bytes(&folder), before);
        }
        let hint = auto(&folder, &keyring).read().unwrap_err().hint().unwrap();
        assert!(hint.contains("m4 login"), "{hint}");
        assert!(!hint.contains('/'), "callers see hints: {hint}");
    }
    keyring.fail(None);
    assert_eq!(stored(&auto(&folder, &keyring)).as_deref(), Some("s3cr3t"));
}

#[test]
fn who_logs_in_without_the_key_begins_anew_and_the_sealed_logins_are_kept() {
    let (folder, keyring) = sealed();
    let before = bytes(&folder);
    let elsewhere = Fake::absent();
    let store = auto(&folder, &elsewhere);
    let locked = store.try_lock().unwrap().unwrap();
    let mut sessions = locked.read_or_set_aside(NOW).unwrap();
    assert!(sessions.is_empty());
    let kept = sessions.set_aside().unwrap().to_owned();
    assert!(kept.to_string_lossy().ends_with("tokens.json.sealed-20270115T080000Z"), "{kept:?}");
    sessions.put(Profile::default(), session(ISSUER, None, "new"));
    locked.write(&sessions).unwrap();
    assert_eq!(stored(&store).as_deref(), Some("new"));
    drop(locked);

    assert_eq!(fs::read_to_string(&kept).unwrap(), before);
    fs::rename(kept, path(&folder)).unwrap();
    assert_eq!(stored(&auto(&folder, &keyring)).as_deref(), Some("s3cr3t"));
    let locked = store.try_lock().unwrap().unwrap();
    assert!(locked.read_or_set_aside(NOW).unwrap().set_aside().is_some());
    assert!(locked.read_or_set_aside(NOW).unwrap().set_aside().is_none(), "there is nothing to move");
}

#[test]
fn who_logs_out_everywhere_needs_no_key() {
    let (folder, _) = sealed();
    let store = auto(&folder, &Fake::absent());
    let some = Selection { profile: Some(Profile::default()), ..Selection::default() };
    assert!(matches!(forget(&store, &some, NOW), Err(LoginError::Store(StoreError::Sealed { .. }))));
    assert!(is_sealed(&folder));
    let forgotten = forget(&store, &Selection::default(), NOW).unwrap();
    assert!(matches!(forgotten.unread, Some(StoreError::Sealed { .. })), "nobody gave its tokens back");
    assert!(store.read().unwrap().is_empty());
    assert!(!bytes(&folder).contains("sealed"));
}

#[test]
fn with_keyrings_off_what_is_sealed_is_read_and_the_next_write_is_as_it_is() {
    let (folder, keyring) = sealed();
    let store = process(&folder, &keyring, KeyringUse::Off);
    assert_eq!(stored(&store).as_deref(), Some("s3cr3t"));
    assert!(is_sealed(&folder), "reading changes nothing");
    rewrite(&store).unwrap();
    assert!(!is_sealed(&folder));
    let asked = keyring.asked();
    put(&store, "work", session(ISSUER, None, "s3cr3t"));
    assert_eq!(keyring.asked(), asked);
    assert_eq!(store.read().unwrap().iter().count(), 2);
}

#[test]
fn a_sealed_store_that_was_changed_is_kept_as_damaged() {
    let (folder, keyring) = sealed();
    let other = {
        let (folder, _) = sealed();
        bytes(&folder)
    };
    let id = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["sealed"]["key"].clone();
    let mut foreign: serde_json::Value = serde_json::from_str(&other).unwrap();
    foreign["sealed"]["key"] = id(&bytes(&folder));
    let nonce = |text: &str| {
        let mut document: serde_json::Value = serde_json::from_str(text).unwrap();
        document["sealed"]["nonce"] = "AAAAAAAAAAAAAAAA".into();
        document.to_string()
    };
    for changed in [foreign.to_string(), nonce(&bytes(&folder)), r#"{"version":2,"profiles":{}}"#.to_owned()]
    {
        fs::write(path(&folder), &changed).unwrap();
        let store = auto(&folder, &keyring);
        assert!(matches!(store.read(), Err(StoreError::Damaged(_))), "{changed}");
        let locked = store.try_lock().unwrap().unwrap();
        let kept = locked.read(NOW).unwrap().set_aside().unwrap().to_owned();
        assert!(kept.to_string_lossy().contains(".corrupt-"));
        assert_eq!(fs::read_to_string(kept).unwrap(), changed);
        assert!(stored(&store).is_none());
    }
}

#[test]
fn a_key_that_changed_in_the_keyring_is_no_key_and_no_damage() {
    let (folder, keyring) = sealed();
    keyring.keys().values_mut().for_each(|key| key[0] ^= 1);
    assert_eq!(reason(auto(&folder, &keyring).read()), KeyringError::NoKey);
    assert!(is_sealed(&folder));
}

#[test]
fn processes_that_seal_at_the_same_time_agree_on_the_key() {
    let (folder, keyring) = (Arc::new(tempfile::tempdir().unwrap()), Fake::default());
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let store = auto(&folder, &keyring);
            scope.spawn(move || {
                let locked = loop {
                    match store.try_lock().unwrap() {
                        Some(locked) => break locked,
                        None => thread::yield_now(),
                    }
                };
                let mut sessions = locked.read(NOW).unwrap();
                sessions.put(name.parse().unwrap(), session(ISSUER, None, "s3cr3t"));
                locked.write(&sessions).unwrap();
            });
        }
    });
    assert_eq!(auto(&folder, &keyring).read().unwrap().iter().count(), 8);
    assert_eq!(keyring.keys().len(), 1);
}

#[test]
fn errors_and_debug_output_hold_no_key() {
    let (folder, keyring) = sealed();
    let store = auto(&folder, &keyring);
    stored(&store).unwrap();
    let held: Vec<_> = keyring.keys().values().map(|bytes| format!("{bytes:?}")).collect();
    let shown = format!("{store:?}");
    // The fake shows its keys; what the product holds must not.
    let held_by_product = shown.split("known").nth(1).unwrap();
    assert!(held.iter().all(|key| !held_by_product.contains(key.as_str())), "{held_by_product}");
}
