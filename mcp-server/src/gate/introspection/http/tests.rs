//! The introspection request against a small server on this machine.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use auth_core::algorithm::Algorithm;
use auth_core::introspection::InactiveReason;
use auth_core::oauth::client_auth::AssertionSigner;

use super::*;
use crate::error::Explain;

const ACTIVE: &str = r#"{"active":true,"sub":"ada","scope":"read:mimic-data","exp":1900000000}"#;

/// Serves every connection with `respond` and hands out the requests it read.
fn serve(respond: impl Fn(&mut TcpStream) + Send + 'static) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            respond(&mut stream);
            if requests.send(request).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn respond_with(status: &'static str, more: String, body: &'static str) -> impl Fn(&mut TcpStream) + Send {
    move |stream| {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n");
        // The client may hang up early; that is its right.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    }
}

fn basic() -> ClientAuth {
    ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("cl13nt-s3cr3t") }
}

fn endpoint(address: SocketAddr, auth: ClientAuth) -> Endpoint {
    let url = SecureUrl::parse(&format!("http://{address}/introspect")).unwrap();
    let mut settings = IntrospectionSettings::new(url, auth);
    settings.timeout = Duration::from_millis(500);
    Endpoint::new(&settings, Policy::new("https://issuer.example", "m4-api")).unwrap()
}

async fn ask(address: SocketAddr, auth: ClientAuth) -> Result<Introspection, IntrospectionFailed> {
    endpoint(address, auth).ask(Secret::new("0paque-t0ken"), UnixTime(1_800_000_000)).await
}

async fn failure_of(respond: impl Fn(&mut TcpStream) + Send + 'static) -> IntrospectionFailed {
    let (address, _seen) = serve(respond);
    let answer = tokio::time::timeout(Duration::from_secs(10), ask(address, basic())).await;
    let failure = answer.expect("the request ends by itself").unwrap_err();
    let shown = format!("{failure} {failure:?} {:?}", Explain::hint(&failure));
    for secret in ["0paque-t0ken", "cl13nt-s3cr3t", "upstream"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    failure
}

#[tokio::test]
async fn the_request_is_the_form_of_rfc_7662() {
    let (address, seen) = serve(respond_with("200 OK", String::new(), ACTIVE));
    let answer = ask(address, basic()).await.unwrap();
    assert!(
        matches!(answer, Introspection::Active(claims) if claims.expires_at() == Some(UnixTime(1_900_000_000)))
    );
    let request = seen.recv().unwrap();
    assert!(request.starts_with("POST /introspect HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.contains("accept: application/json\r\n"), "{request}");
    assert!(request.contains("authorization: Basic bTQ6Y2wxM250LXMzY3IzdA==\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ntoken=0paque-t0ken&token_type_hint=access_token"), "{request}");
}

#[derive(Debug)]
struct Signer;

impl AssertionSigner for Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn kid(&self) -> Option<&str> {
        None
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        Ok(vec![7; 64])
    }
}

#[tokio::test]
async fn no_two_requests_carry_the_same_assertion() {
    let (address, seen) = serve(respond_with("200 OK", String::new(), ACTIVE));
    let auth = ClientAuth::PrivateKeyJwt {
        client_id: "m4".into(),
        audience: "https://issuer.example".into(),
        signer: Arc::new(Signer),
    };
    let endpoint = endpoint(address, auth);
    let mut assertions = Vec::new();
    for _ in 0..2 {
        endpoint.ask(Secret::new("t"), UnixTime(1_800_000_000)).await.unwrap();
        let request = seen.recv().unwrap();
        let (_, assertion) = request.split_once("&client_assertion=").expect("an assertion");
        assertions.push(assertion.to_owned());
    }
    assert_ne!(assertions[0], assertions[1]);
}

#[tokio::test]
async fn cache_headers_of_the_answer_change_nothing() {
    let headers = "cache-control: public, max-age=86400\r\ncontent-type: text/plain\r\n".to_owned();
    let (address, _seen) = serve(respond_with("200 OK", headers, r#"{"active":false}"#));
    let answer = ask(address, basic()).await.unwrap();
    assert!(matches!(answer, Introspection::Inactive(InactiveReason::NotActive)));
}

#[tokio::test]
async fn refused_client_credentials_are_named_as_the_operators_problem() {
    for (status, code) in [("401 Unauthorized", 401), ("403 Forbidden", 403)] {
        let body = r#"{"error":"invalid_client","error_description":"upstream cl13nt-s3cr3t"}"#;
        let failure = failure_of(respond_with(status, String::new(), body)).await;
        assert_eq!(failure, IntrospectionFailed::ClientRefused(code));
        assert!(failure.to_string().contains("client credentials"), "{failure}");
        assert!(Explain::hint(&failure).unwrap().contains("M4_OAUTH2_CLIENT_SECRET"));
    }
}

#[tokio::test]
async fn a_failing_endpoint_gives_no_verdict() {
    for (status, code) in [("500 Internal Server Error", 500), ("204 No Content", 204), ("429 Slow", 429)] {
        let failure = failure_of(respond_with(status, String::new(), "")).await;
        assert_eq!(failure, IntrospectionFailed::Status(code));
    }
    let page = failure_of(respond_with("200 OK", String::new(), "<html>upstream 0paque-t0ken</html>")).await;
    assert_eq!(page, IntrospectionFailed::Answer(AnswerError::NotAnAnswer));
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_left_after_the_timeout() {
    // The server says nothing until the client hangs up.
    let failure = failure_of(|stream| {
        let _ = stream.read(&mut [0]);
    })
    .await;
    assert_eq!(failure, IntrospectionFailed::TimedOut);
}

#[tokio::test]
async fn a_body_that_trickles_is_left_after_the_timeout() {
    let failure = failure_of(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{");
        // Nothing more until the client hangs up.
        let _ = stream.read(&mut [0]);
    })
    .await;
    assert_eq!(failure, IntrospectionFailed::TimedOut);
}

#[tokio::test]
async fn fifty_megabytes_are_not_read() {
    const CHUNK: [u8; 8192] = [b' '; 8192];
    const CHUNKS: usize = 50 * 1024 * 1024 / CHUNK.len();
    let (count, sent) = channel();
    let failure = failure_of(move |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let written = (0..CHUNKS).take_while(|_| stream.write_all(&CHUNK).is_ok()).count();
        let _ = count.send(written);
    })
    .await;
    assert_eq!(failure, IntrospectionFailed::Answer(AnswerError::TooLarge));
    // The client hangs up in a task of its own, so this thread must not wait for it.
    let sent = tokio::task::spawn_blocking(move || sent.recv().unwrap()).await.unwrap();
    assert!(sent < CHUNKS, "the client hung up before the end");
}

#[tokio::test]
async fn a_redirect_carries_the_token_nowhere() {
    let (elsewhere, seen_elsewhere) = serve(respond_with("200 OK", String::new(), ACTIVE));
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: http://{elsewhere}/introspect\r\n");
        let failure = failure_of(respond_with(status, location, "")).await;
        assert_eq!(failure, IntrospectionFailed::Status(status[..3].parse().unwrap()));
    }
    assert!(seen_elsewhere.try_recv().is_err());
}

#[tokio::test]
async fn a_closed_port_is_an_unreachable_endpoint() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(ask(address, basic()).await.unwrap_err(), IntrospectionFailed::Unreachable);
}
