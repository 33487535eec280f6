//! What a query can make the server take: memory stays bounded whatever the statement, and the server lives on.

use std::fs;
use std::time::{Duration, Instant};

use m4_tests::http::Asking;
use m4_tests::server::RawServer;
use serde_json::json;

use crate::setup::{COUNT_PATIENTS, Reply, answers, begin, sql, start, with_sample};

/// Statements that make far more text, or far longer lists, than there is memory: 10 GB to 100 TB.
const ATTACKS: [&str; 8] = [
    "SELECT repeat('x', 100000000) FROM range(1000)",
    "SELECT repeat('x', 10000000) FROM range(10000000)",
    "SELECT max(length(repeat('x', 1000000 + range))) FROM range(10000000)",
    "SELECT lpad('x', 10000000, 'ab') || rpad('x', 10000000, 'cd') FROM range(100000)",
    "SELECT replace(repeat('x', 100000), 'x', repeat('y', 100000)) FROM range(1000)",
    "SELECT range(100000000) FROM range(1000)",
    "SELECT list_transform(range(1000), lambda i: repeat('x', 1000000)) FROM range(1000)",
    "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r WHERE length(s) < 100000000) SELECT r.s || t.i FROM r, range(100000) t(i) WHERE length(s) > 1000000",
];

/// What the engine may use, what the server may use besides, and what it may take between two looks at it.
const BOUND_MIB: u64 = 256 + 256 + 256;

#[cfg(target_os = "linux")]
#[test]
fn no_statement_takes_the_server_far_beyond_its_memory() {
    let sandbox = with_sample().with("M4_QUERY_MEMORY", "256MiB").with("M4_QUERY_TIMEOUT", "20");
    let mut server = start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    for attack in ATTACKS {
        let asked = Instant::now();
        let reply = sql(&mut server, attack);
        // Those that need not hold it all at once may have an answer; what counts is what they took.
        let says = reply.text.lines().next().unwrap_or_default();
        assert!(
            !reply.is_error || says.contains("more memory") || says.contains("stopped after"),
            "{attack}: {says}"
        );
        assert!(asked.elapsed() < Duration::from_secs(28), "{attack}: {:?}", asked.elapsed());
        let peak = mib(&server, "VmHWM");
        println!("{peak} MiB after {:?}: {attack}", asked.elapsed());
        assert!(peak < BOUND_MIB, "{peak} MiB: {attack}");
        assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])], "after {attack}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_refused_statements_took_is_given_back_however_many_there_are() {
    let sandbox = with_sample().with("M4_QUERY_MEMORY", "256MiB").with("M4_QUERY_TIMEOUT", "20");
    let mut server = start(&sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
    let before = mib(&server, "VmData");
    let (mut resident, mut data) = (Vec::new(), Vec::new());
    for round in 0..6 {
        for attack in [ATTACKS[2], ATTACKS[6]] {
            let says = sql(&mut server, attack).text;
            assert!(
                says.contains("more memory") || says.contains("stopped after"),
                "{round} {attack}: {says}"
            );
            resident.push(mib(&server, "VmRSS"));
            data.push(mib(&server, "VmData"));
        }
    }
    println!("resident {resident:?}, addresses {data:?} MiB");
    // One that is stopped by the clock still frees its memory while this looks.
    let seldom = |sizes: &[u64], bound: u64| sizes.iter().filter(|size| **size > bound).count() <= 3;
    assert!(seldom(&resident, BOUND_MIB / 3), "{resident:?}");
    assert!(seldom(&data, before + BOUND_MIB / 3), "{data:?}, and {before} before");
    assert!(mib(&server, "VmHWM") < BOUND_MIB, "{} MiB", mib(&server, "VmHWM"));
}

#[cfg(target_os = "linux")]
#[test]
fn attacks_at_once_and_again_do_not_end_the_server_nor_other_callers_answers() {
    let sandbox = with_sample().with("M4_QUERY_MEMORY", "256MiB").with("M4_QUERY_TIMEOUT", "20");
    let mut server = start(&sandbox);
    for round in 0..3 {
        let asked: Vec<u64> = (0..6)
            .map(|n| {
                let query = if n % 2 == 0 { ATTACKS[(round + n) % 3] } else { COUNT_PATIENTS };
                begin(&mut server, "execute_query", &json!({ "sql_query": query }))
            })
            .collect();
        let answered = answers(&mut server, &asked);
        for (n, id) in asked.iter().enumerate() {
            let reply = Reply::of(&answered[id]);
            let is_memory = reply.is_error && reply.text.contains("more memory");
            assert!(n % 2 == 0 || is_memory || reply.rows() == &[json!([100])], "{}", reply.text);
        }
    }
    // Three at a time, each of which may be computing a batch.
    let peak = mib(&server, "VmHWM");
    println!("{peak} MiB after attacks at once");
    assert!(peak < 2 * BOUND_MIB, "{peak} MiB");
    // And what comes after finds all the memory that there was.
    let big = sql(&mut server, "SELECT count(DISTINCT range) FROM range(2000000)");
    assert_eq!(big.rows(), &[json!([2_000_000])]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_refused_statements_took_is_given_back_by_serve_too() {
    let sandbox = with_sample().with("M4_QUERY_MEMORY", "256MiB").with("M4_QUERY_TIMEOUT", "20");
    let program = m4_tests::binaries::find("m4").unwrap();
    let mut server =
        RawServer::spawn_program(program, &["serve", "--http", "127.0.0.1:0"], &sandbox).unwrap();
    let url = server.read_line(Duration::from_secs(30)).unwrap();
    let mut data = Vec::new();
    for _ in 0..5 {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "execute_query", "arguments": { "sql_query": ATTACKS[6] } },
        });
        let asking =
            Asking::to("POST", &url).field("content-type", "application/json").body(&call.to_string());
        let answer = asking.send().unwrap();
        assert!(
            answer.body.contains("more memory") || answer.body.contains("stopped after"),
            "{}",
            answer.body
        );
        data.push(mib(&server, "VmData"));
    }
    let high = data.iter().filter(|size| **size > BOUND_MIB / 2).count();
    assert!(high <= 1, "{data:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn there_is_no_limit_while_nothing_runs_however_short_the_queries_were() {
    let mut server = start(&with_sample());
    let limits = format!("/proc/{}/limits", server.id());
    let is_limited = || {
        let limits = fs::read_to_string(&limits).unwrap();
        !limits.lines().any(|line| line.starts_with("Max data size") && line.contains("unlimited"))
    };
    if is_limited() {
        return crate::setup::skip("the limit of data is set for everything here");
    }
    for _ in 0..20 {
        for _ in 0..10 {
            sql(&mut server, "SELECT 1");
        }
        let asked = Instant::now();
        while is_limited() {
            assert!(asked.elapsed() < Duration::from_secs(20), "a limit was left behind");
            std::thread::yield_now();
        }
    }
}

/// What the kernel says of the server's memory: `VmHWM` is the most that was ever resident.
#[cfg(target_os = "linux")]
fn mib(server: &RawServer, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() / 1_024
}
