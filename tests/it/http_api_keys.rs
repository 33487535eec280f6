//! API keys over HTTP: beside OAuth2, instead of it, and made by `--secure`.

use m4_tests::cli::m4;
use m4_tests::http::{Answer, Asking, HttpServer};
use m4_tests::sandbox::Sandbox;
use serde_json::json;

use crate::http_setup::{Web, counted, parameter};
use crate::setup::{COUNT_PATIENTS, DEADLINE, eventually, with_sample};

fn with_keys(sandbox: Sandbox) -> Sandbox {
    let file = sandbox.config_dir().join("api-keys.json");
    sandbox.with("M4_API_KEYS_FILE", file)
}

fn create(sandbox: &Sandbox, args: &[&str]) -> String {
    let output = m4(sandbox, ["keys", "create"].iter().chain(args)).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stdout.trim().to_owned()
}

/// Makes a key of a running server's, and waits until it is admitted: the file is looked at once a second.
fn admitted(web: &Web, args: &[&str]) -> String {
    let key = create(&web.sandbox, args);
    let whoami = web.server.call("whoami", &json!({})).bearer(&key);
    eventually("the new key is admitted", || whoami.send().unwrap().status == 200);
    key
}

fn count(server: &HttpServer, credential: &str) -> Answer {
    server.call("execute_query", &json!({ "sql_query": COUNT_PATIENTS })).bearer(credential).send().unwrap()
}

#[test]
fn keys_and_tokens_work_side_by_side_behind_one_gate() {
    let web = Web::with(|sandbox| {
        with_keys(sandbox)
            .with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database")
            .with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "4")
            // Asking again and again for a key that is not seen yet is many failures.
            .with("M4_HTTP_FAILED_AUTH", "10000/60")
    });
    let key = admitted(&web, &["nightly", "--scopes", "read:mimic-data query:database"]);
    assert_eq!(counted(&count(&web.server, &key)), 100);
    let who = web.server.call("whoami", &json!({})).bearer(&key).send().unwrap().json();
    assert_eq!(who["result"]["structuredContent"]["subject"], "nightly");
    // The same scopes, the same limits, the same trail.
    let narrow = admitted(&web, &["narrow"]);
    let refused = count(&web.server, &narrow);
    assert_eq!((refused.status, parameter(&refused, "error").as_deref()), (403, Some("insufficient_scope")));
    counted(&count(&web.server, &key));
    let limited = count(&web.server, &key);
    assert_eq!(limited.status, 429, "{}", limited.body);
    let token = web.issuer.mint(m4_tests::issuer::TokenSpec::new().scope("read:mimic-data query:database"));
    assert_eq!(counted(&count(&web.server, &token)), 100);
    let log = web.server.stderr();
    assert!(log.contains("subject=\"nightly\"") && !log.contains(&key), "{log}");
}

#[test]
fn a_revoked_key_stops_working_without_a_restart() {
    let web = Web::with(with_keys);
    let key = admitted(&web, &["laptop"]);
    assert_eq!(counted(&count(&web.server, &key)), 100);
    assert_eq!(m4(&web.sandbox, ["keys", "revoke", "laptop"]).unwrap().code, Some(0));
    eventually("the key is refused", || count(&web.server, &key).status == 401);
    let refused = count(&web.server, &key);
    assert!(
        refused.json()["error_description"].as_str().unwrap().starts_with("Invalid API key"),
        "{}",
        refused.body
    );
}

/// The key that a server showed whoever started it.
fn shown_key(stderr: impl Fn() -> String) -> String {
    let find = || stderr().split_whitespace().find(|word| word.starts_with("m4_")).map(str::to_owned);
    eventually("the key is shown", || find().is_some());
    find().unwrap()
}

/// The hint of how to go on is the operator's, once; what is kept does not give the key back.
#[test]
fn secure_makes_a_key_shows_it_once_and_lets_nobody_in_without_it() {
    let sandbox = with_sample();
    let start = || HttpServer::spawn_with(&sandbox, &["--http", "127.0.0.1:0", "--secure"]).unwrap();
    let server = start();
    let key = shown_key(|| server.stderr());
    assert_eq!(counted(&count(&server, &key)), 100);
    let anonymous = server.call("list_datasets", &json!({})).send().unwrap();
    assert_eq!(anonymous.status, 401, "{}", anonymous.body);
    assert_eq!(parameter(&anonymous, "resource_metadata"), None, "no issuer could be asked for a token");
    let metadata = Asking::to("GET", &server.at("/.well-known/oauth-protected-resource/mcp")).send().unwrap();
    assert_eq!(metadata.status, 404);
    let kept = std::fs::read_to_string(sandbox.config_dir().join("api-keys.json")).unwrap();
    assert!(!kept.contains(&key), "{kept}");
    drop(server);
    let again = start();
    assert_eq!(counted(&count(&again, &key)), 100);
    assert!(!again.stderr().contains("m4_"), "{}", again.stderr());
}

#[test]
fn secure_may_listen_where_others_reach_it() {
    let args = ["--http", "0.0.0.0:0", "--secure", "--public-url", "https://m4.example"];
    HttpServer::spawn_with(&with_sample(), &args).unwrap();
}

#[test]
fn a_key_of_ones_own_is_kept_as_a_hash_and_a_weak_one_refused() {
    let sandbox = with_sample();
    let own = "correct-horse-battery-staple-4711-and-then-some";
    let args = ["--http", "127.0.0.1:0", "--secure", "--token", own];
    let server = HttpServer::spawn_with(&sandbox, &args).unwrap();
    assert_eq!(counted(&count(&server, own)), 100);
    assert_eq!(count(&server, &own[..own.len() - 1]).status, 401);
    assert!(!server.stderr().contains(own), "{}", server.stderr());
    assert!(!std::fs::read_to_string(sandbox.config_dir().join("api-keys.json")).unwrap().contains(own));

    let program = m4_tests::binaries::find("m4-mcp-server").unwrap();
    let weak = ["--http", "127.0.0.1:0", "--secure", "--token", "secret"];
    let exit =
        m4_tests::server::RawServer::spawn_program(program, &weak, &with_sample()).unwrap().wait(DEADLINE);
    let exit = exit.unwrap();
    assert_eq!(exit.code, Some(1), "{}", exit.stderr);
    assert!(exit.stderr.contains("hint: "), "{}", exit.stderr);
}

#[test]
fn serve_is_the_same_server_under_the_name_of_the_command_line() {
    let sandbox = with_sample();
    let program = m4_tests::binaries::find("m4").unwrap();
    let args = ["serve", "--http", "127.0.0.1:0", "--secure"];
    let mut process = m4_tests::server::RawServer::spawn_program(program, &args, &sandbox).unwrap();
    let url = process.read_line(DEADLINE).unwrap();
    let key = shown_key(|| process.stderr());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}"#;
    let asking = Asking::to("POST", &url).field("content-type", "application/json").body(call);
    assert_eq!(asking.send().unwrap().status, 401);
    let answer = asking.bearer(&key).send().unwrap();
    assert_eq!(answer.json()["result"]["structuredContent"]["subject"], "default", "{}", answer.body);
}

#[test]
fn a_file_of_keys_that_cannot_be_read_shuts_out_keys_and_not_tokens() {
    let web = Web::with(with_keys);
    let key = admitted(&web, &["laptop"]);
    counted(&count(&web.server, &key));
    std::fs::write(web.sandbox.config_dir().join("api-keys.json"), "not json").unwrap();
    eventually("keys are refused", || count(&web.server, &key).status == 503);
    assert_eq!(counted(&count(&web.server, &web.token())), 100);
}
