//! The source against a real HTTP server on loopback that misbehaves on request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use auth_core::oauth::url::InvalidUrl;

use super::*;

/// A set with one P-256 key (the example of RFC 7517 appendix A.1).
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

enum Reply {
    /// Status, header lines, body.
    Answer(u16, String, Vec<u8>),
    /// A chunked 200 that goes on until the client hangs up.
    Endless,
    /// A 200 whose second half never comes.
    HalfABody,
    /// Nothing at all.
    Silence,
}

fn ok(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer(200, String::new(), body.into())
}

fn ok_with(headers: &str, body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer(200, headers.to_owned(), body.into())
}

fn status(status: u16) -> Reply {
    Reply::Answer(status, String::new(), JWKS.into())
}

struct Server {
    base: String,
    /// Request lines' paths and the whole heads in lower case.
    requests: Arc<Mutex<Vec<(String, String)>>>,
    /// Bytes of endless bodies that were taken off the server.
    sent: Arc<AtomicUsize>,
}

impl Server {
    /// `reply` gets the server's base URL, the path and how many requests came before.
    fn start(reply: impl Fn(&str, &str, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base: base.clone(), requests: Arc::default(), sent: Arc::default() };
        let (requests, sent) = (server.requests.clone(), server.sent.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (path, head) = read_head(&stream);
                let count = {
                    let mut requests = requests.lock().unwrap();
                    requests.push((path.clone(), head));
                    requests.len() - 1
                };
                answer(stream, reply(&base, &path, count), &sent);
            }
        });
        server
    }

    fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    fn last_head(&self) -> String {
        self.requests.lock().unwrap().last().unwrap().1.clone()
    }

    /// A source that knows where the keys are: at `/keys`.
    fn source(&self) -> HttpKeySource {
        self.source_with(Some("/keys"), Duration::from_secs(10))
    }

    fn discovering(&self) -> HttpKeySource {
        self.source_with(None, Duration::from_secs(10))
    }

    fn source_with(&self, path: Option<&str>, timeout: Duration) -> HttpKeySource {
        let issuer = Issuer::parse(&format!("{}/r", self.base)).unwrap();
        let url = path.map(|path| Url::parse(&self.base).unwrap().join(path).unwrap());
        HttpKeySource::with_timeout(issuer, url, Algorithm::DEFAULT.to_vec(), timeout).unwrap()
    }
}

/// Nothing is written to a socket with unread input: closing it would reset the connection under the answer.
fn read_head(stream: &TcpStream) -> (String, String) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    (path, lines.join("\n").to_lowercase())
}

fn answer(mut stream: TcpStream, reply: Reply, sent: &AtomicUsize) {
    let outcome = match reply {
        Reply::Answer(status, headers, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
            )
            .and_then(|()| stream.write_all(&body))
        }
        Reply::Endless => {
            let _ = write!(stream, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
            while stream.write_all(chunk.as_bytes()).is_ok() {
                sent.fetch_add(1024, Ordering::SeqCst);
            }
            Ok(())
        }
        Reply::HalfABody => {
            let (half, _) = JWKS.split_at(JWKS.len() / 2);
            write!(stream, "HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{half}", JWKS.len())
                .and_then(|()| until_hung_up(&mut stream))
        }
        Reply::Silence => until_hung_up(&mut stream),
    };
    drop(outcome);
}

fn until_hung_up(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

fn metadata(base: &str, jwks_uri: &str) -> String {
    format!(r#"{{"issuer":"{base}/r","jwks_uri":"{jwks_uri}"}}"#)
}

async fn failure_of(source: &HttpKeySource) -> FetchFailed {
    source.fetch().await.expect_err("a failure")
}

fn keys(outcome: FetchOutcome) -> (usize, Option<Validators>, Option<Duration>) {
    match outcome {
        FetchOutcome::Fetched { set, validators, max_age } => (set.keys().count(), validators, max_age),
        FetchOutcome::NotModified { .. } => panic!("not modified"),
    }
}

const PLACES: [&str; 4] = [
    "/.well-known/oauth-authorization-server/r",
    "/.well-known/openid-configuration/r",
    "/r/.well-known/openid-configuration",
    "/r/.well-known/jwks.json",
];

#[tokio::test]
async fn metadata_is_looked_for_in_order_until_it_is_there() {
    for (found, place) in PLACES.iter().enumerate().take(3) {
        let server = Server::start(move |base, path, _| match path {
            "/k" => ok(JWKS),
            _ if path == *place => ok(metadata(base, &format!("{base}/k"))),
            _ => status(404),
        });
        assert_eq!(server.discovering().fetch().await.unwrap().keys().count(), 1);
        let expected: Vec<_> = PLACES[..=found].iter().copied().chain(["/k"]).collect();
        assert_eq!(server.paths(), expected);
    }
}

#[tokio::test]
async fn without_metadata_the_conventional_place_is_asked() {
    let server = Server::start(|_, path, _| if path == PLACES[3] { ok(JWKS) } else { status(404) });
    assert_eq!(server.discovering().fetch().await.unwrap().keys().count(), 1);
    assert_eq!(server.paths(), PLACES);
}

#[tokio::test]
async fn bad_metadata_ends_the_search() {
    type Case = (fn(&str) -> Reply, FetchFailed);
    let cases: [Case; 7] = [
        (
            |base| ok(format!(r#"{{"issuer":"{base}/r/","jwks_uri":"{base}/k"}}"#)),
            FetchFailed::Metadata(MetadataError::WrongIssuerBySlash),
        ),
        (
            |base| ok(format!(r#"{{"issuer":"{base}/s","jwks_uri":"{base}/k"}}"#)),
            FetchFailed::Metadata(MetadataError::WrongIssuer),
        ),
        (|_| ok("<html>"), FetchFailed::Metadata(MetadataError::NotMetadata)),
        (
            |base| ok(metadata(base, "http://keys.example/k")),
            FetchFailed::Metadata(MetadataError::JwksUri(InvalidUrl::Insecure)),
        ),
        (|_| status(503), FetchFailed::Status(503)),
        (|_| ok(vec![b' '; MAX_METADATA_BYTES + 1]), FetchFailed::Metadata(MetadataError::TooLarge)),
        (|_| Reply::Endless, FetchFailed::Metadata(MetadataError::TooLarge)),
    ];
    for (reply, failure) in cases {
        let server = Server::start(move |base, _, _| reply(base));
        assert_eq!(failure_of(&server.discovering()).await, failure);
        assert_eq!(server.paths(), PLACES[..1], "{failure}");
    }
}

#[tokio::test]
async fn keys_may_be_on_another_host() {
    let keys = Server::start(|_, _, _| ok(JWKS));
    let uri = format!("{}/k", keys.base);
    let server = Server::start(move |base, _, _| ok(metadata(base, &uri)));
    assert_eq!(server.discovering().fetch().await.unwrap().keys().count(), 1);
    assert_eq!(keys.paths(), ["/k"]);

    let server = Server::start(move |base, _, _| ok(metadata(base, "https://keys.example/k")));
    assert_eq!(server.discovering().discover().await.unwrap().as_str(), "https://keys.example/k");
}

#[tokio::test]
async fn discovery_is_made_once_and_again_after_a_failure() {
    let server = Server::start(|base, path, count| match (path, count) {
        ("/old", 3) => status(404),
        ("/old" | "/new", _) => ok(JWKS),
        (_, 0) => ok(metadata(base, &format!("{base}/old"))),
        _ => ok(metadata(base, &format!("{base}/new"))),
    });
    let source = server.discovering();
    assert!(source.fetch().await.is_ok());
    assert!(source.fetch().await.is_ok());
    assert_eq!(failure_of(&source).await, FetchFailed::Status(404));
    assert!(source.fetch().await.is_ok());
    assert_eq!(server.paths(), [PLACES[0], "/old", "/old", "/old", PLACES[0], "/new"]);
}

#[tokio::test]
async fn a_large_body_is_cut_off_early() {
    let too_large = FetchFailed::Document(KeySetError::TooLarge);
    let server = Server::start(|_, _, _| Reply::Endless);
    assert_eq!(failure_of(&server.source()).await, too_large);
    // What the two sockets buffer comes on top of the limit.
    let sent = server.sent.load(Ordering::SeqCst);
    assert!(sent < MAX_JWKS_BYTES + 16 * 1024 * 1024, "{sent}");

    let padded = |length: usize| format!("{JWKS}{}", " ".repeat(length - JWKS.len()));
    let server = Server::start(move |_, _, count| ok(padded(MAX_JWKS_BYTES + count)));
    assert!(server.source().fetch().await.is_ok(), "the limit itself is allowed");
    assert_eq!(failure_of(&server.source()).await, too_large);
}

#[tokio::test]
async fn a_set_of_too_many_keys_is_refused() {
    let server = Server::start(|_, _, _| ok(format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(100_000))));
    assert_eq!(failure_of(&server.source()).await, FetchFailed::Document(KeySetError::TooManyKeys));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    for reply in [|| Reply::HalfABody, || Reply::Silence] {
        let server = Server::start(move |_, _, _| reply());
        let source = server.source_with(Some("/keys"), Duration::from_millis(200));
        let failure = tokio::time::timeout(Duration::from_secs(3), failure_of(&source)).await;
        assert_eq!(failure, Ok(FetchFailed::TimedOut));
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Server { base, requests: Arc::default(), sent: Arc::default() };
    assert_eq!(failure_of(&server.source()).await, FetchFailed::Unreachable);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let moved = || Reply::Answer(302, "Location: /elsewhere\r\n".to_owned(), Vec::new());
    let server = Server::start(move |_, path, _| if path == "/elsewhere" { ok(JWKS) } else { moved() });
    assert_eq!(failure_of(&server.source()).await, FetchFailed::Status(302));
    assert_eq!(server.paths(), ["/keys"]);
    assert_eq!(failure_of(&server.discovering()).await, FetchFailed::Status(302));
    assert_eq!(server.paths()[1..], PLACES);
}

#[tokio::test]
async fn a_second_fetch_asks_by_etag_or_else_by_date() {
    const DATE: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
    for (headers, condition) in [
        (format!("ETag: \"v1\"\r\nLast-Modified: {DATE}\r\n"), "if-none-match: \"v1\""),
        (format!("Last-Modified: {DATE}\r\n"), "if-modified-since: sat, 21 nov 2026 10:00:00 gmt"),
    ] {
        let first = headers.clone();
        let server = Server::start(move |_, _, count| match count {
            0 => ok_with(&first, JWKS),
            _ => Reply::Answer(304, "Cache-Control: max-age=90\r\n".to_owned(), Vec::new()),
        });
        let source = server.source();
        let (_, validators, _) = keys(source.fetch_newer(None).await.unwrap());
        assert!(!server.last_head().contains("\nif-"), "{}", server.last_head());
        let second = source.fetch_newer(validators).await.unwrap();
        assert!(
            matches!(second, FetchOutcome::NotModified { max_age: Some(age) } if age.as_secs() == 90),
            "{second:?}"
        );
        let head = server.last_head();
        assert!(head.contains(condition) && head.matches("\nif-").count() == 1, "{head}");
    }
}

#[tokio::test]
async fn validators_of_another_url_are_not_sent() {
    let server = Server::start(|_, _, count| if count == 0 { ok(JWKS) } else { status(304) });
    let elsewhere = Url::parse("https://issuer.example/keys").unwrap();
    let validators = Validators::new(elsewhere, Some("\"v1\""), None);
    let outcome = server.source().fetch_newer(validators.clone()).await.unwrap();
    assert_eq!(keys(outcome).0, 1);
    assert!(!server.last_head().contains("\nif-"), "{}", server.last_head());
    let unasked = server.source().fetch_newer(validators).await;
    assert!(matches!(unasked, Err(FetchFailed::Status(304))), "{unasked:?}");
}

#[tokio::test]
async fn the_max_age_is_passed_on() {
    for (headers, seconds) in [
        ("Cache-Control: public, max-age=300\r\n", Some(300)),
        ("Cache-Control: max-age=300\r\nCache-Control: max-age=9\r\n", None),
        ("", None),
    ] {
        let server = Server::start(move |_, _, _| ok_with(headers, JWKS));
        let (_, _, max_age) = keys(server.source().fetch_newer(None).await.unwrap());
        assert_eq!(max_age, seconds.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test]
async fn the_issuers_clock_is_read_off_its_answers() {
    for (headers, clock) in [
        ("Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n", Some(1_795_255_200)),
        ("Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nAge: 90\r\n", Some(1_795_255_290)),
        ("Date: yesterday\r\n", None),
        ("", None),
    ] {
        let server = Server::start(move |_, _, _| ok_with(headers, JWKS));
        let source = server.source();
        assert_eq!(source.clock(), None);
        source.fetch().await.unwrap();
        assert_eq!(source.clock(), clock.map(UnixTime), "{headers}");
    }
}

#[tokio::test]
async fn what_parses_counts_whatever_it_is_called() {
    for name in ["application/jwk-set+json", "text/plain", "application/octet-stream", "text/html"] {
        let server = Server::start(move |_, _, _| ok_with(&format!("Content-Type: {name}\r\n"), JWKS));
        assert_eq!(server.source().fetch().await.unwrap().keys().count(), 1, "{name}");
    }
}

#[tokio::test]
async fn packed_bodies_are_neither_asked_for_nor_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(JWKS.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let server = Server::start(move |_, _, _| ok_with("Content-Encoding: gzip\r\n", packed.clone()));
    assert_eq!(failure_of(&server.source()).await, FetchFailed::Document(KeySetError::NotAKeySet));
    assert!(!server.last_head().contains("accept-encoding"), "{}", server.last_head());
}
