//! Logouts beside renewals in other processes, and issuers that do not answer.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::JoinHandle;

use auth_core::oauth::client::redirect::ProviderError;
use serde_json::{Value, json};

use super::*;
use crate::credentials::store::{FileStore, LockedStore};

const NOW: UnixTime = UnixTime(1_800_000_000);

fn session(issuer: &str, changes: Value) -> StoredSession {
    let mut text = json!({
        "version": 1, "issuer": issuer, "client_id": "m4", "token_endpoint": "https://i.example/token",
        "token_type": "Bearer", "access_token": "acc3ss", "refresh_token": "r3fr3sh", "scope": "a",
        "issued_at": NOW.to_string(),
    });
    let Value::Object(changes) = changes else { panic!() };
    text.as_object_mut().unwrap().extend(changes);
    StoredSession::parse(text.to_string().as_bytes()).unwrap()
}

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

fn of_profile(name: &str) -> Selection {
    Selection { profile: Some(profile(name)), ..Selection::default() }
}

/// A store with these logins, and the folder it is in.
fn store(logins: &[(&str, StoredSession)]) -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("m4/tokens.json"));
    if !logins.is_empty() {
        let mut sessions = Sessions::default();
        for (name, session) in logins {
            sessions.put(profile(name), session.clone());
        }
        store.try_lock().unwrap().unwrap().write(&sessions).unwrap();
    }
    (folder, store)
}

fn issuers(sessions: &Sessions) -> Vec<String> {
    sessions.iter().map(|(profile, session)| format!("{profile} {}", session.issuer.as_str())).collect()
}

#[test]
fn what_is_meant_leaves_the_store_and_nothing_else_does() {
    let logins = [
        ("default", session("https://a.example", json!({}))),
        ("default", session("https://b.example", json!({ "resource": "https://m4.example/mcp" }))),
        ("work", session("https://a.example", json!({}))),
    ];
    let by_issuer = Selection { issuer: Some("https://a.example".into()), ..of_profile("default") };
    let by_resource =
        Selection { resource: Some("HTTPS://m4.example:443/mcp".into()), ..of_profile("default") };
    for (which, left) in [
        (of_profile("default"), &["work https://a.example"][..]),
        (by_issuer, &["default https://b.example", "work https://a.example"]),
        (by_resource, &["default https://a.example", "work https://a.example"]),
        (Selection::default(), &[]),
    ] {
        let (_folder, store) = store(&logins);
        let forgotten = forget(&store, &which, NOW).unwrap();
        assert_eq!(forgotten.logins.len() + left.len(), logins.len(), "{which:?}");
        assert_eq!(issuers(&forgotten.left), left, "{which:?}");
        assert_eq!(issuers(&store.read().unwrap()), left, "{which:?}");
    }
}

#[test]
fn where_nobody_is_logged_in_nothing_is_written() {
    let (folder, store) = store(&[]);
    assert!(forget(&store, &Selection::default(), NOW).unwrap().is_nothing());
    assert!(!folder.path().join("m4").exists());
}

#[test]
fn logins_of_a_newer_version_go_with_their_profile() {
    let (folder, store) = store(&[("default", session("https://a.example", json!({})))]);
    let path = folder.path().join("m4/tokens.json");
    let newer = json!({ "version": 9 });
    let text = json!({ "version": 1, "profiles": { "default": [newer], "work": [newer, newer] } });
    std::fs::write(&path, text.to_string()).unwrap();
    let by_issuer = Selection { issuer: Some("https://a.example".into()), ..of_profile("work") };
    assert!(forget(&store, &by_issuer, NOW).unwrap().is_nothing(), "nobody can tell whose they are");
    assert_eq!(forget(&store, &of_profile("work"), NOW).unwrap().not_understood, 2);
    assert_eq!(forget(&store, &Selection::default(), NOW).unwrap().not_understood, 1);
    assert!(!std::fs::read_to_string(&path).unwrap().contains('9'));
}

#[test]
fn a_damaged_store_is_kept_aside_and_what_is_sound_of_it_logged_out() {
    let (folder, store) = store(&[("default", session("https://a.example", json!({})))]);
    let path = folder.path().join("m4/tokens.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"default\": [", "\"default\": [ 7,")).unwrap();
    let forgotten = forget(&store, &of_profile("default"), NOW).unwrap();
    assert_eq!(forgotten.logins.len(), 1);
    assert!(forgotten.set_aside.unwrap().exists());
    assert!(store.read().unwrap().is_empty());

    std::fs::write(&path, "{").unwrap();
    let forgotten = forget(&store, &of_profile("default"), NOW).unwrap();
    assert!(forgotten.is_nothing() && forgotten.set_aside.is_some());
}

#[test]
fn a_store_that_cannot_be_read_is_emptied_only_where_every_login_is_meant() {
    let (folder, store) = store(&[("default", session("https://a.example", json!({})))]);
    let path = folder.path().join("m4/tokens.json");
    std::fs::write(&path, json!({ "version": 9, "profiles": {} }).to_string()).unwrap();
    let error = forget(&store, &of_profile("default"), NOW).unwrap_err();
    assert!(matches!(error, LoginError::Store(StoreError::Newer { .. })), "{error}");
    assert!(std::fs::read_to_string(&path).unwrap().contains('9'), "nothing changed");
    let forgotten = forget(&store, &Selection::default(), NOW).unwrap();
    assert!(matches!(forgotten.unread, Some(StoreError::Newer { .. })));
    assert!(store.read().unwrap().is_empty());
}

#[test]
fn a_logout_waits_for_a_renewal_and_ends_what_came_of_it() {
    let (_folder, store) = store(&[("default", session("https://a.example", json!({})))]);
    let renewing = store.try_lock().unwrap().unwrap();
    let mut sessions = renewing.read(NOW).unwrap();
    let (tries, tried) = mpsc::channel();
    let waiting = Watched { store: store.clone(), tries };
    let logout = std::thread::spawn(move || forget(&waiting, &of_profile("default"), NOW).unwrap());
    tried.recv().unwrap();
    let renewed = json!({ "access_token": "acc3ss-2", "refresh_token": "r3fr3sh-2" });
    sessions.put(profile("default"), session("https://a.example", renewed));
    renewing.write(&sessions).unwrap();
    drop(renewing);
    let forgotten = logout.join().unwrap();
    assert!(forgotten.logins[0].1.access_token.matches("acc3ss-2"), "the newest tokens are to be revoked");
    assert!(store.read().unwrap().is_empty(), "and the renewal did not put the login back");
}

/// Tells of every try to take the lock, once it was made.
#[derive(Debug)]
struct Watched {
    store: FileStore,
    tries: mpsc::Sender<()>,
}

impl SessionStore for Watched {
    fn read(&self) -> Result<Sessions, StoreError> {
        self.store.read()
    }

    fn try_lock(&self) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
        let locked = self.store.try_lock();
        let _ = self.tries.send(());
        locked
    }
}

#[test]
fn a_lock_that_is_never_given_back_is_said() {
    let (_folder, store) = store(&[("default", session("https://a.example", json!({})))]);
    let _held = store.try_lock().unwrap().unwrap();
    let error = forget_within(&store, &Selection::default(), NOW, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, LoginError::Busy { .. }), "{error}");
    assert!(!store.read().unwrap().is_empty(), "what is still renewed is still stored");
}

/// Answers one request after another with these; gives the bodies that came.
fn answering<const N: usize>(answers: [&str; N]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/revoke", listener.local_addr().unwrap());
    let answers = answers.map(str::to_owned);
    let server = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut text, mut chunk) = (String::new(), [0; 4096]);
            while !text.ends_with("client_id=m4") {
                let length = stream.read(&mut chunk).unwrap();
                assert_ne!(length, 0, "{text}");
                text.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
            }
            stream.write_all(answer.as_bytes()).unwrap();
            seen.push(text.split("\r\n\r\n").nth(1).unwrap().to_owned());
        }
        seen
    });
    (url, server)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn the_refresh_token_is_given_back_before_the_access_token() {
    let (url, server) = answering([OK, OK]);
    let login = session("http://127.0.0.1:1", json!({ "revocation_endpoint": url }));
    let outcome = revoke(&[(profile("default"), login)], Duration::from_secs(30));
    assert_eq!(outcome, [Revocation { refresh_token: Some(Ok(())), access_token: Ok(()) }]);
    assert_eq!(
        server.join().unwrap(),
        [
            "token=r3fr3sh&token_type_hint=refresh_token&client_id=m4",
            "token=acc3ss&token_type_hint=access_token&client_id=m4",
        ]
    );
}

#[test]
fn every_way_not_to_revoke_is_told_and_one_login_does_not_spoil_the_next() {
    let refused = "HTTP/1.1 400 B\r\ncontent-length: 34\r\nconnection: close\r\n\r\n{\"error\":\"unsupported_token_type\"}";
    let down = "HTTP/1.1 503 D\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let redirect = format!(
        "HTTP/1.1 307 T\r\nlocation: http://{}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        elsewhere.local_addr().unwrap()
    );
    let (first, first_server) = answering([OK, refused]);
    let (second, second_server) = answering([&redirect, down]);
    let logins = [
        session("http://127.0.0.1:1", json!({ "revocation_endpoint": first })),
        session("http://127.0.0.1:1", json!({ "revocation_endpoint": second })),
        session("https://a.example", json!({ "refresh_token": null })),
        session("https://a.example", json!({})),
    ];
    let logins = logins.map(|login| (profile("default"), login));
    let outcomes = revoke(&logins, Duration::from_secs(30));
    let code = ProviderError { error: "unsupported_token_type".into(), description: None };
    assert_eq!(
        outcomes,
        [
            Revocation { refresh_token: Some(Ok(())), access_token: Err(RevocationError::Refused(code)) },
            Revocation {
                refresh_token: Some(Err(RevocationError::Redirected)),
                access_token: Err(RevocationError::Status { status: 503 }),
            },
            Revocation { refresh_token: None, access_token: Err(RevocationError::NotOffered) },
            Revocation {
                refresh_token: Some(Err(RevocationError::NotOffered)),
                access_token: Err(RevocationError::NotOffered),
            },
        ]
    );
    first_server.join().unwrap();
    second_server.join().unwrap();
    assert!(elsewhere.accept().is_err(), "no token went where the redirect points");
}

#[test]
fn an_issuer_that_hangs_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/revoke", silent.local_addr().unwrap());
    let login = session("http://127.0.0.1:1", json!({ "revocation_endpoint": url }));
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = done.send(revoke(&[(profile("default"), login)], Duration::from_millis(50)));
    });
    // The exchange's own limit is ten seconds for each of the two tokens.
    let outcome = ended.recv_timeout(Duration::from_secs(9)).unwrap();
    let silence = || Err(RevocationError::Unreachable);
    assert_eq!(outcome, [Revocation { refresh_token: Some(silence()), access_token: silence() }]);
}
