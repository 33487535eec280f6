//! Runs the tests of the whole workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build;
use crate::duckdb::Library;
use crate::environment;
use crate::failure::{Outcome, say};
use crate::workspace::{Profile, Workspace, output, succeed};

/// Builds the binaries that the integration tests spawn, then runs every test; `rest` goes to the test runner.
pub(crate) fn run(workspace: &Workspace, library: &Library, rest: &[String]) -> Outcome {
    build::run(workspace, library, Profile::Debug)?;
    let binaries = workspace.binaries(Profile::Debug)?;
    let data = test_data();
    let prepare = |command: &mut Command| {
        library.apply(command);
        command.env("M4_TEST_BIN_DIR", &binaries);
        if let Some(data) = &data {
            command.env("M4_TEST_DATA", data);
        }
    };
    if data.is_none() {
        say("M4_TEST_DATA is not set: tests on the real MIMIC-IV demo say what they leave out, and pass");
    }
    let words: &[&str] = if has_nextest(workspace) {
        &["nextest", "run", "--no-fail-fast"]
    } else {
        &["test", "--tests", "--no-fail-fast"]
    };
    let mut tests = workspace.cargo(words);
    // A caller that names packages means only those.
    if !rest.iter().any(|word| word == "-p" || word.starts_with("--package")) {
        tests.arg("--workspace");
    }
    prepare(&mut tests);
    tests.args(rest);
    succeed(&mut tests, "run one test alone with `cargo xtask test -- NAME`")?;
    if !rest.is_empty() {
        return Ok(());
    }
    let mut documentation = workspace.cargo(["test", "--doc", "--workspace"]);
    prepare(&mut documentation);
    succeed(&mut documentation, "see the failing example above")
}

/// `M4_TEST_DATA` as an absolute path: cargo runs each test in its own package's directory.
fn test_data() -> Option<PathBuf> {
    let given = environment::variable("M4_TEST_DATA")?;
    std::path::absolute(Path::new(&given)).ok()
}

fn has_nextest(workspace: &Workspace) -> bool {
    let mut command = workspace.cargo(["nextest", "--version"]);
    command.stderr(Stdio::null());
    output(&mut command).is_ok_and(|result| result.status.success())
}
