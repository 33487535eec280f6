//! Asking an MCP server, without a token, what it wants: the first request of a login at a server (MCP authorization,
//! "Authorization Server Discovery").

use auth_core::oauth::client::resource_metadata::ResourceUrl;
use auth_core::oauth::client::www_authenticate::TokenChallenge;
use reqwest::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};

use super::exchange;
use crate::error::{Explain, codes};

/// Sends `initialize` without a token. `None` where the answer holds no challenge: then the server's metadata says whether
/// it wants tokens at all.
pub async fn challenge(server: &ResourceUrl) -> Result<Option<TokenChallenge>, ProbeError> {
    let unreachable = |error: reqwest::Error| {
        let error: &dyn std::error::Error = &error;
        tracing::debug!(target: "m4::login", error, "the MCP server was not asked");
        ProbeError::Unreachable
    };
    let client = exchange::client(server.url(), exchange::REQUEST_TIMEOUT).build().map_err(unreachable)?;
    let answer = client
        .post(server.url().clone())
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream")
        .body(INITIALIZE)
        .send()
        .await
        .map_err(unreachable)?;
    match answer.status().as_u16() {
        300..=399 => return Err(ProbeError::Redirected),
        status @ 500.. => return Err(ProbeError::Status { status }),
        _ => {}
    }
    let fields = answer.headers().get_all(WWW_AUTHENTICATE);
    Ok(TokenChallenge::find(fields.iter().filter_map(|field| field.to_str().ok())))
}

/// Why the server's answer leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// No answer.
    #[error("the MCP server did not answer")]
    Unreachable,
    /// It sends its clients elsewhere, where a token for this URL would not belong.
    #[error("the MCP server redirects to another URL")]
    Redirected,
    /// It failed.
    #[error("the MCP server answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
}

impl Explain for ProbeError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable => "check the URL and the network, and whether the server is running",
            Self::Redirected => "name the URL it redirects to",
            Self::Status { .. } => "try again later, or ask whoever runs the server",
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        codes::LOGIN_FAILED
    }
}

/// The least that every server understands.
const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
    r#""capabilities":{},"clientInfo":{"name":"m4","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// A server that answers its first request with this head, and gives what was asked.
    fn answering(head: &'static str) -> (ResourceUrl, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = ResourceUrl::parse(&format!("http://{}/mcp", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut chunk = [0; 4096];
            while !seen.ends_with(b"}}}") {
                match stream.read(&mut chunk).unwrap() {
                    0 => break,
                    length => seen.extend_from_slice(&chunk[..length]),
                }
            }
            let _ = write!(stream, "HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            String::from_utf8(seen).unwrap()
        });
        (url, server)
    }

    #[tokio::test]
    async fn c02_the_challenge_of_the_401_is_taken() {
        let (url, server) = answering(concat!(
            "401 Unauthorized\r\nwww-authenticate: Basic realm=x\r\n",
            "www-authenticate: Bearer resource_metadata=\"https://m.example/prm\", scope=\"a b\""
        ));
        let found = challenge(&url).await.unwrap().unwrap();
        assert_eq!(found.resource_metadata.as_deref(), Some("https://m.example/prm"));
        assert_eq!(found.scope.map(|scope| scope.joined()).as_deref(), Some("a b"));
        let seen = server.join().unwrap();
        assert!(seen.starts_with("POST /mcp HTTP/1.1\r\n") && seen.ends_with(INITIALIZE), "{seen}");
        assert!(!seen.to_ascii_lowercase().contains("authorization"), "{seen}");
        assert!(serde_json::from_str::<serde_json::Value>(INITIALIZE).is_ok());
    }

    #[tokio::test]
    async fn c02_an_answer_without_a_challenge_is_no_error_and_a_useless_one_is() {
        for head in ["401 Unauthorized", "200 OK", "404 Not Found"] {
            let (url, server) = answering(head);
            assert_eq!(challenge(&url).await, Ok(None), "{head}");
            server.join().unwrap();
        }
        for (head, error) in [
            ("307 Temporary Redirect\r\nlocation: https://evil.example/", ProbeError::Redirected),
            ("503 Service Unavailable", ProbeError::Status { status: 503 }),
        ] {
            let (url, server) = answering(head);
            assert_eq!(challenge(&url).await, Err(error));
            server.join().unwrap();
        }
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = ResourceUrl::parse(&format!("http://{gone}/mcp")).unwrap();
        assert_eq!(challenge(&url).await, Err(ProbeError::Unreachable));
    }
}
