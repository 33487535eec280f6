//! Requests to an issuer's endpoints, over HTTP, bounded in time and size.

use std::fmt;
use std::time::Duration;

use auth_core::oauth::client::discovery::Fetched;
use auth_core::oauth::client::login::LoginRequest;
use auth_core::oauth::client::token_response::TokenError;
use auth_core::oauth::client_auth::AuthenticatedForm;
use auth_core::oauth::metadata::MAX_METADATA_BYTES;
use auth_core::oauth::url::{SecureUrl, is_loopback};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, redirect};
use url::Url;
use zeroize::Zeroizing;

/// What an endpoint answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, which may hold tokens. Reading stops one byte after [`MAX_METADATA_BYTES`]; whoever parses it knows how much
    /// is too much.
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The answer as the machines of [`auth_core::oauth::client`] take it; none at all is [`Fetched::Unreachable`].
    pub fn fetched(answer: Option<&Self>) -> Fetched<'_> {
        answer.map_or(Fetched::Unreachable, |answer| Fetched::Answer {
            status: answer.status,
            body: &answer.body,
        })
    }
}

/// Who carries a form to an endpoint. Blocks until the answer is there, so that whoever waits for it can go away and the
/// answer is still kept.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// POSTs the form, once, and to no other place than this.
    fn post(&self, url: &SecureUrl, form: &AuthenticatedForm) -> Result<Answer, TokenError>;
}

/// HTTP: `https`, or `http` on this machine; no redirect is followed, and ten seconds are enough for all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Http;

impl Exchange for Http {
    fn post(&self, url: &SecureUrl, form: &AuthenticatedForm) -> Result<Answer, TokenError> {
        // A runtime of its own: the server's may be shutting down while a refresh token is being spent.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            tracing::warn!(target: "m4::login", %error, "no thread for a request to the issuer");
            TokenError::Unreachable
        })?;
        runtime.block_on(post(url, form))
    }
}

/// POSTs a form, once, and to no other place than this.
pub async fn post(url: &SecureUrl, form: &AuthenticatedForm) -> Result<Answer, TokenError> {
    send(&LoginRequest::PostForm { url: url.url(), form }).await.ok_or(TokenError::Unreachable)
}

/// Sends one request of a login, to no other place than it names; `None` when no whole answer came in time.
pub async fn send(request: &LoginRequest<'_>) -> Option<Answer> {
    send_within(request, REQUEST_TIMEOUT).await
}

async fn send_within(request: &LoginRequest<'_>, timeout: Duration) -> Option<Answer> {
    // The log gets the details, which name the endpoint and nothing that was sent.
    let failed = |error: reqwest::Error| {
        let error: &dyn std::error::Error = &error;
        tracing::debug!(target: "m4::login", error, "the request to the issuer failed");
    };
    let request = prepared(request, timeout)?;
    let mut response = request.send().await.map_err(failed).ok()?;
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(failed).ok()? {
        let room = MAX_METADATA_BYTES + 1 - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() > MAX_METADATA_BYTES {
            break;
        }
    }
    Some(Answer { status, body })
}

fn prepared(request: &LoginRequest<'_>, timeout: Duration) -> Option<reqwest::RequestBuilder> {
    let client = |url: &Url| {
        let built = client(url, timeout).build();
        built.inspect_err(|error| tracing::warn!(target: "m4::login", %error, "no HTTP client")).ok()
    };
    let request = match request {
        LoginRequest::Get(url) => client(url)?.get((*url).clone()),
        LoginRequest::PostJson { url, body } => client(url)?
            .post((*url).clone())
            .header(CONTENT_TYPE, "application/json")
            .body((*body).to_owned()),
        LoginRequest::PostForm { url, form } => {
            let request = client(url)?
                .post((*url).clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.body.expose().to_owned());
            match &form.authorization {
                Some(authorization) => {
                    // Base64 and percent-encoding leave nothing that a header cannot hold.
                    let mut value = HeaderValue::from_str(authorization.expose()).ok()?;
                    value.set_sensitive(true);
                    request.header(AUTHORIZATION, value)
                }
                None => request,
            }
        }
    };
    Some(request.header(ACCEPT, "application/json"))
}

pub(super) fn client(url: &Url, timeout: Duration) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("m4/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        // A redirect would carry a code or a refresh token to wherever it points.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Off already, unless some crate of the build switches reqwest's features on.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd();
    // A proxy has no way to this machine's own loopback, whatever the environment says.
    if is_loopback(url) { builder.no_proxy() } else { builder }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole exchange, body included.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use auth_core::secret::Secret;

    use super::*;

    /// Answers one request with these bytes; gives what was sent to it.
    fn answering(answer: Vec<u8>) -> (SecureUrl, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = SecureUrl::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut chunk = [0; 4096];
            while !seen.ends_with(b"token=r") && !(seen.starts_with(b"GET") && seen.ends_with(b"\r\n\r\n")) {
                match stream.read(&mut chunk).unwrap() {
                    0 => break,
                    length => seen.extend_from_slice(&chunk[..length]),
                }
            }
            let _ = stream.write_all(&answer);
            String::from_utf8(seen).unwrap()
        });
        (url, server)
    }

    fn form() -> AuthenticatedForm {
        AuthenticatedForm { authorization: Some(Secret::new("Basic eA==")), body: Secret::new("token=r") }
    }

    fn with_body(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes()
    }

    #[test]
    fn the_form_arrives_and_the_answer_comes_back_whatever_its_status() {
        let (url, server) = answering(with_body("400 Bad Request", "{}"));
        let answer = Http.post(&url, &form()).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (400, &b"{}"[..]));
        let seen = server.join().unwrap();
        assert!(seen.starts_with("POST /token HTTP/1.1\r\n") && seen.ends_with("token=r"), "{seen}");
        assert!(seen.contains("authorization: Basic eA==\r\n"), "{seen}");
        assert!(seen.contains("content-type: application/x-www-form-urlencoded\r\n"), "{seen}");
    }

    #[test]
    fn no_redirect_is_followed() {
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let to = elsewhere.local_addr().unwrap();
        let answer = format!("HTTP/1.1 307 T\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
        let (url, server) = answering(answer.into_bytes());
        assert_eq!(Http.post(&url, &form()).unwrap().status, 307);
        server.join().unwrap();
        assert!(elsewhere.accept().is_err(), "nobody came");
    }

    #[test]
    fn an_answer_is_read_one_byte_beyond_its_limit_and_no_further() {
        for (sent, read) in [(MAX_METADATA_BYTES, MAX_METADATA_BYTES), (1 << 20, MAX_METADATA_BYTES + 1)] {
            let (url, server) = answering(with_body("200 OK", &"x".repeat(sent)));
            assert_eq!(Http.post(&url, &form()).unwrap().body.len(), read);
            server.join().unwrap();
        }
    }

    #[tokio::test]
    async fn metadata_is_asked_for_and_a_registration_is_sent_as_json() {
        let (url, server) = answering(with_body("200 OK", "{}"));
        let json = LoginRequest::PostJson { url: url.url(), body: "{} token=r" };
        let answer = send(&json).await;
        assert!(matches!(Answer::fetched(answer.as_ref()), Fetched::Answer { status: 200, body: b"{}" }));
        assert!(server.join().unwrap().contains("content-type: application/json\r\n"));
        let (url, server) = answering(with_body("404 Not Found", ""));
        let get = LoginRequest::Get(url.url());
        assert_eq!(send(&get).await.unwrap().status, 404);
        let seen = server.join().unwrap();
        assert!(seen.starts_with("GET /token HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("accept: application/json\r\n"), "{seen}");
    }

    #[tokio::test]
    async fn an_endpoint_that_says_nothing_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = SecureUrl::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
        let request = LoginRequest::PostForm { url: url.url(), form: &form() };
        assert!(send_within(&request, Duration::from_millis(50)).await.is_none());
    }
}
