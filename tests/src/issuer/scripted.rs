//! Other answers of the token endpoint than its own, and what was sent to it.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use url::form_urlencoded;

use super::MockIssuer;
use super::grant::uncached;
use super::state::State;

/// A request to the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Whether the client authenticated in the `Authorization` header.
    pub basic: bool,
    /// The form.
    pub form: Vec<(String, String)>,
}

impl TokenRequest {
    /// A field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl MockIssuer {
    /// Makes the token endpoint answer this to whatever it is asked, until `None`. A redirect leads back to it.
    pub fn answer_tokens(&self, answer: impl Into<Option<(u16, Value)>>) {
        self.state.set_token_answer(answer.into());
    }

    /// What was sent to the token endpoint, in order, without what was made to fail.
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        self.state.token_requests()
    }
}

/// Keeps the request; gives the answer that takes the place of the endpoint's own, if there is one.
pub(super) fn answer(state: &State, headers: &HeaderMap, body: &[u8]) -> Option<Response> {
    let form = form_urlencoded::parse(body).into_owned().collect();
    let (status, body) =
        state.token_answer(TokenRequest { basic: headers.contains_key(header::AUTHORIZATION), form })?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = match body {
        Value::String(text) => (status, text).into_response(),
        body => uncached(status, body),
    };
    let location = [(header::LOCATION, state.token_endpoint())];
    Some(if status.is_redirection() { (location, response).into_response() } else { response })
}
