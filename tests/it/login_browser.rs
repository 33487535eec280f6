//! `m4 login` in a browser: from the command to a server that answers, and what may happen on the way.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use m4_tests::binaries;
use m4_tests::cli::m4;
use m4_tests::http::Asking;
use m4_tests::issuer::{MockIssuer, Options};
use m4_tests::login::LoginRun;
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{COUNT_PATIENTS, empty, protected, sql, start, with_sample};
use crate::stored_logins::stored;

/// An audience that can be named in a request.
pub(crate) const RESOURCE: &str = "https://m4.example/mcp";

pub(crate) fn issuer() -> MockIssuer {
    MockIssuer::start(Options { audience: RESOURCE.into(), ..Options::default() })
}

/// OAuth2 on, and nobody logged in.
pub(crate) fn logged_out(sandbox: Sandbox, issuer: &MockIssuer) -> Sandbox {
    protected(sandbox, issuer).without("M4_OAUTH2_TOKEN_FILE")
}

/// Starts a login in a sandbox where nobody is logged in.
pub(crate) fn started(issuer: &MockIssuer, args: &[&str]) -> (Sandbox, LoginRun) {
    let sandbox = logged_out(empty(), issuer).with("M4_LOG", "trace");
    let run = LoginRun::start(&sandbox, args).unwrap();
    (sandbox, run)
}

/// The value of a query parameter.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

#[track_caller]
pub(crate) fn assert_nobody_is_logged_in(sandbox: &Sandbox) {
    let text = fs::read_to_string(sandbox.config_dir().join("tokens.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["profiles"], json!({}));
}

#[test]
fn a_login_in_the_browser_is_what_every_program_of_the_user_takes_its_token_from() {
    let issuer = issuer();
    let browser = binaries::find("fake-browser").unwrap();
    let sandbox = logged_out(with_sample(), &issuer).with("BROWSER", browser);
    let output = m4(&sandbox, ["login", "--json"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let report = output.data();
    assert_eq!((&report["issuer"], &report["resource"]), (&json!(issuer.url()), &json!(RESOURCE)));
    assert_eq!((&report["renewable"], &report["scopes"]), (&json!(true), &json!(["read:mimic-data"])));

    let path = sandbox.config_dir().join("tokens.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let login = stored(&sandbox, "default");
    for member in ["access_token", "refresh_token"] {
        let secret = login[member].as_str().unwrap();
        assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{member} was printed");
    }
    let page = fs::read_to_string(sandbox.home().join("page.html")).unwrap_or_default();
    let mut server = start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    let output = m4(&sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
    assert!(output.stdout.contains("100"), "{}", output.stderr);
    // The browser writes the page down after M4 has ended.
    let page =
        if page.is_empty() { fs::read_to_string(sandbox.home().join("page.html")).unwrap() } else { page };
    assert!(page.contains("<h1>You are logged in</h1>") && page.contains(issuer.url()), "{page}");
}

#[test]
fn c05_c06_the_request_has_pkce_state_and_resource_and_the_code_is_spent_with_them() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &["--client-id", "m4-public", "--scope", "read:mimic-data"]);
    let back = run.redirect().unwrap();
    assert_eq!(run.go(&back).unwrap().status, 200);
    assert_eq!(run.wait().unwrap().code, Some(0));
    let asked = &issuer.authorizations()[0];
    assert_eq!((asked["code_challenge_method"].as_str(), asked["response_type"].as_str()), ("S256", "code"));
    assert_eq!((asked["resource"].as_str(), asked["client_id"].as_str()), (RESOURCE, "m4-public"));
    assert!(asked["state"].len() >= 43 && asked["code_challenge"].len() == 43);
    assert_eq!(stored(&sandbox, "default")["client_id"], "m4-public");
}

#[test]
fn c06_the_resource_can_be_left_out_for_issuers_that_refuse_it() {
    let issuer = issuer();
    issuer.refuse_resource();
    let (sandbox, mut run) = started(&issuer, &[]);
    let back = run.redirect().unwrap();
    assert!(run.go(&back).unwrap().body.contains("invalid_target"));
    let exit = run.wait().unwrap();
    assert!(exit.stderr.contains("refused the login: `invalid_target`"), "{}", exit.stderr);

    let sandbox = sandbox.with("M4_LOGIN_SEND_RESOURCE", "false");
    let mut run = LoginRun::start(&sandbox, &[]).unwrap();
    let back = run.redirect().unwrap();
    assert_eq!(run.go(&back).unwrap().status, 200);
    assert_eq!(run.wait().unwrap().code, Some(0));
    let login = stored(&sandbox, "default");
    assert_eq!((&login["resource"], &login["resource_parameter"]), (&json!(RESOURCE), &json!(false)));
}

#[test]
fn c08_wrong_states_and_stray_requests_do_not_end_it_and_a_second_callback_changes_nothing() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &[]);
    let back = run.redirect().unwrap();
    let origin = &back[..back.find("/callback").unwrap()];
    for stray in ["/favicon.ico", "/", "/robots.txt?code=x&state=y"] {
        assert_eq!(run.go(&format!("{origin}{stray}")).unwrap().status, 404, "{stray}");
    }
    assert_eq!(Asking::to("POST", &back).body("x").send().unwrap().status, 404);
    assert_eq!(Asking::to("GET", &back).field("host", "evil.example").send().unwrap().status, 404);
    let (code, state) = (parameter(&back, "code"), parameter(&back, "state"));
    for wrong in [
        back.replace(&state, "AAAA"),
        back.replace(&format!("&state={state}"), ""),
        format!("{back}&state=x"),
    ] {
        let page = run.go(&wrong).unwrap();
        assert_eq!(page.status, 400, "{}", page.body);
        assert!(page.body.contains("not part of the login") && !page.body.contains(&code), "{}", page.body);
    }
    let argv = fs::read_to_string(format!("/proc/{}/cmdline", run.id())).unwrap_or_default();
    assert!(!argv.contains(&code));
    assert!(run.go(&back).unwrap().body.contains("You are logged in"));
    // Nobody listens any more, or it is told that it comes too late.
    if let Ok(second) = run.go(&back) {
        assert!(second.body.contains("answered already"), "{}", second.body);
    }
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(!exit.stderr.contains(&code), "the code is in the log");
    assert_eq!(issuer.counters().token, 1);
    assert!(!stored(&sandbox, "default").is_null());
}

#[test]
fn c07_nothing_of_an_answer_from_another_issuer_is_shown_and_the_right_one_still_counts() {
    let issuer = issuer();
    let (_sandbox, mut run) = started(&issuer, &[]);
    let back = run.redirect().unwrap();
    let iss = back.find("&iss=").unwrap();
    let forged = format!(
        "{}&iss=https%3A%2F%2Fevil.example&error=secret-reason&error_description=foreign",
        &back[..iss]
    );
    for wrong in [forged.as_str(), &back[..iss]] {
        let page = run.go(wrong).unwrap();
        assert_eq!(page.status, 400);
        for foreign in ["secret-reason", "foreign", "evil.example"] {
            assert!(!page.body.contains(foreign), "{}", page.body);
        }
    }
    assert_eq!(run.go(&back).unwrap().status, 200);
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(0));
    assert!(!exit.stderr.contains("evil.example") && !exit.stderr.contains("foreign"), "{}", exit.stderr);
}

#[test]
fn c17_a_port_that_is_taken_gives_way_unless_the_redirect_uri_is_pinned() {
    let issuer = issuer();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let pinned = format!("http://localhost:{}/callback", taken.local_addr().unwrap().port());
    let (sandbox, run) = started(&issuer, &["--redirect-uri", &pinned]);
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains(&format!("port {}", taken.local_addr().unwrap().port())), "{}", exit.stderr);

    let usual = TcpListener::bind("127.0.0.1:8088");
    let mut run = LoginRun::start(&sandbox, &[]).unwrap();
    let back = run.redirect().unwrap();
    assert!(back.starts_with("http://localhost:") && !back.starts_with("http://localhost:8088/"), "{back}");
    assert_eq!(run.go(&back).unwrap().status, 200);
    assert_eq!(run.wait().unwrap().code, Some(0));
    drop(usual);

    for elsewhere in ["https://evil.example/callback", "http://192.0.2.1:8088/callback"] {
        let exit = LoginRun::start(&sandbox, &["--redirect-uri", elsewhere]).unwrap().wait().unwrap();
        assert!(exit.code == Some(1) && exit.stderr.contains("--redirect-uri"), "{}", exit.stderr);
    }
}

#[test]
fn an_address_that_is_pasted_counts_like_one_that_is_heard() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &["--no-browser", "--quiet"]);
    let back = run.redirect().unwrap();
    let code = parameter(&back, "code");
    run.paste("https://somewhere.example/").unwrap();
    run.said(|line| line.contains("Copy the whole address").then(String::new)).unwrap();
    run.paste(&back.replace(&parameter(&back, "state"), "AAAA")).unwrap();
    run.said(|line| line.contains("belongs to another login").then(String::new)).unwrap();
    run.paste(&back).unwrap();
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(!exit.stderr.contains(&code), "{}", exit.stderr);
    assert!(!stored(&sandbox, "default").is_null());
}

#[test]
fn nobody_who_comes_back_in_time_is_a_clear_end_that_leaves_nothing() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &["--timeout", "1s"]);
    let back = run.redirect().unwrap();
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("error: nobody logged in within 1 seconds"), "{}", exit.stderr);
    assert!(exit.stderr.contains("hint: run `m4 login` again"), "{}", exit.stderr);
    assert!(Asking::to("GET", &back).send().is_err(), "nobody listens");
    assert_nobody_is_logged_in(&sandbox);
}

#[test]
fn ctrl_c_ends_it_and_leaves_nothing() {
    let issuer = issuer();
    let (sandbox, mut run) = started(&issuer, &[]);
    let back = run.redirect().unwrap();
    let interrupted =
        std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(run.wait().unwrap().code, None, "ended by the signal, 130 to a shell");
    assert!(Asking::to("GET", &back).send().is_err(), "nobody listens");
    assert_nobody_is_logged_in(&sandbox);
}

#[test]
fn a_configured_token_needs_no_login() {
    let issuer = issuer();
    let sandbox = logged_out(empty(), &issuer).with("FMCP_OAUTH_ACCESS_TOKEN", "a.b.c");
    let output = m4(&sandbox, ["login"]).unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""));
    assert!(
        output.stderr.contains("FMCP_OAUTH_ACCESS_TOKEN gives the token that is used"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("a.b.c") && issuer.authorizations().is_empty());
    let mut run = LoginRun::start(&sandbox, &["--force"]).unwrap();
    let back = run.redirect().unwrap();
    assert_eq!(run.go(&back).unwrap().status, 200);
    assert_eq!(run.wait().unwrap().code, Some(0));
}
