//! The session itself: stdout is MCP only, nothing a client sends ends the server, and leaving ends it soon.

use std::process::Command;
use std::time::{Duration, Instant};

use m4_tests::issuer::TokenSpec;
use m4_tests::server::{RawServer, first_foreign_line};
use serde_json::json;

use crate::setup::{
    COUNT_PATIENTS, DEADLINE, Guarded, Reply, answers, begin, call, empty, eventually, issuer, protected,
    sql, start, with_sample,
};

/// Nobody waits for this one to end by itself.
const ENDLESS: &str = "SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3";

#[test]
fn every_byte_of_stdout_is_mcp_with_all_logging_on() {
    let issuer = issuer();
    let sandbox = protected(with_sample(), &issuer).with("M4_LOG", "trace").with("M4_OAUTH2_DEBUG", "true");
    let mut server = start(&sandbox);
    for token in
        [issuer.mint(TokenSpec::new()), "not a token".to_owned(), issuer.mint(TokenSpec::new().kid("x"))]
    {
        crate::setup::present(&sandbox, &token);
        sql(&mut server, COUNT_PATIENTS);
        sql(&mut server, "SELECT * FROM read_csv('/etc/passwd')");
        sql(&mut server, "SELECT no_such_column FROM mimiciv_hosp.patients");
    }
    server.send_line("{ not json").unwrap();
    server.request("no/such/method", &json!({}), DEADLINE).unwrap();
    server.call_tool("no_such_tool", &json!({}), DEADLINE).unwrap();
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert_eq!(first_foreign_line(&exit.stdout), None);
    for level in ["DEBUG", "INFO", "WARN"] {
        assert!(exit.stderr.contains(level), "logging was not on: no {level}");
    }
}

#[test]
fn a_session_without_errors_logs_nothing_at_level_error() {
    let sandbox = with_sample().with("M4_LOG", "error");
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    assert_eq!(server.close_and_wait(DEADLINE).unwrap().stderr, "");
}

#[test]
fn a_misconfigured_server_keeps_stdout_clean_too() {
    let sandbox = empty().with("M4_OAUTH2_ENABLED", "treu").with("M4_LOG", "trace").with("M4_BACKEND", "x");
    let mut server = start(&sandbox);
    call(&mut server, "list_datasets", json!({}));
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!((exit.code, first_foreign_line(&exit.stdout)), (Some(0), None));
}

#[test]
fn the_end_of_input_ends_the_server_within_two_seconds() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(exit.elapsed < Duration::from_secs(2), "{:?}", exit.elapsed);
    let unspoken_to = RawServer::spawn(&sandbox).unwrap().close_and_wait(DEADLINE).unwrap();
    assert_eq!((unspoken_to.code, unspoken_to.stdout), (Some(0), vec![]), "{}", unspoken_to.stderr);
}

#[test]
fn calls_made_before_the_end_of_input_are_still_answered() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    let ids: Vec<u64> = (0..20).map(|_| begin(&mut server, "list_datasets", &json!({}))).collect();
    let exit = server.close_and_wait(DEADLINE).unwrap();
    let stdout = String::from_utf8(exit.stdout).unwrap();
    for id in ids {
        assert!(stdout.contains(&format!(r#""id":{id},"result""#)), "no answer to {id}");
    }
}

#[test]
fn the_end_of_input_ends_the_server_within_two_seconds_while_queries_run() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    for _ in 0..4 {
        begin(&mut server, "execute_query", &json!({ "sql_query": ENDLESS }));
    }
    busy(&server);
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert!(exit.elapsed < Duration::from_secs(2), "{:?}", exit.elapsed);
}

#[cfg(unix)]
#[test]
fn a_signal_to_stop_ends_the_server_in_order() {
    for signal in ["TERM", "INT"] {
        let sandbox = with_sample();
        let mut server = start(&sandbox);
        sql(&mut server, COUNT_PATIENTS);
        begin(&mut server, "execute_query", &json!({ "sql_query": ENDLESS }));
        busy(&server);
        let sent =
            Command::new("sh").args(["-c", &format!("kill -{signal} {}", server.id())]).status().unwrap();
        assert!(sent.success());
        let exit = server.wait(DEADLINE).unwrap();
        assert_eq!(exit.code, Some(0), "{signal}: {}", exit.stderr);
        assert!(exit.elapsed < Duration::from_secs(2), "{signal}: {:?}", exit.elapsed);
        assert_eq!(first_foreign_line(&exit.stdout), None);
    }
}

#[test]
fn a_cancelled_query_stops_and_the_next_one_gets_its_turn() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    let ids: Vec<u64> =
        (0..8).map(|_| begin(&mut server, "execute_query", &json!({ "sql_query": ENDLESS }))).collect();
    busy(&server);
    for id in &ids {
        server
            .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id, "reason": "enough" } }))
            .unwrap();
    }
    let asked = Instant::now();
    let heavy = sql(&mut server, "SELECT sum(a.range % 7) FROM range(20000000) a");
    assert_eq!(heavy.rows().len(), 1);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    idle(&server);
}

#[test]
fn a_query_past_its_time_is_stopped_and_says_so() {
    let sandbox = with_sample().with("M4_QUERY_TIMEOUT", "1");
    let mut server = start(&sandbox);
    let reply = sql(&mut server, ENDLESS);
    assert!(
        reply.refusal().starts_with("Error: The query was stopped after 1 seconds\nHint: read less"),
        "{}",
        reply.text
    );
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    idle(&server);
}

#[test]
fn a_long_query_reports_progress_to_a_client_that_asks_for_it() {
    let sandbox = with_sample().with("M4_QUERY_TIMEOUT", "3");
    let mut server = start(&sandbox);
    let params = json!({ "name": "execute_query", "arguments": { "sql_query": ENDLESS }, "_meta": { "progressToken": "p1" } });
    server.start_request("tools/call", &params).unwrap();
    let told = server.read(DEADLINE).unwrap();
    assert_eq!(told["method"], "notifications/progress", "{told}");
    assert_eq!(told["params"]["progressToken"], "p1");
}

#[test]
fn nothing_a_client_sends_ends_the_server() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    for line in [
        "",
        "garbage",
        "{",
        "[]",
        "null",
        "42",
        "\"text\"",
        "{}",
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":77,"result":{}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/no-such-thing"}"#,
        r#"{"jsonrpc":"2.0","id":900,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":901,"method":"tools/call","params":{"name":7}}"#,
        r#"{"jsonrpc":"2.0","id":902,"method":"tools/call","params":{"name":"execute_query","arguments":[]}}"#,
        "\u{0}\u{1}\u{feff}",
    ] {
        server.send_line(line).unwrap();
    }
    assert_eq!(server.request("ping", &json!({}), DEADLINE).unwrap()["result"], json!({}));
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    let exit = server.close_and_wait(DEADLINE).unwrap();
    assert_eq!(first_foreign_line(&exit.stdout), None);
}

#[test]
fn a_huge_line_is_survived() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    server.send_line(&"x".repeat(20 << 20)).unwrap();
    let reply = sql(&mut server, &format!("SELECT '{}'", "x".repeat(8 << 20)));
    assert!(
        reply.refusal().starts_with("Error: The SQL is "),
        "{}",
        &reply.text[..reply.text.len().min(200)]
    );
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
}

#[test]
fn an_unknown_method_or_tool_is_a_protocol_error_and_wrong_arguments_are_the_tools() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let method = server.request("no/such/method", &json!({}), DEADLINE).unwrap();
    assert_eq!(method["error"]["code"], -32601, "{method}");
    let tool = server.call_tool("no_such_tool", &json!({}), DEADLINE).unwrap();
    assert_eq!(tool["error"]["code"], -32602, "{tool}");
    for (tool, arguments, says) in [
        ("execute_query", json!({}), "missing field `sql_query`"),
        ("execute_query", json!({ "sql_query": 7 }), "expected a string"),
        ("execute_query", json!({ "sql_query": "SELECT 1", "limit": "ten" }), "expected u32"),
        ("execute_query", json!({ "sql_query": "SELECT 1", "sql": "x" }), "unknown field `sql`"),
        ("get_table_info", json!({ "table_name": "x", "show_sample": "maybe" }), "expected a boolean"),
        ("list_datasets", json!({ "x": 1 }), "it takes none"),
    ] {
        let reply = call(&mut server, tool, arguments);
        let begin = format!("Error: Invalid arguments for {tool}: ");
        assert!(reply.refusal().starts_with(&begin) && reply.text.contains(says), "{}", reply.text);
    }
    let prompts = server.request("prompts/list", &json!({}), DEADLINE).unwrap();
    assert_eq!(prompts["error"]["code"], -32601);
}

#[test]
fn a_data_call_before_the_handshake_gets_no_data() {
    let sandbox = with_sample();
    let mut server = RawServer::spawn(&sandbox).unwrap();
    begin(&mut server, "execute_query", &json!({ "sql_query": COUNT_PATIENTS }));
    let exit = server.close_and_wait(DEADLINE).unwrap();
    let stdout = String::from_utf8_lossy(&exit.stdout);
    assert!(!stdout.contains("structuredContent"), "{stdout}");
    assert_eq!(first_foreign_line(&exit.stdout), None);
}

#[test]
fn the_list_of_tools_is_the_same_in_every_run() {
    let list = |sandbox| {
        let mut server = start(&sandbox);
        server.request("tools/list", &json!({}), DEADLINE).unwrap()["result"].to_string()
    };
    let first = list(with_sample());
    assert_eq!(first, list(with_sample()));
    assert_eq!(first, list(empty().with("M4_OAUTH2_ENABLED", "treu")));
}

#[test]
fn pipelined_calls_are_all_answered_each_to_its_own_id() {
    let mut guarded = Guarded::start();
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    let ids: Vec<u64> = (0..200)
        .map(|n| {
            begin(&mut guarded.server, "execute_query", &json!({ "sql_query": format!("SELECT {n} AS n") }))
        })
        .collect();
    let answers = answers(&mut guarded.server, &ids);
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(Reply::of(&answers[id]).rows(), &[json!([n])]);
    }
}

/// CPU time of the server so far, in ticks of a hundredth of a second.
#[cfg(target_os = "linux")]
fn cpu(server: &RawServer) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<&str> = after_name.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Waits until the queries run: more time has gone by than checking them and opening the database takes.
#[cfg(target_os = "linux")]
fn busy(server: &RawServer) {
    let before = cpu(server);
    eventually("the queries run", || cpu(server) > before + 60);
}

/// Waits until the server has stopped computing.
#[cfg(target_os = "linux")]
fn idle(server: &RawServer) {
    eventually("the server is idle", || {
        let before = cpu(server);
        std::thread::sleep(Duration::from_millis(500));
        cpu(server) <= before + 2
    });
}

#[cfg(not(target_os = "linux"))]
fn busy(_: &RawServer) {
    std::thread::sleep(Duration::from_secs(1));
}

#[cfg(not(target_os = "linux"))]
fn idle(_: &RawServer) {
    crate::setup::skip("whether the server is idle can only be seen on Linux");
}
