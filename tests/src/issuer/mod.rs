//! A mock OAuth 2 issuer on the loopback interface: discovery, key set, logins, client-credentials and refresh grants,
//! introspection, revocation, and a control API.
//!
//! It has no users, no sessions and no secrets worth keeping: whoever reaches its port gets any token from it.
//!
//! It runs on a thread and runtime of its own, so a test that blocks its own runtime does not stop the issuer, and
//! dropping the handle ends every open connection, also those held open by [`Fault::Hang`].

mod client;
pub mod command;
mod control;
mod forge;
mod grant;
mod introspection;
mod keys;
mod login;
mod refresh;
mod revoke;
mod routes;
mod state;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use client::ClientKey;
pub use forge::Forgery;
pub use keys::KeyKind;
pub use login::{Advertised, PUBLIC_CLIENT, Parameters, USER_CODE};
pub use refresh::Refreshes;
pub use revoke::Revoked;
pub use state::{Counters, Endpoint, Fault, OVERSIZE_BYTES, OldKeys};
pub use token::{DEFAULT_SUBJECT, MintRequest, TokenSpec};

use client::Client;
use state::State;
use token::Defaults;

/// How to start an issuer.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Path of the issuer identifier: empty, `/` for an identifier that ends in a slash, or like `/realms/demo`.
    pub path: String,
    /// Audience of minted and granted tokens that ask for none.
    pub audience: String,
    /// Scopes of minted tokens that ask for none, and all that the token endpoint grants; separated by spaces.
    pub scopes: String,
    /// Lifetime of tokens in seconds.
    pub expires_in: u64,
    /// Keys to generate and publish at the start.
    pub keys: Vec<KeyKind>,
    /// What the token endpoint says of the lifetime, where that is not `expires_in`.
    pub stated_lifetime: Option<u64>,
    /// Whether `{issuer}/.well-known/jwks.json` is served besides the address that the metadata names.
    pub well_known_jwks: bool,
    /// The one client of the token and introspection endpoints.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Its public key as a JWK; when given, it is to authenticate by `private_key_jwt`, and its secret is refused.
    pub client_key: Option<serde_json::Value>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            path: String::new(),
            audience: "m4-api".into(),
            scopes: "read:mimic-data".into(),
            expires_in: 3600,
            keys: vec![KeyKind::Rsa2048, KeyKind::P256, KeyKind::Encryption],
            stated_lifetime: None,
            well_known_jwks: true,
            client_id: "m4-client".into(),
            client_secret: "m4-mock-client-secret".into(),
            client_key: None,
        }
    }
}

/// A running issuer; stops when dropped.
pub struct MockIssuer {
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MockIssuer {
    /// Starts an issuer; when this returns it answers.
    ///
    /// # Panics
    /// When the port is taken. [`MockIssuer::try_start`] returns that instead.
    pub fn start(options: Options) -> Self {
        Self::try_start(options).expect("the mock issuer binds a port on 127.0.0.1")
    }

    /// Starts an issuer, or says why its port cannot be bound.
    pub fn try_start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
        listener.set_nonblocking(true)?;
        let origin = format!("http://{}", listener.local_addr()?);
        let defaults = Defaults {
            issuer: format!("{origin}{}", options.path),
            audience: options.audience,
            scope: options.scopes,
            lifetime: options.expires_in,
            stated_lifetime: options.stated_lifetime.unwrap_or(options.expires_in),
            client_id: options.client_id.clone(),
        };
        let client = Client { id: options.client_id, secret: options.client_secret, key: options.client_key };
        let state = Arc::new(State::new(origin, defaults, client, &options.keys, options.well_known_jwks));
        let router = routes::router(&state, &options.path);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("mock-issuer".into()).spawn(move || {
            runtime.block_on(async move {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("tokio takes a bound listener");
                let serving = IntoFuture::into_future(axum::serve(listener, router));
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { state, stop: Some(stop), thread: Some(thread) })
    }

    /// The issuer identifier: the value of `iss`, and the base of discovery.
    pub fn url(&self) -> &str {
        &self.state.defaults.issuer
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.state.origin
    }

    /// The address of the key set that the metadata names.
    pub fn jwks_uri(&self) -> String {
        self.state.jwks_uri()
    }

    /// The address of the token endpoint.
    pub fn token_endpoint(&self) -> String {
        self.state.token_endpoint()
    }

    /// The audience of tokens that ask for none.
    pub fn audience(&self) -> &str {
        &self.state.defaults.audience
    }

    /// Id and secret of the token endpoint's client.
    pub fn client(&self) -> (&str, &str) {
        (&self.state.client.id, &self.state.client.secret)
    }

    /// The key id of the newest key of this kind (generated when there is none yet).
    pub fn kid(&self, kind: KeyKind) -> String {
        self.state.key(kind).kid.clone()
    }

    /// The key set as the endpoint would answer it now.
    pub fn jwks(&self) -> serde_json::Value {
        self.state.jwks()
    }

    /// A token, signed or forged as the spec says. Nothing about the claims is checked.
    #[expect(clippy::needless_pass_by_value, reason = "specs are built in the call")]
    pub fn mint(&self, spec: TokenSpec) -> String {
        self.state.mint(&spec)
    }

    /// A refresh token of a new login. The token endpoint exchanges it once; used again, it ends its login.
    pub fn issue_refresh_token(&self) -> String {
        self.state.issue_refresh_token()
    }

    /// How refresh tokens were used.
    pub fn refreshes(&self) -> Refreshes {
        self.state.refreshes()
    }

    /// Replaces every signing key by a new one of its kind.
    pub fn rotate(&self, old: OldKeys) {
        self.state.rotate(old);
    }

    /// Replaces the keys of this kind by a new one under a key id that another issuer may use too, as issuers do that
    /// number their keys.
    pub fn replace_key(&self, kind: KeyKind, key_id: &str) {
        self.state.replace_key(kind, key_id);
    }

    /// Makes an endpoint fail from now on; `None` mends it.
    pub fn fail(&self, endpoint: Endpoint, fault: impl Into<Option<Fault>>) {
        self.state.set_fault(endpoint, fault.into());
    }

    /// Makes an endpoint wait this long before each answer.
    pub fn delay(&self, endpoint: Endpoint, delay: Duration) {
        self.state.set_delay(endpoint, delay);
    }

    /// Switches `{issuer}/.well-known/jwks.json` on or off.
    pub fn serve_well_known_jwks(&self, served: bool) {
        self.state.set_well_known_jwks(served);
    }

    /// How often each endpoint was asked.
    pub fn counters(&self) -> Counters {
        self.state.counters()
    }

    /// Sets the counters to zero and returns what they were.
    pub fn reset_counters(&self) -> Counters {
        self.state.reset_counters()
    }
}

impl Drop for MockIssuer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
