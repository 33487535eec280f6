//! Requests that are wrong by accident or on purpose: the right status, nothing given away, and a server that lives.

use std::net::TcpStream;
use std::time::Duration;

use m4_tests::http::Asking;
use m4_tests::issuer::TokenSpec;
use serde_json::json;

use crate::http_setup::{Web, counted, modern};
use crate::setup::eventually;

/// Long enough for an answer, short enough for a test that expects none.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn bodies_that_are_no_messages_are_refused_by_kind() {
    let web = Web::start();
    let token = web.token();
    for (body, status, code) in [
        ("", 400, -32700),
        ("{", 400, -32700),
        ("\u{0}", 400, -32700),
        ("[]", 400, -32600),
        ("null", 400, -32600),
        ("{}", 400, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":5}"#, 400, -32600),
    ] {
        let answer = web.server.post(body).bearer(&token).send().unwrap();
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (status, &json!(code)),
            "{body}: {}",
            answer.body
        );
    }
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}}"#, "[".repeat(200_000));
    assert_eq!(web.server.post(&deep).bearer(&token).send().unwrap().status, 400);
    assert_eq!(counted(&web.count(&token).send().unwrap()), 100, "the server lives");
}

#[test]
fn wrong_content_types_and_appetites_are_told_apart() {
    let web = Web::start();
    let token = web.token();
    for value in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
    {
        let answer = web.count(&token).field("content-type", value).send().unwrap();
        assert_eq!(answer.status, 415, "{value}");
    }
    let two = web.count(&token).and_field("content-type", "text/plain");
    assert_eq!(two.send().unwrap().status, 415);
    for value in ["text/html", "image/*", "text/event-stream"] {
        assert_eq!(web.count(&token).field("accept", value).send().unwrap().status, 406, "{value}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_however_it_is_framed() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_MAX_BODY", "2KiB"));
    let token = web.token();
    let large =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "x".repeat(3000));
    let answer = web.server.post(&large).bearer(&token).send().unwrap();
    assert_eq!(answer.status, 413, "{}", answer.body);
    let chunked = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        web.server.authority(),
        large.len()
    );
    assert_eq!(status(&web.server.raw(chunked.as_bytes(), PATIENCE).unwrap()), Some(413));
    // A length that is announced and never sent costs a connection for a while and nothing else.
    let announced = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: 99999999999\r\n\r\n{{",
        web.server.authority()
    );
    assert_eq!(status(&web.server.raw(announced.as_bytes(), PATIENCE).unwrap()), None);
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Two readings of one request: what a proxy forwards as one must not become two here.
#[test]
fn requests_that_could_be_read_in_two_ways_are_not_read() {
    let web = Web::start();
    let token = web.token();
    let host = web.server.authority();
    let smuggled = format!("GET /mcp HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let heads = [
        format!("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("content-length: 4\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("content-length: +4\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("x: a\r\n b\r\ncontent-length: 0\r\n\r\n{smuggled}"),
    ];
    for head in heads {
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n{head}"
        );
        let answers = web.server.raw(request.as_bytes(), PATIENCE).unwrap();
        let count = answers.matches("HTTP/1.1 ").count();
        assert!(count <= 1 && status(&answers).is_none_or(|status| status >= 400), "{head:?}: {answers}");
    }
    let hosts = format!("GET /mcp HTTP/1.1\r\nhost: {host}\r\nhost: evil.example\r\n\r\n");
    assert_eq!(status(&web.server.raw(hosts.as_bytes(), PATIENCE).unwrap()), Some(400));
    let absolute = format!("GET http://evil.example/mcp HTTP/1.1\r\nhost: {host}\r\n\r\n");
    assert_eq!(status(&web.server.raw(absolute.as_bytes(), PATIENCE).unwrap()), Some(400));
    assert_eq!(counted(&web.count(&token).send().unwrap()), 100, "the server lives");
}

#[test]
fn heads_without_end_and_nonsense_are_cut_off() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_SLOW_CLIENT", "1"));
    let host = web.server.authority();
    let many = "x: y\r\n".repeat(200);
    let many =
        web.server.raw(format!("GET /mcp HTTP/1.1\r\nhost: {host}\r\n{many}\r\n").as_bytes(), PATIENCE);
    assert_eq!(status(&many.unwrap()), Some(431));
    let long = format!("GET /mcp HTTP/1.1\r\nhost: {host}\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    assert_eq!(status(&web.server.raw(long.as_bytes(), PATIENCE).unwrap()), Some(431));
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"SSH-2.0-x\r\n", b"\r\n\r\n\r\n", b"GET\r\n\r\n"]
    {
        let answer = web.server.raw(nonsense, PATIENCE).unwrap();
        assert!(status(&answer).is_none_or(|status| status == 400), "{answer}");
    }
    // Whoever sends half a head is hung up on.
    let start = std::time::Instant::now();
    let half = format!("POST /mcp HTTP/1.1\r\nhost: {host}\r\n");
    web.server.raw(half.as_bytes(), Duration::from_secs(20)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(counted(&web.count(&web.token()).send().unwrap()), 100, "the server lives");
}

#[test]
fn a_body_that_dribbles_in_is_not_waited_for() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_SLOW_CLIENT", "1"));
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{",
        web.server.authority(),
        web.token()
    );
    let answer = web.server.raw(request.as_bytes(), Duration::from_secs(20)).unwrap();
    assert_eq!(status(&answer), Some(408), "{answer}");
}

#[test]
fn forged_session_ids_and_headers_open_nothing() {
    let web = Web::start();
    let token = web.token();
    for id in ["x", "00000000-0000-0000-0000-000000000000", "../../etc", "%00", "a b"] {
        let answer = web.count(&token).field("mcp-session-id", id).send().unwrap();
        assert_eq!(answer.status, 404, "{id}: {}", answer.body);
    }
    let missing = Asking::to("GET", web.server.url()).field("accept", "text/event-stream").bearer(&token);
    assert_eq!(missing.send().unwrap().status, 400);
    // The revision without sessions does not look at one.
    let modern = modern(&web.server, "tools/call", json!({ "name": "whoami" })).field("mcp-session-id", "x");
    assert_eq!(modern.bearer(&token).send().unwrap().status, 200);
}

#[test]
fn a_peer_that_guesses_is_slowed_and_callers_known_at_its_address_are_not() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_FAILED_AUTH", "5/600"));
    let known = web.token();
    counted(&web.count(&known).send().unwrap());
    let guess = |n: u32| {
        web.count(&web.issuer.mint(TokenSpec::new().expires_in(-3600 - i64::from(n)))).send().unwrap()
    };
    let statuses: Vec<u16> = (0..8).map(|n| guess(n).status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let refused = guess(9);
    assert_eq!(refused.json()["error"], "too_many_failures");
    assert!(refused.field("retry-after").unwrap().parse::<u32>().unwrap() <= 600);
    assert_eq!(counted(&web.count(&known).send().unwrap()), 100, "who was known is still let in");
    let newcomer = web.issuer.mint(TokenSpec::new().subject("new"));
    assert_eq!(web.count(&newcomer).send().unwrap().status, 429, "who was not has to wait");
}

/// After a rotation every good token has a key id that is not known yet; nobody may be locked out by that.
#[test]
fn a_key_that_is_not_known_yet_is_no_failure_of_its_bearer() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_FAILED_AUTH", "2/600"));
    for n in 0..6 {
        let token = web.issuer.mint(TokenSpec::new().kid(&format!("next-{n}")));
        assert_eq!(web.count(&token).send().unwrap().status, 401);
    }
    assert_eq!(counted(&web.count(&web.token()).send().unwrap()), 100);
}

#[test]
fn asking_without_a_token_is_no_failure() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_FAILED_AUTH", "2/600"));
    for _ in 0..6 {
        assert_eq!(web.server.rpc("tools/list", &json!({})).send().unwrap().status, 401);
    }
    assert_eq!(counted(&web.count(&web.token()).send().unwrap()), 100);
}

#[test]
fn behind_a_trusted_proxy_each_client_fails_for_itself_and_strangers_cannot_pose_as_others() {
    let guess = |web: &Web, from: &str| {
        let token = web.issuer.mint(TokenSpec::new().expires_in(-3600));
        web.count(&token).field("x-forwarded-for", from).send().unwrap().status
    };
    let limited = |sandbox: m4_tests::sandbox::Sandbox| sandbox.with("M4_HTTP_FAILED_AUTH", "1/600");
    let trusted = Web::with(|sandbox| limited(sandbox).with("M4_HTTP_TRUSTED_PROXIES", "127.0.0.0/8"));
    assert_eq!(guess(&trusted, "198.51.100.1"), 401);
    assert_eq!(guess(&trusted, "198.51.100.1"), 429);
    assert_eq!(
        guess(&trusted, "203.0.113.9, 198.51.100.1"),
        429,
        "what a client writes itself is not believed"
    );
    assert_eq!(guess(&trusted, "198.51.100.2"), 401);
    eventually("the audit trail has the client's address", || {
        trusted.server.stderr().contains("peer=198.51.100.2")
    });
    let untrusted = Web::with(limited);
    assert_eq!(guess(&untrusted, "198.51.100.1"), 401);
    assert_eq!(guess(&untrusted, "198.51.100.2"), 429);
}

#[test]
fn a_subject_cannot_take_every_place() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_MAX_CALLS_PER_SUBJECT", "2"));
    let (ann, bob) = (web.token(), web.issuer.mint(TokenSpec::new().subject("bob")));
    let id = web.open_session(&ann);
    // Two streams that stay open; a place of the requests before may not be free yet when they ask for it.
    let mut streams: Vec<TcpStream> = Vec::new();
    eventually("both places are taken", || {
        streams.push(listen(&web, &ann, &id));
        web.count(&ann).send().unwrap().status == 429
    });
    assert_eq!(counted(&web.count(&bob).send().unwrap()), 100);
    drop(streams);
    eventually("the places are free again", || web.count(&ann).send().unwrap().status == 200);
}

#[test]
fn a_server_with_its_hands_full_says_when_to_come_again() {
    let web = Web::with(|sandbox| sandbox.with("M4_HTTP_MAX_CALLS", "1"));
    let token = web.token();
    let id = web.open_session(&token);
    // The place of the request before may not be free yet when the first stream asks for it.
    let mut streams = Vec::new();
    let bob = web.issuer.mint(TokenSpec::new().subject("bob"));
    eventually("the one place is taken", || {
        streams.push(listen(&web, &token, &id));
        web.count(&bob).send().unwrap().status == 503
    });
    let refused = web.count(&bob).send().unwrap();
    assert_eq!((refused.json()["error"].as_str(), refused.field("retry-after")), (Some("busy"), Some("1")));
    let live = Asking::to("GET", &web.server.at("/health/live")).send().unwrap();
    assert_eq!(live.status, 200, "probes are answered");
}

fn listen(web: &Web, token: &str, session: &str) -> TcpStream {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(web.server.authority()).unwrap();
    let head = format!(
        "GET /mcp HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n\
         mcp-session-id: {session}\r\n\r\n",
        web.server.authority()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() {
    use std::io::Read as _;
    let web = Web::start();
    let lasting = web.token();
    let id = web.open_session(&lasting);
    // The same subject; long enough for a busy machine to open the stream.
    let token = web.issuer.mint(TokenSpec::new().expires_in(5));
    let mut stream = listen(&web, &token, &id);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut received = String::new();
    let mut chunk = [0; 1024];
    // The last chunk of a chunked body is empty.
    while !received.ends_with("0\r\n\r\n") {
        let length = stream.read(&mut chunk).expect("the stream ends within a few seconds");
        assert!(length > 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&chunk[..length]));
    }
    assert!(received.starts_with("HTTP/1.1 200"), "{received}");
}
