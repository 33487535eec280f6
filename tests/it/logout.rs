//! `m4 logout`: what it ends here, what it ends at the issuer, and issuers that do not help.

use std::fs;
use std::time::Duration;

use m4_tests::cli::{Output, m4};
use m4_tests::issuer::{Endpoint, Fault, MockIssuer, Refreshes, Revoked};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{call, empty, eventually, issuer, protected, start};
use crate::stored_logins::{LONG_AGO, login, store, stored};

/// Where everybody can log out: no configuration but the folder.
fn logged_in(issuer: &MockIssuer) -> (Sandbox, Value) {
    let (sandbox, login) = (empty(), login(issuer));
    store(&sandbox, &[("default", login.clone())]);
    (sandbox, login)
}

fn logout(sandbox: &Sandbox, flags: &[&str]) -> Output {
    m4(sandbox, ["logout"].iter().chain(flags)).unwrap()
}

fn revoked(hint: &str, login: &Value) -> Revoked {
    let name = if hint == "refresh_token" { "refresh_token" } else { "access_token" };
    Revoked { hint: hint.to_owned(), token: login[name].as_str().unwrap().to_owned() }
}

#[track_caller]
fn assert_no_secret(output: &Output, login: &Value) {
    for name in ["access_token", "refresh_token", "client_secret"] {
        let secret = login[name].as_str().unwrap();
        assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{name}: {output:?}");
    }
}

#[test]
fn a_logout_revokes_the_refresh_token_then_the_access_token_and_removes_both() {
    let issuer = issuer();
    let (sandbox, login) = logged_in(&issuer);
    let sandbox = sandbox.with("M4_LOG", "trace");
    let output = logout(&sandbox, &[]);
    assert_eq!(
        (output.code, output.stdout),
        (Some(0), format!("logged out of {} (profile default); its tokens are revoked\n", issuer.url()))
    );
    assert_eq!(issuer.revoked(), [revoked("refresh_token", &login), revoked("access_token", &login)]);
    assert!(stored(&sandbox, "default").is_null());
    assert!(!output.stderr.contains("warning") && !output.stderr.contains("error"), "{}", output.stderr);
    let output = logout(&sandbox, &[]);
    assert_eq!(output.stdout, "nobody is logged in (profile default)\n");
    assert_eq!((output.code, issuer.counters().revocation), (Some(0), 2), "once is enough");
}

#[test]
fn whatever_the_issuer_does_the_login_is_gone_here_and_what_still_works_is_said() {
    for (fault, says) in [
        (Some(Fault::Hang), "the revocation endpoint did not answer"),
        (Some(Fault::Status(503)), "the revocation endpoint answered with status 503"),
        (Some(Fault::Redirect), "the revocation endpoint redirects"),
        (Some(Fault::Status(400)), "the revocation endpoint answered with status 400"),
    ] {
        let issuer = issuer();
        let (sandbox, login) = logged_in(&issuer);
        issuer.fail(Endpoint::Revocation, fault);
        let output = logout(&sandbox, &[]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(output.stdout, format!("logged out of {} (profile default)\n", issuer.url()));
        for token in ["refresh", "access"] {
            let text = format!("the {token} token is not revoked: {says}");
            assert!(output.stderr.contains(&text), "{text}: {}", output.stderr);
        }
        assert!(output.stderr.contains("it expires in 3 hours"), "{}", output.stderr);
        assert!(stored(&sandbox, "default").is_null());
        assert_no_secret(&output, &login);
        assert_eq!(issuer.counters().redirected, 0, "no token follows a redirect");
        assert!(output.elapsed < Duration::from_secs(9), "{:?}", output.elapsed);
    }
}

#[test]
fn an_issuer_that_is_gone_or_refuses_or_offers_no_revocation_is_said() {
    let refusing = issuer();
    let (sandbox, login) = logged_in(&refusing);
    refusing.refuse_to_revoke("access_token");
    let output = logout(&sandbox, &[]);
    assert_eq!(refusing.revoked(), [revoked("refresh_token", &login)]);
    assert!(!output.stderr.contains("the refresh token"), "{}", output.stderr);
    assert!(output.stderr.contains("refused: `unsupported_token_type`"), "{}", output.stderr);

    let mut without = login.clone();
    without.as_object_mut().unwrap().remove("revocation_endpoint");
    store(&sandbox, &[("default", without)]);
    let output = logout(&sandbox, &[]);
    assert_eq!(output.code, Some(0));
    assert!(output.stderr.contains("the authorization server offers no revocation"), "{}", output.stderr);

    store(&sandbox, &[("default", login)]);
    drop(refusing);
    let output = logout(&sandbox, &[]);
    assert!(output.stderr.contains("the revocation endpoint did not answer"), "{}", output.stderr);
    assert_eq!((output.code, stored(&sandbox, "default")), (Some(0), Value::Null));
}

#[test]
fn all_logins_of_the_profile_end_or_the_one_that_is_named_or_everybodys() {
    let (ours, other) = (issuer(), issuer());
    let sandbox = empty();
    let everybody = || {
        let mut for_mcp = login(&ours);
        for_mcp["resource"] = json!("https://m4.example/mcp");
        store(
            &sandbox,
            &[
                ("default", login(&ours)),
                ("default", for_mcp),
                ("default", login(&other)),
                ("work", login(&ours)),
            ],
        );
    };
    let left = || {
        let text = fs::read_to_string(sandbox.config_dir().join("tokens.json")).unwrap();
        let text: Value = serde_json::from_str(&text).unwrap();
        let count = |profile: &str| text["profiles"][profile].as_array().map_or(0, Vec::len);
        (count("default"), count("work"))
    };
    for (flags, expected) in [
        (&["--issuer", other.url()][..], (2, 1)),
        (&["--issuer", ours.url()], (1, 1)),
        (&["--resource", "https://m4.example/mcp"], (2, 1)),
        (&[], (0, 1)),
        (&["--profile", "work"], (3, 0)),
        (&["--all"], (0, 0)),
    ] {
        everybody();
        let output = logout(&sandbox, flags);
        assert_eq!((output.code, left()), (Some(0), expected), "{flags:?}: {output:?}");
    }
    everybody();
    let misspelt = logout(&sandbox, &["--issuer", &format!("{}/", other.url())]);
    assert_eq!((misspelt.code, left()), (Some(1), (3, 1)));
    assert!(misspelt.stderr.contains("there is no such login") && misspelt.stderr.contains(other.url()));
    assert_eq!(logout(&sandbox, &["--all", "--issuer", other.url()]).code, Some(2));
}

#[test]
fn no_configuration_and_no_mistake_in_it_keeps_anybody_logged_in() {
    let issuer = issuer();
    let (sandbox, _) = logged_in(&issuer);
    fs::write(sandbox.config_dir().join("config.toml"), "[oauth2\nenabled = ").unwrap();
    let broken = sandbox
        .clone()
        .with("M4_OAUTH2_ENABLED", "perhaps")
        .with("M4_LOG_FILE", sandbox.root().join("no/such/folder/m4.log"))
        .without("M4_DATA_DIR");
    let output = logout(&broken, &[]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(stored(&sandbox, "default").is_null());
    assert_eq!(issuer.revoked().len(), 2);

    let fresh = empty();
    assert_eq!(logout(&fresh, &["--all"]).stdout, "nobody is logged in\n");
    let names: Vec<_> = fs::read_dir(fresh.config_dir()).unwrap().collect();
    assert!(names.is_empty(), "{names:?}");

    let configured = protected(empty(), &issuer);
    let output = logout(&configured, &[]);
    assert!(output.stderr.contains("oauth2.token_file is set by M4_OAUTH2_TOKEN_FILE"), "{}", output.stderr);
}

#[test]
fn a_damaged_store_is_kept_and_said_and_what_is_sound_of_it_ends() {
    let issuer = issuer();
    let (sandbox, login) = logged_in(&issuer);
    let path = sandbox.config_dir().join("tokens.json");
    fs::write(&path, json!({ "version": 1, "profiles": { "default": [7, login] } }).to_string()).unwrap();
    let output = logout(&sandbox, &[]);
    assert_eq!((output.code, issuer.revoked().len()), (Some(0), 2));
    assert!(output.stderr.contains("were damaged and are kept as"), "{}", output.stderr);
    assert!(stored(&sandbox, "default").is_null());
    assert_no_secret(&output, &login);

    fs::write(&path, "\0\0\0").unwrap();
    let output = logout(&sandbox, &[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "nobody is logged in (profile default)\n"));
    assert!(output.stderr.contains("were damaged and are kept as"), "{}", output.stderr);
}

#[test]
fn a_renewal_under_way_elsewhere_does_not_put_the_login_back() {
    let issuer = issuer();
    let sandbox = protected(empty(), &issuer).without("M4_OAUTH2_TOKEN_FILE");
    let mut due = login(&issuer);
    due["expires_at"] = json!(LONG_AGO);
    store(&sandbox, &[("default", due)]);
    issuer.delay(Endpoint::Token, Duration::from_secs(2));
    let mut server = start(&sandbox);
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| call(&mut server, "whoami", json!({})));
        eventually("the refresh token is being spent", || issuer.counters().token == 1);
        let output = logout(&sandbox, &[]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert!(output.stdout.contains("its tokens are revoked"), "{}", output.stdout);
        assert!(!renewing.join().unwrap().is_error, "the call itself was answered");
    });
    assert!(stored(&sandbox, "default").is_null());
    assert_eq!(issuer.refreshes(), Refreshes { rotated: 1, reused: 0 });
    let reply = call(&mut server, "whoami", json!({}));
    assert!(reply.refusal().contains("Missing OAuth2 access token"), "{}", reply.text);
    assert_eq!(issuer.counters().token, 1, "the new refresh token is spent by nobody");
}
