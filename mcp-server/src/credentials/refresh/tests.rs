//! Renewals against an issuer of the test's own, with a clock of the test's own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use auth_core::oauth::client_auth::AuthenticatedForm;
use auth_core::oauth::metadata::Issuer;
use auth_core::oauth::url::SecureUrl;
use auth_core::time::Instant;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::credentials::exchange::Answer;
use crate::credentials::logout::forget;
use crate::credentials::store::{FileStore, Selection};
use crate::error::Explain as _;

const START: i64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";

/// What the issuer does with the next request, in order; it then has nothing more to say.
type Script = Arc<Mutex<VecDeque<Box<dyn FnOnce() -> Result<(u16, Value), TokenError> + Send>>>>;

#[derive(Clone, Default)]
struct Fake {
    script: Script,
    seen: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Exchange for Fake {
    fn post(&self, url: &SecureUrl, form: &AuthenticatedForm) -> Result<Answer, TokenError> {
        assert_eq!(url.as_str(), "https://issuer.example/token");
        self.seen.lock().unwrap().push(form.body.expose().to_owned());
        let act = self.script.lock().unwrap().pop_front().expect("no request was expected");
        let (status, body) = act()?;
        Ok(Answer { status, body: Zeroizing::new(body.to_string().into_bytes()) })
    }
}

/// A store with one login of an hour, a script for the issuer, and the time.
struct World {
    folder: tempfile::TempDir,
    fake: Fake,
    time: Arc<AtomicI64>,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            fake: Fake::default(),
            time: Arc::new(AtomicI64::new(START)),
        };
        world.put(session("acc-1", Some("ref-1"), START));
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.json")
    }

    fn store(&self) -> FileStore {
        FileStore::new(self.path())
    }

    fn put(&self, session: StoredSession) {
        put(&self.store(), session);
    }

    fn stored(&self) -> StoredSession {
        self.store().read().unwrap().find(&Profile::default(), &key()).unwrap().clone()
    }

    fn login(&self) -> Login {
        let time = self.time.clone();
        let clock = move || {
            let wall = time.load(Ordering::Relaxed);
            let mono = Duration::from_secs(u64::try_from(wall - START).unwrap());
            Now { wall: UnixTime(wall), mono: Instant::from_start(mono) }
        };
        let store = Box::new(self.store());
        Login::with(store, Profile::default(), vec![key()], Box::new(self.fake.clone()), Box::new(clock))
    }

    fn at(&self, seconds: i64) {
        self.time.store(START + seconds, Ordering::Relaxed);
    }

    fn then(&self, act: impl FnOnce() -> Result<(u16, Value), TokenError> + Send + 'static) {
        self.fake.script.lock().unwrap().push_back(Box::new(act));
    }

    fn then_tokens(&self, access: &'static str, refresh: &'static str) {
        self.then(move || {
            Ok((200, json!({
                "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600,
            })))
        });
    }

    fn then_refused(&self, error: &'static str) {
        self.then(move || Ok((400, json!({ "error": error }))));
    }

    fn requests(&self) -> usize {
        self.fake.seen.lock().unwrap().len()
    }
}

fn put(store: &FileStore, session: StoredSession) {
    let locked = store.try_lock().unwrap().unwrap();
    let mut sessions = locked.read(UnixTime(START)).unwrap();
    sessions.put(Profile::default(), session);
    locked.write(&sessions).unwrap();
}

fn key() -> SessionKey {
    SessionKey::new(&Issuer::parse(ISSUER).unwrap(), Some("https://m4.example/mcp"))
}

fn session(access: &str, refresh: Option<&str>, issued_at: i64) -> StoredSession {
    let mut text = json!({
        "version": 1, "issuer": ISSUER, "resource": "https://m4.example/mcp", "client_id": "m4",
        "token_endpoint": "https://issuer.example/token", "token_type": "Bearer", "access_token": access,
        "scope": "a", "issued_at": UnixTime(issued_at).to_string(),
        "expires_at": UnixTime(issued_at + 3600).to_string(),
    });
    if let Some(refresh) = refresh {
        text["refresh_token"] = refresh.into();
    }
    StoredSession::parse(text.to_string().as_bytes()).unwrap()
}

fn token(login: &Login) -> String {
    login.current().unwrap().unwrap().access_token.expose().to_owned()
}

#[test]
fn a_login_is_renewed_five_minutes_early_and_kept() {
    let world = World::new();
    let login = world.login();
    world.at(3299);
    assert_eq!((token(&login).as_str(), world.requests()), ("acc-1", 0));
    world.at(3300);
    world.then_tokens("acc-2", "ref-2");
    assert_eq!(token(&login), "acc-2");
    assert_eq!(
        world.fake.seen.lock().unwrap()[0],
        "grant_type=refresh_token&refresh_token=ref-1&resource=https%3A%2F%2Fm4.example%2Fmcp&client_id=m4"
    );
    let stored = world.stored();
    assert!(stored.access_token.matches("acc-2"));
    assert!(stored.refresh_token.as_ref().unwrap().matches("ref-2"));
    assert_eq!(stored.expires_at, Some(UnixTime(START + 3300 + 3600)));
    assert_eq!((token(&login).as_str(), world.requests()), ("acc-2", 1));
    assert_eq!(token(&world.login()), "acc-2", "another process has it too");
}

#[test]
fn nobody_logged_in_is_no_error() {
    let world = World::new();
    std::fs::remove_file(world.path()).unwrap();
    assert!(world.login().current().unwrap().is_none());
    assert!(!world.path().exists());
}

#[test]
fn many_that_need_it_at_once_spend_the_refresh_token_once() {
    let world = World::new();
    world.at(4000);
    world.then_tokens("acc-2", "ref-2");
    let logins: Vec<_> = (0..16).map(|_| world.login()).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = logins.iter().map(|login| scope.spawn(|| token(login))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), "acc-2");
        }
    });
    assert_eq!(world.requests(), 1);
}

#[test]
fn the_lock_is_held_from_reading_to_writing() {
    let world = World::new();
    world.at(4000);
    let store = world.store();
    world.then(move || {
        assert!(store.try_lock().unwrap().is_none(), "the lock is free while the refresh token is spent");
        Ok((200, json!({ "access_token": "acc-2", "token_type": "Bearer", "expires_in": 3600 })))
    });
    assert_eq!(token(&world.login()), "acc-2");
    assert!(world.stored().refresh_token.unwrap().matches("ref-1"), "no new one came");
    assert!(world.store().try_lock().unwrap().is_some(), "and free afterwards");
}

#[test]
fn an_issuer_out_of_reach_costs_nothing_while_the_token_lives() {
    let world = World::new();
    let login = world.login();
    world.at(3300);
    world.then(|| Err(TokenError::Unreachable));
    assert_eq!(token(&login), "acc-1");
    world.at(3310);
    assert_eq!((token(&login).as_str(), world.requests()), ("acc-1", 1));
    world.at(3340);
    world.then(|| Ok((503, json!({}))));
    assert_eq!((token(&login).as_str(), world.requests()), ("acc-1", 2));

    world.at(3600);
    world.then(|| Err(TokenError::Unreachable));
    let error = login.current().unwrap_err();
    assert!(matches!(error, LoginError::NotRenewed { source: TokenError::Unreachable, .. }), "{error}");
    assert!(error.hint().unwrap().contains("network"));
    assert!(world.stored().refresh_token.unwrap().matches("ref-1"), "nothing is thrown away");

    world.at(3610);
    world.then_tokens("acc-2", "ref-2");
    assert_eq!(token(&login), "acc-2");
}

#[test]
fn a_login_the_issuer_ended_is_over_and_not_asked_about_again() {
    let world = World::new();
    let login = world.login();
    world.at(3300);
    world.then_refused("invalid_grant");
    for _ in 0..3 {
        let error = login.current().unwrap_err();
        assert_eq!(error.to_string(), "the login at https://issuer.example is over");
        assert!(error.hint().unwrap().contains("m4 login"));
    }
    assert_eq!(world.requests(), 1);
    assert!(world.stored().access_token.matches("acc-1"), "it is for `m4 logout` to remove");
    world.put(session("acc-9", Some("ref-9"), START + 3300));
    assert_eq!(token(&login), "acc-9", "a new login counts at once");
}

#[test]
fn who_was_overtaken_takes_the_winners_login_instead_of_giving_up() {
    let world = World::new();
    world.at(3300);
    let path = world.path();
    world.then(move || {
        // As a program would that knows the file but not the lock.
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("acc-1", "acc-2").replace("ref-1", "ref-2");
        std::fs::write(&path, text).unwrap();
        Ok((400, json!({ "error": "invalid_grant" })))
    });
    assert_eq!(token(&world.login()), "acc-2");
}

#[test]
fn answers_that_hold_no_tokens_change_nothing() {
    for (status, body) in [
        (200, json!({ "error": "invalid_request" })),
        (200, json!("<html>")),
        (302, json!({})),
        (401, json!({ "error": "invalid_client" })),
        (200, json!({ "access_token": "a b", "token_type": "Bearer" })),
    ] {
        let world = World::new();
        let before = std::fs::read(world.path()).unwrap();
        world.at(3700);
        world.then(move || Ok((status, body)));
        let error = world.login().current().unwrap_err();
        assert!(matches!(error, LoginError::NotRenewed { .. }), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(std::fs::read(world.path()).unwrap(), before);
    }
}

#[test]
fn without_a_refresh_token_a_login_lasts_as_long_as_its_token() {
    let world = World::new();
    world.put(session("acc-1", None, START));
    let login = world.login();
    world.at(3599);
    assert_eq!(token(&login), "acc-1");
    world.at(3600);
    assert!(matches!(login.current(), Err(LoginError::Over { .. })));
}

#[test]
fn a_lock_that_is_never_given_back_stops_nobody_whose_token_lives() {
    let world = World::new();
    let store = world.store();
    let _held = store.try_lock().unwrap().unwrap();
    let mut login = world.login();
    login.patience = Duration::from_millis(1);
    world.at(3599);
    assert_eq!(token(&login), "acc-1");
    world.at(3600);
    let error = login.current().unwrap_err();
    assert!(matches!(error, LoginError::Busy { .. }), "{error}");
}

#[test]
fn a_damaged_store_is_said_once_and_is_then_empty() {
    let world = World::new();
    std::fs::write(world.path(), "{").unwrap();
    let login = world.login();
    let error = login.current().unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(error.hint().unwrap().contains("m4 login"));
    assert!(login.current().unwrap().is_none());
}

#[test]
fn no_refresh_token_is_spent_where_its_successor_could_not_be_kept() {
    let world = World::new();
    let mut login = world.login();
    login.store = Box::new(FullDisk(world.store()));
    world.at(3599);
    assert_eq!(token(&login), "acc-1");
    world.at(3600);
    assert!(matches!(login.current(), Err(LoginError::Store(StoreError::Unwritable { .. }))));
    assert_eq!(world.requests(), 0);
}

#[test]
fn a_renewal_that_comes_after_a_logout_does_not_put_the_login_back() {
    let world = World::new();
    let mut login = world.login();
    login.store = Box::new(LogsOutFirst(world.store()));
    world.at(3700);
    assert!(login.current().unwrap().is_none(), "it was due, and then it was gone");
    assert_eq!(world.requests(), 0, "nothing is spent of a login that is over");
    assert!(world.store().read().unwrap().is_empty());
}

/// Somebody logs out between the look at the store and the lock.
#[derive(Debug)]
struct LogsOutFirst(FileStore);

impl SessionStore for LogsOutFirst {
    fn read(&self) -> Result<Sessions, StoreError> {
        self.0.read()
    }

    fn try_lock(&self) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
        let forgotten = forget(&self.0, &Selection::default(), UnixTime(START)).unwrap();
        assert_eq!(forgotten.logins.len(), 1);
        self.0.try_lock()
    }
}

/// Reads and locks, and cannot write.
#[derive(Debug)]
struct FullDisk(FileStore);

struct LockedFullDisk<'a>(Box<dyn LockedStore + 'a>);

impl SessionStore for FullDisk {
    fn read(&self) -> Result<Sessions, StoreError> {
        self.0.read()
    }

    fn try_lock(&self) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError> {
        let locked = self.0.try_lock()?;
        Ok(locked.map(|locked| -> Box<dyn LockedStore + '_> { Box::new(LockedFullDisk(locked)) }))
    }
}

impl LockedStore for LockedFullDisk<'_> {
    fn read(&self, now: UnixTime) -> Result<Sessions, StoreError> {
        self.0.read(now)
    }

    fn write(&self, _: &Sessions) -> Result<(), StoreError> {
        let source = std::io::ErrorKind::StorageFull.into();
        Err(StoreError::Unwritable { path: PathBuf::new(), source })
    }
}
