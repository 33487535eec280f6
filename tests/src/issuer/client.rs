//! Client authentication (RFC 6749 §2.3): by the client's secret, or by an assertion its private key signed (RFC 7523).

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::forge::sign;
use super::grant::{Form, Refusal, refusal};
use super::keys::{KeyKind, SigningKey};
use super::state::State;
use super::token::random_id;
use crate::ambient;

/// A registered client of the token and introspection endpoints.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The public key it is registered with as a JWK. Its secret then counts for nothing: a client has one method.
    pub(crate) key: Option<Value>,
}

/// A client's own key pair, for `private_key_jwt`.
pub struct ClientKey(SigningKey);

impl ClientKey {
    /// A new key.
    pub fn generate(kind: KeyKind) -> Self {
        Self(SigningKey::generate(kind))
    }

    /// The public half, to register.
    pub fn jwk(&self) -> Value {
        self.0.jwk()
    }

    /// The private half in PKCS #8 PEM, for the client.
    pub fn private_pem(&self) -> String {
        self.0.private_pem()
    }

    /// An assertion with these claims, which replace those of a good one or, where `null`, remove them.
    ///
    /// # Panics
    /// When the claims are not a JSON object.
    pub fn assertion(&self, client_id: &str, audience: &str, changed: &Value) -> String {
        let now = ambient::unix_now();
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(client_id)),
            ("sub".to_owned(), json!(client_id)),
            ("aud".to_owned(), json!(audience)),
            ("jti".to_owned(), json!(random_id())),
            ("exp".to_owned(), json!(now + 60)),
        ]);
        for (name, value) in changed.as_object().expect("the claims are a JSON object") {
            claims.insert(name.clone(), value.clone());
        }
        claims.retain(|_, value| !value.is_null());
        let alg = self.0.kind.default_alg();
        sign(&self.0, alg, &Map::from_iter([("alg".to_owned(), json!(alg))]), &claims)
    }
}

/// Lets the registered client in, by the one method it is registered for.
pub(super) fn authenticate(state: &State, headers: &HeaderMap, form: &Form) -> Result<(), Refusal> {
    match &state.client.key {
        Some(key) => by_assertion(state, headers, form, key),
        None => by_secret(state, headers, form),
    }
}

/// `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1), not both.
fn by_secret(state: &State, headers: &HeaderMap, form: &Form) -> Result<(), Refusal> {
    let (id, secret, basic) = match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            if form.one("client_secret")?.is_some() {
                return Err(refusal("invalid_request", "two ways of client authentication at once"));
            }
            let (id, secret) = basic_credentials(value).ok_or(Refusal {
                error: "invalid_client",
                description: "the Authorization header is not HTTP Basic",
                basic: true,
            })?;
            (id, secret, true)
        }
        None => match (form.one("client_id")?, form.one("client_secret")?) {
            (Some(id), Some(secret)) => (id.to_owned(), secret.to_owned(), false),
            _ => return Err(refusal("invalid_client", "no client authentication")),
        },
    };
    if id == state.client.id && secret == state.client.secret {
        Ok(())
    } else {
        Err(Refusal { error: "invalid_client", description: "unknown client or wrong secret", basic })
    }
}

/// Id and secret, each form-encoded before the Base64 (RFC 6749 §2.3.1).
fn basic_credentials(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    form_urlencoded::parse(text.as_bytes()).map(|(key, _)| key.into_owned()).next().unwrap_or_default()
}

/// `private_key_jwt`: RFC 7521 §4.2 for the form, RFC 7523 §3 for what the assertion must say.
fn by_assertion(state: &State, headers: &HeaderMap, form: &Form, key: &Value) -> Result<(), Refusal> {
    let refused = |description| Err(refusal("invalid_client", description));
    if headers.contains_key(header::AUTHORIZATION) || form.one("client_secret")?.is_some() {
        return refused("this client authenticates by private_key_jwt and nothing else");
    }
    if form.one("client_assertion_type")? != Some(ASSERTION_TYPE) {
        return refused("no client_assertion_type for JWTs");
    }
    if form.one("client_id")?.is_some_and(|id| id != state.client.id) {
        return refused("client_id is not the registered one");
    }
    let Some(assertion) = form.one("client_assertion")? else { return refused("no client_assertion") };
    let Some(claims) = verified(state, assertion, key) else {
        return refused("the assertion is not this client's, not for this issuer or not valid now");
    };
    if !state.is_new_assertion(claims.jti) {
        return refused("the assertion was used before");
    }
    Ok(())
}

#[derive(Deserialize)]
struct AssertionClaims {
    jti: String,
}

fn verified(state: &State, assertion: &str, key: &Value) -> Option<AssertionClaims> {
    let key: Jwk = serde_json::from_value(key.clone()).ok()?;
    let algorithm: Algorithm = key.common.key_algorithm?.to_string().parse().ok()?;
    let mut rules = Validation::new(algorithm);
    rules.leeway = 0;
    rules.validate_nbf = true;
    rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    rules.set_issuer(&[&state.client.id]);
    rules.sub = Some(state.client.id.clone());
    rules.set_audience(&[
        state.defaults.issuer.clone(),
        state.token_endpoint(),
        state.introspection_endpoint(),
    ]);
    let key = DecodingKey::from_jwk(&key).ok()?;
    Some(jsonwebtoken::decode::<AssertionClaims>(assertion, &key, &rules).ok()?.claims)
}

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
