//! MCP over streamable HTTP, as an OAuth 2 protected resource.
//!
//! The way of a request: `listener` takes the connection, `app` checks that it is for this server (`site`) and asks
//! `guard` who calls; `endpoint` reads the message, has the gate decide about it and hands it to the MCP library. What
//! is told to strangers comes from `front` and `answer`. Everything here works for any [`Served`] service; the
//! product's is in [`crate::transport::http`].

mod answer;
mod app;
mod batch;
mod cors;
mod endpoint;
mod flight;
mod front;
mod guard;
mod health;
mod listener;
mod message;
mod peer;
mod presented;
mod sessions;
mod site;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use auth_core::rejection::Rejection;
use rmcp::ServerHandler;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::health::Check;
pub use self::tls::TlsError;

use self::app::{App, answering};
use self::endpoint::{Bounds, Endpoint};
use self::flight::Flight;
use self::front::Front;
use self::guard::Guard;
use self::listener::Connections;
use self::site::is_loopback;
use self::tls::Tls;
use crate::config::{AuthSetting, Config, HttpConfig};
use crate::error::Explain;
use crate::gate::{Authenticated, Gate, Granted};

/// What is served: an MCP handler, and the gate before it.
pub trait Served: Clone + Send + Sync + 'static {
    /// The handler of one session, or of one request without a session.
    type Handler: ServerHandler + Send + 'static;

    /// Makes a handler. It finds the gate's proof for a request, where there is one, as [`Granted`] among the extensions
    /// of the request's `http::request::Parts`.
    fn handler(&self) -> Self::Handler;

    /// The gate as configured now.
    fn gate(&self) -> Arc<Gate>;

    /// Has the gate decide about one request. `None`: it needs no scope and reads no data.
    fn authorize(
        &self,
        caller: &Authenticated,
        method: &str,
        params: &Value,
    ) -> Result<Option<Granted>, Rejection>;

    /// Has the gate decide about what a request that was admitted turns out to read. The default: nothing more than it was
    /// admitted for.
    fn authorize_further(
        &self,
        _granted: &Granted,
        _method: &str,
        _params: &Value,
    ) -> impl Future<Output = Result<(), Rejection>> + Send {
        std::future::ready(Ok(()))
    }

    /// What has to work for the service to be ready.
    fn checks(&self) -> impl Future<Output = Vec<Check>> + Send;
}

/// A server that listens already.
pub struct Server<S: Served> {
    app: Arc<App<S>>,
    listener: TcpListener,
    address: SocketAddr,
    connections: Connections,
    stop: CancellationToken,
    shutdown: Duration,
}

impl<S: Served> Server<S> {
    /// Listens as configured. Requests are answered from [`Self::run`] on.
    ///
    /// Refuses to show data to other machines without authentication, unless that is asked for.
    pub async fn bind(service: S, config: &Config, http: &HttpConfig) -> Result<Self, HttpError> {
        check_exposure(config, http)?;
        let tls = http.tls.as_ref().map(Tls::load).transpose()?;
        let cannot = |source| HttpError::Listen { address: http.listen, source };
        let listener = TcpListener::bind(http.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (closing, stop) = (CancellationToken::new(), CancellationToken::new());
        let limits = &http.limits;
        let bounds = Bounds { largest_body: limits.body, patience: limits.slow_client };
        let app = App {
            front: ArcSwap::from_pointee(Front::new(config, http, address)),
            guard: Guard::new(http),
            flight: Flight::new(limits.calls, limits.calls_per_subject),
            endpoint: Endpoint::new(&service, http.sessions, bounds, closing.clone(), &stop),
            service,
            closing,
        };
        let connections = Connections { most: limits.connections, patience: limits.slow_client, tls };
        Ok(Self { app: Arc::new(app), listener, address, connections, stop, shutdown: limits.shutdown })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that applies a changed configuration while the server runs.
    pub fn control(&self) -> Control<S> {
        Control { app: self.app.clone(), tls: self.connections.tls.clone(), address: self.address }
    }

    /// Serves until `told_to_stop`, then takes no more connections and lets running calls end, for as long as configured
    /// or until `told_again`.
    pub async fn run(self, told_to_stop: impl Future<Output = ()>, told_again: impl Future<Output = ()>) {
        let open = TaskTracker::new();
        let closing = self.app.closing.clone();
        if let Some(tls) = &self.connections.tls {
            let (tls, closing) = (tls.clone(), closing.clone());
            tokio::spawn(async move { closing.run_until_cancelled(tls.watch()).await });
        }
        let accepting = tokio::spawn(self.connections.serve(
            self.listener,
            closing.clone(),
            open.clone(),
            answering(&self.app),
        ));
        told_to_stop.await;
        let running = self.app.flight.total();
        tracing::info!(target: "m4::http", running, "stopping: no new connections, running calls may end");
        closing.cancel();
        let _ = accepting.await;
        open.close();
        tokio::select! {
            () = open.wait() => {}
            () = tokio::time::sleep(self.shutdown) => {
                let running = self.app.flight.total();
                tracing::warn!(target: "m4::http", running, "stopped before running calls ended");
            }
            () = told_again => tracing::warn!(target: "m4::http", "told again to stop: not waiting"),
        }
        self.stop.cancel();
        // Calls that were stopped may still say so.
        let _ = tokio::time::timeout(LAST_WORDS, open.wait()).await;
    }
}

/// Time for answers that say that a call was stopped.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Changes a running server.
pub struct Control<S: Served> {
    app: Arc<App<S>>,
    tls: Option<Arc<Tls>>,
    address: SocketAddr,
}

impl<S: Served> Control<S> {
    /// Applies names, origins, proxies and what strangers are told, and reads the certificate again. Open connections
    /// stay. Addresses, limits, sessions and DPoP change with a restart only.
    ///
    /// Refuses, and changes nothing, where the new configuration would show data to other machines without authentication.
    pub fn reconfigure(&self, config: &Config, http: &HttpConfig) -> Result<(), HttpError> {
        // It goes on listening where it does.
        check_exposure(config, &HttpConfig { listen: self.address, ..http.clone() })?;
        self.app.front.store(Arc::new(Front::new(config, http, self.address)));
        if let Some(tls) = &self.tls {
            tls.reload();
        }
        Ok(())
    }
}

/// Whether data may be shown where `http` shows it; also asked before a changed configuration is taken over.
fn check_exposure(config: &Config, http: &HttpConfig) -> Result<(), HttpError> {
    let address = http.listen;
    let is_local = is_loopback(address.ip());
    // A proxy that makes a local server public is as public as the server would be.
    let public_url = http.public_url.as_ref().filter(|url| !auth_core::oauth::url::is_loopback(url.url()));
    let place = match public_url {
        Some(url) => url.to_string(),
        None if is_local => return Ok(()),
        None => address.to_string(),
    };
    if matches!(config.auth, AuthSetting::Disabled) {
        if !http.allow_insecure {
            return Err(HttpError::Exposed(place));
        }
        tracing::warn!(target: "m4::http", "everybody who reaches {place} gets data: callers are not authenticated");
    }
    if address.ip().is_unspecified() && http.public_url.is_none() && http.allowed_hosts.is_empty() {
        return Err(HttpError::Nameless(address));
    }
    if !is_local && http.tls.is_none() && http.trusted_proxies.is_empty() {
        tracing::warn!(
            target: "m4::http",
            "tokens travel unencrypted to {address}: use --tls-cert and --tls-key, or a proxy that encrypts"
        );
    }
    Ok(())
}

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Other machines would get data without authentication.
    #[error("{0} can be reached by other machines, and callers are not authenticated")]
    Exposed(String),
    /// No request could be for this server.
    #[error("at {0} every name of this machine is served, and none is known")]
    Nameless(SocketAddr),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Explain for HttpError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                "another program listens there: stop it, or take another port; port 0 takes a free one"
                    .to_owned()
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 need privileges: take a higher one".to_owned()
            }
            Self::Listen { .. } => "give an address of this machine, such as 127.0.0.1:8000".to_owned(),
            Self::Exposed(_) => {
                "enable OAuth2 (M4_OAUTH2_ENABLED=true), use API keys (--secure), or listen at \
                127.0.0.1 without a public URL; --allow-insecure serves everybody"
                    .to_owned()
            }
            Self::Nameless(_) => "set --public-url to the URL that clients use".to_owned(),
            Self::Tls(error) => return error.hint(),
        })
    }
}
