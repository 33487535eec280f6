//! The `m4-mcp-server` binary. Everything is in the library.

use std::process::ExitCode;

use m4_allocator as _;

fn main() -> ExitCode {
    mcp_server::main()
}
