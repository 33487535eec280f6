//! The store from both sides: what is written is private and whole, what is wrong is kept and said.

use std::fs;
use std::path::Path;

use auth_core::oauth::client::stored_token::{SessionKey, StoredSession};
use auth_core::oauth::metadata::Issuer;
use serde_json::{Value, json};

use super::keys::Keys;
use super::*;
use crate::error::Explain as _;

pub(super) const NOW: UnixTime = UnixTime(1_800_000_000);

pub(super) fn session(issuer: &str, resource: Option<&str>, token: &str) -> StoredSession {
    let text = json!({
        "version": 1, "issuer": issuer, "resource": resource, "client_id": "m4",
        "token_endpoint": "https://i.example/token", "token_type": "Bearer", "access_token": token,
        "refresh_token": "r3fr3sh", "scope": "a b", "issued_at": "2027-01-15T08:00:00Z",
    });
    StoredSession::parse(text.to_string().as_bytes()).unwrap()
}

pub(super) fn key(issuer: &str, resource: Option<&str>) -> SessionKey {
    SessionKey::new(&Issuer::parse(issuer).unwrap(), resource)
}

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

pub(super) fn store() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("m4/tokens.json"), Keys::without_keyring());
    (folder, store)
}

pub(super) fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("m4/tokens.json")
}

pub(super) fn put(store: &FileStore, name: &str, session: StoredSession) {
    let locked = store.try_lock().unwrap().unwrap();
    let mut sessions = locked.read(NOW).unwrap();
    sessions.put(profile(name), session);
    locked.write(&sessions).unwrap();
}

pub(super) fn token(sessions: &Sessions, name: &str, key: &SessionKey) -> Option<String> {
    sessions.find(&profile(name), key).map(|session| session.access_token.expose().to_owned())
}

#[cfg(unix)]
pub(super) fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
}

/// What else lies in the folder under the store's name.
fn kept(folder: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let all = fs::read_dir(folder.path().join("m4")).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = all.filter(|path| path.to_string_lossy().contains(".corrupt-")).collect();
    kept.sort();
    kept
}

#[test]
fn a_login_is_found_by_profile_issuer_and_resource_and_by_nothing_less() {
    let (folder, store) = store();
    let (a, b) = ("https://a.example", "https://b.example");
    let resource = Some("https://m4.example/mcp");
    for (name, session) in [
        ("default", session(a, None, "1")),
        ("default", session(a, resource, "2")),
        ("default", session(b, None, "3")),
        ("work", session(a, None, "4")),
    ] {
        put(&store, name, session);
    }
    let sessions = store.read().unwrap();
    let found = |name, issuer, resource| token(&sessions, name, &key(issuer, resource));
    assert_eq!(found("default", a, None).as_deref(), Some("1"));
    assert_eq!(found("default", a, Some("HTTPS://m4.example:443/mcp")).as_deref(), Some("2"));
    assert_eq!(found("default", b, None).as_deref(), Some("3"));
    assert_eq!(found("work", a, None).as_deref(), Some("4"));
    assert_eq!(found("work", a, resource), None);
    assert_eq!(found("default", b, resource), None);
    assert_eq!(found("other", a, None), None);
    #[cfg(unix)]
    {
        let folder = folder.path().join("m4");
        let files = [mode(&folder), mode(&folder.join("tokens.json")), mode(&folder.join("tokens.lock"))];
        assert_eq!(files, [0o700, 0o600, 0o600]);
    }
}

#[test]
fn a_login_takes_the_place_of_the_older_one_and_can_be_taken_out() {
    let (_folder, store) = store();
    put(&store, "default", session("https://a.example", None, "old"));
    put(&store, "default", session("https://a.example", None, "new"));
    let mut sessions = store.read().unwrap();
    assert_eq!(sessions.iter().count(), 1);
    let key = key("https://a.example", None);
    assert_eq!(token(&sessions, "default", &key).as_deref(), Some("new"));
    assert!(sessions.remove(&profile("work"), &key).is_none());
    assert!(sessions.remove(&profile("default"), &key).unwrap().access_token.matches("new"));
    assert!(sessions.is_empty());
}

#[test]
fn one_at_a_time_holds_the_lock_and_readers_do_not_wait() {
    let (_folder, store) = store();
    let locked = store.try_lock().unwrap().unwrap();
    assert!(store.clone().try_lock().unwrap().is_none());
    assert!(store.read().unwrap().is_empty());
    drop(locked);
    assert!(store.try_lock().unwrap().is_some());
}

#[test]
fn a_damaged_store_is_kept_under_another_name_and_said() {
    for content in ["", "{", "[1,[]]", "\u{0}", r#"{"version":1}"#, r#"{"profiles":{}}"#] {
        let (folder, store) = store();
        put(&store, "default", session("https://a.example", None, "t"));
        fs::write(path(&folder), content).unwrap();
        let error = store.read().unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{content:?}: {error}");
        assert!(error.hint().unwrap().contains("m4 login"));
        assert_eq!(kept(&folder).len(), 0, "nothing is moved without the lock");

        let locked = store.try_lock().unwrap().unwrap();
        let sessions = locked.read(NOW).unwrap();
        assert!(sessions.is_empty());
        let aside = sessions.set_aside().unwrap().to_owned();
        assert!(aside.to_string_lossy().ends_with("tokens.json.corrupt-20270115T080000Z"), "{aside:?}");
        assert_eq!(fs::read_to_string(&aside).unwrap(), content);
        assert!(locked.read(NOW).unwrap().set_aside().is_none(), "it is in order now");

        fs::write(path(&folder), "again").unwrap();
        locked.read(NOW).unwrap();
        let texts: Vec<_> = kept(&folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(texts, [content, "again"], "the first one is not replaced");
    }
}

#[test]
fn one_damaged_login_takes_no_other_with_it() {
    let (folder, store) = store();
    put(&store, "default", session("https://a.example", None, "sound"));
    put(&store, "work", session("https://a.example", None, "spoilt"));
    let mut document: Value = serde_json::from_slice(&fs::read(path(&folder)).unwrap()).unwrap();
    document["profiles"]["work"][0]["token_endpoint"] = json!("http://elsewhere.example/token");
    fs::write(path(&folder), document.to_string()).unwrap();

    assert!(matches!(store.read(), Err(StoreError::Damaged(_))));
    let locked = store.try_lock().unwrap().unwrap();
    let sessions = locked.read(NOW).unwrap();
    assert_eq!(token(&sessions, "default", &key("https://a.example", None)).as_deref(), Some("sound"));
    assert_eq!(sessions.iter().count(), 1);
    assert!(fs::read_to_string(sessions.set_aside().unwrap()).unwrap().contains("spoilt"));
    assert_eq!(store.read().unwrap().iter().count(), 1);
}

#[test]
fn what_a_newer_version_wrote_is_neither_changed_nor_lost() {
    let (folder, store) = store();
    put(&store, "default", session("https://a.example", None, "t"));
    let mut document: Value = serde_json::from_slice(&fs::read(path(&folder)).unwrap()).unwrap();
    let newer = json!({ "version": 2, "what": "ever" });
    document["profiles"]["default"].as_array_mut().unwrap().push(newer.clone());
    fs::write(path(&folder), document.to_string()).unwrap();
    put(&store, "default", session("https://b.example", None, "u"));
    let after: Value = serde_json::from_slice(&fs::read(path(&folder)).unwrap()).unwrap();
    assert!(after["profiles"]["default"].as_array().unwrap().contains(&newer), "{after}");
    assert_eq!(store.read().unwrap().iter().count(), 2);

    let whole = r#"{"version":3,"profiles":"elsewhere"}"#;
    fs::write(path(&folder), whole).unwrap();
    assert!(matches!(store.read(), Err(StoreError::Newer { found: 3, .. })));
    let locked = store.try_lock().unwrap().unwrap();
    assert!(matches!(locked.read(NOW), Err(StoreError::Newer { .. })));
    assert_eq!(fs::read_to_string(path(&folder)).unwrap(), whole);
}

#[cfg(unix)]
#[test]
fn a_store_that_others_can_open_is_refused_and_not_mended_silently() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, store) = store();
    put(&store, "default", session("https://a.example", None, "t"));
    let file = path(&folder);
    for open in [0o640, 0o604, 0o620, 0o602, 0o666] {
        fs::set_permissions(&file, fs::Permissions::from_mode(open)).unwrap();
        let error = store.read().unwrap_err();
        assert!(matches!(error, StoreError::OpenToOthers(_)), "{open:o}: {error}");
        assert!(error.hint().unwrap().contains("chmod 600"));
        let locked = store.try_lock().unwrap().unwrap();
        assert!(matches!(locked.read(NOW), Err(StoreError::OpenToOthers(_))));
        assert_eq!(mode(&file), open);
    }
}

#[test]
fn errors_and_debug_output_hold_no_token() {
    let (folder, store) = store();
    put(&store, "default", session("https://a.example", None, "s3cr3t"));
    let sessions = store.read().unwrap();
    fs::write(path(&folder), r#"{"version":1,"profiles":{"default":[{"access_token":"s3cr3t"}]}}"#).unwrap();
    let error = store.read().unwrap_err();
    let shown = format!("{sessions:?} {store:?} {error} {error:?}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("r3fr3sh"), "{shown}");
}
