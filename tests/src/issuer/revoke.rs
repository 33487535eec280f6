//! The revocation endpoint (RFC 7009), and what was given back there.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::MockIssuer;
use super::grant::{Form, Refusal, client, refusal};
use super::state::State;

/// A token that was given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The `token_type_hint`; empty where none came.
    pub hint: String,
    /// The token.
    pub token: String,
}

/// What was given back, and what is not taken back.
#[derive(Default)]
pub(crate) struct Revocations(Mutex<Known>);

#[derive(Default)]
struct Known {
    revoked: Vec<Revoked>,
    refused: Vec<String>,
}

impl Revocations {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MockIssuer {
    /// The address of the revocation endpoint. Its client is the token endpoint's.
    pub fn revocation_endpoint(&self) -> String {
        self.state.revocation_endpoint()
    }

    /// What was given back, in the order it came. A refresh token that came back ends its login; an access token stays
    /// good, as JWTs do that nobody asks the issuer about.
    pub fn revoked(&self) -> Vec<Revoked> {
        self.state.revocations.known().revoked.clone()
    }

    /// Takes tokens with this hint back no more: `unsupported_token_type` (RFC 7009 §2.2.1).
    pub fn refuse_to_revoke(&self, hint: &str) {
        self.state.revocations.known().refused.push(hint.to_owned());
    }
}

pub(crate) async fn revoke(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    match taken_back(&state, &headers, &body) {
        // §2.2: also for tokens that nobody knows.
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn taken_back(state: &State, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    let form = Form::parse(headers, body)?;
    client(state, headers, &form)?;
    let token = form.one("token")?.ok_or_else(|| refusal("invalid_request", "token is missing"))?;
    let hint = form.one("token_type_hint")?.unwrap_or_default();
    let mut known = state.revocations.known();
    if known.refused.iter().any(|refused| refused == hint) {
        return Err(refusal("unsupported_token_type", "tokens of this type end by themselves"));
    }
    known.revoked.push(Revoked { hint: hint.to_owned(), token: token.to_owned() });
    drop(known);
    state.end_login(token);
    Ok(())
}
