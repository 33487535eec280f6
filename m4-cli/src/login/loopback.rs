//! Waiting on this machine for a browser to come back (RFC 8252 §7.3).
//!
//! Whatever else asks here, a page that guesses the port included, is answered and changes nothing: only a GET of the
//! redirect URI's own path, under its own name, is handed on.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auth_core::oauth::client::authorization::RedirectUri;
use auth_core::secret::Secret;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mcp_server::error::Explain;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::page::Page;

/// Where people registered the programs that M4 replaces.
pub const DEFAULT_REDIRECT_URI: &str = "http://localhost:8088/callback";

/// A request for the redirect URI's path.
#[derive(Debug)]
pub struct Arrival {
    /// What was asked for, as the code may be in it.
    pub target: Secret,
    /// Where the page goes. Dropped, the browser learns that the login was answered already.
    pub answer: oneshot::Sender<Page>,
}

/// A listener on the loopback addresses of a redirect URI.
#[derive(Debug)]
pub struct Loopback {
    redirect_uri: RedirectUri,
    arrivals: mpsc::Receiver<Arrival>,
    is_answered: Arc<AtomicBool>,
    closing: CancellationToken,
    accepting: JoinSet<()>,
}

impl Loopback {
    /// Listens at `wanted`, or at a free port of the same name where that port is taken and `pinned` does not forbid it.
    ///
    /// For `localhost` both address families are taken, so that no other program gets what a browser sends to the one
    /// that is left. Needs a runtime.
    pub async fn bind(wanted: &RedirectUri, pinned: bool) -> Result<Self, LoopbackError> {
        let failed = |source| LoopbackError { port: wanted.port(), pinned, source };
        let listeners = match bind_all(&wanted.addresses(), wanted.port()).await {
            Ok(listeners) => listeners,
            Err(error) if pinned => return Err(failed(error)),
            Err(error) => match bind_free(&wanted.addresses()).await {
                Ok(listeners) => listeners,
                Err(_) => return Err(failed(error)),
            },
        };
        let port = listeners[0].local_addr().map_err(failed)?.port();
        let redirect_uri = if port == wanted.port() { wanted.clone() } else { wanted.with_port(port) };
        Ok(Self::start(redirect_uri, listeners))
    }

    fn start(redirect_uri: RedirectUri, listeners: Vec<TcpListener>) -> Self {
        let (sender, arrivals) = mpsc::channel(MOST_CONNECTIONS);
        let site = Arc::new(Site {
            host: redirect_uri.url()[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
            path: redirect_uri.url().path().to_owned(),
            arrivals: sender,
            is_answered: Arc::default(),
        });
        let closing = CancellationToken::new();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, site.clone(), places.clone(), closing.clone()));
        }
        Self { redirect_uri, arrivals, is_answered: site.is_answered.clone(), closing, accepting }
    }

    /// The redirect URI, with the port that is listened at.
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// The next request for its path.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// From now on every further answer is told that it comes too late.
    pub fn answered(&mut self) {
        self.is_answered.store(true, Ordering::Release);
        self.arrivals.close();
        while self.arrivals.try_recv().is_ok() {}
    }

    /// Stops listening; answers under way are written, for a moment.
    pub async fn close(mut self) {
        self.answered();
        self.closing.cancel();
        let written = async { while self.accepting.join_next().await.is_some() {} };
        let _ = timeout(CLOSING, written).await;
    }
}

async fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut port = port;
    let mut failed = None;
    for address in addresses {
        match TcpListener::bind(SocketAddr::new(*address, port)).await {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            // A machine without IPv6 leaves nothing there that another program could take.
            Err(error) if is_absent(&error) => failed = Some(error),
            Err(error) => return Err(error),
        }
    }
    match failed {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

/// A port that is free in both families takes a few tries where many are in use.
async fn bind_free(addresses: &[IpAddr]) -> io::Result<Vec<TcpListener>> {
    let mut outcome = bind_all(addresses, 0).await;
    for _ in 0..15 {
        if outcome.is_ok() {
            break;
        }
        outcome = bind_all(addresses, 0).await;
    }
    outcome
}

fn is_absent(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

async fn accept(listener: TcpListener, site: Arc<Site>, places: Arc<Semaphore>, closing: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        // What finds no place waits in the system's queue until one is given up.
        let next = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let next = tokio::select! {
            next = next => next,
            Some(_) = connections.join_next() => continue,
            () = closing.cancelled() => None,
        };
        match next {
            Some((Ok((stream, _)), place)) => {
                let connection = serve(stream, site.clone(), closing.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::debug!(target: "m4::login", %error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            None => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, site: Arc<Site>, closing: CancellationToken) {
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(response(site.page(&request).await)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .max_headers(MOST_FIELDS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(target: "m4::login", %error, "a connection ended early");
    }
}

/// What the connections share.
struct Site {
    host: String,
    path: String,
    arrivals: mpsc::Sender<Arrival>,
    is_answered: Arc<AtomicBool>,
}

impl Site {
    async fn page<B>(&self, request: &Request<B>) -> Page {
        let is_callback = request.method() == Method::GET
            && request.uri().path() == self.path
            && self.is_addressed(request.headers());
        let target = request.uri().path_and_query().map(|target| Secret::new(target.as_str()));
        let Some(target) = target.filter(|_| is_callback) else { return Page::nothing() };
        if self.is_answered.load(Ordering::Acquire) {
            return Page::again();
        }
        let (answer, page) = oneshot::channel();
        if self.arrivals.send(Arrival { target, answer }).await.is_err() {
            return Page::again();
        }
        page.await.unwrap_or_else(|_| Page::again())
    }

    /// A name of somebody else's that leads here is a page's way to read what this machine answers.
    fn is_addressed(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let is_ours = |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(self.host.as_bytes());
        hosts.next().is_some_and(is_ours) && hosts.next().is_none()
    }
}

fn response(page: Page) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page.html)));
    *response.status_mut() = http::StatusCode::from_u16(page.status).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in FIELDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&Page::content_security_policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The port of a redirect URI cannot be listened at.
#[derive(Debug, thiserror::Error)]
#[error("port {port}, where the browser is to come back, cannot be listened at")]
pub struct LoopbackError {
    /// The port.
    pub port: u16,
    /// Whether no other one would do.
    pub pinned: bool,
    /// Why.
    pub source: io::Error,
}

impl Explain for LoopbackError {
    fn hint(&self) -> Option<String> {
        let hint = if self.pinned {
            "end the program that uses it, or register and configure another redirect URI (M4_LOGIN_REDIRECT_URI)"
        } else {
            "log in with --no-browser or --device"
        };
        Some(hint.to_owned())
    }
}

/// The page is for one person at one moment, and says nothing to the places that come after it.
const FIELDS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CONNECTION, "close"),
];

/// A browser needs one and opens some in advance.
const MOST_CONNECTIONS: usize = 32;
const MOST_FIELDS: usize = 100;
/// The longest answer that is looked at, and what a browser says beside it.
const LARGEST_HEAD: usize = 64 << 10;
/// For the head of a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what is still to be written at the end.
const CLOSING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
