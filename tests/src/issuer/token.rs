//! `TokenSpec`: says what a token shall hold, every part of it settable, omittable or forged.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::forge::Forgery;
use super::keys::KeyKind;

/// What a minted token holds. [`TokenSpec::new`] is a token that every check passes; each method changes one thing.
#[derive(Clone, Debug, Default)]
pub struct TokenSpec {
    pub(crate) key: Option<KeyKind>,
    pub(crate) forgery: Option<Forgery>,
    now: Option<u64>,
    header: BTreeMap<String, Setting>,
    claims: BTreeMap<String, Setting>,
}

#[derive(Clone, Debug)]
enum Setting {
    Fixed(Value),
    FromNow(i64),
    Absent,
}

/// What the issuer fills in where the spec is silent.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) scope: String,
    pub(crate) lifetime: u64,
    pub(crate) stated_lifetime: u64,
    pub(crate) client_id: String,
}

impl TokenSpec {
    /// A valid token for the issuer's own audience and scopes, signed by its RSA-2048 key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Signs with this key.
    #[must_use]
    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = Some(key);
        self
    }

    /// Makes the token in one of the ways an attacker would.
    #[must_use]
    pub fn forge(mut self, forgery: Forgery) -> Self {
        self.forgery = Some(forgery);
        self
    }

    /// Takes this as the present (Unix seconds) instead of the wall clock.
    #[must_use]
    pub fn at(mut self, unix_seconds: u64) -> Self {
        self.now = Some(unix_seconds);
        self
    }

    /// Sets a header parameter.
    #[must_use]
    pub fn header(self, name: &str, value: impl Into<Value>) -> Self {
        self.set_header(name, Setting::Fixed(value.into()))
    }

    /// Leaves a header parameter out.
    #[must_use]
    pub fn without_header(self, name: &str) -> Self {
        self.set_header(name, Setting::Absent)
    }

    /// States this `alg` (RFC 7515 §4.1.1), and signs by it where the key can (`RS384`, `PS256`, …).
    #[must_use]
    pub fn alg(self, alg: &str) -> Self {
        self.header("alg", alg)
    }

    /// States this key id.
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.header("kid", kid)
    }

    /// States no key id.
    #[must_use]
    pub fn without_kid(self) -> Self {
        self.without_header("kid")
    }

    /// States this token type: `at+jwt` (RFC 9068), `JWT`, `logout+jwt`, `dpop+jwt` …
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.header("typ", typ)
    }

    /// Sets any claim.
    #[must_use]
    pub fn claim(self, name: &str, value: impl Into<Value>) -> Self {
        self.set_claim(name, Setting::Fixed(value.into()))
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(self, name: &str) -> Self {
        self.set_claim(name, Setting::Absent)
    }

    /// Sets `iss`.
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets `aud`: a string, or a `Vec` for the array form.
    #[must_use]
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `sub`.
    #[must_use]
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `scope`: a space-separated string (RFC 8693 §4.2), or a `Vec` for the array form some issuers write.
    #[must_use]
    pub fn scope(self, scope: impl Into<Value>) -> Self {
        self.claim("scope", scope)
    }

    /// Sets `scp` (Entra writes a string, Okta an array) and leaves `scope` out.
    #[must_use]
    pub fn scp(self, scope: impl Into<Value>) -> Self {
        self.without("scope").claim("scp", scope)
    }

    /// `exp` this many seconds from now; negative for a token that has expired.
    #[must_use]
    pub fn expires_in(self, seconds: i64) -> Self {
        self.set_claim("exp", Setting::FromNow(seconds))
    }

    /// `nbf` this many seconds from now.
    #[must_use]
    pub fn not_before_in(self, seconds: i64) -> Self {
        self.set_claim("nbf", Setting::FromNow(seconds))
    }

    /// `iat` this many seconds from now.
    #[must_use]
    pub fn issued_in(self, seconds: i64) -> Self {
        self.set_claim("iat", Setting::FromNow(seconds))
    }

    pub(crate) fn alg_or_default(&self) -> String {
        match self.header.get("alg") {
            Some(Setting::Fixed(Value::String(alg))) => alg.clone(),
            _ => self.key.unwrap_or(KeyKind::Rsa2048).default_alg().to_owned(),
        }
    }

    /// Header and claims as JSON objects; `kid` and `alg` are what the signer would state.
    pub(crate) fn resolve(
        &self,
        kid: &str,
        alg: &str,
        defaults: &Defaults,
        wall: u64,
    ) -> (Map<String, Value>, Map<String, Value>) {
        let now = i64::try_from(self.now.unwrap_or(wall)).unwrap_or(i64::MAX);
        let mut header = object(json!({ "alg": alg, "typ": "at+jwt", "kid": kid }));
        let mut claims = object(json!({
            "iss": defaults.issuer,
            "aud": defaults.audience,
            "sub": DEFAULT_SUBJECT,
            "client_id": defaults.client_id,
            "scope": defaults.scope,
            "iat": now,
            "exp": now.saturating_add_unsigned(defaults.lifetime),
            "jti": random_id(),
        }));
        apply(&self.header, &mut header, now);
        apply(&self.claims, &mut claims, now);
        // A token that has expired was issued before that: `iat` after `exp` would be refused for another reason.
        if let Some(exp) = claims.get("exp").and_then(Value::as_i64).filter(|exp| *exp <= now)
            && !self.claims.contains_key("iat")
        {
            claims.insert("iat".into(), exp.saturating_sub_unsigned(defaults.lifetime).into());
        }
        (header, claims)
    }

    fn set_header(mut self, name: &str, setting: Setting) -> Self {
        self.header.insert(name.to_owned(), setting);
        self
    }

    fn set_claim(mut self, name: &str, setting: Setting) -> Self {
        self.claims.insert(name.to_owned(), setting);
        self
    }
}

/// The body of `POST /control/mint`, the JSON form of a [`TokenSpec`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MintRequest {
    key: Option<KeyKind>,
    forge: Option<Forgery>,
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    issuer: Option<String>,
    audience: Option<Value>,
    subject: Option<String>,
    scope: Option<Value>,
    expires_in: Option<i64>,
    not_before_in: Option<i64>,
    at: Option<u64>,
    claims: Map<String, Value>,
    without: Vec<String>,
    without_header: Vec<String>,
}

impl From<MintRequest> for TokenSpec {
    fn from(request: MintRequest) -> Self {
        let mut spec = Self { key: request.key, forgery: request.forge, now: request.at, ..Self::default() };
        let header = [("alg", request.alg), ("kid", request.kid), ("typ", request.typ)];
        for (name, value) in header {
            if let Some(value) = value {
                spec = spec.header(name, value);
            }
        }
        let claims = [
            ("iss", request.issuer.map(Value::from)),
            ("aud", request.audience),
            ("sub", request.subject.map(Value::from)),
            ("scope", request.scope),
        ];
        for (name, value) in claims {
            if let Some(value) = value {
                spec = spec.claim(name, value);
            }
        }
        if let Some(seconds) = request.expires_in {
            spec = spec.expires_in(seconds);
        }
        if let Some(seconds) = request.not_before_in {
            spec = spec.not_before_in(seconds);
        }
        for (name, value) in request.claims {
            spec = spec.claim(&name, value);
        }
        for name in request.without {
            spec = spec.without(&name);
        }
        for name in request.without_header {
            spec = spec.without_header(&name);
        }
        spec
    }
}

fn apply(settings: &BTreeMap<String, Setting>, target: &mut Map<String, Value>, now: i64) {
    for (name, setting) in settings {
        let value = match setting {
            Setting::Fixed(value) => value.clone(),
            Setting::FromNow(seconds) => now.saturating_add(*seconds).into(),
            Setting::Absent => {
                target.remove(name);
                continue;
            }
        };
        target.insert(name.clone(), value);
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// 96 random bits as text.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Subject of a token whose spec names none.
pub const DEFAULT_SUBJECT: &str = "m4-demo-user";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_replaces_the_default_and_an_omission_removes_it() {
        let spec = TokenSpec::new().at(1_000).expires_in(-5).subject("alice").without("aud").without_kid();
        let (header, claims) = spec.resolve("k", "RS256", &defaults(), 7);
        assert_eq!(claims["exp"], 995);
        assert_eq!(claims["iat"], 935, "issued one lifetime before it expired");
        assert_eq!(claims["sub"], "alice");
        assert!(!claims.contains_key("aud"));
        assert!(!header.contains_key("kid"));
        assert_eq!(header["alg"], "RS256");
    }

    #[test]
    fn scp_takes_the_place_of_scope() {
        let (_, claims) = TokenSpec::new().scp(vec!["a", "b"]).resolve("k", "RS256", &defaults(), 7);
        assert_eq!(claims["scp"], json!(["a", "b"]));
        assert!(!claims.contains_key("scope"));
    }

    #[test]
    fn the_json_form_says_the_same_as_the_builder() {
        let body = r#"{"key":"p256","audience":["x","y"],"expires_in":5,"without":["sub"],"at":10}"#;
        let spec = TokenSpec::from(serde_json::from_str::<MintRequest>(body).unwrap());
        let (_, claims) = spec.resolve("k", "ES256", &defaults(), 7);
        assert_eq!(spec.key, Some(KeyKind::P256));
        assert_eq!(claims["aud"], json!(["x", "y"]));
        assert_eq!(claims["exp"], 15);
        assert!(!claims.contains_key("sub"));
    }

    #[test]
    fn an_unknown_field_in_the_json_form_is_refused() {
        assert!(serde_json::from_str::<MintRequest>(r#"{"audiense":"x"}"#).is_err());
    }

    fn defaults() -> Defaults {
        Defaults {
            issuer: "i".into(),
            audience: "a".into(),
            scope: "s".into(),
            lifetime: 60,
            stated_lifetime: 60,
            client_id: "c".into(),
        }
    }
}
