//! `m4 login --device`: a code confirmed elsewhere (RFC 8628).

use std::time::Duration;

use m4_tests::cli::{Output, m4};
use m4_tests::issuer::{Advertised, MockIssuer, PUBLIC_CLIENT, USER_CODE};
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::login_browser::{RESOURCE, assert_nobody_is_logged_in, issuer, logged_out};
use crate::setup::empty;
use crate::stored_logins::stored;

fn log_in(issuer: &MockIssuer, more: &[&str]) -> (Sandbox, Output) {
    let sandbox = logged_out(empty(), issuer).with("M4_LOG", "trace");
    let args = ["login", "--device"].iter().chain(more).copied();
    let output = m4(&sandbox, args).unwrap();
    (sandbox, output)
}

#[test]
fn the_code_is_shown_and_the_issuers_pace_is_kept() {
    let issuer = issuer();
    issuer.answer_devices(&["authorization_pending", "slow_down"]);
    let (sandbox, output) = log_in(&issuer, &["--client-id", PUBLIC_CLIENT]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains(&format!("enter the code:\n\n  {USER_CODE}\n")), "{}", output.stderr);
    assert!(output.stderr.contains(&format!("/device?user_code={USER_CODE}")), "{}", output.stderr);
    let pauses = issuer.device_pauses();
    assert!(pauses[0] >= Duration::from_millis(900) && pauses[0] < Duration::from_secs(5), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_millis(5_900), "slow_down adds five seconds: {pauses:?}");
    let login = stored(&sandbox, "default");
    assert_eq!((&login["resource"], &login["client_id"]), (&json!(RESOURCE), &json!(PUBLIC_CLIENT)));
    assert_eq!(issuer.authorizations()[0]["resource"], RESOURCE);
    for member in ["access_token", "refresh_token"] {
        assert!(!output.stderr.contains(login[member].as_str().unwrap()), "{member}");
    }
}

#[test]
fn a_client_registers_for_it_where_none_is_configured() {
    let issuer = issuer();
    let (sandbox, output) = log_in(&issuer, &[]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let grants = &issuer.registrations()[0]["grant_types"];
    assert!(grants.as_array().unwrap().contains(&json!("urn:ietf:params:oauth:grant-type:device_code")));
    assert!(stored(&sandbox, "default")["client_id"].as_str().unwrap().starts_with("registered-"));
}

#[test]
fn a_no_an_expiry_and_an_issuer_without_it_are_told_apart() {
    for (error, told) in [
        ("access_denied", "the login was denied on the other device"),
        ("expired_token", "nobody confirmed the code before it expired"),
    ] {
        let issuer = issuer();
        issuer.answer_devices(&[error]);
        let (sandbox, output) = log_in(&issuer, &[]);
        assert_eq!(output.code, Some(1));
        assert!(output.stderr.contains(told) && output.stderr.contains("\nhint: "), "{}", output.stderr);
        assert_nobody_is_logged_in(&sandbox);
    }
    let issuer = issuer();
    issuer.advertise(Advertised { device: false, ..Advertised::default() });
    let (_, output) = log_in(&issuer, &[]);
    assert!(
        output.code == Some(1) && output.stderr.contains("device_authorization_endpoint"),
        "{}",
        output.stderr
    );
}

#[test]
fn nobody_who_confirms_in_time_is_a_clear_end() {
    let issuer = issuer();
    issuer.answer_devices(&["authorization_pending"; 20]);
    let (sandbox, output) = log_in(&issuer, &["--timeout", "2s"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("nobody logged in within 2 seconds"), "{}", output.stderr);
    assert_nobody_is_logged_in(&sandbox);
}
