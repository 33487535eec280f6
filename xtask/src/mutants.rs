//! Mutation testing: changes auth-core a little in every place, and sees whether a test notices.

use std::process::{Command, Stdio};

use crate::failure::{Outcome, say};
use crate::tools::Tool;
use crate::workspace::{Workspace, succeed};

/// Runs cargo-mutants as `.cargo/mutants.toml` says; `rest` goes to it.
pub(crate) fn run(workspace: &Workspace, rest: &[String]) -> Outcome {
    let tool = CARGO_MUTANTS.need(workspace)?;
    let target = workspace.target()?;
    if rest.is_empty() {
        say("every mutant is a build and a test run, about 5 s: all of them take an hour or two");
    }
    // Called by its path, because cargo looks for subcommands on the PATH only.
    let mut command = Command::new(tool);
    command.arg("mutants").arg("--output").arg(target.join("mutants")).args(rest);
    command.current_dir(workspace.root()).stdin(Stdio::null());
    // Nobody reads a backtrace of a mutant, and linking is half of what it takes.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    succeed(&mut command, "write a test that fails on each mutant above, or explain it in docs/security.md")
}

const CARGO_MUTANTS: Tool = Tool { name: "cargo-mutants", version: "27.1.0", minutes: 3 };
