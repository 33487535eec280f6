//! Logins of people: authorization endpoint (RFC 6749 §4.1, RFC 7636, RFC 9207), device authorization (RFC 8628) and
//! registration (RFC 7591). There is nobody to ask, so whoever comes is logged in at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::MockIssuer;
use super::grant::{Form, Refusal, refusal, uncached};
use super::state::State;
use super::token::random_id;

/// What the metadata says about logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the metadata")]
pub struct Advertised {
    /// Whether PKCE with S256.
    pub pkce: bool,
    /// Whether clients can register.
    pub registration: bool,
    /// Whether a URL can be a client id.
    pub client_documents: bool,
    /// Whether codes can be confirmed on another device.
    pub device: bool,
}

impl Default for Advertised {
    fn default() -> Self {
        Self { pkce: true, registration: true, client_documents: false, device: true }
    }
}

/// What a form or a query held.
pub type Parameters = BTreeMap<String, String>;

/// Logins that are under way, and what was asked for.
#[derive(Default)]
pub(crate) struct Logins(Mutex<Known>);

#[derive(Default)]
struct Known {
    advertised: Advertised,
    refuses_resource: bool,
    codes: BTreeMap<String, Authorized>,
    devices: BTreeMap<String, Authorized>,
    device_answers: VecDeque<&'static str>,
    device_polls: Vec<Instant>,
    clients: BTreeMap<String, Value>,
    authorizations: Vec<Parameters>,
    registrations: Vec<Value>,
}

/// A code that waits to be spent.
#[derive(Clone)]
struct Authorized {
    client_id: String,
    redirect_uri: String,
    challenge: String,
    scope: String,
    resource: Option<String>,
}

/// What a spent code is good for.
pub(super) struct Spent {
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) resource: Option<String>,
}

impl Logins {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this client needs no secret.
    pub(super) fn is_public(&self, client_id: &str) -> bool {
        client_id == PUBLIC_CLIENT
            || client_id.starts_with("https://")
            || self.known().clients.contains_key(client_id)
    }

    /// Adds what the metadata says.
    pub(super) fn describe(&self, origin: &str, metadata: &mut Value) {
        let advertised = self.known().advertised;
        metadata["authorization_endpoint"] = format!("{origin}/authorize").into();
        metadata["authorization_response_iss_parameter_supported"] = true.into();
        metadata["client_id_metadata_document_supported"] = advertised.client_documents.into();
        if advertised.pkce {
            metadata["code_challenge_methods_supported"] = json!(["S256"]);
        }
        if advertised.registration {
            metadata["registration_endpoint"] = format!("{origin}/register").into();
        }
        if advertised.device {
            metadata["device_authorization_endpoint"] = format!("{origin}/device_authorization").into();
        }
    }

    /// Spends an authorization code, once, with the verifier of its challenge.
    pub(super) fn spend_code(&self, form: &Form) -> Result<Spent, Refusal> {
        let wrong =
            || refusal("invalid_grant", "the code is not this client's, spent, or its verifier is wrong");
        let code = form.one("code")?.ok_or_else(wrong)?;
        let authorized = self.known().codes.remove(code).ok_or_else(wrong)?;
        let verifier = form.one("code_verifier")?.unwrap_or_default();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        let is_sound = URL_SAFE_NO_PAD.encode(hash) == authorized.challenge
            && form.one("redirect_uri")? == Some(&authorized.redirect_uri)
            && form.one("resource")?.map(str::to_owned) == authorized.resource;
        if is_sound { Ok(authorized.spent()) } else { Err(wrong()) }
    }

    /// Spends a device code, or says what the person at the other device did so far.
    pub(super) fn spend_device_code(&self, form: &Form) -> Result<Spent, Refusal> {
        let mut known = self.known();
        known.device_polls.push(Instant::now());
        if let Some(error) = known.device_answers.pop_front() {
            return Err(refusal(error, "as the test wants it"));
        }
        let code = form.one("device_code")?.unwrap_or_default();
        let authorized =
            known.devices.remove(code).ok_or_else(|| refusal("invalid_grant", "no such device code"))?;
        Ok(authorized.spent())
    }
}

impl Authorized {
    fn spent(self) -> Spent {
        Spent { client_id: self.client_id, scope: self.scope, resource: self.resource }
    }
}

impl MockIssuer {
    /// Changes what the metadata says about logins.
    pub fn advertise(&self, advertised: Advertised) {
        self.state.logins.known().advertised = advertised;
    }

    /// Refuses requests that name a resource, as some issuers do.
    pub fn refuse_resource(&self) {
        self.state.logins.known().refuses_resource = true;
    }

    /// What the next questions about a device code are answered with, in order, before it is confirmed.
    pub fn answer_devices(&self, errors: &[&'static str]) {
        self.state.logins.known().device_answers.extend(errors);
    }

    /// The times between questions about device codes.
    pub fn device_pauses(&self) -> Vec<Duration> {
        let polls = self.state.logins.known().device_polls.clone();
        polls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// What the authorization and device authorization endpoints were asked for, in order.
    pub fn authorizations(&self) -> Vec<Parameters> {
        self.state.logins.known().authorizations.clone()
    }

    /// What clients said when they registered.
    pub fn registrations(&self) -> Vec<Value> {
        self.state.logins.known().registrations.clone()
    }
}

pub(crate) async fn authorize(Shared(state): Shared<Arc<State>>, RawQuery(query): RawQuery) -> Response {
    let asked = parameters(query.unwrap_or_default().as_bytes());
    let mut known = state.logins.known();
    known.authorizations.push(asked.clone());
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    // RFC 6749 §4.1.2.1: nobody is sent to a place that is not the client's.
    let Ok(mut back) = Url::parse(&of("redirect_uri")) else { return unusable("redirect_uri") };
    let is_loopback = matches!(back.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let registered = known.clients.get(&of("client_id")).map(|client| &client["redirect_uris"]);
    let is_registered = registered.is_none_or(|uris| uris[0] == of("redirect_uri"));
    if !is_loopback || !is_registered {
        return unusable("redirect_uri");
    }
    let error = if of("response_type") != "code" || of("code_challenge_method") != "S256" {
        Some("invalid_request")
    } else if known.refuses_resource && asked.contains_key("resource") {
        Some("invalid_target")
    } else {
        None
    };
    if let Some(error) = error {
        back.query_pairs_mut().append_pair("error", error);
    } else {
        let code = random_id();
        back.query_pairs_mut().append_pair("code", &code);
        let authorized = Authorized {
            client_id: of("client_id"),
            redirect_uri: of("redirect_uri"),
            challenge: of("code_challenge"),
            scope: asked.get("scope").unwrap_or(&state.defaults.scope).clone(),
            resource: asked.get("resource").cloned(),
        };
        known.codes.insert(code, authorized);
    }
    back.query_pairs_mut().append_pair("state", &of("state")).append_pair("iss", &state.defaults.issuer);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

pub(crate) async fn authorize_device(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = Form::parse(&headers, &body) {
        return refused.into_response();
    }
    let asked = parameters(&body);
    let client_id = asked.get("client_id").cloned().unwrap_or_default();
    if !state.logins.is_public(&client_id) {
        return refusal("invalid_client", "unknown client").into_response();
    }
    let code = random_id();
    let authorized = Authorized {
        client_id,
        redirect_uri: String::new(),
        challenge: String::new(),
        scope: asked.get("scope").unwrap_or(&state.defaults.scope).clone(),
        resource: asked.get("resource").cloned(),
    };
    let mut known = state.logins.known();
    known.authorizations.push(asked);
    known.devices.insert(code.clone(), authorized);
    let page = format!("{}/device", state.origin);
    uncached(
        StatusCode::OK,
        json!({
            "device_code": code, "user_code": USER_CODE, "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={USER_CODE}"), "expires_in": 600, "interval": 1,
        }),
    )
}

pub(crate) async fn register(Shared(state): Shared<Arc<State>>, Json(client): Json<Value>) -> Response {
    let id = format!("registered-{}", random_id());
    let mut known = state.logins.known();
    known.registrations.push(client.clone());
    known.clients.insert(id.clone(), client.clone());
    let mut answer = client;
    answer["client_id"] = id.into();
    uncached(StatusCode::CREATED, answer)
}

fn unusable(parameter: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{parameter} is not the client's")).into_response()
}

fn parameters(text: &[u8]) -> Parameters {
    form_urlencoded::parse(text).into_owned().collect()
}

/// A client without a secret that nobody has to register.
pub const PUBLIC_CLIENT: &str = "m4-public";

/// The code that a person types.
pub const USER_CODE: &str = "WDJB-MJHT";
