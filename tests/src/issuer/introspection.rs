//! The introspection endpoint (RFC 7662) and the opaque tokens it knows: random text whose meaning stays here.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::MockIssuer;
use super::client::authenticate;
use super::grant::{Form, Refusal, refusal, uncached};
use super::state::State;

impl MockIssuer {
    /// The address of the introspection endpoint. Its client is the token endpoint's.
    pub fn introspection_endpoint(&self) -> String {
        self.state.introspection_endpoint()
    }

    /// A new opaque token. Asked about it, the endpoint answers `active: true` and exactly these claims, which may
    /// themselves say what `active` is. As in [`MockIssuer::mint`], nothing about them is checked, not even `exp`.
    ///
    /// # Panics
    /// When the claims are not a JSON object.
    pub fn issue_opaque(&self, claims: Value) -> String {
        let Value::Object(mut answer) = claims else { panic!("claims are a JSON object, not {claims}") };
        answer.entry("active").or_insert(Value::Bool(true));
        self.state.issue_opaque(answer.into())
    }

    /// Forgets an opaque token: from now on the endpoint says that it is not active, and nothing else.
    pub fn revoke_opaque(&self, token: &str) {
        self.state.revoke_opaque(token);
    }
}

pub(crate) async fn introspect(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match answer(&state, &headers, &body) {
        Ok(answer) => uncached(StatusCode::OK, answer),
        Err(refusal) => refusal.into_response(),
    }
}

fn answer(state: &State, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let form = Form::parse(headers, body)?;
    authenticate(state, headers, &form)?;
    let token = form.one("token")?.ok_or_else(|| refusal("invalid_request", "token is missing"))?;
    // RFC 7662 §2.2: why a token is not active is nobody's business.
    Ok(state.opaque(token).unwrap_or_else(|| json!({ "active": false })))
}
