//! What authentication costs under load, measured side by side in one run.
//!
//! Two servers, one with OAuth2 and one without, get the same calls in turns, so that whatever else the machine does
//! falls on both. All figures are ratios of what was measured here; client and server share the machine's cores.

mod callers;
mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;

use crate::cli::m4;
use crate::http::HttpServer;
use crate::issuer::{MockIssuer, Options, TokenSpec};
use crate::sandbox::Sandbox;
use callers::{Callers, Flood, Sample};
use report::{Report, resident_bytes};

/// Measures what authentication costs under load.
#[derive(Debug, Parser)]
struct Args {
    /// Seconds of load on each server.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Connections at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests per second of the flood of worthless tokens.
    #[arg(long, default_value_t = 1000)]
    flood: u64,
}

/// Runs the measurement: 0 when every aim is met, 1 when one is not, 2 when nothing could be measured.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let measured = runtime.and_then(|runtime| runtime.block_on(measure(&args)));
    match measured {
        Ok(report) => {
            println(&report.to_string());
            if report.meets_every_aim() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn measure(args: &Args) -> io::Result<Report> {
    let bench = Bench::start()?;
    let tokens: Vec<String> = (0..args.connections)
        .map(|n| bench.issuer.mint(TokenSpec::new().subject(&format!("caller-{n}")).expires_in(86_400)))
        .collect();
    let open = Callers::connect(&bench.open, args.connections, None).await?;
    let guarded = Callers::connect(&bench.guarded, args.connections, Some(&tokens)).await?;
    let slice = Duration::from_secs(args.seconds).div_f64(f64::from(SLICES));
    // Both warm: keys fetched, tokens verified, the allocator at its working size.
    open.run(WARM_UP).await?;
    guarded.run(WARM_UP).await?;
    let resident_before = resident_bytes(bench.guarded.id())?;
    let (mut without, mut with) = (Sample::default(), Sample::default());
    for _ in 0..SLICES {
        without.add(&open.run(slice).await?);
        with.add(&guarded.run(slice).await?);
    }
    let resident_after = resident_bytes(bench.guarded.id())?;
    drop(open);

    // Fewer callers than cores can serve, as by day: under saturation every further request is a wait for all.
    let calm_tokens = &tokens[..tokens.len().min(CALM_CALLERS)];
    let calm =
        Callers::connect(&bench.guarded, calm_tokens.len(), Some(calm_tokens)).await?.paced(CALM_PAUSE);
    let (mut quiet, mut flooded) = (Sample::default(), Sample::default());
    let mut worthless = 0;
    for _ in 0..SLICES {
        quiet.add(&calm.run(slice).await?);
        let flood = Flood::begin(&bench.guarded, &bench.issuer, args.flood);
        flooded.add(&calm.run(slice).await?);
        worthless += flood.end().await?;
    }
    Ok(Report {
        connections: args.connections,
        seconds: args.seconds,
        without,
        with,
        resident_before,
        resident_after,
        quiet,
        flooded,
        worthless,
    })
}

/// Slices of each kind of load, taken in turns.
const SLICES: u32 = 6;

const WARM_UP: Duration = Duration::from_secs(3);

const CALM_CALLERS: usize = 8;

const CALM_PAUSE: Duration = Duration::from_millis(20);

/// The two servers and their issuer.
struct Bench {
    issuer: MockIssuer,
    open: HttpServer,
    guarded: HttpServer,
}

impl Bench {
    fn start() -> io::Result<Self> {
        let sandbox = Sandbox::new()?;
        let made = m4(&sandbox, ["init", "mimic-iv-sample"])?;
        if made.code != Some(0) {
            return Err(io::Error::other(format!("m4 init failed: {}", made.stderr)));
        }
        let issuer = MockIssuer::start(Options::default());
        // Logs go where an operator would have them, and not through a pipe that this process has to read.
        let logging = |sandbox: Sandbox, name: &str| {
            let path: PathBuf = sandbox.root().join(name);
            sandbox.with("M4_LOG_FILE", path)
        };
        let open = HttpServer::spawn(&logging(sandbox.clone(), "open.log"))?;
        let guarded = logging(sandbox, "guarded.log")
            .with("M4_OAUTH2_ENABLED", "true")
            .with("M4_OAUTH2_ISSUER_URL", issuer.url())
            .with("M4_OAUTH2_AUDIENCE", issuer.audience())
            .with("M4_OAUTH2_RATE_LIMIT_REQUESTS", "1000000")
            .with("M4_OAUTH2_RATE_LIMIT_WINDOW", "1");
        Ok(Self { open, guarded: HttpServer::spawn(&guarded)?, issuer })
    }
}

/// The body of every call.
fn call() -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "list_datasets" } })
        .to_string()
}

/// What this program is for goes to stdout.
#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn println(text: &str) {
    println!("{text}");
}

/// When a run of `length` that begins now is over.
fn end_of(length: Duration) -> Instant {
    Instant::now() + length
}

/// A line of `/proc/PID/status`, where there is such a thing.
fn status_line(id: u32, name: &str) -> io::Result<String> {
    let path = format!("/proc/{id}/status");
    let text = std::fs::read_to_string(Path::new(&path))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map(str::to_owned).ok_or_else(|| io::Error::other(format!("no {name} in {path}")))
}
