//! The public endpoints: metadata (RFC 8414, OIDC Discovery) and key set (RFC 7517).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use super::grant::DEVICE_GRANT;
use super::state::{Endpoint, Fault, OVERSIZE_BYTES, State};
use super::{control, grant, introspection, login, revoke};

/// Every route of an issuer whose identifier has this path.
pub(crate) fn router(state: &Arc<State>, issuer_path: &str) -> Router {
    let path = issuer_path.trim_end_matches('/');
    // RFC 8414 §3.1 puts the well-known part before the issuer's path, OIDC after it.
    let discovery: BTreeSet<String> = [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ]
    .into();
    let behave = |endpoint: Endpoint| {
        let state = state.clone();
        middleware::from_fn(move |request: Request, next: Next| {
            let state = state.clone();
            async move { act(state.arrival(endpoint), request, next).await }
        })
    };
    let metadata = discovery
        .into_iter()
        .fold(Router::new(), |router, path| router.route(&path, get(metadata)))
        .route_layer(behave(Endpoint::Discovery));
    let keys = Router::new()
        .route("/keys/current", get(key_set))
        .route(&format!("{path}/.well-known/jwks.json"), get(well_known_key_set))
        .route_layer(behave(Endpoint::Jwks));
    let token = Router::new().route("/token", post(grant::token)).route_layer(behave(Endpoint::Token));
    let introspection = Router::new()
        .route("/introspect", post(introspection::introspect))
        .route_layer(behave(Endpoint::Introspection));
    let revocation =
        Router::new().route("/revoke", post(revoke::revoke)).route_layer(behave(Endpoint::Revocation));
    let people = Router::new()
        .route("/authorize", get(login::authorize))
        .route("/device_authorization", post(login::authorize_device))
        .route("/register", post(login::register));
    let redirected =
        Router::new().route(REDIRECTED, any(StatusCode::OK)).route_layer(behave(Endpoint::Redirected));
    Router::new()
        .merge(metadata)
        .merge(keys)
        .merge(token)
        .merge(introspection)
        .merge(revocation)
        .merge(redirected)
        .merge(people)
        .nest("/control", control::router())
        .with_state(state.clone())
}

async fn act((delay, fault): (std::time::Duration, Option<Fault>), request: Request, next: Next) -> Response {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fault {
        None => next.run(request).await,
        Some(Fault::Status(code)) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "the mock issuer was told to fail: upstream-detail-that-must-not-leak").into_response()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Garbage) => {
            ([(header::CONTENT_TYPE, "application/json")], "<html>not json</html>").into_response()
        }
        Some(Fault::ErrorWith200) => {
            Json(json!({ "error": "invalid_grant", "error_description": "<b>no</b>" })).into_response()
        }
        Some(Fault::Redirect) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, REDIRECTED)]).into_response()
        }
        Some(Fault::Oversize) => {
            let body = format!("{{\"keys\":[],\"padding\":\"{}\"}}", "x".repeat(OVERSIZE_BYTES));
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
    }
}

async fn metadata(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    let scopes: Vec<&str> = state.defaults.scope.split_whitespace().collect();
    let methods: &[&str] = match state.client.key {
        Some(_) => &["private_key_jwt"],
        None => &["client_secret_basic", "client_secret_post"],
    };
    let mut token_methods = methods.to_vec();
    token_methods.push("none");
    let mut metadata = json!({
        "issuer": state.defaults.issuer,
        "jwks_uri": state.jwks_uri(),
        "token_endpoint": state.token_endpoint(),
        "token_endpoint_auth_methods_supported": token_methods,
        "introspection_endpoint": state.introspection_endpoint(),
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": state.revocation_endpoint(),
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token", DEVICE_GRANT],
        "response_types_supported": ["code"],
        "scopes_supported": scopes,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    });
    state.logins.describe(&state.origin, &mut metadata);
    Json(metadata)
}

async fn key_set(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    Json(state.jwks())
}

async fn well_known_key_set(Shared(state): Shared<Arc<State>>) -> Response {
    if state.well_known_jwks() {
        Json(state.jwks()).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Where [`Fault::Redirect`] points.
const REDIRECTED: &str = "/redirected";
