//! `conformance-client`: the client that the official MCP conformance suite watches. For tests only.
//!
//! The messages are rmcp's, the logins are the product's ([`m4_cli::login`]); what is here is the person and the browser,
//! and the will to use whatever a server offers. The suite appends its server's URL to the command line and says the rest in
//! variables of the environment. `cargo xtask conformance` runs all of it.

mod context;
mod credentials;
mod exercise;
mod headless;
mod transport;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use m4_cli::login::session::{Browser, Session, Source};
use mcp_server::env::Environment;
use rmcp::service::ClientServiceExt as _;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

use context::{Context, Tokens};
use credentials::Credentials;
use exercise::Answering;
use headless::Headless;
use transport::Authorized;

/// A client for the official MCP conformance suite, which says what to do in `MCP_CONFORMANCE_*`. For tests only.
#[derive(Debug, Parser)]
#[command(name = "conformance-client", version)]
struct Cli {
    /// The suite's MCP server.
    url: String,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let context = Context::parse(&cli.url, &Environment::from_process())?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match context.tokens()? {
            Tokens::Browser(settings) => talk(&context, Browser::new(*settings, Headless)).await,
            Tokens::Credentials(client) => {
                talk(&context, Credentials::new(context.resource.clone(), client)).await
            }
        }
    })
}

async fn talk<S: Source + 'static>(context: &Context, tokens: S) -> Result<(), Failure> {
    let config = StreamableHttpClientTransportConfig::with_uri(context.resource.as_str());
    let client = Authorized::new(Session::new(tokens, None))?;
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let service = Answering { version: context.version.clone() };
    let service = service.serve_with_lifecycle(transport, context.lifecycle()).await?;
    exercise::everything(&service, &context.tool_calls).await?;
    service.cancel().await?;
    Ok(())
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
