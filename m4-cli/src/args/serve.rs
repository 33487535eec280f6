//! `m4 serve`.

use clap::Args;
use mcp_server::ServerArgs;

/// What `m4 serve` takes: what `m4-mcp-server` does, which it is.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The server's own arguments.
    #[command(flatten)]
    pub server: ServerArgs,
}
