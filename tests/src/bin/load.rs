//! The `m4-load` binary, started by `cargo xtask load`. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    m4_tests::load::main()
}
