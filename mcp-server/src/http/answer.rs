//! Answers that the server gives itself, without the MCP library: refusals, errors, small JSON documents.

use std::convert::Infallible;
use std::time::Duration;

use auth_core::rejection::Rejection;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use super::flight::Crowded;
use super::message::BadMessage;
use super::presented::BadPresentation;
use super::site::Misdirected;

/// What every response's body is.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A response of this server.
pub(super) type Response = http::Response<Body>;

/// A JSON document.
pub(super) fn json(status: StatusCode, document: &Value) -> Response {
    let mut response = with_body(status, Bytes::from(document.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A status and nothing more.
pub(super) fn empty(status: StatusCode) -> Response {
    with_body(status, Bytes::new())
}

/// 405, with what would be allowed.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response {
    let text = format!("use {allowed}");
    let mut response =
        error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", &text);
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Why a request was not served, in the words of OAuth 2.1 §5.3.1 as far as it has some, and one next step.
pub(super) fn error(status: StatusCode, code: &str, description: &str, hint: &str) -> Response {
    json(status, &json!({ "error": code, "error_description": description, "hint": hint }))
}

/// The body of a refusal. Its challenge is added by whoever knows the site.
pub(super) fn refusal(rejection: &Rejection) -> Response {
    let status = StatusCode::from_u16(rejection.http_status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let code = rejection.oauth_error().unwrap_or_else(|| rejection.code());
    let hint = match rejection {
        // The core's words begin with the settings of stdio.
        Rejection::MissingToken => NO_TOKEN.to_owned(),
        other => other.hint(),
    };
    let response = error(status, code, &rejection.message(), &hint);
    match rejection.retry_after() {
        Some(wait) => retry_after(response, wait),
        None => response,
    }
}

const NO_TOKEN: &str = "Send an access token as `Authorization: Bearer …`. The challenge's `resource_metadata` says who \
                        issues them.";

/// Says in whole seconds when to come again (RFC 9110 §10.2.3); never before the wait is over.
pub(super) fn retry_after(mut response: Response, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

impl From<Misdirected> for Response {
    fn from(reason: Misdirected) -> Self {
        let (status, code) = match reason {
            Misdirected::NoHost => (StatusCode::BAD_REQUEST, "invalid_request"),
            Misdirected::Host | Misdirected::Origin => (StatusCode::FORBIDDEN, "forbidden"),
        };
        error(status, code, &reason.to_string(), reason.hint())
    }
}

impl From<BadPresentation> for Response {
    fn from(reason: BadPresentation) -> Self {
        error(StatusCode::BAD_REQUEST, "invalid_request", &reason.to_string(), reason.hint())
    }
}

impl From<Crowded> for Response {
    fn from(reason: Crowded) -> Self {
        let (status, code) = match reason {
            Crowded::Server => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Crowded::Subject { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_calls"),
        };
        let hint = "Wait for calls to end, then send the request again.";
        retry_after(error(status, code, &reason.to_string(), hint), Duration::from_secs(1))
    }
}

impl From<BadMessage> for Response {
    fn from(reason: BadMessage) -> Self {
        rpc_error(reason.status(), &Value::Null, reason.code(), &reason.to_string())
    }
}

/// A JSON-RPC error.
pub(super) fn rpc_error(status: StatusCode, id: &Value, code: i32, message: &str) -> Response {
    json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
}

fn with_body(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = http::Response::new(Full::new(bytes).boxed_unsync());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_never_rounded_down() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")] {
            let response = retry_after(empty(StatusCode::TOO_MANY_REQUESTS), Duration::from_millis(wait));
            assert_eq!(response.headers()[RETRY_AFTER], seconds, "{wait} ms");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_what_is_wrong_and_what_to_do() {
        let response = refusal(&Rejection::RateLimited { retry_after: Duration::from_secs(7) });
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "7");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "rate_limited");
        assert_eq!(body["error_description"], "Rate limit exceeded: try again in 7 seconds");
        assert!(body["hint"].as_str().unwrap().starts_with("Wait"));
    }
}
