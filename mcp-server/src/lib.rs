//! MCP server for clinical databases behind one OAuth2 gate.
//!
//! The way of a call: a [`transport`] hands it to the [`tools`], which ask the [`gate`] and, with its proof, a
//! [`backend`]. [`config`] says how, [`dataset`] what there is, [`ingest`] puts it there, [`sql`] decides what may run.

pub mod api_keys;
mod args;
mod audit;
pub mod backend;
mod client_auth;
pub mod config;
pub mod credentials;
pub mod dataset;
pub mod download;
pub mod env;
pub mod error;
pub mod gate;
pub mod http;
pub mod ingest;
pub mod logging;
pub mod notes;
mod private_file;
mod removal;
pub mod secure;
pub mod sql;
pub mod tools;
pub mod transport;
pub mod version;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use clap::error::ErrorKind;

pub use crate::args::{DEFAULT_ADDRESS, ServerArgs};

use crate::args::Args;
use crate::config::{Config, HttpSetting};
use crate::env::Environment;
use crate::error::Explain;
use crate::tools::Toolbox;

/// Runs the `m4-mcp-server` program: 0 when the client or a signal ended it, 1 when it could not serve.
pub fn main() -> ExitCode {
    let env = Environment::from_process();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(asked) if asked.kind() == ErrorKind::DisplayVersion => {
            // A reader that is gone needs no version.
            let _ = writeln!(std::io::stdout(), "{}", version::line("m4-mcp-server"));
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    exit_code(
        secure::flags(&args.server, &env)
            .map_err(boxed)
            .and_then(|flags| serve(|| Config::load(&env, &flags))),
    )
}

/// Serves as configured, over HTTP where an address to listen at is given and over stdio otherwise.
///
/// `load` is called again when the process is told to reload.
pub fn serve(load: impl Fn() -> Config) -> Result<(), Box<dyn Explain>> {
    let config = load();
    logging::start(&config).map_err(boxed)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| boxed(NoRuntime(error)))?;
    backend::duckdb::ceiling::hold(config.limits.memory);
    let outcome = runtime.block_on(async {
        match &config.http {
            HttpSetting::Off => transport::stdio::serve(Toolbox::new(&config)).await.map_err(boxed),
            HttpSetting::On(http) => transport::http::serve(&config, http, load).await.map_err(boxed),
            HttpSetting::Misconfigured(errors) => Err(boxed(errors.clone())),
        }
    });
    credentials::refresh::finish();
    // A query that the engine is slow to stop, or a read of stdin that never ends, must not keep the process alive.
    runtime.shutdown_timeout(GRACE);
    outcome
}

/// Shows what went wrong, if anything did.
fn exit_code(outcome: Result<(), Box<dyn Explain>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Time for running queries to notice that nobody waits for them any more.
const GRACE: Duration = Duration::from_secs(1);

fn boxed(error: impl Explain) -> Box<dyn Explain> {
    Box::new(error)
}

#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no threads to work with")]
struct NoRuntime(#[source] std::io::Error);

impl Explain for NoRuntime {
    fn hint(&self) -> Option<String> {
        Some("check the process limits of this user (ulimit -u)".to_owned())
    }
}

/// `error: … / Caused by: … / hint: …` on stderr. If that fails too, nobody is left to tell.
fn complain(error: &dyn Explain) {
    let lines = error::lines(error).into_iter().map(|(label, text)| format!("{label}: {text}\n"));
    let text: String = lines.collect();
    let _ = std::io::stderr().write_all(text.as_bytes());
}
