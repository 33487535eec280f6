//! Batches: several messages in one body, which the revision of 2025-03-26 has and no other.
//!
//! The gate decides about all of them before the first is run; one that may not be made refuses the whole. They are then
//! run one after the other, each without a session, and answered together.

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use super::answer::{self, Response};
use super::endpoint::LibraryBody;
use super::message::{BadMessage, Message};
use crate::gate::Granted;

/// The messages of a batch, if that is what a body holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch(Vec<Message>);

impl Batch {
    /// Takes the items of an array. A batch is never empty (JSON-RPC 2.0 §6) and never holds `initialize` (MCP 2025-03-26).
    pub(super) fn of(items: Vec<Value>) -> Result<Self, BadMessage> {
        if items.is_empty() || items.len() > MOST {
            return Err(BadMessage::Batch);
        }
        let messages: Vec<Message> = items.into_iter().map(Message::of).collect::<Result<_, _>>()?;
        if messages.iter().any(|message| message.method() == Some("initialize")) {
            return Err(BadMessage::Batch);
        }
        Ok(Self(messages))
    }

    /// The messages in their order.
    pub(super) fn messages(&self) -> &[Message] {
        &self.0
    }

    /// A request for each message, with what was granted for it.
    pub(super) fn into_requests(
        self,
        parts: &Parts,
        grants: Vec<Option<Granted>>,
    ) -> impl Iterator<Item = (Asked, http::Request<Full<Bytes>>)> {
        self.0.into_iter().zip(grants).map(|(message, granted)| {
            let mut parts = parts.clone();
            if let Some(granted) = granted {
                parts.extensions.insert(granted);
            }
            let asked = message.is_request().then(|| message.id());
            (
                Asked(asked),
                http::Request::from_parts(parts, Full::new(message.without_progress().into_bytes())),
            )
        })
    }
}

/// The id of a message that wants an answer.
pub(super) struct Asked(Option<Value>);

impl Asked {
    /// The answer to it, if it wants one, from the library's.
    pub(super) async fn answer(self, response: http::Response<LibraryBody>) -> Option<Value> {
        let id = self.0?;
        let body =
            response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Some(serde_json::from_slice(&body).unwrap_or_else(|_| unreadable(&id)))
    }
}

/// The answers to a batch; a batch of notifications has none.
pub(super) fn together(answers: Vec<Value>) -> Response {
    if answers.is_empty() {
        return answer::empty(StatusCode::ACCEPTED);
    }
    answer::json(StatusCode::OK, &Value::Array(answers))
}

/// Whether a request is of the revision that has batches; one that names no revision is (MCP 2025-06-18, "Protocol Version
/// Header").
pub(super) fn has_batches(headers: &HeaderMap) -> bool {
    headers
        .get("mcp-protocol-version")
        .is_none_or(|revision| revision == HeaderValue::from_static("2025-03-26"))
}

/// A body of the largest size could else hold tens of thousands of calls behind one permit.
const MOST: usize = 50;

fn unreadable(id: &Value) -> Value {
    serde_json::json!({
        "jsonrpc": "2.0", "id": id,
        "error": { "code": -32600, "message": "Invalid Request: not a message of this protocol" },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ping(id: u32) -> Value {
        json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })
    }

    #[test]
    fn a_batch_is_neither_empty_nor_endless_and_opens_no_session() {
        assert_eq!(Batch::of(vec![]), Err(BadMessage::Batch));
        assert_eq!(Batch::of((0..51).map(ping).collect()), Err(BadMessage::Batch));
        assert!(Batch::of((0..50).map(ping).collect()).is_ok());
        let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} });
        assert_eq!(Batch::of(vec![ping(1), initialize]), Err(BadMessage::Batch));
        assert_eq!(Batch::of(vec![ping(1), json!(7)]), Err(BadMessage::NotRpc));
        assert_eq!(Batch::of(vec![json!([ping(1)])]), Err(BadMessage::Batch));
    }

    #[test]
    fn one_revision_has_batches() {
        let of = |revision: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("mcp-protocol-version", HeaderValue::from_static(revision));
            has_batches(&headers)
        };
        assert!(has_batches(&HeaderMap::new()) && of("2025-03-26"));
        assert!(!of("2025-06-18") && !of("2026-07-28"));
    }
}
