//! The body of a POST: a JSON-RPC message, or several, read once.
//!
//! What the gate decides about and what is then run must be the same: the message is parsed here, and the parsed form is
//! written out again for the MCP library, so that no second parser can read another method or another tool out of it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Map, Value};

use super::batch::Batch;

/// A JSON-RPC message as far as the server looks at it before the MCP library does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    object: Map<String, Value>,
}

impl Message {
    /// Takes one JSON-RPC 2.0 message.
    pub(super) fn of(value: Value) -> Result<Self, BadMessage> {
        match value {
            Value::Object(object) if object.get("jsonrpc").is_some_and(|version| version == "2.0") => {
                Ok(Self { object })
            }
            Value::Array(_) => Err(BadMessage::Batch),
            _ => Err(BadMessage::NotRpc),
        }
    }

    /// The message without the wish to be told how it gets on.
    pub(super) fn without_progress(mut self) -> Self {
        let meta = self.object.get_mut("params").and_then(|params| params.get_mut("_meta"));
        if let Some(Value::Object(meta)) = meta {
            meta.remove("progressToken");
        }
        self
    }

    /// The method of a request or a notification; `None` for an answer.
    pub(super) fn method(&self) -> Option<&str> {
        self.object.get("method").and_then(Value::as_str)
    }

    /// Its parameters; null where it has none.
    pub(super) fn params(&self) -> &Value {
        self.object.get("params").unwrap_or(&Value::Null)
    }

    /// Whether it asks for an answer.
    pub(super) fn is_request(&self) -> bool {
        self.method().is_some() && self.object.contains_key("id")
    }

    /// Its id, to answer with; null where it has none that an answer could carry.
    pub(super) fn id(&self) -> Value {
        self.object.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_default()
    }

    /// The message in the one form that was judged.
    pub(super) fn into_bytes(self) -> Bytes {
        Value::Object(self.object).to_string().into()
    }
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// One message.
    One(Message),
    /// Several.
    Several(Batch),
}

impl Content {
    /// Reads a body of at most `limit` bytes that arrives within `patience`.
    pub(super) async fn read<B>(body: B, limit: usize, patience: Duration) -> Result<Self, BadMessage>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let collected = tokio::time::timeout(patience, Limited::new(body, limit).collect());
        let bytes = match collected.await {
            Err(_) => return Err(BadMessage::TooSlow),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(BadMessage::TooLarge { limit });
            }
            Ok(Err(_)) => return Err(BadMessage::Broken),
            Ok(Ok(collected)) => collected.to_bytes(),
        };
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, BadMessage> {
        match serde_json::from_slice(bytes).map_err(|_| BadMessage::NotJson)? {
            Value::Array(items) => Batch::of(items).map(Self::Several),
            other => Message::of(other).map(Self::One),
        }
    }
}

/// A body that is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadMessage {
    /// Not JSON.
    #[error("Parse error: the body is not JSON")]
    NotJson,
    /// JSON, but no JSON-RPC 2.0 message.
    #[error("Invalid Request: the body is not a JSON-RPC 2.0 message")]
    NotRpc,
    /// Several messages where one is due, or too many.
    #[error(
        "Invalid Request: send one message per request; 2025-03-26 alone has batches, of 1 to 50 messages"
    )]
    Batch,
    /// More bytes than accepted.
    #[error("The body is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes a body may have.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("The body did not arrive in time")]
    TooSlow,
    /// The connection broke off, or the framing is wrong.
    #[error("The body cannot be read")]
    Broken,
}

impl BadMessage {
    /// The JSON-RPC error code.
    pub(super) const fn code(self) -> i32 {
        match self {
            Self::NotJson => -32700,
            _ => -32600,
        }
    }

    /// The HTTP status.
    pub(super) const fn status(self) -> http::StatusCode {
        match self {
            Self::TooLarge { .. } => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => http::StatusCode::REQUEST_TIMEOUT,
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use proptest::prelude::*;

    use super::*;

    fn one(body: &[u8]) -> Message {
        match Content::parse(body).unwrap() {
            Content::One(message) => message,
            Content::Several(batch) => panic!("{batch:?}"),
        }
    }

    #[test]
    fn a_name_given_twice_means_the_same_to_everybody_after_this() {
        let twice = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#;
        let message = one(twice);
        let judged = message.method().unwrap().to_owned();
        let again = one(&message.into_bytes());
        assert_eq!(again.method(), Some(judged.as_str()));
        assert_eq!(String::from_utf8_lossy(&again.into_bytes()).matches("method").count(), 1);
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        for (body, error) in [
            ("", BadMessage::NotJson),
            ("{", BadMessage::NotJson),
            ("{\"jsonrpc\":\"2.0\"} x", BadMessage::NotJson),
            ("[]", BadMessage::Batch),
            ("1", BadMessage::NotRpc),
            ("{}", BadMessage::NotRpc),
            (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, BadMessage::NotRpc),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, BadMessage::NotRpc),
        ] {
            assert_eq!(Content::parse(body.as_bytes()), Err(error), "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Content::parse(deep.as_bytes()), Err(BadMessage::NotJson));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_time() {
        let patience = Duration::from_secs(30);
        let body = || Full::new(Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
        assert!(Content::read(body(), 100, patience).await.is_ok());
        assert_eq!(Content::read(body(), 20, patience).await, Err(BadMessage::TooLarge { limit: 20 }));
        let never = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::convert::Infallible>,
        >());
        assert_eq!(Content::read(never, 100, patience).await, Err(BadMessage::TooSlow));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Content::parse(&body);
        }
    }
}
