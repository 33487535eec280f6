//! From a request to its answer: which part of the server it is for, and the order of checks on the way.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::{CACHE_CONTROL, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Response};
use super::endpoint::Endpoint;
use super::flight::{Flight, Owner};
use super::front::Front;
use super::guard::{Asked, Guard, TurnedAway};
use super::health::{self, Check, Probe};
use super::peer::client_address;
use super::presented::presented;
use super::site::{ENDPOINT, Host};
use super::{Served, cors};
use auth_core::oauth::resource_metadata::{WELL_KNOWN, well_known_path};

/// Everything that answers requests.
pub(super) struct App<S: Served> {
    pub service: S,
    pub front: ArcSwap<Front>,
    pub guard: Guard,
    pub flight: Arc<Flight>,
    pub endpoint: Endpoint<S>,
    /// Set when the server was told to stop: probes are told, so that nobody sends more.
    pub closing: CancellationToken,
}

impl<S: Served> App<S> {
    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        socket: SocketAddr,
    ) -> Response {
        let front = self.front.load_full();
        let path = front.site.local_path(request.uri().path()).to_owned();
        if let Some(probe) = Probe::at(&path) {
            return health::report(request.method(), &self.checks(probe).await);
        }
        let (parts, body) = request.into_parts();
        let host = match front.site.check(&parts) {
            Ok(host) => host,
            Err(misdirected) => {
                tracing::warn!(target: "m4::http", peer = %socket.ip(), "{misdirected}");
                return misdirected.into();
            }
        };
        let origin = parts.headers.get(ORIGIN).cloned();
        let mut response = if parts.method == Method::OPTIONS && origin.is_some() {
            cors::preflight()
        } else if path == ENDPOINT {
            self.guarded(&front, &host, parts, body, socket).await
        } else if path.starts_with(WELL_KNOWN) {
            self.metadata(&front, &host, &parts, &path)
        } else {
            let hint = "MCP is served at /mcp.";
            answer::error(StatusCode::NOT_FOUND, "not_found", "There is nothing at this path", hint)
        };
        cors::expose(&mut response, origin.as_ref());
        let headers = response.headers_mut();
        // What one caller may see is kept for nobody (RFC 6750 §5.3), whoever wrote the answer.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// Nothing of a request is looked at before its bearer is known: not its body, not its method.
    async fn guarded(
        &self,
        front: &Front,
        host: &Host,
        parts: Parts,
        body: Incoming,
        socket: SocketAddr,
    ) -> Response {
        let presented = match presented(&parts) {
            Ok(presented) => presented,
            Err(bad) => {
                tracing::warn!(target: "m4::http", peer = %socket.ip(), "{bad}");
                return bad.into();
            }
        };
        let peer = client_address(socket.ip(), &parts.headers, &front.trusted_proxies);
        let gate = self.service.gate();
        let url = front.site.resource(host);
        let method = parts.method.clone();
        let asked = Asked { method: &method, url: &url, peer };
        let work = async {
            let caller = match self.guard.authenticate(&gate, &presented, asked).await {
                Ok(caller) => caller,
                Err(TurnedAway::Rejected(rejection)) => {
                    return front.refuse(&rejection, &presented, host, &self.guard, &gate);
                }
                Err(TurnedAway::TooManyFailures { retry_after }) => {
                    // What led here is in the log; whoever floods must not fill it too.
                    tracing::debug!(target: "m4::http", "failed too often lately");
                    return too_many_failures(retry_after);
                }
            };
            let owner = Owner::from(caller.principal());
            let permit = match self.flight.enter(&owner) {
                Ok(permit) => permit,
                Err(crowded) => {
                    tracing::warn!(target: "m4::http", ?owner, "{crowded}");
                    return crowded.into();
                }
            };
            let served = self.endpoint.serve(&self.service, &caller, owner, permit, parts, body).await;
            match served {
                Ok(mut response) => {
                    Front::add_nonce(&mut response, &presented, &self.guard, &gate);
                    response
                }
                Err(rejection) => front.refuse(&rejection, &presented, host, &self.guard, &gate),
            }
        };
        tracing::Instrument::instrument(work, tracing::info_span!(target: "m4::audit", "http", %peer)).await
    }

    fn metadata(&self, front: &Front, host: &Host, parts: &Parts, path: &str) -> Response {
        let ours = [WELL_KNOWN.to_owned(), well_known_path(ENDPOINT), front.site.metadata_path()];
        let found = ours.iter().any(|own| own == path).then(|| front.metadata(host, &self.guard)).flatten();
        let Some(metadata) = found else {
            let hint = "Tokens of an OAuth issuer are accepted where M4_OAUTH2_ENABLED is true.";
            return answer::error(StatusCode::NOT_FOUND, "not_found", "There is no metadata here", hint);
        };
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return answer::method_not_allowed("GET, HEAD");
        }
        answer::json(StatusCode::OK, &serde_json::to_value(metadata).unwrap_or_default())
    }

    async fn checks(&self, probe: Probe) -> Vec<Check> {
        match probe {
            Probe::Live => Vec::new(),
            Probe::Ready => {
                let mut checks = self.service.checks().await;
                checks.push(Check { name: "accepting", passed: !self.closing.is_cancelled() });
                checks
            }
        }
    }
}

fn too_many_failures(retry_after: std::time::Duration) -> Response {
    let response = answer::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_failures",
        "Too many failed authentications from this address",
        "Wait, then send a valid token. The operator sets the limit in M4_HTTP_FAILED_AUTH.",
    );
    answer::retry_after(response, retry_after)
}

/// Keeps the future of an answer in one place, whatever it is made of.
pub(super) fn answering<S: Served>(
    app: &Arc<App<S>>,
) -> impl Fn(http::Request<Incoming>, SocketAddr) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>>
+ Clone
+ Send
+ Sync
+ 'static {
    let app = app.clone();
    move |request, socket| Box::pin(app.clone().answer(request, socket))
}
