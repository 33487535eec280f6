//! The token endpoint: the grants of people (RFC 6749 §4.1, RFC 8628), of clients and of refresh tokens (RFC 6749 §4.4, §6)
//! with the errors of §5.2.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use url::form_urlencoded;

use super::client::authenticate;
use super::state::State;
use super::token::{DEFAULT_SUBJECT, TokenSpec};

pub(crate) async fn token(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    match Grant::parse(&state, &headers, &body) {
        Ok(grant) => {
            let spec = TokenSpec::new()
                .audience(grant.audience)
                .scope(grant.scope.clone())
                .subject(grant.subject.unwrap_or(&state.client.id))
                .claim("client_id", grant.client_id);
            let mut answer = json!({
                "access_token": state.mint(&spec),
                "token_type": "Bearer",
                "expires_in": state.defaults.stated_lifetime,
                "scope": grant.scope,
            });
            if let Some(refresh_token) = grant.refresh_token {
                answer["refresh_token"] = refresh_token.into();
            }
            uncached(StatusCode::OK, answer)
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// A request that is granted.
struct Grant {
    audience: Vec<String>,
    scope: String,
    /// Who logged in; the client itself where nobody did.
    subject: Option<&'static str>,
    client_id: String,
    /// The next one, where one was exchanged, or the first of a login.
    refresh_token: Option<String>,
}

/// An error answer of RFC 6749 §5.2 or RFC 8707 §2.
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) description: &'static str,
    /// Whether the client tried HTTP Basic, which a 401 must then name.
    pub(super) basic: bool,
}

impl Grant {
    fn parse(state: &State, headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let form = Form::parse(headers, body)?;
        let client_id = client(state, headers, &form)?;
        let spent = match form.one("grant_type")? {
            Some("client_credentials" | "refresh_token") => None,
            Some("authorization_code") => Some(state.logins.spend_code(&form)?),
            Some(DEVICE_GRANT) => Some(state.logins.spend_device_code(&form)?),
            Some(_) => return Err(refusal("unsupported_grant_type", "this grant is not offered")),
            None => return Err(refusal("invalid_request", "grant_type is missing")),
        };
        if let Some(spent) = spent {
            if spent.client_id != client_id {
                return Err(refusal("invalid_grant", "the code is another client's"));
            }
            return Ok(Self {
                audience: vec![spent.resource.unwrap_or_else(|| state.defaults.audience.clone())],
                scope: spent.scope,
                subject: Some(DEFAULT_SUBJECT),
                client_id,
                refresh_token: Some(state.issue_refresh_token()),
            });
        }
        let scope = match form.one("scope")? {
            None => state.defaults.scope.clone(),
            Some(asked) => {
                let offered: Vec<&str> = state.defaults.scope.split_whitespace().collect();
                if asked.split_whitespace().any(|scope| !offered.contains(&scope)) {
                    return Err(refusal("invalid_scope", "a scope asked for is not offered"));
                }
                asked.to_owned()
            }
        };
        // `audience` is Auth0's parameter; `resource`, which may come several times, is RFC 8707's.
        let mut audience: Vec<String> = form.all("resource").map(str::to_owned).collect();
        if audience.iter().any(|resource| url::Url::parse(resource).is_err() || resource.contains('#')) {
            return Err(refusal("invalid_target", "resource must be an absolute URI without a fragment"));
        }
        audience.extend(form.one("audience")?.map(str::to_owned));
        if audience.is_empty() {
            audience.push(state.defaults.audience.clone());
        }
        // Last, so that a request with another mistake costs no token.
        let refresh_token = match (form.one("grant_type")?, form.one("refresh_token")?) {
            (Some("refresh_token"), None) => {
                return Err(refusal("invalid_request", "refresh_token is missing"));
            }
            (Some("refresh_token"), Some(token)) => match state.rotate_refresh_token(token) {
                None => return Err(refusal("invalid_grant", "the refresh token is unknown or spent")),
                next => next,
            },
            _ => None,
        };
        Ok(Self { audience, scope, subject: None, client_id, refresh_token })
    }
}

/// The client, which proves who it is unless it is public; only people log in with one that is.
pub(super) fn client(state: &State, headers: &HeaderMap, form: &Form) -> Result<String, Refusal> {
    let is_public = form.one("client_id")?.filter(|id| state.logins.is_public(id));
    match is_public.filter(|_| !headers.contains_key(header::AUTHORIZATION)) {
        Some(id) if form.one("grant_type")? != Some("client_credentials") => Ok(id.to_owned()),
        _ => {
            authenticate(state, headers, form)?;
            Ok(state.client.id.clone())
        }
    }
}

/// The parameters of a request body.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(refusal("invalid_request", "the body must be application/x-www-form-urlencoded"));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// RFC 6749 §3.2: parameters without a value count as absent, and none may come twice.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(refusal("invalid_request", "a parameter comes twice")),
        }
    }
}

pub(super) fn refusal(error: &'static str, description: &'static str) -> Refusal {
    Refusal { error, description, basic: false }
}

impl Refusal {
    pub(super) fn into_response(self) -> Response {
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = uncached(status, body);
        if self.basic {
            let challenge = HeaderValue::from_static("Basic realm=\"mock-issuer\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// RFC 6749 §5.1: whatever holds a token, or says what one means, is not stored.
pub(super) fn uncached(status: StatusCode, body: serde_json::Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, headers, Json(body)).into_response()
}

/// RFC 8628 §3.4.
pub(super) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
