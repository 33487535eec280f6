//! Stored logins: servers that take their token from `tokens.json` and renew it, several at once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use m4_tests::issuer::{Endpoint, Fault, MockIssuer, Options, Refreshes, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::setup::{COUNT_PATIENTS, DEADLINE, call, issuer, protected, sql, start, with_sample};
use crate::stored_logins::{LONG_AGO, login, store, stored};

/// OAuth2 on, and no token configured.
fn without_token(issuer: &MockIssuer) -> Sandbox {
    protected(with_sample(), issuer).without("M4_OAUTH2_TOKEN_FILE")
}

/// Stores a login that expires, or expired, then.
fn log_in(sandbox: &Sandbox, issuer: &MockIssuer, expires_at: &str) {
    let mut login = login(issuer);
    login["access_token"] = json!(issuer.mint(TokenSpec::new().expires_in(-3600)));
    login["issued_at"] = json!("2026-01-01T00:00:00Z");
    login["expires_at"] = json!(expires_at);
    store(sandbox, &[("default", login)]);
}

#[test]
fn a_server_without_a_token_uses_the_stored_login_and_renews_it() {
    let issuer = issuer();
    let sandbox = without_token(&issuer);
    let mut server = start(&sandbox);
    assert!(sql(&mut server, COUNT_PATIENTS).refusal().contains("Missing OAuth2 access token"));
    log_in(&sandbox, &issuer, LONG_AGO);
    for _ in 0..3 {
        assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    }
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
    let renewed = stored(&sandbox, "default");
    assert_eq!(renewed["token_endpoint"], json!(issuer.token_endpoint()));
    assert_ne!(renewed["expires_at"], json!(LONG_AGO));
}

#[test]
fn eight_servers_that_renew_at_every_call_lose_no_login() {
    const SERVERS: usize = 8;
    const CALLS: usize = 25;
    // What the issuer says is over at once, so every call renews; the tokens themselves live on.
    let issuer = MockIssuer::start(Options { stated_lifetime: Some(0), ..Options::default() });
    let sandbox = without_token(&issuer);
    log_in(&sandbox, &issuer, LONG_AGO);
    std::thread::scope(|scope| {
        for _ in 0..SERVERS {
            scope.spawn(|| {
                let mut server = start(&sandbox);
                for _ in 0..CALLS {
                    let reply = call(&mut server, "whoami", json!({}));
                    assert!(!reply.is_error, "{}\n{}", reply.text, server.stderr());
                }
            });
        }
    });
    let renewed = u64::try_from(SERVERS * CALLS).unwrap();
    assert_eq!(issuer.refreshes(), Refreshes { rotated: renewed, reused: 0 });
}

#[test]
fn a_server_that_is_left_while_it_renews_keeps_what_it_is_given() {
    let issuer = issuer();
    let sandbox = without_token(&issuer);
    log_in(&sandbox, &issuer, LONG_AGO);
    // Longer than a server that is left takes to end by itself.
    issuer.delay(Endpoint::Token, Duration::from_secs(4));
    let mut server = start(&sandbox);
    server.start_request("tools/call", &json!({ "name": "whoami", "arguments": {} })).unwrap();
    let asked = Instant::now();
    while issuer.counters().token == 0 {
        assert!(asked.elapsed() < DEADLINE, "the issuer is not asked; {}", server.stderr());
        std::thread::yield_now();
    }
    server.close_and_wait(DEADLINE).unwrap();
    assert_ne!(stored(&sandbox, "default")["expires_at"], json!(LONG_AGO));
    issuer.delay(Endpoint::Token, Duration::ZERO);
    assert!(!call(&mut start(&sandbox), "whoami", json!({})).is_error);
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
}

#[test]
fn servers_that_find_an_expired_login_at_once_renew_it_once() {
    let issuer = issuer();
    let sandbox = without_token(&issuer);
    log_in(&sandbox, &issuer, LONG_AGO);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let reply = call(&mut start(&sandbox), "whoami", json!({}));
                assert!(!reply.is_error, "{}", reply.text);
            });
        }
    });
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
}

#[test]
fn a_login_that_cannot_be_renewed_says_what_to_do_and_shows_no_token() {
    let issuer = issuer();
    let sandbox = without_token(&issuer).with("M4_LOG", "trace");
    log_in(&sandbox, &issuer, LONG_AGO);
    let login = stored(&sandbox, "default");
    let mut server = start(&sandbox);
    issuer.fail(Endpoint::Token, Fault::Oversize);
    let reply = sql(&mut server, COUNT_PATIENTS);
    let refusal = reply.refusal();
    assert!(refusal.contains("the login has expired and was not renewed"), "{refusal}");
    issuer.fail(Endpoint::Token, None);

    // Somebody else spends it: the family ends.
    let mut spent = login.clone();
    spent["refresh_token"] = json!("unknown-refresh-token");
    store(&sandbox, &[("default", spent)]);
    let reply = sql(&mut server, COUNT_PATIENTS);
    assert_eq!(
        reply.refusal(),
        "Error: Missing OAuth2 access token: the login is over\nHint: run `m4 login`"
    );
    let said = server.close_and_wait(DEADLINE).unwrap().stderr;
    assert!(said.contains("the login was not renewed"), "{said}");
    for member in ["access_token", "refresh_token", "client_secret"] {
        assert!(!said.contains(login[member].as_str().unwrap()), "{member} is in the log");
    }
}

#[test]
fn a_damaged_store_is_kept_and_one_open_to_others_is_refused() {
    let issuer = issuer();
    let sandbox = without_token(&issuer);
    log_in(&sandbox, &issuer, LONG_AGO);
    let path = sandbox.config_dir().join("tokens.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut server = start(&sandbox);
    let reply = sql(&mut server, COUNT_PATIENTS);
    assert!(reply.refusal().contains("open to other users"), "{}", reply.text);
    assert!(reply.refusal().contains("chmod 600"), "{}", reply.text);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "{\"version\":1,").unwrap();
    let reply = sql(&mut server, COUNT_PATIENTS);
    assert!(reply.refusal().contains("damaged"), "{}", reply.text);
    let kept = fs::read_dir(sandbox.config_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    let kept: Vec<_> =
        kept.filter(|name| name.to_string_lossy().starts_with("tokens.json.corrupt-")).collect();
    assert_eq!(kept.len(), 1);
    log_in(&sandbox, &issuer, LONG_AGO);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    let said = server.close_and_wait(DEADLINE).unwrap().stderr;
    assert!(said.contains("the stored logins were damaged"), "{said}");
}
