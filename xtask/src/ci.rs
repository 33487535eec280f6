//! What the continuous integration runs, step by step.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::args::LibraryArgs;
use crate::duckdb::Library;
use crate::failure::{Failure, Outcome, say};
use crate::tools::Tool;
use crate::workspace::{Workspace, succeed};
use crate::{codegen, parallel, shells, suite, tidy};

/// A step, in the order in which they run: first what fails in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The mechanical checks of xtask/src/tidy.rs.
    Tidy,
    /// `cargo fmt --check`.
    Fmt,
    /// Every test.
    Test,
    /// Completions, read by shells that this installs.
    Shells,
    /// The Python package and M4 side by side.
    Parallel,
    /// What is generated from the code is as published.
    Codegen,
    /// `cargo clippy` with warnings denied.
    Clippy,
    /// The documentation builds without warnings.
    Docs,
    /// The benchmarks compile.
    Benches,
    /// Licences, sources and banned crates of the dependencies, by cargo-deny.
    Deps,
}

enum End {
    Passed,
    Skipped(String),
    Failed(Failure),
}

/// The steps to run: those named, else all, in their order.
pub(crate) fn chosen(named: &[Step], skip_test: bool) -> Vec<Step> {
    let wanted = |step: &Step| {
        if named.is_empty() { !(skip_test && *step == Step::Test) } else { named.contains(step) }
    };
    Step::value_variants().iter().copied().filter(wanted).collect()
}

/// Runs the steps, all of them even when one fails, and sums up.
pub(crate) fn run(workspace: &Workspace, library: LibraryArgs, steps: &[Step]) -> Outcome {
    let library = library.resolve(workspace)?;
    let mut results = Vec::new();
    for step in steps {
        say(format_args!("\n=== {} ===", step.name()));
        let start = Instant::now();
        let end = match step.run(workspace, &library) {
            Ok(None) => End::Passed,
            Ok(Some(skipped)) => End::Skipped(skipped),
            Err(failure) => End::Failed(failure),
        };
        let elapsed = start.elapsed();
        say(line(*step, &end, elapsed));
        results.push((*step, end, elapsed));
    }
    say("\n=== summary ===");
    for (step, end, elapsed) in &results {
        say(line(*step, end, *elapsed));
    }
    let failed: Vec<&str> = results
        .iter()
        .filter(|(_, end, _)| matches!(end, End::Failed(_)))
        .map(|(step, ..)| step.name())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let names = failed.join(" ");
    Err(Failure::new(format!("failed: {names}"), format!("rerun with `cargo xtask ci {names}`")))
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Tidy => "tidy",
            Self::Fmt => "fmt",
            Self::Test => "test",
            Self::Shells => "shells",
            Self::Parallel => "parallel",
            Self::Codegen => "codegen",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Benches => "benches",
            Self::Deps => "deps",
        }
    }

    /// `Some` holds the reason for which the step was left out.
    fn run(self, workspace: &Workspace, library: &Library) -> Outcome<Option<String>> {
        let cargo = |words: &[&str], hint: &str| {
            let mut command = workspace.cargo(words);
            if self != Self::Fmt {
                library.apply(&mut command);
            }
            if self == Self::Docs {
                command.env("RUSTDOCFLAGS", "-D warnings");
            }
            command.args(if self == Self::Clippy { ["--", "-D", "warnings"].as_slice() } else { &[] });
            succeed(&mut command, hint)
        };
        match self {
            Self::Tidy => tidy::run(workspace)?,
            Self::Fmt => cargo(&["fmt", "--all", "--check"], "run `cargo fmt --all`")?,
            Self::Test => suite::run(workspace, library, &[])?,
            Self::Shells => return shells::run(workspace, library),
            Self::Parallel => return parallel::run(workspace, library),
            Self::Codegen => codegen::check(workspace, library)?,
            Self::Clippy => {
                cargo(&["clippy", "--workspace", "--all-targets"], "mend each warning above")?;
            }
            Self::Docs => cargo(&["doc", "--no-deps", "--workspace"], "mend each warning above")?,
            Self::Benches => {
                cargo(&["bench", "--no-run", "--package", "auth-core"], "see the compiler's message above")?;
            }
            Self::Deps => return dependencies(workspace),
        }
        Ok(None)
    }
}

fn line(step: Step, end: &End, elapsed: Duration) -> String {
    let (name, seconds) = (step.name(), elapsed.as_secs_f64());
    match end {
        End::Passed => format!("{name}: passed in {seconds:.1} s"),
        End::Skipped(why) => format!("{name}: SKIPPED: {why}"),
        End::Failed(failure) => {
            format!(
                "{name}: FAILED in {seconds:.1} s: {failure}\nhint: {}; rerun: cargo xtask ci {name}",
                failure.hint()
            )
        }
    }
}

/// The advisory database is a git repository that not every machine reaches, so advisories are not checked here.
fn dependencies(workspace: &Workspace) -> Outcome<Option<String>> {
    let Some(deny) = CARGO_DENY.find(workspace)? else {
        return Ok(Some(format!(
            "cargo-deny is not here and could not be installed; licences and sources are unchecked; install it with \
             `cargo install --locked cargo-deny@{}`",
            CARGO_DENY.version
        )));
    };
    let mut command = Command::new(deny);
    command.args(["--all-features", "check", "bans", "licenses", "sources"]);
    command.current_dir(workspace.root()).stdin(Stdio::null());
    succeed(&mut command, "change deny.toml only with a reason in it, or choose another dependency")?;
    Ok(None)
}

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", minutes: 2 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_unless_told_otherwise() {
        assert_eq!(chosen(&[], false).len(), Step::value_variants().len());
        assert!(!chosen(&[], true).contains(&Step::Test));
        assert_eq!(chosen(&[Step::Docs, Step::Fmt], true), [Step::Fmt, Step::Docs]);
        assert_eq!(chosen(&[Step::Test], true), [Step::Test], "a step asked for by name runs");
    }
}
