//! The `mock-issuer` binary: one JSON line on stdout for programs, text on stderr for people.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use super::control;
use super::{MockIssuer, Options, TokenSpec};

/// A mock OAuth 2 issuer on 127.0.0.1. It signs whatever it is asked to: for demonstrations and tests only.
#[derive(Debug, Parser)]
#[command(name = "mock-issuer", version)]
struct Args {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Audience of tokens that ask for none.
    #[arg(long, default_value_t = Options::default().audience)]
    audience: String,
    /// Scopes of tokens that ask for none, and all that the token endpoint grants; separated by spaces.
    #[arg(long, default_value_t = Options::default().scopes)]
    scopes: String,
    /// Lifetime of tokens in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().expires_in)]
    expires_in: u64,
    /// Path of the issuer identifier, like /realms/demo.
    #[arg(long, default_value = "")]
    path: String,
}

/// Runs the command line of `mock-issuer` until Ctrl-C.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: the mock issuer cannot run\nCaused by: {error}");
            let _ =
                writeln!(io::stderr(), "hint: another program may hold the port; --port 0 takes a free one");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> io::Result<()> {
    let issuer = MockIssuer::try_start(Options {
        port: args.port,
        path: args.path,
        audience: args.audience,
        scopes: args.scopes,
        expires_in: args.expires_in,
        ..Options::default()
    })?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Before the announcement: whoever has read it may send a signal at once.
        let stop = Stop::listen()?;
        announce(&issuer)?;
        stop.signalled().await
    })
}

fn announce(issuer: &MockIssuer) -> io::Result<()> {
    let (client_id, client_secret) = issuer.client();
    let line = json!({
        "url": issuer.origin(),
        "issuer": issuer.url(),
        "jwks_uri": issuer.jwks_uri(),
        "token_endpoint": issuer.token_endpoint(),
        "client_id": client_id,
        "client_secret": client_secret,
        "audience": issuer.audience(),
        "token": issuer.mint(TokenSpec::new()),
        "control": control::description(&issuer.state),
    });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    writeln!(
        io::stderr(),
        "mock issuer at {} (keys: {}); it signs anything it is asked to; Ctrl-C stops it",
        issuer.url(),
        issuer.jwks_uri()
    )
}

/// Ctrl-C, and on Unix also the signal by which a supervisor ends a program.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn signalled(mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }
}

#[cfg(windows)]
struct Stop(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Stop {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn signalled(mut self) -> io::Result<()> {
        self.0.recv().await;
        Ok(())
    }
}
