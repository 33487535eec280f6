//! A form for an issuer's endpoint, over HTTP, bounded in time and size.

use std::fmt;
use std::time::Duration;

use auth_core::oauth::client::token_response::{MAX_TOKEN_RESPONSE_BYTES, TokenError};
use auth_core::oauth::client_auth::AuthenticatedForm;
use auth_core::oauth::url::{SecureUrl, is_loopback};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, redirect};
use zeroize::Zeroizing;

/// What an endpoint answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, which may hold tokens.
    pub body: Zeroizing<Vec<u8>>,
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
        runtime.block_on(post(url, form, REQUEST_TIMEOUT))
    }
}

async fn post(url: &SecureUrl, form: &AuthenticatedForm, timeout: Duration) -> Result<Answer, TokenError> {
    let builder = Client::builder()
        .user_agent(concat!("m4/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        // A redirect would carry the refresh token to wherever it points.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Off already, unless some crate of the build switches reqwest's features on.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd();
    // A proxy has no way to this machine's own loopback, whatever the environment says.
    let builder = if is_loopback(url.url()) { builder.no_proxy() } else { builder };
    let mut request = builder
        .build()
        .map_err(|error| failure(&error))?
        .post(url.url().clone())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(authorization) = &form.authorization {
        // Base64 and percent-encoding leave nothing that a header cannot hold.
        let mut value = HeaderValue::from_str(authorization.expose()).map_err(|_| TokenError::Unreachable)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(form.body.expose().to_owned());
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if chunk.len() > MAX_TOKEN_RESPONSE_BYTES - body.len() {
            return Err(TokenError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// The log gets the details, which name the endpoint and nothing that was sent.
fn failure(error: &reqwest::Error) -> TokenError {
    let error: &dyn std::error::Error = error;
    tracing::debug!(target: "m4::login", error, "the request to the issuer failed");
    TokenError::Unreachable
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole exchange, body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

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
            while !seen.ends_with(b"token=r") {
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
    fn an_answer_is_read_up_to_its_limit() {
        let (url, server) = answering(with_body("200 OK", &"x".repeat(MAX_TOKEN_RESPONSE_BYTES)));
        assert_eq!(Http.post(&url, &form()).unwrap().body.len(), MAX_TOKEN_RESPONSE_BYTES);
        server.join().unwrap();
        let (url, server) = answering(with_body("200 OK", &"x".repeat(MAX_TOKEN_RESPONSE_BYTES + 1)));
        assert!(matches!(Http.post(&url, &form()), Err(TokenError::TooLarge)));
        server.join().unwrap();
    }

    #[tokio::test]
    async fn an_endpoint_that_says_nothing_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = SecureUrl::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
        let outcome = post(&url, &form(), Duration::from_millis(50)).await;
        assert!(matches!(outcome, Err(TokenError::Unreachable)));
    }
}
