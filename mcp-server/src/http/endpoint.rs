//! `/mcp`: an authenticated request becomes a call of the MCP library, once the gate let it through.

use std::sync::Arc;
use std::time::Duration;

use auth_core::rejection::Rejection;
use auth_core::time::UnixTime;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use rmcp::transport::StreamableHttpService;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Served;
use super::answer::{self, Response};
use super::batch::{Batch, has_batches, together};
use super::flight::{Held, Owner, Permit};
use super::message::{BadMessage, Content, Message};
use super::sessions::Sessions;
use crate::gate::{Authenticated, Granted};

/// The MCP library's two ways to serve, and what stands before them.
pub(super) struct Endpoint<S: Served> {
    /// One request, one answer.
    stateless: StreamableHttpService<S::Handler, NeverSessionManager>,
    /// For clients that began with `initialize`.
    stateful: Option<Stateful<S>>,
    largest_body: usize,
    patience: Duration,
    /// Ends streams that would never end.
    closing: CancellationToken,
}

struct Stateful<S: Served> {
    sessions: Sessions,
    service: StreamableHttpService<S::Handler, LocalSessionManager>,
}

/// What bounds a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub largest_body: usize,
    pub patience: Duration,
}

impl<S: Served> Endpoint<S> {
    /// Serves with sessions or without. `closing` ends streams without end, `stop` everything.
    pub(super) fn new(
        service: &S,
        with_sessions: bool,
        bounds: Bounds,
        closing: CancellationToken,
        stop: &CancellationToken,
    ) -> Self {
        // Host and Origin were checked before the caller was; the library's own check would only know less.
        let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        config.max_request_body_bytes = bounds.largest_body.saturating_mul(2);
        config.cancellation_token = stop.child_token();
        let mut stateless_config = config.clone();
        stateless_config.legacy_session_mode = false;
        stateless_config.json_response = true;
        let factory = |service: &S| {
            let service = service.clone();
            move || Ok(service.handler())
        };
        let stateful = with_sessions.then(|| {
            let sessions = Sessions::new();
            let service = StreamableHttpService::new(factory(service), sessions.manager(), config);
            Stateful { sessions, service }
        });
        Self {
            stateless: StreamableHttpService::new(
                factory(service),
                Arc::new(NeverSessionManager::default()),
                stateless_config,
            ),
            stateful,
            largest_body: bounds.largest_body,
            patience: bounds.patience,
            closing,
        }
    }

    /// Serves a request of `caller`. An error is the gate's no to what it asks for.
    pub(super) async fn serve(
        &self,
        service: &S,
        caller: &Authenticated,
        owner: Owner,
        permit: Permit,
        parts: Parts,
        body: Incoming,
    ) -> Result<Response, Rejection> {
        match parts.method {
            Method::POST => self.post(service, caller, owner, permit, parts, body).await,
            Method::GET | Method::DELETE => {
                let left = time_left(caller, service.gate().now().wall);
                Ok(self.of_session(left, &owner, permit, parts).await)
            }
            _ => Ok(answer::method_not_allowed(self.allowed())),
        }
    }

    async fn post(
        &self,
        service: &S,
        caller: &Authenticated,
        owner: Owner,
        permit: Permit,
        mut parts: Parts,
        body: Incoming,
    ) -> Result<Response, Rejection> {
        if !is_json(&parts.headers) {
            return Ok(answer::error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body's Content-Type is not application/json",
                "Send Content-Type: application/json.",
            ));
        }
        let Some(accepts) = Accepts::of(&parts.headers) else {
            return Ok(answer::error(
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "The client accepts neither JSON nor everything",
                "Send Accept: application/json, text/event-stream.",
            ));
        };
        // The library wants both named, and then answers as it is configured to.
        parts.headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        let message = match Content::read(body, self.largest_body, self.patience).await {
            Ok(Content::One(message)) => message,
            Ok(Content::Several(batch)) if has_batches(&parts.headers) => {
                return self.several(service, caller, &owner, permit, &parts, batch).await;
            }
            Ok(Content::Several(_)) => return Ok(BadMessage::Batch.into()),
            Err(bad) => return Ok(bad.into()),
        };
        let id = message.id();
        // Before the gate is asked: a call that nobody will make costs nothing of the rate.
        let way = match self.way(&parts.headers, &owner, &message, accepts).await {
            Ok(way) => way,
            Err(NoSession) => return Ok(no_session(&id)),
        };
        if let Some(granted) = granted(service, caller, &message).await? {
            parts.extensions.insert(granted);
        }
        // A client that takes no stream is told the end alone.
        let message = if accepts == Accepts::Json { message.without_progress() } else { message };
        let request = http::Request::from_parts(parts, Full::new(message.into_bytes()));
        let response = match way {
            Way::Stateless => self.stateless.handle(request).await,
            Way::Session(stateful) => stateful.service.handle(request).await,
            Way::NewSession(stateful) => {
                let response = stateful.service.handle(request).await;
                if let Some(id) = session_id(response.headers()) {
                    stateful.sessions.opened(id, owner).await;
                }
                response
            }
        };
        if !response.status().is_success() && !is_json(response.headers()) {
            return Ok(in_json(response, &id).await);
        }
        Ok(response.map(|body| Held::new(body, permit).boxed_unsync()))
    }

    async fn several(
        &self,
        service: &S,
        caller: &Authenticated,
        owner: &Owner,
        permit: Permit,
        parts: &Parts,
        batch: Batch,
    ) -> Result<Response, Rejection> {
        if let Err(NoSession) = self.own_session(&parts.headers, owner).await {
            return Ok(no_session(&Value::Null));
        }
        let mut grants = Vec::new();
        for message in batch.messages() {
            grants.push(granted(service, caller, message).await?);
        }
        let mut answers = Vec::new();
        for (asked, request) in batch.into_requests(parts, grants) {
            answers.extend(asked.answer(self.stateless.handle(request).await).await);
        }
        Ok(together(answers).map(|body| Held::new(body, permit).boxed_unsync()))
    }

    /// GET and DELETE: only sessions have a stream to listen to, or an end.
    async fn of_session(
        &self,
        left: Option<Duration>,
        owner: &Owner,
        permit: Permit,
        parts: Parts,
    ) -> Response {
        let Some(stateful) = &self.stateful else { return answer::method_not_allowed(self.allowed()) };
        if is_stateless_revision(&parts.headers) {
            return answer::method_not_allowed("POST");
        }
        let Some(id) = session_id(&parts.headers).map(str::to_owned) else {
            let text = "Bad Request: the Mcp-Session-Id header field is missing";
            return answer::rpc_error(StatusCode::BAD_REQUEST, &Value::Null, -32600, text);
        };
        if !stateful.sessions.belongs(&id, owner).await {
            return no_session(&Value::Null);
        }
        let is_delete = parts.method == Method::DELETE;
        let response = stateful.service.handle(http::Request::from_parts(parts, Empty::<Bytes>::new())).await;
        if is_delete && response.status().is_success() {
            stateful.sessions.closed(&id);
            // What clients expect of a DELETE that is done; the library says 202, as if it were still to come.
            return answer::empty(StatusCode::NO_CONTENT);
        }
        let ends = ends(self.closing.clone(), left);
        response.map(|body| Held::new(body, permit).until(ends).boxed_unsync())
    }

    async fn way(
        &self,
        headers: &HeaderMap,
        owner: &Owner,
        message: &Message,
        accepts: Accepts,
    ) -> Result<Way<'_, S>, NoSession> {
        if is_stateless_revision(headers) {
            return Ok(Way::Stateless);
        }
        if let Some(stateful) = self.own_session(headers, owner).await? {
            return Ok(Way::Session(stateful));
        }
        let opens = message.method() == Some("initialize") && accepts == Accepts::Streams;
        Ok(self.stateful.as_ref().filter(|_| opens).map_or(Way::Stateless, Way::NewSession))
    }

    /// Where the session is that a request names, if it names one: it has to be its caller's.
    async fn own_session(
        &self,
        headers: &HeaderMap,
        owner: &Owner,
    ) -> Result<Option<&Stateful<S>>, NoSession> {
        match (session_id(headers), &self.stateful) {
            (None, _) => Ok(None),
            (Some(id), Some(stateful)) if stateful.sessions.belongs(id, owner).await => Ok(Some(stateful)),
            (Some(_), _) => Err(NoSession),
        }
    }

    const fn allowed(&self) -> &'static str {
        if self.stateful.is_some() { "GET, POST, DELETE" } else { "POST" }
    }
}

/// An error that the library gave as text, as JSON-RPC has it.
async fn in_json(response: http::Response<LibraryBody>, id: &Value) -> Response {
    let status = response.status();
    // The media type was checked: by this status the library says that it could not read the message, and quotes it.
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        let text = "Invalid Request: not a message of this protocol";
        return answer::rpc_error(StatusCode::BAD_REQUEST, id, -32600, text);
    }
    let body =
        response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text: String = String::from_utf8_lossy(&body).chars().filter(|c| !c.is_control()).take(300).collect();
    let code = match status {
        _ if text.contains("MCP-Protocol-Version") => UNSUPPORTED_REVISION,
        _ if status.is_server_error() => return answer::rpc_error(status, id, -32603, "Internal error"),
        _ => -32600,
    };
    answer::rpc_error(status, id, code, &text)
}

/// The code for a revision of the protocol that the server does not speak (MCP 2026-07-28).
const UNSUPPORTED_REVISION: i32 = -32022;

/// What the gate says to a message: its proof, or `None` for one that needs none.
async fn granted<S: Served>(
    service: &S,
    caller: &Authenticated,
    message: &Message,
) -> Result<Option<Granted>, Rejection> {
    let Some(method) = message.method().filter(|_| message.is_request()) else { return Ok(None) };
    let granted = service.authorize(caller, method, message.params())?;
    if let Some(granted) = &granted {
        service.authorize_further(granted, method, message.params()).await?;
    }
    Ok(granted)
}

/// What the library's answers are made of.
pub(super) type LibraryBody = http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>;

/// Which of the library's ways a message goes.
enum Way<'a, S: Served> {
    Stateless,
    Session(&'a Stateful<S>),
    NewSession(&'a Stateful<S>),
}

/// The session a request names is not its caller's, or not any more.
struct NoSession;

/// The status by which clients learn that they have to begin anew (MCP 2025-11-25, "Session Management").
fn no_session(id: &Value) -> Response {
    answer::rpc_error(StatusCode::NOT_FOUND, id, -32001, "Session not found")
}

/// What a client takes for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepts {
    /// JSON alone, as a plain HTTP client does.
    Json,
    /// JSON and event streams, as MCP clients do.
    Streams,
}

impl Accepts {
    /// Reads `Accept`; `None` where not even JSON is taken. No `Accept` takes everything (RFC 9110 §12.5.1).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut ranges = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
            .peekable();
        if ranges.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<String> = ranges.collect();
        let names = |name: &str| ranges.iter().any(|range| range == name);
        let takes_json = names("application/json") || names("application/*") || names("*/*");
        let streams = names("text/event-stream");
        takes_json.then_some(if streams { Self::Streams } else { Self::Json })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let essence = field.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("mcp-session-id")?.to_str().ok()
}

/// Revisions from 2026-07-28 on have no sessions (SEP-2567). Revisions are dates, so text order is their order.
fn is_stateless_revision(headers: &HeaderMap) -> bool {
    let revision = headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok());
    revision.is_some_and(|revision| revision >= "2026-07-28")
}

/// How long the caller's token still is good for.
fn time_left(caller: &Authenticated, now: UnixTime) -> Option<Duration> {
    let expires_at = caller.principal()?.expires_at()?;
    Some(Duration::from_secs(u64::try_from(expires_at.seconds_since(now)).unwrap_or_default()))
}

/// Comes when the server stops, and when the token that opened a stream expires: what was let in for an hour does not
/// listen for a day.
async fn ends(closing: CancellationToken, left: Option<Duration>) {
    let expiry = async {
        match left {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = closing.cancelled() => {}
        () = expiry => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn plain_clients_are_answered_in_json_and_mcp_clients_as_they_wish() {
        let of = |value| Accepts::of(&headers(&[("accept", value)]));
        assert_eq!(Accepts::of(&HeaderMap::new()), Some(Accepts::Json));
        assert_eq!(of("*/*"), Some(Accepts::Json));
        assert_eq!(of("application/json"), Some(Accepts::Json));
        assert_eq!(of("application/json, text/event-stream"), Some(Accepts::Streams));
        assert_eq!(of("Application/JSON;q=0.9,Text/Event-Stream"), Some(Accepts::Streams));
        assert_eq!(of("text/html"), None);
        assert_eq!(of("text/event-stream"), None);
    }

    #[test]
    fn one_media_type_is_taken_and_it_is_json() {
        assert!(is_json(&headers(&[("content-type", "application/json")])));
        assert!(is_json(&headers(&[("content-type", "Application/JSON; charset=utf-8")])));
        for value in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", ""] {
            assert!(!is_json(&headers(&[("content-type", value)])), "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn sessions_ended_with_the_revision_of_2026_07_28() {
        let is = |value| is_stateless_revision(&headers(&[("mcp-protocol-version", value)]));
        assert!(is("2026-07-28") && is("2027-01-01"));
        assert!(!is("2025-11-25") && !is("2025-03-26") && !is_stateless_revision(&HeaderMap::new()));
    }
}
