//! Stored logins beside a keyring: servers that seal, share and renew them with a real Secret Service, and go without where
//! there is none.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use m4_tests::issuer::{MockIssuer, Options, Refreshes};
use m4_tests::sandbox::Sandbox;
use m4_tests::secret_service::SecretService;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::logins::{log_in, without_token};
use crate::setup::{COUNT_PATIENTS, DEADLINE, call, issuer, skip, sql, start};
use crate::stored_logins::LONG_AGO;

/// A session with a keyring, or a line that says what is not tested.
fn service() -> Option<SecretService> {
    let service = SecretService::start().unwrap();
    if service.is_none() {
        skip(
            "dbus-daemon or gnome-keyring-daemon is not installed, so no login is sealed with a real keyring",
        );
    }
    service
}

/// What the issuer says is over at once, so every call renews; the tokens themselves live on.
fn issuer_of_short_tokens() -> MockIssuer {
    MockIssuer::start(Options { stated_lifetime: Some(0), ..Options::default() })
}

fn on_the_bus(sandbox: &Sandbox, address: &str) -> Sandbox {
    sandbox.clone().with("M4_LOGIN_KEYRING", "auto").with("DBUS_SESSION_BUS_ADDRESS", address)
}

fn file(sandbox: &Sandbox) -> Value {
    serde_json::from_slice(&fs::read(sandbox.config_dir().join("tokens.json")).unwrap()).unwrap()
}

fn is_sealed(sandbox: &Sandbox) -> bool {
    let document = file(sandbox);
    let has = |name| document.get(name).is_some();
    assert!(has("version") && has("sealed") != has("profiles"), "{document}");
    has("sealed")
}

fn works(server: &mut RawServer) {
    let reply = call(server, "whoami", json!({}));
    assert!(!reply.is_error, "{}\n{}", reply.text, server.stderr());
}

fn refusal(sandbox: &Sandbox) -> String {
    sql(&mut start(sandbox), COUNT_PATIENTS).refusal().to_owned()
}

#[test]
fn a_login_is_sealed_shared_and_renewed_with_a_real_keyring() {
    let Some(mut service) = service() else { return };
    let issuer = issuer_of_short_tokens();
    let home = without_token(&issuer);
    let here = on_the_bus(&home, service.address());
    log_in(&here, &issuer, LONG_AGO);
    assert!(!is_sealed(&here));
    let mut first = start(&here);
    works(&mut first);
    assert!(is_sealed(&here));
    let text = file(&here).to_string();
    assert!(!text.contains(issuer.url()) && !text.contains("token"), "{text}");
    let key = file(&here)["sealed"]["key"].clone();

    // Another process opens it, renews it, and seals it again.
    works(&mut start(&here));
    works(&mut first);
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 3, reused: 0 });
    assert_eq!(file(&here)["sealed"]["key"], key);

    // Who has the key goes on while the keyring is locked; who comes new is told, and changes nothing.
    service.lock().unwrap();
    works(&mut first);
    let before = file(&here);
    let said = refusal(&here);
    assert!(said.contains("the keyring is locked") && said.contains("unlock the keyring"), "{said}");
    assert_eq!(file(&here), before);
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 4, reused: 0 });

    // Nor does a shell without a session, as over ssh.
    let elsewhere = on_the_bus(&home, "unix:path=/nonexistent/bus");
    let said = refusal(&elsewhere);
    assert!(said.contains("no keyring can be reached") && said.contains("m4 login"), "{said}");
    assert_eq!(file(&here), before);

    // The key is there after the next log-in, and switching keyrings off takes the seal away.
    service.log_in_again().unwrap();
    let here = on_the_bus(&home, service.address());
    works(&mut start(&here));
    assert!(is_sealed(&here));
    works(&mut start(&here.clone().with("M4_LOGIN_KEYRING", "off")));
    assert!(!is_sealed(&here));
    works(&mut start(&elsewhere));
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 7, reused: 0 });
}

#[test]
fn servers_that_seal_a_login_at_once_with_a_real_keyring_lose_none() {
    const SERVERS: u64 = 4;
    const CALLS: u64 = 5;
    let Some(service) = service() else { return };
    let issuer = issuer_of_short_tokens();
    let sandbox = on_the_bus(&without_token(&issuer), service.address());
    log_in(&sandbox, &issuer, LONG_AGO);
    std::thread::scope(|scope| {
        for _ in 0..SERVERS {
            scope.spawn(|| {
                let mut server = start(&sandbox);
                (0..CALLS).for_each(|_| works(&mut server));
            });
        }
    });
    assert!(is_sealed(&sandbox));
    assert_eq!(issuer.refreshes(), Refreshes { rotated: SERVERS * CALLS, reused: 0 });
}

#[test]
fn without_a_session_bus_a_login_is_renewed_as_it_is_and_nothing_is_said() {
    let issuer = issuer();
    let sandbox = on_the_bus(&without_token(&issuer), "unix:path=/nonexistent/bus");
    log_in(&sandbox, &issuer, LONG_AGO);
    let mut server = start(&sandbox);
    works(&mut server);
    assert!(!is_sealed(&sandbox));
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
    let said = server.close_and_wait(DEADLINE).unwrap().stderr;
    assert!(!said.contains("keyring"), "{said}");
}

#[test]
fn a_session_bus_that_hangs_costs_seconds_and_no_login() {
    let issuer = issuer();
    let home = without_token(&issuer);
    let path = home.root().join("bus");
    let _nobody_accepts = UnixListener::bind(&path).unwrap();
    let sandbox = on_the_bus(&home, &format!("unix:path={}", path.display()));
    log_in(&sandbox, &issuer, LONG_AGO);
    let mut server = start(&sandbox);
    let asked = Instant::now();
    works(&mut server);
    assert!(asked.elapsed() < DEADLINE, "the keyring was waited for");
    assert!(!is_sealed(&sandbox));
    works(&mut server);
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
    // The question that nobody answers does not keep the server from ending.
    assert!(server.close_and_wait(DEADLINE).unwrap().elapsed < Duration::from_secs(10));
}
