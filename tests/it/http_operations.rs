//! Running it: probes, stopping, reloading, certificates, and errors that tell what to do.
#![cfg(unix)]

use std::process::Command;
use std::time::{Duration, Instant};

use m4_tests::binaries;
use m4_tests::http::{Asking, HttpServer};
use m4_tests::issuer::{Endpoint, Fault, TokenSpec};
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::http_setup::{Web, counted};
use crate::setup::{DEADLINE, empty, eventually, with_sample};

fn signal(server: &HttpServer, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), server.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn probe(server: &HttpServer, path: &str) -> m4_tests::http::Answer {
    // Probes come by address, under whatever name.
    Asking::to("GET", &server.at(path)).field("host", "10.1.2.3:8000").send().unwrap()
}

#[test]
fn probes_need_no_token_and_tell_whether_calls_would_be_answered() {
    let web = Web::start();
    assert_eq!(probe(&web.server, "/health/live").status, 200);
    let ready = probe(&web.server, "/health/ready");
    let all_well = json!({ "keys": "ok", "backend": "ok", "accepting": "ok" });
    assert_eq!((ready.status, &ready.json()["checks"]), (200, &all_well));

    let without_data = HttpServer::spawn(&empty()).unwrap();
    let ready = probe(&without_data, "/health/ready");
    assert_eq!((ready.status, &ready.json()["checks"]["backend"]), (503, &json!("failed")));
    assert_eq!(probe(&without_data, "/health/live").status, 200);

    web.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let cold = HttpServer::spawn(&web.sandbox).unwrap();
    let ready = probe(&cold, "/health/ready");
    assert_eq!((ready.status, &ready.json()["checks"]["keys"]), (503, &json!("failed")), "{}", ready.body);
}

#[test]
fn a_server_told_to_stop_lets_running_calls_end_and_takes_no_more() {
    let web = Web::start();
    let token = web.token();
    counted(&web.count(&token).send().unwrap());
    let slow = web.server.call("execute_query", &json!({ "sql_query": SECONDS })).bearer(&token);
    let running = std::thread::spawn(move || slow.send().unwrap());
    eventually("the call is admitted", || web.server.stderr().matches("decision=\"admit\"").count() >= 2);
    signal(&web.server, "TERM");
    let authority = web.server.authority().to_owned();
    eventually("nobody else is let in", || std::net::TcpStream::connect(&authority).is_err());
    let answer = running.join().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["result"]["isError"], false, "{}", answer.body);
    assert_eq!(web.server.wait(DEADLINE).unwrap().code, Some(0));
}

/// A second or a few of work.
const SECONDS: &str = "SELECT sum(sqrt(a.range + b.range)) FROM range(8000) a, range(8000) b";

#[test]
fn calls_that_do_not_end_are_stopped_at_the_deadline_and_at_once_when_told_again() {
    for (deadline, again) in [("1", false), ("600", true)] {
        let web = Web::with(|sandbox| sandbox.with("M4_HTTP_SHUTDOWN", deadline));
        let endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = -1";
        let call = web.server.call("execute_query", &json!({ "sql_query": endless })).bearer(&web.token());
        let running = std::thread::spawn(move || call.send());
        eventually("the call is admitted", || web.server.stderr().contains("decision=\"admit\""));
        let start = Instant::now();
        signal(&web.server, "TERM");
        if again {
            eventually("it heard", || web.server.stderr().contains("stopping"));
            signal(&web.server, "TERM");
        }
        assert_eq!(web.server.wait(DEADLINE).unwrap().code, Some(0));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        let _ = running.join().unwrap();
    }
}

#[test]
fn an_open_stream_does_not_hold_up_the_end() {
    let web = Web::start();
    let token = web.token();
    let id = web.open_session(&token);
    let stream = Asking::to("GET", web.server.url()).field("accept", "text/event-stream");
    let stream = stream.field("mcp-session-id", &id).bearer(&token);
    let listening = std::thread::spawn(move || stream.send());
    std::thread::sleep(Duration::from_millis(300));
    signal(&web.server, "TERM");
    let start = Instant::now();
    assert_eq!(web.server.wait(DEADLINE).unwrap().code, Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(listening.join().unwrap().unwrap().status, 200);
}

fn write_config(sandbox: &Sandbox, text: &str) {
    std::fs::write(sandbox.config_dir().join("config.toml"), text).unwrap();
}

#[test]
fn a_changed_configuration_counts_after_sighup_and_connections_stay() {
    let web = Web::with(|sandbox| {
        write_config(&sandbox, "[oauth2]\nrequired_scopes = 'read:mimic-data'\n");
        sandbox
    });
    let token = web.token();
    let session = web.open_session(&token);
    let in_session = || web.count(&token).field("mcp-session-id", &session).send().unwrap();
    assert_eq!(counted(&in_session()), 100);

    write_config(&web.sandbox, "[oauth2]\nrequired_scopes = 'read:other'\n");
    assert_eq!(in_session().status, 200, "nothing changes before it is told to");
    signal(&web.server, "HUP");
    eventually("the new scope is asked for", || in_session().status == 403);
    let challenged = web.server.rpc("tools/list", &json!({})).send().unwrap();
    assert!(challenged.field("www-authenticate").unwrap().contains("scope=\"read:other\""));
    let other = web.issuer.mint(TokenSpec::new().scope("read:other"));
    assert_eq!(counted(&web.count(&other).field("mcp-session-id", &session).send().unwrap()), 100);

    write_config(&web.sandbox, "[oauth2]\nrequired_scopes = 7.5\n");
    signal(&web.server, "HUP");
    eventually("the log says what is wrong", || web.server.stderr().contains("the old one stays"));
    assert_eq!(counted(&web.count(&other).send().unwrap()), 100, "a broken configuration changes nothing");
}

/// Where a server could not be started without authentication, it cannot be brought to it while it runs.
#[test]
fn s18_a_reload_does_not_open_a_public_server() {
    let issuer = crate::setup::issuer();
    let sandbox = crate::setup::protected(with_sample(), &issuer)
        .without("M4_OAUTH2_ENABLED")
        .with("M4_HTTP_PUBLIC_URL", "https://m4.example")
        .with("M4_HTTP_ALLOWED_HOSTS", "127.0.0.1");
    write_config(&sandbox, "[oauth2]\nenabled = true\n");
    let server = HttpServer::spawn_with(&sandbox, &["--http", "0.0.0.0:0"]).unwrap();
    let port = server.authority().rsplit(':').next().unwrap().to_owned();
    let anonymous = || {
        let asking = server.call("list_datasets", &json!({})).at(&format!("http://127.0.0.1:{port}/mcp"));
        asking.field("host", "m4.example").send().unwrap().status
    };
    assert_eq!(anonymous(), 401);
    write_config(&sandbox, "[oauth2]\nenabled = false\n");
    signal(&server, "HUP");
    eventually("the log says no", || server.stderr().contains("the new configuration is refused"));
    assert_eq!(anonymous(), 401);
}

struct Authority {
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        Self {
            certificate: rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .unwrap(),
        }
    }

    fn write(&self, sandbox: &Sandbox) {
        std::fs::write(sandbox.root().join("cert.pem"), self.certificate.cert.pem()).unwrap();
        std::fs::write(sandbox.root().join("key.pem"), self.certificate.signing_key.serialize_pem()).unwrap();
    }

    /// The status of a probe over TLS, if this authority's certificate is what the server shows.
    fn probe(&self, server: &HttpServer) -> Option<u16> {
        let root = reqwest::Certificate::from_pem(self.certificate.cert.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(client.get(server.at("/health/live")).send());
        answer.ok().map(|answer| answer.status().as_u16())
    }
}

#[test]
fn tls_is_served_and_a_renewed_certificate_counts_without_a_restart() {
    let old = Authority::new();
    let sandbox = with_sample();
    old.write(&sandbox);
    let file = |name: &str| sandbox.root().join(name).to_string_lossy().into_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let args = ["--http", "127.0.0.1:0", "--tls-cert", &cert, "--tls-key", &key];
    let server = HttpServer::spawn_with(&sandbox, &args).unwrap();
    assert!(server.url().starts_with("https://"), "{}", server.url());
    assert_eq!(old.probe(&server), Some(200));
    assert_eq!(Authority::new().probe(&server), None, "a certificate of somebody else is not believed");

    let new = Authority::new();
    new.write(&sandbox);
    eventually("the new certificate is shown", || new.probe(&server) == Some(200));
    std::fs::write(sandbox.root().join("cert.pem"), "not a certificate").unwrap();
    eventually("the log says so", || server.stderr().contains("the certificate stays the old one"));
    assert_eq!(new.probe(&server), Some(200));
}

#[test]
fn what_keeps_it_from_listening_is_said_with_a_way_out() {
    let sandbox = with_sample();
    let taken = HttpServer::spawn(&sandbox).unwrap();
    let missing = sandbox.root().join("none.pem").to_string_lossy().into_owned();
    let not_pem = sandbox.root().join("text.pem").to_string_lossy().into_owned();
    std::fs::write(&not_pem, "hello").unwrap();
    let cases: [(&[&str], &str, &str); 7] = [
        (
            &["--http", "127.0.0.1:0", "--public-url", "https://m4.example"],
            "https://m4.example can be reached by other machines, and callers are not authenticated",
            "--allow-insecure",
        ),
        (&["--http", taken.authority()], "cannot listen at 127.0.0.1", "another program listens there"),
        (&["--http", "8000"], "is not an address to listen at", "such as 127.0.0.1:8000"),
        (
            &["--http", "192.0.2.1:8000", "--allow-insecure"],
            "cannot listen at 192.0.2.1:8000",
            "address of this machine",
        ),
        (&["--http", "127.0.0.1:0", "--tls-cert", &missing], "M4_HTTP_TLS_KEY is not set", "private key"),
        (
            &["--http", "127.0.0.1:0", "--tls-cert", &missing, "--tls-key", &missing],
            "cannot be read",
            "--tls-cert",
        ),
        (
            &["--http", "127.0.0.1:0", "--tls-cert", &not_pem, "--tls-key", &not_pem],
            "holds no certificate",
            "BEGIN CERT",
        ),
    ];
    for (args, what, hint) in cases {
        let program = binaries::find("m4-mcp-server").unwrap();
        let exit = RawServer::spawn_program(program, args, &sandbox).unwrap().wait(DEADLINE).unwrap();
        assert_eq!(exit.code, Some(1), "{args:?}: {}", exit.stderr);
        assert!(exit.stderr.contains(what), "{args:?}: {}", exit.stderr);
        let hints = exit.stderr.lines().filter(|line| line.starts_with("hint: ")).collect::<String>();
        assert!(hints.contains(hint), "{args:?}: {}", exit.stderr);
        assert!(exit.stdout.is_empty(), "{args:?}");
    }
}

/// A slip in a name must not leave a server less careful than it was told to be.
#[test]
fn a_setting_that_does_not_exist_keeps_it_from_listening() {
    let sandbox = with_sample().with("M4_HTTP_DPOPP", "required");
    let program = binaries::find("m4-mcp-server").unwrap();
    let exit = RawServer::spawn_program(program, &["--http", "127.0.0.1:0"], &sandbox).unwrap();
    let exit = exit.wait(DEADLINE).unwrap();
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert!(exit.stderr.contains("M4_HTTP_DPOPP is not a setting"), "{}", exit.stderr);
    assert!(exit.stderr.contains("did you mean M4_HTTP_DPOP?"), "{}", exit.stderr);
}
