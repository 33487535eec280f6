//! `conformance-server`: the fixtures that the official MCP conformance suite calls, and the proxy in front of them.
//!
//! For tests only. The suite (npm `@modelcontextprotocol/conformance`) names every tool, prompt and resource here; what
//! they do is in its scenarios' descriptions. `cargo xtask conformance` starts both programs.

mod asking;
mod changes;
mod content;
mod handler;
mod jobs;
mod log;
mod prompts;
mod proxy;
mod resources;
mod rounds;
mod schemas;
mod stack;
mod tools;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;
use tokio::net::TcpListener;

/// What the official MCP conformance suite needs on the server's side, on 127.0.0.1. For tests only.
#[derive(Debug, Parser)]
#[command(name = "conformance-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the fixtures at /mcp, configured by the same `M4_*` variables as m4-mcp-server.
    Serve,
    /// Passes every request on with a bearer token, which the suite cannot send.
    Proxy {
        /// Port on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Address and port of the server.
        #[arg(long, value_name = "ADDRESS")]
        to: SocketAddr,
        /// A mock issuer's token; others do not belong on a command line.
        #[arg(long, value_name = "TOKEN")]
        bearer: String,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until killed. The first line of stdout is JSON and tells the address, once connections are accepted.
fn run(command: Command) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match command {
            Command::Serve => stack::serve(handler::Fixtures::new()?, announce).await,
            Command::Proxy { port, to, bearer } => {
                let target = proxy::Target::new(to, &bearer)?;
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
                announce(listener.local_addr()?)?;
                proxy::serve(listener, target).await
            }
        }
    })
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let line = json!({ "address": address.to_string(), "url": format!("http://{address}/mcp") });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
