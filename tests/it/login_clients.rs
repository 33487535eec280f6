//! Which client a login is, at whose issuer, and where it is kept: `--mcp`, registration, documents, endpoints, profiles.

use std::net::TcpListener;

use m4_tests::cli::m4;
use m4_tests::http::HttpServer;
use m4_tests::issuer::{Advertised, MockIssuer};
use m4_tests::login::LoginRun;
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::http_setup::{Web, counted};
use crate::login_browser::{issuer, logged_out, parameter, started};
use crate::setup::{empty, with_sample};
use crate::stored_logins::stored;

/// Logs in; the person says yes.
#[track_caller]
fn log_in(sandbox: &Sandbox, args: &[&str]) {
    let mut run = LoginRun::start(sandbox, args).unwrap();
    let back = run.redirect().unwrap();
    assert_eq!(run.go(&back).unwrap().status, 200);
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
}

/// A server that serves itself as a resource of this issuer.
fn served(issuer: &MockIssuer) -> HttpServer {
    HttpServer::spawn(&logged_out(empty(), issuer)).unwrap()
}

/// A server whose audience is its own URL, as MCP has it.
fn own_audience() -> Web {
    let issuer = issuer();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let sandbox =
        logged_out(with_sample(), &issuer).with("M4_OAUTH2_AUDIENCE", format!("http://{address}/mcp"));
    let server = HttpServer::spawn_with(&sandbox, &["--http", &address]).unwrap();
    Web { issuer, sandbox, server }
}

#[test]
fn c01_c02_c09_c11_from_the_url_of_a_server_to_a_token_it_takes() {
    let web = own_audience();
    let sandbox = empty().with("M4_LOG", "trace");
    log_in(&sandbox, &["--mcp", web.server.url()]);
    let login = stored(&sandbox, "default");
    assert_eq!((&login["issuer"], &login["resource"]), (&json!(web.issuer.url()), &json!(web.server.url())));
    let registration = &web.issuer.registrations()[0];
    assert_eq!(
        (&registration["application_type"], &registration["client_name"]),
        (&json!("native"), &json!("M4"))
    );
    assert_eq!(registration["token_endpoint_auth_method"], "none");
    let asked = &web.issuer.authorizations()[0];
    assert_eq!((asked["resource"].as_str(), asked["scope"].as_str()), (web.server.url(), "read:mimic-data"));
    let token = login["access_token"].as_str().unwrap();
    assert_eq!(counted(&web.count(token).send().unwrap()), 100);
}

#[test]
fn c12_a_registration_is_used_again_for_the_same_server_and_ends_with_the_logout() {
    let issuer = issuer();
    let (one, other) = (served(&issuer), served(&issuer));
    let sandbox = empty();
    for server in [&one, &one, &other] {
        log_in(&sandbox, &["--mcp", server.url(), "--redirect-uri", "http://localhost:0/callback"]);
    }
    let ids: Vec<_> = issuer.authorizations().iter().map(|asked| asked["client_id"].clone()).collect();
    // Each port is another redirect URI, and a registration is good for its own.
    assert_eq!((issuer.registrations().len(), ids.len()), (3, 3));

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = format!("http://127.0.0.1:{port}/callback");
    for server in [&one, &one, &other] {
        log_in(&sandbox, &["--mcp", server.url(), "--redirect-uri", &uri]);
    }
    let ids: Vec<_> =
        issuer.authorizations().iter().skip(3).map(|asked| asked["client_id"].clone()).collect();
    assert_eq!(ids[0], ids[1], "the same server, the same client");
    assert_ne!(ids[0], ids[2], "another resource, another client");
    assert_eq!(m4(&sandbox, ["logout", "--all"]).unwrap().code, Some(0));
    log_in(&sandbox, &["--mcp", one.url(), "--redirect-uri", &uri]);
    assert_ne!(issuer.authorizations()[6]["client_id"], ids[0], "gone with the login");
}

#[test]
fn c09_a_document_stands_before_registration_and_a_configured_client_before_both() {
    let issuer = issuer();
    issuer.advertise(Advertised { client_documents: true, ..Advertised::default() });
    let sandbox =
        logged_out(empty(), &issuer).with("M4_LOGIN_CLIENT_DOCUMENT", "https://m4.example/client.json");
    log_in(&sandbox, &[]);
    log_in(&sandbox, &["--client-id", "m4-public"]);
    let ids: Vec<_> = issuer.authorizations().iter().map(|asked| asked["client_id"].clone()).collect();
    assert_eq!(ids, ["https://m4.example/client.json", "m4-public"]);
    assert!(issuer.registrations().is_empty());
}

#[test]
fn c09_where_nothing_gives_a_client_and_nobody_can_be_asked_the_error_says_what_to_do() {
    let issuer = issuer();
    issuer.advertise(Advertised { registration: false, ..Advertised::default() });
    let (_sandbox, run) = started(&issuer, &[]);
    let exit = run.wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("needs a client id, and none is configured"), "{}", exit.stderr);
    assert!(exit.stderr.contains("--client-id"), "{}", exit.stderr);
}

#[test]
fn c12_a_configured_secret_goes_to_no_issuer_that_only_a_server_names() {
    let issuer = issuer();
    let server = served(&issuer);
    let (id, secret) = issuer.client();
    let sandbox =
        empty().with("M4_LOG", "trace").with("M4_LOGIN_CLIENT_ID", id).with("M4_LOGIN_CLIENT_SECRET", secret);
    let exit = LoginRun::start(&sandbox, &["--mcp", server.url()]).unwrap().wait().unwrap();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains(&format!("--issuer {}", issuer.url())), "{}", exit.stderr);
    assert!(!exit.stderr.contains(secret) && issuer.counters().token == 0);

    log_in(&sandbox, &["--mcp", server.url(), "--issuer", issuer.url()]);
    let login = stored(&sandbox, "default");
    assert_eq!(
        (&login["client_id"], &login["client_auth_method"]),
        (&json!(id), &json!("client_secret_basic"))
    );
    let shown = m4(&sandbox, ["config", "show"]).unwrap().stdout;
    assert!(shown.contains("M4_LOGIN_CLIENT_SECRET") && !shown.contains(secret), "{shown}");
}

#[test]
fn a_provider_without_discovery_is_named_by_its_endpoints_under_old_names_too() {
    let issuer = issuer();
    let sandbox = empty()
        .with("FMCP_OAUTH_AUTH_ENDPOINT", format!("{}/authorize", issuer.origin()))
        .with("FMCP_OAUTH_TOKEN_ENDPOINT", issuer.token_endpoint())
        .with("FMCP_OAUTH_CLIENT_ID", "m4-public")
        .with("FMCP_OAUTH_SCOPE", "read:mimic-data");
    log_in(&sandbox, &[]);
    assert_eq!(issuer.counters().discovery, 0);
    let login = stored(&sandbox, "default");
    assert_eq!((&login["issuer"], &login["client_id"]), (&json!(issuer.origin()), &json!("m4-public")));
}

#[test]
fn several_profiles_are_several_people() {
    let issuer = issuer();
    let sandbox = logged_out(empty(), &issuer);
    log_in(&sandbox, &["--profile", "work"]);
    log_in(&sandbox, &[]);
    assert_ne!(stored(&sandbox, "work")["access_token"], stored(&sandbox, "default")["access_token"]);
    let sandbox = sandbox.with("M4_LOGIN_PROFILE", "nobody");
    let refused = m4(&sandbox, ["query", "--sql", "SELECT 1"]).unwrap();
    assert!(refused.stderr.contains("Missing OAuth2 access token"), "{}", refused.stderr);
}

#[test]
fn where_to_log_in_has_to_be_known() {
    let output = m4(&empty(), ["login"]).unwrap();
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("--issuer URL") && output.stderr.contains("--mcp URL"),
        "{}",
        output.stderr
    );
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = m4(&empty(), ["login", "--mcp", &format!("http://{gone}/mcp")]).unwrap();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("error: the MCP server did not answer\nhint: "), "{}", output.stderr);
}

#[test]
fn c13_scopes_are_the_persons_else_the_challenges() {
    let issuer = issuer();
    let server = served(&issuer);
    let sandbox = empty();
    let mut run = LoginRun::start(&sandbox, &["--mcp", server.url()]).unwrap();
    assert_eq!(parameter(&run.url().unwrap(), "scope"), "read:mimic-data");
    let mut run = LoginRun::start(&sandbox, &["--mcp", server.url(), "--scope", "other"]).unwrap();
    assert_eq!(parameter(&run.url().unwrap(), "scope"), "other");
}
