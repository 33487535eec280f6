//! One gated query, end to end, through the real binaries and a real MCP client; and how every bad token is refused.
//!
//! It checks what it shows: a refusal with another text, or data where there must be none, fails the demonstration.

mod report;
mod run;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Shows one gated query, end to end.
#[derive(Debug, Parser)]
#[command(name = "m4-demo", version)]
struct Args {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// Directory of the MIMIC-IV demo (it holds hosp/ and icu/) to load instead of the generated sample.
    #[arg(long, value_name = "DIR")]
    src: Option<PathBuf>,
}

/// Runs the demonstration; 0 when everything was as it has to be.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(run::run(args.src.as_deref())));
    let printed = outcome.and_then(|report| {
        let text = if args.json { report.to_json() } else { report.to_text() };
        io::stdout().write_all(text.as_bytes())
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: the demonstration failed: {error}");
            ExitCode::FAILURE
        }
    }
}
