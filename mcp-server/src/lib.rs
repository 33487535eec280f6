//! MCP server for clinical databases behind one OAuth2 gate.
//!
//! The way of a call: a [`transport`] hands it to the [`tools`], which ask the [`gate`] and, with its proof, a
//! [`backend`]. [`config`] says how, [`dataset`] what there is, [`ingest`] puts it there, [`sql`] decides what may run.

pub mod api_keys;
mod args;
mod audit;
pub mod backend;
pub mod config;
pub mod credentials;
pub mod dataset;
pub mod env;
pub mod error;
pub mod gate;
pub mod ingest;
pub mod logging;
pub mod sql;
pub mod tools;
pub mod transport;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::args::Args;
use crate::config::Config;
use crate::env::Environment;
use crate::error::Explain;
use crate::tools::Toolbox;

/// Runs the `m4-mcp-server` program: 0 when the client or a signal ended it, 1 when it could not serve.
pub fn main() -> ExitCode {
    let config = Config::load(&Environment::from_process(), &Args::parse().flags());
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config) -> Result<(), Box<dyn Explain>> {
    logging::start(config).map_err(boxed)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| boxed(NoRuntime(error)))?;
    let outcome = runtime.block_on(async { transport::stdio::serve(Toolbox::new(config)).await });
    // A query that the engine is slow to stop, or a read of stdin that never ends, must not keep the process alive.
    runtime.shutdown_timeout(GRACE);
    outcome.map_err(boxed)
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
