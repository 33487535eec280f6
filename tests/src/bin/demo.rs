//! Placeholder of the demonstration client: it says that it is not written yet, and fails.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: the demonstration client is not written yet");
    ExitCode::FAILURE
}
