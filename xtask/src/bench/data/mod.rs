//! The data side beside the Python server that it replaces: set-up, start, memory, queries and tokens, in one run.
//!
//! Both programs get the same files, the same requests from the same client, and take turns.

pub(crate) mod client;
pub(crate) mod compare;
mod others;
pub(crate) mod queries;
mod report;
mod run;
pub(crate) mod side;
pub(crate) mod source;
pub(super) mod stats;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::LibraryArgs;
use crate::build;
use crate::failure::{Failure, Outcome, print, say};
use crate::workspace::{Profile, Workspace};
use report::Report;
use run::Run;
use side::Side;
use source::Source;

/// What `cargo xtask bench data` takes.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Fails when an aim is missed or could not be measured. Wrong results always fail.
    #[arg(long)]
    strict: bool,
    /// How often set-up and start are measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How often each query is measured.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Measures `m4` and `m4-mcp-server` of this directory instead of building optimised ones.
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Measures everything, prints tables and verdicts.
pub(super) fn run(workspace: &Workspace, args: &DataArgs) -> Outcome<ExitCode> {
    let folder = workspace.target()?.join("bench").join("data");
    let (peer, python) = match Side::peer(workspace, &folder) {
        Ok(prepared) => prepared,
        Err(failure) => {
            say(format_args!("SKIPPED, all of it: {failure}\nhint: {}", failure.hint()));
            return Ok(if args.strict { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let ours = Side::ours(&binaries(workspace, args)?, &folder);
    ours.clear()?;
    peer.clear()?;
    let source = Source::find(workspace, &ours, &python, &folder)?;
    if !source.is_real {
        say(
            "NOT the real MIMIC-IV demo: M4_TEST_DATA names no directory with mimic-iv-demo/ in it. What follows is",
        );
        say(
            "measured on the synthetic sample, which is smaller: its ratios are not the ones that are aimed at.",
        );
    }
    print(format_args!("## {} beside {}\n\n{}; {}", ours.name, peer.name, source.what, machine()));
    let mut report = Report::default();
    let answers = folder.join("answers");
    let run = Run { ours, peer, source, runs: args.runs, rounds: args.rounds, answers };
    run.set_up(&mut report)?;
    run.start(&mut report)?;
    run.query(workspace, &mut report)?;
    report.print();
    let good = report.is_right() && (report.is_met() || !args.strict);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn binaries(workspace: &Workspace, args: &DataArgs) -> Outcome<PathBuf> {
    if let Some(directory) = &args.binaries {
        return std::path::absolute(directory)
            .map_err(|error| Failure::io("find the directory of the binaries", &error));
    }
    say("building optimised binaries… the first time takes about 15 minutes on 2 cores");
    build::run(workspace, &args.library.resolve(workspace)?, Profile::Release)?;
    workspace.binaries(Profile::Release)
}

/// What the figures depend on besides the programs.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    format!(
        "{cores} cores, load {load} at the start (more than about 0.3 means that others used the machine)"
    )
}
