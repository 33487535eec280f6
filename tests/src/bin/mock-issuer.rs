//! `mock-issuer`: an OAuth 2 issuer on the loopback interface for demonstrations and tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    m4_tests::issuer::command::main()
}
