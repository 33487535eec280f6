//! The official MCP conformance suite, against our fixtures and the product, and against our client.

mod client;
mod results;
mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::LibraryArgs;
use crate::build;
use crate::failure::{Failure, Outcome, print, say};
use crate::node::{Node, Package};
use crate::workspace::{Profile, Workspace, status};
use results::{Results, Side};
use servers::{Issuer, Server};

/// Runs everything that can be run here, prints what was found, and fails when a check failed.
pub(crate) fn run(workspace: &Workspace, library: LibraryArgs) -> Outcome {
    let folder = workspace.target()?.join("conformance");
    // What npm cannot bring here is no failure of ours, but nobody must take it for a success.
    let got = Node::find(workspace).and_then(|node| Ok((node, SUITE.install(workspace)?)));
    let (node, installed) = match got {
        Ok(got) => got,
        Err(failure) => {
            let (name, version) = (SUITE.name, SUITE.version);
            say(format_args!(
                "conformance: SKIPPED, nothing was tested: {name}@{version} cannot run here: {failure}\nhint: {}",
                failure.hint()
            ));
            return Ok(());
        }
    };
    let suite = Suite { node, script: installed.program("conformance")?, folder };
    build::run(workspace, &library.resolve(workspace)?, Profile::Debug)?;
    let binaries = workspace.binaries(Profile::Debug)?;
    let issuer = Issuer::start(&binaries, &suite.folder)?;
    let mut failed = Vec::new();

    let fixtures = Server::fixtures(&binaries, &suite.folder, &issuer)?;
    for revision in REVISIONS {
        failed.extend(suite.requirements(revision, &fixtures)?);
    }
    drop(fixtures);

    let product = Server::product(&binaries, &suite.folder, &issuer)?;
    for (revision, scenarios) in PRODUCT {
        failed.extend(suite.scenarios(revision, scenarios, &product)?);
    }
    drop(product);

    for run in &client::RUNS {
        failed.extend(suite.client(run, &build::binary(&binaries, client::PROGRAM))?);
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!("failed: {}", failed.join(", ")),
        format!("the whole exchanges and all logs are in {}", suite.folder.display()),
    ))
}

struct Suite {
    node: Node,
    script: PathBuf,
    /// For results, logs and the servers' homes.
    folder: PathBuf,
}

impl Suite {
    /// All that a revision requires, and what the suite runs besides. Returns what failed, by name.
    fn requirements(&self, revision: &str, server: &Server) -> Outcome<Option<String>> {
        let output = self.output(&server.name, revision)?;
        let mut command = self.node.run(&self.script);
        command
            .args(["server", "--url", &server.url, "--requirements", revision, "--output-dir"])
            .arg(&output);
        // What the suite prints is the table below, at length.
        let passed = self.logged(&mut command, &output.join("suite.log"))?;
        let results = results::read(&output, Side::Server)?;
        let title = format!("{} {revision}", server.name);
        let untried = results.0.values().any(|scenario| !scenario.untried.is_empty());
        let complete = passed && !untried && results.0.len() >= FEWEST_SCENARIOS;
        let all_passed = report(&title, &results, complete);
        Ok((!all_passed).then_some(title))
    }

    /// Single scenarios, of which the suite may leave checks untried for want of fixtures.
    fn scenarios(&self, revision: &str, scenarios: &[&str], server: &Server) -> Outcome<Option<String>> {
        let output = self.output(&server.name, revision)?;
        for scenario in scenarios {
            let mut command = self.node.run(&self.script);
            command.args(["server", "--url", &server.url, "--scenario", scenario]);
            command.args(["--spec-version", revision, "--output-dir"]).arg(&output);
            // Its exit code counts the untried as failed.
            self.logged(&mut command, &output.join(format!("{scenario}.log")))?;
        }
        let results = results::read(&output, Side::Server)?;
        let complete =
            scenarios.iter().all(|name| results.0.get(*name).is_some_and(|found| found.passed > 0));
        let title = format!("{} {revision}", server.name);
        Ok((!report(&title, &results, complete)).then_some(title))
    }

    fn output(&self, server: &str, revision: &str) -> Outcome<PathBuf> {
        let output = self.folder.join(server).join(revision);
        emptied(&output)?;
        Ok(output)
    }

    fn logged(&self, command: &mut Command, log: &Path) -> Outcome<bool> {
        let io = |error: std::io::Error| Failure::io("write a log", &error);
        let file = std::fs::File::create(log).map_err(io)?;
        command.stderr(file.try_clone().map_err(io)?).stdout(file).current_dir(&self.folder);
        Ok(status(command)?.success())
    }
}

/// Prints what was found; tells whether nothing failed.
fn report(title: &str, results: &Results, complete: bool) -> bool {
    let (passed, failed) = (results.passed(), results.failed());
    let all_passed = complete && failed == 0;
    let verdict = if all_passed { "passed" } else { "FAILED" };
    print(format_args!("{title}: {verdict}: {passed} checks passed, {failed} failed"));
    print(results.table());
    all_passed
}

/// An empty folder, whatever an earlier run left there.
fn emptied(folder: &Path) -> Outcome {
    let removed = match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    removed
        .and_then(|()| std::fs::create_dir_all(folder))
        .map_err(|error| Failure::io(&format!("empty {}", folder.display()), &error))
}

const SUITE: Package = Package { name: "@modelcontextprotocol/conformance", version: "0.2.0-alpha.12" };

/// The sets of requirements; each is run over the wire of its revision.
const REVISIONS: [&str; 2] = ["2026-07-28", "2025-11-25"];

/// The smaller set names 30 scenarios: fewer results mean that the suite did not run to its end.
const FEWEST_SCENARIOS: usize = 30;

/// The scenarios that ask for no fixtures, so that the product has to pass them as it is.
const PRODUCT: [(&str, &[&str]); 2] = [
    (
        "2026-07-28",
        &[
            "server-stateless",
            "tools-list",
            "server-sse-multiple-streams",
            "resources-list",
            "sep-2164-resource-not-found",
            "dns-rebinding-protection",
            "input-required-result-unsupported-methods",
            "http-header-validation",
        ],
    ),
    (
        "2025-11-25",
        &[
            "server-initialize",
            "ping",
            "tools-list",
            "server-sse-multiple-streams",
            "resources-list",
            "dns-rebinding-protection",
            "server-session-lifecycle",
        ],
    ),
];
