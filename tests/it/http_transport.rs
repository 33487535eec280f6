//! The MCP transport over HTTP, row by row: hosts, origins, methods, sessions, headers (s01, s17 to s26).

use std::time::Duration;

use m4_tests::http::{Asking, HttpServer};
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::http_setup::{MODERN, Web, counted, modern};
use crate::setup::{DEADLINE, Guarded, call, eventually, issuer, protected, with_sample};

/// stdio takes the caller's token from the settings, and knows no challenge.
#[test]
fn s01_stdio_callers_bring_their_token_in_the_settings() {
    let mut guarded = Guarded::start();
    assert_eq!(guarded.count(TokenSpec::new()).rows()[0][0], 100);
    guarded.present("a.b.c");
    let reply = call(&mut guarded.server, "whoami", json!({}));
    assert!(!reply.refusal().contains("resource_metadata"), "{}", reply.text);
}

#[test]
fn s17_requests_for_other_hosts_or_from_other_pages_are_refused() {
    let web = Web::start();
    let token = web.token();
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "evil.example:80"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
    ] {
        let answer = web.count(&token).field(name, value).send().unwrap();
        assert_eq!(answer.status, 403, "{name}: {value}: {}", answer.body);
        assert_eq!(answer.field("access-control-allow-origin"), None);
        // Not even the way to a token is told.
        assert_eq!(answer.field("www-authenticate"), None);
    }
    let own = format!("http://{}", web.server.authority());
    let answer = web.count(&token).field("origin", &own).send().unwrap();
    assert_eq!(counted(&answer), 100);
    assert_eq!(answer.field("access-control-allow-origin"), Some(own.as_str()));
}

#[test]
fn s17_pages_of_listed_origins_may_ask_and_call() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_ALLOWED_ORIGINS", "https://app.example"));
    let preflight = |origin| {
        let asking = Asking::to("OPTIONS", web.server.url()).field("origin", origin);
        asking.field("access-control-request-method", "POST").send().unwrap()
    };
    let answer = preflight("https://app.example");
    assert_eq!(answer.status, 204);
    assert!(answer.field("access-control-allow-headers").unwrap().contains("Authorization"));
    assert_eq!(preflight("https://evil.example").status, 403);
    let refused = web.count("a.b.c").field("origin", "https://app.example").send().unwrap();
    assert_eq!(refused.status, 401);
    assert!(refused.field("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
}

#[test]
fn s18_other_machines_are_not_served_without_authentication() {
    let sandbox = with_sample();
    let refused = |args: &[&str], sandbox: &Sandbox| {
        let server =
            RawServer::spawn_program(m4_tests::binaries::find("m4-mcp-server").unwrap(), args, sandbox);
        let exit = server.unwrap().wait(DEADLINE).unwrap();
        assert_eq!(exit.code, Some(1), "{}", exit.stderr);
        exit.stderr
    };
    let text = refused(&["--http", "0.0.0.0:0"], &sandbox);
    assert!(text.contains("callers are not authenticated") && text.contains("--allow-insecure"), "{text}");
    // OAuth2 that is on but broken protects nothing it could serve, and lets nobody in: that may listen.
    let protected = protected(sandbox.clone(), &issuer());
    let text = refused(&["--http", "0.0.0.0:0"], &protected);
    assert!(text.contains("--public-url"), "{text}");
    HttpServer::spawn_with(&protected, &["--http", "0.0.0.0:0", "--public-url", "https://m4.example"])
        .unwrap();
    let insecure = ["--http", "0.0.0.0:0", "--allow-insecure", "--public-url", "https://m4.example"];
    HttpServer::spawn_with(&sandbox, &insecure).unwrap();
    assert!(HttpServer::spawn(&sandbox).unwrap().url().starts_with("http://127.0.0.1:"));
}

#[test]
fn s19_requests_are_answered_in_json_and_notifications_accepted() {
    let web = Web::start();
    let token = web.token();
    let answer = web.count(&token).send().unwrap();
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(counted(&answer), 100);
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let answer = web.server.post(notification).bearer(&token).send().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    // As `curl` and `requests` send it, without knowing of MCP.
    let list = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
    let answer = web.server.post(list).bearer(&token).field("accept", "*/*").send().unwrap();
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")));
    assert!(answer.json()["result"]["tools"].as_array().unwrap().len() >= 7, "{}", answer.body);
    // Such a client takes no stream, though it asks to be told how a call gets on.
    let slow = json!({
        "name": "execute_query", "_meta": { "progressToken": 1 },
        "arguments": { "sql_query": "SELECT sum(sqrt(a.range + b.range)) FROM range(8000) a, range(8000) b" },
    });
    let answer =
        web.server.rpc("tools/call", &slow).bearer(&token).field("accept", "application/json").send();
    assert_eq!(answer.unwrap().field("content-type"), Some("application/json"));
    let within = web.open_session(&token);
    let answer = web.count(&token).field("mcp-session-id", &within).send().unwrap();
    assert_eq!(answer.field("content-type"), Some("text/event-stream"));
    assert_eq!(counted(&answer), 100);
}

/// The first revision over streamable HTTP has batches: all of them pass the gate, or none.
#[test]
fn s19_a_batch_of_2025_03_26_is_answered_as_a_whole_and_later_revisions_have_none() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let token = web.token();
    let request = |id: u32, tool: &str, arguments: serde_json::Value| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments, "_meta": { "progressToken": id },
        }})
    };
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let whoami = request(1, "whoami", json!({}));
    let unknown = request(2, "no_such_tool", json!({}));
    let batch = json!([whoami, notification, unknown]).to_string();
    let answer = web.server.post(&batch).bearer(&token).send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answers = answer.json();
    assert_eq!(answers.as_array().unwrap().len(), 2, "{answers}");
    assert!(
        answers[0]["id"] == 1 && answers[0]["result"]["structuredContent"]["subject"].is_string(),
        "{answers}"
    );
    assert!(answers[1]["id"] == 2 && answers[1]["error"]["code"] == -32602, "{answers}");

    let only_told = json!([notification]).to_string();
    assert_eq!(web.server.post(&only_told).bearer(&token).send().unwrap().status, 202);
    let query = request(3, "execute_query", json!({ "sql_query": "SELECT 1" }));
    let forbidden = web.server.post(&json!([whoami, query]).to_string()).bearer(&token).send().unwrap();
    assert_eq!(forbidden.status, 403, "{}", forbidden.body);
    assert!(!forbidden.body.contains("subject"), "{}", forbidden.body);
    let later = web.server.post(&batch).field("mcp-protocol-version", "2025-06-18").bearer(&token);
    assert_eq!(later.send().unwrap().status, 400);
    let foreign = web.server.post(&batch).field("mcp-session-id", "made-up").bearer(&token);
    assert_eq!(foreign.send().unwrap().status, 404);
}

#[test]
fn s19_a_client_that_goes_away_stops_its_query() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_MAX_CALLS_PER_SUBJECT", "1"));
    let token = web.token();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "execute_query", "arguments": { "sql_query": ENDLESS },
    }})
    .to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        web.server.authority(),
        body.len()
    );
    let answer = web.server.raw((head + &body).as_bytes(), Duration::from_millis(1500)).unwrap();
    assert_eq!(answer, "", "the query should have taken longer");
    // Once it is stopped, its subject may call again, long before it would have ended.
    eventually("the query is stopped", || web.count(&token).send().unwrap().status == 200);
}

/// Hundreds of seconds on any machine.
const ENDLESS: &str = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = -1";

#[test]
fn s20_headers_that_contradict_the_body_are_refused() {
    let web = Web::start();
    let token = web.token();
    let whoami = || modern(&web.server, "tools/call", json!({ "name": "whoami" })).bearer(&token);
    assert_eq!(whoami().send().unwrap().status, 200);
    for (name, value) in
        [("mcp-name", "list_datasets"), ("mcp-method", "tools/list"), ("mcp-protocol-version", "2025-11-25")]
    {
        let answer = whoami().field(name, value).send().unwrap();
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!(-32020)),
            "{name}: {}",
            answer.body
        );
    }
    let answer = whoami().without("mcp-name").send().unwrap();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32020)), "{}", answer.body);
}

#[test]
fn s20_unknown_revisions_and_methods_are_told_apart() {
    let web = Web::start();
    let token = web.token();
    let mut future = modern(&web.server, "tools/list", json!({}));
    future = future.field("mcp-protocol-version", "2031-01-01").body(
        &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2031-01-01",
            "io.modelcontextprotocol/clientInfo": { "name": "m4-tests", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        }}})
        .to_string(),
    );
    let answer = future.bearer(&token).send().unwrap();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32022)), "{}", answer.body);
    let header = web.server.rpc("tools/list", &json!({})).field("mcp-protocol-version", "2031-01-01");
    let answer = header.bearer(&token).send().unwrap();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32022)), "{}", answer.body);
    let answer = modern(&web.server, "no/such", json!({})).bearer(&token).send().unwrap();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32601)), "{}", answer.body);
}

/// Before 2026-07-28 the library does not compare `Mcp-Name` with the body, so what the gate decides about must come from
/// the body alone.
#[test]
fn s20_the_gate_reads_the_body_and_never_the_header_alone() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let token = web.token();
    for name in ["whoami", "list_datasets", ""] {
        let forged = web.count(&token).field("mcp-name", name).field("mcp-method", "tools/call");
        let answer = forged.field("mcp-protocol-version", "2025-06-18").send().unwrap();
        assert_eq!(answer.status, 403, "{name}: {}", answer.body);
    }
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","name":"execute_query",
        "arguments":{"sql_query":"SELECT 1"}}}"#;
    assert_eq!(web.server.post(twice).bearer(&token).send().unwrap().status, 403);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_query","name":"whoami",
        "arguments":{}}}"#;
    let answer = web.server.post(twice).bearer(&token).send().unwrap();
    assert!(answer.json()["result"]["structuredContent"]["subject"].is_string(), "{}", answer.body);
}

#[test]
fn s21_without_sessions_there_is_nothing_to_get_or_delete() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_SESSIONS", "off"));
    let token = web.token();
    for method in ["GET", "DELETE", "PUT", "PATCH"] {
        let answer = Asking::to(method, web.server.url()).bearer(&token).send().unwrap();
        assert_eq!((answer.status, answer.field("allow")), (405, Some("POST")), "{method}");
    }
    let answer = web.initialize().bearer(&token).send().unwrap();
    assert_eq!((answer.status, answer.field("mcp-session-id")), (200, None), "{}", answer.body);
    assert_eq!(answer.json()["result"]["serverInfo"]["name"], "m4");
    let with = Web::start();
    let modern_get = Asking::to("GET", with.server.url()).field("mcp-protocol-version", MODERN);
    assert_eq!(modern_get.bearer(&with.token()).send().unwrap().status, 405, "2026-07-28 has no sessions");
}

#[test]
fn s22_a_session_id_alone_opens_nothing() {
    let web = Web::start();
    let id = web.open_session(&web.token());
    for token in [None, Some("a.b.c".to_owned()), Some(web.issuer.mint(TokenSpec::new().expires_in(-3600)))] {
        let asking = web.server.call("whoami", &json!({})).field("mcp-session-id", &id);
        let asking = token.iter().fold(asking, |asking, token| asking.bearer(token));
        assert_eq!(asking.send().unwrap().status, 401);
    }
}

#[test]
fn s23_a_session_is_its_subjects_and_random_and_gone_once_ended() {
    let web = Web::start();
    let ann = web.issuer.mint(TokenSpec::new().subject("ann"));
    let bob = web.issuer.mint(TokenSpec::new().subject("bob"));
    let id = web.open_session(&ann);
    assert_ne!(id, web.open_session(&ann));
    assert!(id.len() >= 32, "{id}");
    let in_session = |method: &str, token: &str| match method {
        "POST" => web.count(token).field("mcp-session-id", &id).send().unwrap().status,
        _ => {
            Asking::to(method, web.server.url())
                .field("accept", "text/event-stream")
                .field("mcp-session-id", &id)
                .bearer(token)
                .send()
                .unwrap()
                .status
        }
    };
    for method in ["POST", "GET", "DELETE"] {
        assert_eq!(in_session(method, &bob), 404, "{method} of somebody else");
    }
    let refreshed = web.issuer.mint(TokenSpec::new().subject("ann").claim("jti", "another token"));
    assert_eq!(in_session("POST", &refreshed), 200, "the subject counts, not the token");
    assert_eq!(in_session("DELETE", &ann), 204);
    assert_eq!(in_session("POST", &ann), 404);
    assert_eq!(in_session("DELETE", &ann), 404);
}

#[test]
fn s23_a_call_in_a_session_that_is_not_its_callers_costs_nothing_of_the_rate() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1"));
    let ann = web.issuer.mint(TokenSpec::new().subject("ann"));
    let bobs = web.open_session(&web.issuer.mint(TokenSpec::new().subject("bob")));
    for session in [bobs.as_str(), "made-up"] {
        let in_session = |asking: Asking| asking.field("mcp-session-id", session).send().unwrap().status;
        assert_eq!(in_session(web.count(&ann)), 404, "{session}");
        let unknown = web.server.call("whoami", &json!({}));
        assert_eq!(in_session(unknown), 401, "a stranger learns nothing of sessions");
    }
    assert_eq!(web.count(&ann).send().unwrap().status, 200, "the one call allowed is still there");
    assert_eq!(web.count(&ann).send().unwrap().status, 429);
}

#[test]
fn s23_the_same_subject_of_another_issuer_is_somebody_else() {
    let (one, other) = (issuer(), issuer());
    let sandbox = protected(with_sample(), &one).without("M4_OAUTH2_TOKEN_FILE");
    let table =
        format!("[[oauth2.issuers]]\nissuer_url = '{}'\naudience = '{}'\n", other.url(), other.audience());
    std::fs::write(sandbox.config_dir().join("config.toml"), table).unwrap();
    let server = HttpServer::spawn(&sandbox).unwrap();
    let web = Web { issuer: one, sandbox, server };
    let id = web.open_session(&web.token());
    let asking = |token: &str| web.count(token).field("mcp-session-id", &id).send().unwrap().status;
    assert_eq!(asking(&web.token()), 200);
    let twin = other.mint(TokenSpec::new());
    assert_eq!(asking(&twin), 404);
    assert_eq!(counted(&web.count(&twin).send().unwrap()), 100, "outside that session it is welcome");
    let metadata =
        Asking::to("GET", &web.server.at("/.well-known/oauth-protected-resource/mcp")).send().unwrap();
    assert_eq!(metadata.json()["authorization_servers"], json!([web.issuer.url(), other.url()]));
}

/// No tool asks back, so no state comes back; one that does is neither read nor trusted.
/// What an issuer says of an opaque token counts over HTTP as it does on stdio.
#[test]
fn s08_an_opaque_token_is_judged_by_what_its_issuer_says() {
    let issuer = issuer();
    let (id, secret) = (issuer.client().0.to_owned(), issuer.client().1.to_owned());
    let sandbox = protected(with_sample(), &issuer)
        .without("M4_OAUTH2_TOKEN_FILE")
        .with("M4_OAUTH2_INTROSPECTION_URL", issuer.introspection_endpoint())
        .with("M4_OAUTH2_CLIENT_ID", id)
        .with("M4_OAUTH2_CLIENT_SECRET", secret);
    let server = HttpServer::spawn(&sandbox).unwrap();
    let token = issuer.issue_opaque(json!({
        "sub": "opaque-caller", "aud": issuer.audience(), "scope": "read:mimic-data",
    }));
    let answer = server.call("whoami", &json!({})).bearer(&token).send().unwrap();
    assert_eq!(answer.json()["result"]["structuredContent"]["subject"], "opaque-caller", "{}", answer.body);
    let unknown = server.call("whoami", &json!({})).bearer("never-issued").send().unwrap();
    assert_eq!(
        (unknown.status, unknown.json()["error"].as_str()),
        (401, Some("invalid_token")),
        "{}",
        unknown.body
    );
}

#[test]
fn s24_state_that_a_client_makes_up_changes_nothing() {
    let web = Web::with(|sandbox| sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database"));
    let token = web.token();
    for state in ["", "granted", "eyJzY29wZSI6InF1ZXJ5OmRhdGFiYXNlIn0"] {
        let params = json!({
            "name": "execute_query", "arguments": { "sql_query": "SELECT 1" },
            "requestState": state, "inputResponses": {},
        });
        let answer = modern(&web.server, "tools/call", params).bearer(&token).send().unwrap();
        assert_eq!(answer.status, 403, "{state}: {}", answer.body);
        let params = json!({ "name": "whoami", "requestState": state, "inputResponses": {} });
        let answer = modern(&web.server, "tools/call", params).bearer(&token).send().unwrap();
        assert!(matches!(answer.status, 200 | 400), "{state}: {}", answer.body);
        assert!(!answer.body.contains("query:database"), "{}", answer.body);
    }
}

#[test]
fn s25_the_tools_are_the_same_for_every_connection_and_always_in_one_order() {
    let web = Web::start();
    let list = |token: &str| web.server.rpc("tools/list", &json!({})).bearer(token).send().unwrap().body;
    let first = list(&web.token());
    for subject in ["ann", "bob"] {
        assert_eq!(list(&web.issuer.mint(TokenSpec::new().subject(subject))), first);
    }
}

#[test]
fn s25_input_is_checked_and_what_fails_tells_nothing_of_the_machine() {
    let web = Web::start();
    let token = web.token();
    for arguments in
        [json!({}), json!([]), json!({ "sql_query": 7 }), json!({ "sql_query": "SELECT 1", "x": 1 })]
    {
        let answer = web.server.call("execute_query", &arguments).bearer(&token).send().unwrap();
        let body = answer.json();
        assert!(
            body["error"].is_object() || body["result"]["isError"] == true,
            "{arguments}: {}",
            answer.body
        );
    }
    let broken = json!({ "sql_query": "SELECT * FROM read_csv('/etc/passwd')" });
    let answer = web.server.call("execute_query", &broken).bearer(&token).send().unwrap();
    assert_eq!(answer.json()["result"]["isError"], true);
    let home = web.sandbox.root().to_string_lossy().into_owned();
    assert!(!answer.body.contains(&home) && !answer.body.contains("root:"), "{}", answer.body);
    let unknown = web.server.call("no_such_tool", &json!({})).bearer(&token).send().unwrap();
    assert_eq!(unknown.json()["error"]["code"], -32602);
}

/// Where MCP goes over HTTP, stdin and its end mean nothing.
#[test]
fn s26_only_stdio_ends_with_its_input() {
    let sandbox = with_sample();
    let stdio = RawServer::spawn(&sandbox).unwrap();
    assert_eq!(stdio.close_and_wait(DEADLINE).unwrap().code, Some(0));
    let mut stdio = RawServer::spawn(&sandbox).unwrap();
    stdio.initialize(DEADLINE).unwrap();
    let exit = stdio.close_and_wait(DEADLINE).unwrap();
    assert_eq!(m4_tests::server::first_foreign_line(&exit.stdout), None);
    let server = HttpServer::spawn(&sandbox).unwrap();
    let answer = server.call("list_datasets", &json!({})).send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}
