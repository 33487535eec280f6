//! The `m4-mcp-server` binary. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_server::main()
}
