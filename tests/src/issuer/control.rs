//! The control API under `/control`: the handle's methods for whoever started the `mock-issuer` binary.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{Counters, Endpoint, Fault, OldKeys, State};
use super::token::{MintRequest, TokenSpec};

/// Name by which `GET /control` tells a mock issuer from any other server.
pub(crate) const SERVICE: &str = "m4-mock-issuer";

pub(crate) fn router() -> Router<Arc<State>> {
    Router::new()
        .route("/", get(describe))
        .route("/mint", post(mint))
        .route("/rotate", post(rotate))
        .route("/fail", post(fail))
        .route("/delay", post(delay))
        .route("/well-known-jwks", post(well_known_jwks))
        .route("/counters", get(counters))
        .route("/counters/reset", post(reset_counters))
}

/// What each control endpoint takes, for a reader of `GET /control` or of the binary's first line.
pub(crate) fn description(state: &State) -> Value {
    let at = |path: &str| format!("{}/control{path}", state.origin);
    json!({
        "service": SERVICE,
        "issuer": state.defaults.issuer,
        "mint": { "post": at("/mint"), "body": {
            "key": "rsa2048|rsa3072|rsa4096|p256|encryption|unknown",
            "audience": "…", "subject": "…", "scope": "…", "expires_in": 3600, "claims": {}, "without": ["…"],
            "forge": "alg-none|hmac-with-public-pem|hmac-with-public-der|hmac-with-public-jwk|\
                      rsa-header-on-ec-kid|tampered-payload|foreign-signature",
        } },
        "rotate": { "post": at("/rotate"), "body": { "keep_old": true } },
        "fail": { "post": at("/fail"), "body": {
            "endpoint": "jwks|discovery|token|introspection|revocation", "fault": "{\"status\":500}|\"hang\"|\"garbage\"|\"error-with200\"|\"oversize\"|\"redirect\"|null",
        } },
        "delay": { "post": at("/delay"), "body": { "endpoint": "jwks|discovery|token|introspection|revocation", "ms": 250 } },
        "well_known_jwks": { "post": at("/well-known-jwks"), "body": { "served": true } },
        "counters": { "get": at("/counters"), "reset": at("/counters/reset") },
    })
}

async fn describe(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    Json(description(&state))
}

async fn mint(Shared(state): Shared<Arc<State>>, Json(request): Json<MintRequest>) -> Json<Value> {
    Json(json!({ "token": state.mint(&TokenSpec::from(request)) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    keep_old: bool,
}

async fn rotate(Shared(state): Shared<Arc<State>>, Json(request): Json<Rotation>) -> Json<Value> {
    state.rotate(if request.keep_old { OldKeys::Keep } else { OldKeys::Drop });
    Json(state.jwks())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failing {
    endpoint: Endpoint,
    fault: Option<Fault>,
}

async fn fail(Shared(state): Shared<Arc<State>>, Json(request): Json<Failing>) -> StatusCode {
    state.set_fault(request.endpoint, request.fault);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delaying {
    endpoint: Endpoint,
    ms: u64,
}

async fn delay(Shared(state): Shared<Arc<State>>, Json(request): Json<Delaying>) -> StatusCode {
    state.set_delay(request.endpoint, Duration::from_millis(request.ms));
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WellKnown {
    served: bool,
}

async fn well_known_jwks(Shared(state): Shared<Arc<State>>, Json(request): Json<WellKnown>) -> StatusCode {
    state.set_well_known_jwks(request.served);
    StatusCode::NO_CONTENT
}

async fn counters(Shared(state): Shared<Arc<State>>) -> Json<Counters> {
    Json(state.counters())
}

async fn reset_counters(Shared(state): Shared<Arc<State>>) -> Json<Counters> {
    Json(state.reset_counters())
}
