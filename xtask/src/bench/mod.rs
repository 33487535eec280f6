//! Benches: what the product costs, beside what it replaces and against the aims of its issues.

pub(crate) mod data;
mod notes;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::failure::{Outcome, print};
use crate::workspace::Workspace;

/// What `cargo xtask bench` takes.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Without one, lists them.
    #[command(subcommand)]
    bench: Option<Bench>,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Set-up, queries, start, memory and tokens, side by side with the Python server m4-infra.
    Data(data::DataArgs),
    /// Searches 330,000 generated notes: set-up, size of the index, and how long answers take.
    Notes(notes::NotesArgs),
}

/// Runs a bench, or lists what there is.
pub(crate) fn run(workspace: &Workspace, args: &BenchArgs) -> Outcome<ExitCode> {
    match &args.bench {
        Some(Bench::Data(args)) => data::run(workspace, args),
        Some(Bench::Notes(args)) => notes::run(workspace, args),
        None => {
            for (name, about) in known() {
                print(format_args!("cargo xtask bench {name:<8} {about}"));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn known() -> Vec<(String, String)> {
    let command = Bench::augment_subcommands(clap::Command::new("bench"));
    command
        .get_subcommands()
        .map(|bench| {
            let about = bench.get_about().map(ToString::to_string).unwrap_or_default();
            (bench.get_name().to_owned(), about)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bench_is_listed_with_what_it_measures() {
        let known = known();
        assert!(known.iter().any(|(name, _)| name == "data"));
        assert!(known.iter().all(|(_, about)| !about.is_empty()));
    }
}
