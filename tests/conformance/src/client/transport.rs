//! rmcp's HTTP client, with the product's answer to a refusal.
//!
//! A server of a handshake's days asks its questions on a stream of the session, which rmcp opens while it sends requests.
//! The suite's server loses what it asks before that, so that requests wait here until the stream is open or refused.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use auth_core::oauth::client::www_authenticate::TokenRefusal;
use futures_util::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use m4_cli::login::session::{Attempt, Session, SessionError, Source};
use reqwest::redirect::Policy;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;
use tokio::sync::watch;

/// A client whose every request carries the session's token, once there is one.
pub(crate) struct Authorized<S> {
    http: reqwest::Client,
    session: Arc<Session<S>>,
    /// Whether the session's stream was asked for, and answered.
    stream: watch::Sender<bool>,
}

impl<S> Clone for Authorized<S> {
    fn clone(&self) -> Self {
        Self { http: self.http.clone(), session: self.session.clone(), stream: self.stream.clone() }
    }
}

impl<S: Source + 'static> Authorized<S> {
    pub(crate) fn new(session: Session<S>) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            // A redirect would carry the token to wherever it points.
            .redirect(Policy::none())
            .no_proxy()
            // A login on a busy machine takes as long as Node keeps a connection open.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http, session: Arc::new(session), stream: watch::Sender::new(false) })
    }

    async fn send<T, F>(&self, mut request: impl FnMut(Option<String>) -> F + Send) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let attempt = |token: Option<auth_core::secret::Secret>| {
            let answer = request(token.map(|token| token.expose().to_owned()));
            async { answer.await.map_err(attempted) }
        };
        self.session.send(attempt).await.map_err(|error| match error {
            SessionError::Request(error) => error,
            no_token => StreamableHttpError::Io(io::Error::other(no_token)),
        })
    }
}

impl<S: Source + 'static> StreamableHttpClient for Authorized<S> {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Error> {
        if session_id.is_some() && matches!(message, ClientJsonRpcMessage::Request(_)) {
            let mut stream = self.stream.subscribe();
            // Without the stream the request is sent all the same, and the suite says what was missing.
            let _ = tokio::time::timeout(STREAM_TIMEOUT, stream.wait_for(|answered| *answered)).await;
        }
        self.send(|token| {
            self.http.post_message(uri.clone(), message.clone(), session_id.clone(), token, headers.clone())
        })
        .await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        headers: Headers,
    ) -> Result<(), Error> {
        self.send(|token| self.http.delete_session(uri.clone(), session_id.clone(), token, headers.clone()))
            .await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        headers: Headers,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        let request = |token| {
            self.http.get_stream(
                uri.clone(),
                session_id.clone(),
                last_event_id.clone(),
                token,
                headers.clone(),
            )
        };
        let answer = self.send(request).await;
        self.stream.send_replace(true);
        answer
    }
}

/// rmcp keeps the first challenge of an answer.
fn attempted(error: Error) -> Attempt<Error> {
    let refusal = match &error {
        StreamableHttpError::AuthRequired(refused) => {
            TokenRefusal::find(401, [refused.www_authenticate_header.as_str()])
        }
        StreamableHttpError::InsufficientScope(refused) => {
            TokenRefusal::find(403, [refused.www_authenticate_header.as_str()])
        }
        _ => None,
    };
    refusal.map_or(Attempt::Failed(error), |refusal| Attempt::Refused(Box::new(refusal)))
}

const STREAM_TIMEOUT: Duration = Duration::from_secs(10);

type Error = StreamableHttpError<reqwest::Error>;
type Headers = HashMap<HeaderName, HeaderValue>;
