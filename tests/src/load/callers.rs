//! Connections that call over and over, and what their calls took.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{call, end_of};
use crate::http::HttpServer;
use crate::issuer::{Forgery, MockIssuer, TokenSpec};

/// How long calls took.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Microseconds.
    latency: Histogram<u64>,
    took: Duration,
}

impl Default for Sample {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order");
        Self { latency, took: Duration::ZERO }
    }
}

impl Sample {
    pub(super) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency).expect("the same bounds");
        self.took += other.took;
    }

    /// Calls in all.
    pub(super) fn calls(&self) -> u64 {
        self.latency.len()
    }

    /// Calls per second.
    pub(super) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 calls")]
        let calls = self.calls() as f64;
        calls / self.took.as_secs_f64()
    }

    /// The time within which this share of calls was answered.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.latency.value_at_quantile(share))
    }
}

/// Open connections to one server.
pub(super) struct Callers {
    connections: Vec<Arc<Mutex<Connection>>>,
    pause: Duration,
}

impl Callers {
    /// Connects `count` times, each with its own token where there are tokens.
    pub(super) async fn connect(
        server: &HttpServer,
        count: usize,
        tokens: Option<&[String]>,
    ) -> io::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            let token = tokens.and_then(|tokens| tokens.get(number)).cloned();
            let connection = Connection::open(server.authority(), token, [127, 0, 0, 1]).await?;
            connections.push(Arc::new(Mutex::new(connection)));
        }
        Ok(Self { connections, pause: Duration::ZERO })
    }

    /// Has every connection wait between two calls.
    pub(super) fn paced(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Calls on all connections at once for this long. Every call must be answered with its result.
    pub(super) async fn run(&self, length: Duration) -> io::Result<Sample> {
        let (start, end, pause) = (Instant::now(), end_of(length), self.pause);
        let mut tasks = JoinSet::new();
        for connection in &self.connections {
            let connection = connection.clone();
            tasks.spawn(async move {
                let mut connection = connection.lock().await;
                let mut sample = Sample::default();
                while Instant::now() < end {
                    let begun = Instant::now();
                    let (status, body) = connection.call().await?;
                    if status != 200 || !body.windows(RESULT.len()).any(|part| part == RESULT) {
                        let body = String::from_utf8_lossy(&body);
                        return Err(io::Error::other(format!("a call was answered with {status}: {body}")));
                    }
                    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                    sample.latency.saturating_record(micros);
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
                Ok(sample)
            });
        }
        let mut all = Sample::default();
        while let Some(outcome) = tasks.join_next().await {
            all.add(&outcome.map_err(io::Error::other)??);
        }
        all.took = start.elapsed();
        Ok(all)
    }
}

const RESULT: &[u8] = b"\"structuredContent\"";

/// Strangers at another address who send tokens that are worth nothing, at a steady rate.
pub(super) struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    tasks: JoinSet<io::Result<()>>,
}

impl Flood {
    /// Sends `rate` requests a second until [`Self::end`].
    pub(super) fn begin(server: &HttpServer, issuer: &MockIssuer, rate: u64) -> Self {
        let tokens: Arc<Vec<String>> = Arc::new(worthless(issuer));
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        let pause = Duration::from_secs(FLOOD_CONNECTIONS)
            .div_f64(f64::from(u32::try_from(rate.max(1)).unwrap_or(u32::MAX)));
        for number in 0..FLOOD_CONNECTIONS {
            let (tokens, stop, sent) = (tokens.clone(), stop.clone(), sent.clone());
            let authority = server.authority().to_owned();
            tasks.spawn(async move {
                let mut connection = Connection::open(&authority, None, [127, 0, 0, 2]).await?;
                let mut ticks = tokio::time::interval(pause);
                let mut next = usize::try_from(number).unwrap_or_default();
                while !stop.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    connection.token = Some(tokens[next % tokens.len()].clone());
                    next += 1;
                    let (status, body) = connection.call().await?;
                    if !matches!(status, 401 | 429) {
                        let body = String::from_utf8_lossy(&body);
                        return Err(io::Error::other(format!(
                            "a worthless token was answered with {status}: {body}"
                        )));
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Self { stop, sent, tasks }
    }

    /// Stops it; gives how many requests were refused.
    pub(super) async fn end(mut self) -> io::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(outcome) = self.tasks.join_next().await {
            outcome.map_err(io::Error::other)??;
        }
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

/// One of each kind that costs the server something different: no JWT, unknown keys, forged and foreign signatures.
fn worthless(issuer: &MockIssuer) -> Vec<String> {
    let mut tokens = vec!["garbage".to_owned(), "a.b.c".to_owned()];
    for n in 0..50 {
        let spec = || TokenSpec::new().subject(&format!("stranger-{n}"));
        tokens.push(issuer.mint(spec().kid(&format!("unknown-{n}"))));
        tokens.push(issuer.mint(spec().forge(Forgery::ForeignSignature)));
        tokens.push(issuer.mint(spec().forge(Forgery::TamperedPayload)));
        tokens.push(issuer.mint(spec().expires_in(-3600)));
    }
    tokens
}

const FLOOD_CONNECTIONS: u64 = 16;

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    token: Option<String>,
    body: Bytes,
}

impl Connection {
    /// Connects from an address of this machine: the whole of 127.0.0.0/8 is.
    async fn open(authority: &str, token: Option<String>, from: [u8; 4]) -> io::Result<Self> {
        let to: SocketAddr = authority.parse().map_err(io::Error::other)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, authority: authority.to_owned(), token, body: call().into() })
    }

    async fn call(&mut self) -> io::Result<(u16, Bytes)> {
        let mut request = hyper::Request::post("/mcp")
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(self.body.clone())).map_err(io::Error::other)?;
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((status, body))
    }
}
