//! Tokens and key sets as well-known issuers make them: what is let in by which settings, and how the rest is refused.
//!
//! Every fixture is one issuer's shape with invented values. Keys are made here; a fixture says how its issuer publishes
//! them (`jwks`, members on top of the bare key, `null` takes one away) and what its headers look like.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that makes no sense ends the test")]

#[expect(dead_code, reason = "shared with the unit tests, which use more of it")]
#[path = "../src/testing.rs"]
mod testing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use auth_core::algorithm::Algorithm;
use auth_core::jwks::{KeySet, Selection};
use auth_core::oauth::metadata::Issuer;
use auth_core::policy::Policy;
use auth_core::rejection::Rejection;
use auth_core::scope::{Access, ScopeRequirements, ScopeSet};
use auth_core::time::UnixTime;
use auth_core::token::UnverifiedToken;
use auth_core::verify::{Principal, Verifier};
use serde::Deserialize;
use serde_json::{Map, Value};
use testing::Signer;

/// The present in every fixture; its tokens are issued shortly before and expire an hour later.
const NOW: UnixTime = UnixTime(1_800_000_000);

const FIXTURES: [(&str, &str); 8] = [
    ("auth0", include_str!("fixtures/auth0.json")),
    ("okta", include_str!("fixtures/okta.json")),
    ("entra-v2", include_str!("fixtures/entra-v2.json")),
    ("entra-v1", include_str!("fixtures/entra-v1.json")),
    ("google", include_str!("fixtures/google.json")),
    ("keycloak", include_str!("fixtures/keycloak.json")),
    ("cognito", include_str!("fixtures/cognito.json")),
    ("oidc-provider", include_str!("fixtures/oidc-provider.json")),
];

#[test]
fn auth0() {
    hold("auth0");
}

#[test]
fn okta() {
    hold("okta");
}

#[test]
fn entra_id_v2() {
    hold("entra-v2");
}

#[test]
fn entra_id_v1() {
    hold("entra-v1");
}

#[test]
fn google() {
    hold("google");
}

#[test]
fn keycloak() {
    hold("keycloak");
}

#[test]
fn aws_cognito() {
    hold("cognito");
}

#[test]
fn oidc_provider() {
    hold("oidc-provider");
}

/// Whatever is wrong with one token of a fixture, its signature is not: another key's is refused for every one of them.
#[test]
fn no_token_of_any_issuer_passes_with_a_signature_of_another() {
    for (name, _) in FIXTURES {
        let fixture = fixture(name);
        let genuine = fixture.key_set();
        for token in fixture.tokens.iter().filter(|token| token.admits.is_some()) {
            let text = token.text(&FOREIGN);
            let rejection = decide(&fixture.verifier(token), &genuine, &text).unwrap_err();
            assert_eq!(rejection, Rejection::BadSignature, "{name}: {}", token.name);
        }
    }
}

/// Fails unless the issuer's every token is judged as its fixture says.
fn hold(name: &str) {
    let fixture = fixture(name);
    let set = fixture.key_set();
    let usable: Vec<&str> = set.keys().filter_map(|key| key.kid()).collect();
    assert_eq!(usable, fixture.usable, "{name}: usable keys");
    for token in &fixture.tokens {
        let outcome = decide(&fixture.verifier(token), &set, &token.text(&KEYS));
        match (outcome, &token.admits, &token.refused) {
            (Ok(principal), Some(admitted), None) => {
                admitted.compare(&principal, &format!("{name}: {}", token.name));
            }
            (Err(rejection), None, Some(message)) => {
                assert_eq!(rejection.message(), *message, "{name}: {}", token.name);
            }
            (outcome, ..) => panic!("{name}: {}: {outcome:?}", token.name),
        }
    }
    let admitted = fixture.tokens.iter().filter(|token| token.admits.is_some()).count();
    assert!(admitted > 0 && admitted < fixture.tokens.len(), "{name}: a fixture shows both outcomes");
}

/// Key, signature, claims and scopes, judged as the gate does; limits and key binding are the authenticator's.
fn decide(verifier: &Verifier, keys: &KeySet, text: &str) -> Result<Arc<Principal>, Rejection> {
    let token = UnverifiedToken::parse(text)?;
    let query = verifier.key_query(&token.header()?)?;
    let key = match keys.select(&query) {
        Selection::Key(key) => key,
        Selection::WrongAlgorithm(key) => {
            let key = key.algorithms().collect();
            return Err(Rejection::AlgorithmNotOfKey { algorithm: query.algorithm, key });
        }
        Selection::Ambiguous => return Err(Rejection::MissingKeyId),
        Selection::Unknown => {
            return Err(Rejection::UnknownKey { kid: query.kid, retry_after: std::time::Duration::ZERO });
        }
    };
    let principal = verifier.verify(&token, &query, key, NOW)?.principal().clone();
    let access = Access { tool: "execute_query", dataset: None };
    let scopes = &verifier.policy().scopes;
    let missing = scopes.missing(&principal, &access);
    if missing.is_empty() {
        return Ok(principal);
    }
    Err(Rejection::MissingScopes {
        missing,
        required: scopes.required(&access),
        granted: principal.scopes().clone(),
    })
}

fn fixture(name: &str) -> Fixture {
    let (_, text) = FIXTURES.iter().find(|(known, _)| *known == name).unwrap();
    let fixture: Fixture = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Issuer::parse(&fixture.issuer).unwrap_or_else(|error| panic!("{name}: {error}"));
    fixture
}

/// One issuer's shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    issuer: String,
    settings: Settings,
    /// Members of each published key besides those that hold the key itself.
    jwks: Vec<PublishedKey>,
    /// Ids of the keys that verify tokens, in order.
    usable: Vec<String>,
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedKey {
    key: String,
    members: Map<String, Value>,
}

/// What the operator sets for the issuer; what is absent has M4's default.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    audience: Option<Vec<String>>,
    audience_claim: Option<String>,
    required_scopes: Option<String>,
    scope_claims: Option<Vec<String>>,
    subject_claims: Option<Vec<String>>,
    require_at_jwt: Option<bool>,
    accept_id_tokens: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: String,
    /// Settings that differ from the fixture's for this token.
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    key: String,
    #[serde(default)]
    header: Value,
    /// The header that was signed, where it is another than the one sent.
    signed_header: Option<Value>,
    #[serde(default)]
    claims: Value,
    /// The text, for what is no JWT.
    opaque: Option<String>,
    admits: Option<Admitted>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Admitted {
    subject: String,
    client_id: Option<String>,
    scopes: String,
}

impl Fixture {
    fn key_set(&self) -> KeySet {
        let keys: Vec<Value> = self.jwks.iter().map(PublishedKey::jwk).collect();
        let document = serde_json::json!({ "keys": keys }).to_string();
        KeySet::parse(document.as_bytes(), &Algorithm::DEFAULT).unwrap()
    }

    fn verifier(&self, token: &Token) -> Verifier {
        let settings = token.settings.clone().or(&self.settings);
        let strict = Policy::new(&self.issuer, "");
        Verifier::new(Policy {
            audiences: settings.audience.unwrap(),
            audience_claim: settings.audience_claim.unwrap_or(strict.audience_claim),
            scopes: Arc::new(ScopeRequirements {
                base: ScopeSet::parse(&settings.required_scopes.unwrap()).unwrap(),
                ..ScopeRequirements::default()
            }),
            scope_claims: settings.scope_claims.unwrap_or(strict.scope_claims),
            subject_claims: settings.subject_claims.unwrap_or(strict.subject_claims),
            require_at_jwt: settings.require_at_jwt.unwrap_or(strict.require_at_jwt),
            accept_id_tokens: settings.accept_id_tokens.unwrap_or(strict.accept_id_tokens),
            ..Policy::new(&self.issuer, "")
        })
    }
}

impl Settings {
    fn or(self, base: &Self) -> Self {
        let base = base.clone();
        Self {
            audience: self.audience.or(base.audience),
            audience_claim: self.audience_claim.or(base.audience_claim),
            required_scopes: self.required_scopes.or(base.required_scopes),
            scope_claims: self.scope_claims.or(base.scope_claims),
            subject_claims: self.subject_claims.or(base.subject_claims),
            require_at_jwt: self.require_at_jwt.or(base.require_at_jwt),
            accept_id_tokens: self.accept_id_tokens.or(base.accept_id_tokens),
        }
    }
}

impl PublishedKey {
    fn jwk(&self) -> Value {
        let mut jwk = KEYS[self.key.as_str()].jwk();
        for (name, value) in &self.members {
            match value {
                Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
                value => jwk[name] = value.clone(),
            }
        }
        jwk
    }
}

impl Token {
    fn text(&self, keys: &BTreeMap<&str, Signer>) -> String {
        if let Some(text) = &self.opaque {
            return text.clone();
        }
        let signer = &keys[self.key.as_str()];
        let honest = signer.token_with(self.signed_header.as_ref().unwrap_or(&self.header), &self.claims);
        let (_, signature) = honest.rsplit_once('.').unwrap();
        format!("{}.{signature}", testing::signing_input(&self.header, &self.claims))
    }
}

impl Admitted {
    fn compare(&self, principal: &Principal, token: &str) {
        assert_eq!(&**principal.subject(), self.subject, "{token}: subject");
        assert_eq!(principal.client_id(), self.client_id.as_deref(), "{token}: client");
        let scopes: BTreeSet<&str> = self.scopes.split(' ').collect();
        assert_eq!(principal.scopes().iter().collect::<BTreeSet<_>>(), scopes, "{token}: scopes");
    }
}

/// The keys that fixtures name.
static KEYS: LazyLock<BTreeMap<&str, Signer>> = LazyLock::new(keys);

/// Keys of the same kinds that nobody publishes.
static FOREIGN: LazyLock<BTreeMap<&str, Signer>> = LazyLock::new(keys);

fn keys() -> BTreeMap<&'static str, Signer> {
    BTreeMap::from([
        ("rsa", Signer::rsa(2048, "")),
        ("second rsa", Signer::rsa(2048, "")),
        ("p256", Signer::p256("")),
    ])
}
