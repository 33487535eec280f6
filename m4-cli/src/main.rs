//! The `m4` command; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    m4_cli::run()
}
