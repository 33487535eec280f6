//! `conformance-server`: the fixtures that the official MCP conformance suite calls, and the proxy in front of them.
//!
//! For tests only. The suite (npm `@modelcontextprotocol/conformance`) names every tool, prompt and resource here; what
//! they do is in its scenarios' descriptions. `cargo xtask conformance` starts both programs.

mod asking;
mod changes;
mod content;
mod handler;
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

use clap::{Args, Parser, Subcommand};
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
    /// Serves the fixtures at /mcp.
    Serve(Listen),
    /// Passes every request on with a bearer token, which the suite cannot send.
    Proxy {
        #[command(flatten)]
        listen: Listen,
        /// Address and port of the server.
        #[arg(long, value_name = "ADDRESS")]
        to: SocketAddr,
        /// A mock issuer's token; others do not belong on a command line.
        #[arg(long, value_name = "TOKEN")]
        bearer: String,
    },
}

#[derive(Debug, Args)]
struct Listen {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
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
            Command::Serve(listen) => {
                let fixtures = handler::Fixtures::new()?;
                stack::serve(announced(&listen).await?, fixtures).await
            }
            Command::Proxy { listen, to, bearer } => {
                let target = proxy::Target::new(to, &bearer)?;
                proxy::serve(announced(&listen).await?, target).await
            }
        }
    })
}

async fn announced(listen: &Listen) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, listen.port)).await?;
    let address = listener.local_addr()?;
    let line = json!({ "address": address.to_string(), "url": format!("http://{address}/mcp") });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(listener)
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
