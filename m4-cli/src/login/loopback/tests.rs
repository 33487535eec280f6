//! A listener against browsers, other pages and programs that dawdle.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap()
}

/// At a free port.
async fn listening() -> Loopback {
    Loopback::bind(&uri("http://localhost:0/callback"), true).await.unwrap()
}

async fn connected(listener: &Loopback) -> TcpStream {
    TcpStream::connect(("127.0.0.1", listener.redirect_uri().port())).await.unwrap()
}

/// Sends these lines as a request's head and takes what comes back.
async fn asked(mut stream: TcpStream, head: &str) -> String {
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A server that closes early resets.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn host(listener: &Loopback) -> String {
    format!("localhost:{}", listener.redirect_uri().port())
}

#[tokio::test]
async fn only_a_get_of_its_own_path_under_its_own_name_is_handed_on() {
    let mut listener = listening().await;
    let host = host(&listener);
    for head in [
        format!("GET /favicon.ico HTTP/1.1\r\nhost: {host}"),
        format!("GET / HTTP/1.1\r\nhost: {host}"),
        format!("GET /callback/x?code=c HTTP/1.1\r\nhost: {host}"),
        format!("HEAD /callback?code=c HTTP/1.1\r\nhost: {host}"),
        format!("POST /callback?code=c HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0"),
        "GET /callback?code=c HTTP/1.1\r\nhost: evil.example".to_owned(),
        format!("GET /callback?code=c HTTP/1.1\r\nhost: {host}\r\nhost: {host}"),
        format!("GET /callback?code=c HTTP/1.1\r\nhost: 127.0.0.1:{}", listener.redirect_uri().port()),
        "GET /callback?code=c HTTP/1.0".to_owned(),
    ] {
        let answer = asked(connected(&listener).await, &head).await;
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.0 404"), "{head}: {answer}");
    }
    assert!(timeout(Duration::from_millis(20), listener.next()).await.is_err(), "nothing was handed on");

    let head = format!("GET /callback?code=c&state=s HTTP/1.1\r\nhost: {}", host.to_uppercase());
    let browser = connected(&listener).await;
    let browser = tokio::spawn(async move { asked(browser, &head).await });
    let arrival = listener.next().await.unwrap();
    assert!(arrival.target.matches("/callback?code=c&state=s"));
    assert!(!format!("{arrival:?}").contains("code=c"));
    arrival.answer.send(Page::success("https://i.example")).unwrap();
    let answer = browser.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for field in [
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "content-type: text/html; charset=utf-8",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "connection: close",
    ] {
        assert!(answer.contains(field), "{field}: {answer}");
    }
}

#[tokio::test]
async fn a_second_answer_is_told_so_and_waits_for_nothing() {
    let mut listener = listening().await;
    let head = format!("GET /callback?code=c HTTP/1.1\r\nhost: {}", host(&listener));
    let (first, queued) = (connected(&listener).await, connected(&listener).await);
    let asking = head.clone();
    let first = tokio::spawn(async move { asked(first, &asking).await });
    let arrival = listener.next().await.unwrap();
    let asking = head.clone();
    let queued = tokio::spawn(async move { asked(queued, &asking).await });
    while listener.arrivals.is_empty() {
        tokio::task::yield_now().await;
    }
    listener.answered();
    let later = asked(connected(&listener).await, &head).await;
    for answer in [queued.await.unwrap(), later] {
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("answered already"), "{answer}");
    }
    arrival.answer.send(Page::success("https://i.example")).unwrap();
    listener.close().await;
    assert!(first.await.unwrap().contains("You are logged in"), "the answer is written before it closes");
}

#[tokio::test]
async fn c17_the_name_localhost_takes_both_families_so_nobody_else_hears_the_browser() {
    let listener = listening().await;
    let port = listener.redirect_uri().port();
    assert_eq!(listener.redirect_uri().as_str(), format!("http://localhost:{port}/callback"));
    for address in listener.redirect_uri().addresses() {
        match TcpListener::bind((address, port)).await {
            Ok(_) => panic!("{address} is free for others"),
            // Without IPv6 there is nothing to take.
            Err(error) => assert!(error.kind() == io::ErrorKind::AddrInUse || address.is_ipv6(), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_in_either_family_gives_way_to_a_free_one_unless_it_is_pinned() {
    for taken_at in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(taken) = TcpListener::bind(taken_at).await else { continue };
        let port = taken.local_addr().unwrap().port();
        let wanted = uri(&format!("http://localhost:{port}/callback"));
        let moved = Loopback::bind(&wanted, false).await.unwrap();
        assert_ne!(moved.redirect_uri().port(), port);
        assert_eq!(moved.redirect_uri().url().path(), "/callback");
        let error = Loopback::bind(&wanted, true).await.unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        assert!(error.hint().unwrap().contains("M4_LOGIN_REDIRECT_URI"));
    }
}

#[tokio::test]
async fn connections_that_say_nothing_hold_nobody_up_for_long() {
    let mut listener = listening().await;
    let mut silent = Vec::new();
    for _ in 0..MOST_CONNECTIONS + 8 {
        silent.push(connected(&listener).await);
    }
    let head = format!("GET /callback?code=c HTTP/1.1\r\nhost: {}", host(&listener));
    let browser = connected(&listener).await;
    let browser = tokio::spawn(async move { asked(browser, &head).await });
    let arrival = timeout(PATIENCE * 4, listener.next()).await.unwrap().unwrap();
    arrival.answer.send(Page::success("https://i.example")).unwrap();
    assert!(browser.await.unwrap().contains("You are logged in"));
    let closing = tokio::time::Instant::now();
    listener.close().await;
    assert!(closing.elapsed() < CLOSING * 2, "what idles is not waited for");
}

#[tokio::test]
async fn a_head_beyond_every_bound_is_refused() {
    let mut listener = listening().await;
    let long =
        format!("GET /callback?code={} HTTP/1.1\r\nhost: {}", "x".repeat(LARGEST_HEAD), host(&listener));
    assert!(!asked(connected(&listener).await, &long).await.starts_with("HTTP/1.1 200"));
    let many = format!(
        "GET /callback?code=c HTTP/1.1\r\nhost: {}{}",
        host(&listener),
        "\r\nx: y".repeat(MOST_FIELDS + 1)
    );
    assert!(asked(connected(&listener).await, &many).await.starts_with("HTTP/1.1 431"));
    assert!(timeout(Duration::from_millis(20), listener.next()).await.is_err());
}
