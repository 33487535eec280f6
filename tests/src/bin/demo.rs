//! The `m4-demo` binary that `cargo xtask demo` runs. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    m4_tests::demo::main()
}
