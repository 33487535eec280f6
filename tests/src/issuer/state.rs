//! What the issuer holds: keys, faults to act out, and how often each endpoint was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;
use super::forge::{Materials, forge, sign};
use super::keys::{KeyKind, SigningKey};
use super::login::Logins;
use super::refresh::{RefreshTokens, Refreshes};
use super::revoke::Revocations;
use super::token::{Defaults, TokenSpec, random_id};
use crate::ambient;

/// An endpoint whose behaviour can be changed and whose requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// Every address of the key set.
    Jwks,
    /// Every address of the metadata documents.
    Discovery,
    /// The token endpoint.
    Token,
    /// The introspection endpoint.
    Introspection,
    /// The revocation endpoint.
    Revocation,
    /// Where [`Fault::Redirect`] points, which nobody should follow.
    Redirected,
}

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// This status with a short text body.
    Status(u16),
    /// The connection stays open and no answer ever comes.
    Hang,
    /// 200 with a body that is not JSON.
    Garbage,
    /// 200 with an OAuth error in the body.
    ErrorWith200,
    /// 200 with a JSON body of [`OVERSIZE_BYTES`].
    Oversize,
    /// 307 to another path of this issuer, whose requests are counted.
    Redirect,
}

/// How often each endpoint was asked since the start or the last reset. Requests that are made to fail count too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests for the key set.
    pub jwks: u64,
    /// Requests for a metadata document.
    pub discovery: u64,
    /// Requests to the token endpoint.
    pub token: u64,
    /// Requests to the introspection endpoint.
    pub introspection: u64,
    /// Requests to the revocation endpoint.
    pub revocation: u64,
    /// Requests that followed a redirect.
    pub redirected: u64,
}

/// What a rotation does with the keys that signed until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKeys {
    /// They stay published, so their tokens stay valid.
    Keep,
    /// They leave the key set at once, as after a compromise.
    Drop,
}

/// Shared by the handle and the request handlers.
pub(crate) struct State {
    pub(crate) origin: String,
    pub(crate) defaults: Defaults,
    pub(crate) client: Client,
    pub(crate) revocations: Revocations,
    pub(crate) logins: Logins,
    changing: Mutex<Changing>,
}

struct Changing {
    /// Newest first.
    published: Vec<Arc<SigningKey>>,
    unpublished: Option<Arc<SigningKey>>,
    faults: BTreeMap<Endpoint, Fault>,
    delays: BTreeMap<Endpoint, Duration>,
    counters: Counters,
    well_known_jwks: bool,
    /// What introspection answers about each opaque token.
    opaque: BTreeMap<String, Value>,
    /// The `jti` of every client assertion that was accepted.
    assertions: BTreeSet<String>,
    refresh_tokens: RefreshTokens,
}

impl State {
    pub(crate) fn new(
        origin: String,
        defaults: Defaults,
        client: Client,
        kinds: &[KeyKind],
        well_known_jwks: bool,
    ) -> Self {
        let changing = Changing {
            published: generate(kinds),
            unpublished: None,
            faults: BTreeMap::new(),
            delays: BTreeMap::new(),
            counters: Counters::default(),
            well_known_jwks,
            opaque: BTreeMap::new(),
            assertions: BTreeSet::new(),
            refresh_tokens: RefreshTokens::default(),
        };
        Self {
            origin,
            defaults,
            client,
            revocations: Revocations::default(),
            logins: Logins::default(),
            changing: Mutex::new(changing),
        }
    }

    /// The address of the key set. Not the one clients guess without discovery.
    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}/keys/current", self.origin)
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.origin)
    }

    pub(crate) fn introspection_endpoint(&self) -> String {
        format!("{}/introspect", self.origin)
    }

    pub(crate) fn revocation_endpoint(&self) -> String {
        format!("{}/revoke", self.origin)
    }

    pub(crate) fn mint(&self, spec: &TokenSpec) -> String {
        let signer = self.key(spec.key.unwrap_or(KeyKind::Rsa2048));
        let alg = spec.alg_or_default();
        let (header, claims) = spec.resolve(&signer.kid, &alg, &self.defaults, ambient::unix_now());
        match spec.forgery {
            None => sign(&signer, &alg, &header, &claims),
            Some(forgery) => {
                let (elliptic, rsa) = (self.key(KeyKind::P256), self.key(KeyKind::Rsa2048));
                let materials = Materials { signer: &signer, elliptic: &elliptic, rsa: &rsa };
                forge(forgery, &materials, header, claims)
            }
        }
    }

    /// The newest key of this kind, generated (and published, unless it is the unknown one) when there is none.
    pub(crate) fn key(&self, kind: KeyKind) -> Arc<SigningKey> {
        if let Some(key) = self.changing().find(kind) {
            return key;
        }
        // Generated outside the lock: RSA-4096 takes long enough to hold up the endpoints.
        let new = Arc::new(SigningKey::generate(kind));
        let mut changing = self.changing();
        if let Some(key) = changing.find(kind) {
            return key;
        }
        match kind {
            KeyKind::Unknown => changing.unpublished = Some(new.clone()),
            _ => changing.published.insert(0, new.clone()),
        }
        new
    }

    pub(crate) fn rotate(&self, old: OldKeys) {
        let kinds: Vec<KeyKind> = {
            let changing = self.changing();
            let mut kinds = Vec::new();
            for key in &changing.published {
                if !kinds.contains(&key.kind) {
                    kinds.push(key.kind);
                }
            }
            kinds
        };
        let mut fresh = generate(&kinds);
        let mut changing = self.changing();
        if old == OldKeys::Keep {
            fresh.append(&mut changing.published);
        }
        changing.published = fresh;
    }

    pub(crate) fn replace_key(&self, kind: KeyKind, key_id: &str) {
        let mut key = SigningKey::generate(kind);
        key_id.clone_into(&mut key.kid);
        let mut changing = self.changing();
        changing.published.retain(|key| key.kind != kind);
        changing.published.insert(0, Arc::new(key));
    }

    pub(crate) fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.changing().published.iter().map(|key| key.jwk()).collect();
        json!({ "keys": keys })
    }

    pub(crate) fn issue_opaque(&self, answer: Value) -> String {
        let token = random_id();
        self.changing().opaque.insert(token.clone(), answer);
        token
    }

    pub(crate) fn revoke_opaque(&self, token: &str) {
        self.changing().opaque.remove(token);
    }

    pub(crate) fn opaque(&self, token: &str) -> Option<Value> {
        self.changing().opaque.get(token).cloned()
    }

    /// Remembers the assertion of this `jti`; `false` when it is not the first (RFC 7523 §3).
    pub(crate) fn is_new_assertion(&self, jti: String) -> bool {
        self.changing().assertions.insert(jti)
    }

    pub(crate) fn issue_refresh_token(&self) -> String {
        self.changing().refresh_tokens.begin()
    }

    /// Exchanges a refresh token for the next one.
    pub(crate) fn rotate_refresh_token(&self, token: &str) -> Option<String> {
        self.changing().refresh_tokens.spend(token)
    }

    /// Ends the login of a refresh token.
    pub(crate) fn end_login(&self, token: &str) {
        self.changing().refresh_tokens.revoke(token);
    }

    pub(crate) fn refreshes(&self) -> Refreshes {
        self.changing().refresh_tokens.refreshes()
    }

    pub(crate) fn set_fault(&self, endpoint: Endpoint, fault: Option<Fault>) {
        let faults = &mut self.changing().faults;
        match fault {
            Some(fault) => faults.insert(endpoint, fault),
            None => faults.remove(&endpoint),
        };
    }

    pub(crate) fn set_delay(&self, endpoint: Endpoint, delay: Duration) {
        self.changing().delays.insert(endpoint, delay);
    }

    pub(crate) fn set_well_known_jwks(&self, served: bool) {
        self.changing().well_known_jwks = served;
    }

    pub(crate) fn well_known_jwks(&self) -> bool {
        self.changing().well_known_jwks
    }

    /// Counts a request and says how to behave.
    pub(crate) fn arrival(&self, endpoint: Endpoint) -> (Duration, Option<Fault>) {
        let mut changing = self.changing();
        match endpoint {
            Endpoint::Jwks => changing.counters.jwks += 1,
            Endpoint::Discovery => changing.counters.discovery += 1,
            Endpoint::Token => changing.counters.token += 1,
            Endpoint::Introspection => changing.counters.introspection += 1,
            Endpoint::Revocation => changing.counters.revocation += 1,
            Endpoint::Redirected => changing.counters.redirected += 1,
        }
        let delay = changing.delays.get(&endpoint).copied().unwrap_or_default();
        (delay, changing.faults.get(&endpoint).copied())
    }

    pub(crate) fn counters(&self) -> Counters {
        self.changing().counters
    }

    pub(crate) fn reset_counters(&self) -> Counters {
        std::mem::take(&mut self.changing().counters)
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changing {
    fn find(&self, kind: KeyKind) -> Option<Arc<SigningKey>> {
        match kind {
            KeyKind::Unknown => self.unpublished.clone(),
            _ => self.published.iter().find(|key| key.kind == kind).cloned(),
        }
    }
}

fn generate(kinds: &[KeyKind]) -> Vec<Arc<SigningKey>> {
    kinds.iter().map(|kind| Arc::new(SigningKey::generate(*kind))).collect()
}

/// Size of the body that [`Fault::Oversize`] answers with.
pub const OVERSIZE_BYTES: usize = 50 * 1024 * 1024;
