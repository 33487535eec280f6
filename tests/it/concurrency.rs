//! Queries of several callers side by side, and callers who leave.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http_setup::Web;
use crate::setup::{COUNT_PATIENTS, DEADLINE, Reply, answers, begin, eventually, sql, start, with_sample};

/// Nobody waits for this one to end by itself.
const ENDLESS: &str = "SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3";

#[test]
fn a_slow_query_does_not_hold_up_a_fast_one() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    sql(&mut server, COUNT_PATIENTS);
    for _ in 0..3 {
        begin(&mut server, "execute_query", &json!({ "sql_query": ENDLESS }));
    }
    for _ in 0..5 {
        let asked = Instant::now();
        let id = begin(&mut server, "execute_query", &json!({ "sql_query": COUNT_PATIENTS }));
        // The first answer is the last call's.
        let answer = server.read(DEADLINE).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        assert_eq!(Reply::of(&answer).rows(), &[json!([100])]);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
}

#[test]
fn many_callers_at_once_each_get_their_own_answer() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_MAX_CALLS", "64"));
    let tokens: Vec<String> = (0..8)
        .map(|n| web.issuer.mint(m4_tests::issuer::TokenSpec::new().subject(&format!("caller-{n}"))))
        .collect();
    let question = |caller: u64, call: u64, token: &str| {
        let sql = format!(
            "SELECT {caller} AS caller, {call} AS call, (SELECT count(*) FROM mimiciv_hosp.patients) AS n, \
             (SELECT count(*) FROM range({}) t(i)) AS top",
            caller * 1_000 + call
        );
        let asking = web.server.call("execute_query", &json!({ "sql_query": sql })).bearer(token);
        (asking, json!([[caller, call, 100, caller * 1_000 + call]]))
    };
    let callers = (0..).zip(&tokens).map(|(caller, token)| {
        let questions: Vec<_> = (0..12).map(|call| question(caller, call, token)).collect();
        std::thread::spawn(move || {
            for (asking, expected) in questions {
                let answer = asking.send().unwrap();
                assert_eq!(answer.json()["result"]["structuredContent"]["rows"], expected, "{}", answer.body);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.join().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_hangs_up_stops_its_query() {
    let web = Web::start();
    let token = web.token();
    web.count(&token).send().unwrap();
    let streams: Vec<TcpStream> = (0..4).map(|_| ask(&web, &token, ENDLESS)).collect();
    let before = cpu(web.server.id());
    eventually("the queries run", || cpu(web.server.id()) > before + 60);
    drop(streams);
    let left = Instant::now();
    idle(web.server.id());
    // A second of it is what it takes to see that nothing runs.
    assert!(left.elapsed() < Duration::from_secs(8), "{:?}", left.elapsed());
    assert_eq!(web.count(&token).send().unwrap().status, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_cancelled_call_over_http_stops_its_query() {
    let web = Web::start();
    let token = web.token();
    let session = web.open_session(&token);
    let call = json!({ "jsonrpc": "2.0", "id": 77, "method": "tools/call",
        "params": { "name": "execute_query", "arguments": { "sql_query": ENDLESS } } });
    let _stream = send(&web, &token, &call, &format!("mcp-session-id: {session}\r\n"));
    let before = cpu(web.server.id());
    eventually("the query runs", || cpu(web.server.id()) > before + 60);
    let cancel =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 77 } });
    let asked = web.server.post(&cancel.to_string()).bearer(&token).field("mcp-session-id", &session);
    assert_eq!(asked.send().unwrap().status, 202);
    idle(web.server.id());
}

fn ask(web: &Web, token: &str, sql: &str) -> TcpStream {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "execute_query", "arguments": { "sql_query": sql } } });
    send(web, token, &call, "")
}

/// Sends a request and does not wait for its answer.
fn send(web: &Web, token: &str, message: &Value, fields: &str) -> TcpStream {
    let body = message.to_string();
    let mut stream = TcpStream::connect(web.server.authority()).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        web.server.authority(),
        body.len()
    )
    .unwrap();
    stream
}

/// Waits until the server has stopped computing.
#[cfg(target_os = "linux")]
fn idle(id: u32) {
    eventually("the server is idle", || {
        let before = cpu(id);
        std::thread::sleep(Duration::from_millis(500));
        cpu(id) <= before + 2
    });
}

/// CPU time so far, in ticks of a hundredth of a second.
#[cfg(target_os = "linux")]
fn cpu(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Calls that wait for their turn are answered, too.
#[test]
fn more_queries_than_places_are_all_answered() {
    let sandbox = with_sample();
    let mut server = start(&sandbox);
    let asked: Vec<u64> = (0..40)
        .map(|n| {
            let sql = format!("SELECT {n}, count(*) FROM range(300000) a WHERE a.range % 7 = 3");
            begin(&mut server, "execute_query", &json!({ "sql_query": sql }))
        })
        .collect();
    let answered = answers(&mut server, &asked);
    for (n, id) in asked.iter().enumerate() {
        assert_eq!(Reply::of(&answered[id]).rows(), &[json!([n, 42_857])]);
    }
}
