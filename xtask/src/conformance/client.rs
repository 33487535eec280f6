//! The client's side: the suite starts `conformance-client` once for each scenario, with a server of its own.

use std::path::Path;

use super::results::{self, Results, Side};
use super::{Suite, report};
use crate::failure::{Outcome, print};

/// The client under test.
pub(super) const PROGRAM: &str = "conformance-client";

/// One start of the suite.
pub(super) struct Run {
    option: &'static str,
    value: &'static str,
    /// The scenarios it has for us: fewer results mean that it did not run to its end.
    scenarios: usize,
}

/// What is run.
pub(super) const RUNS: [Run; 3] = [
    Run { option: "--requirements", value: "2026-07-28", scenarios: 35 },
    Run { option: "--requirements", value: "2025-11-25", scenarios: 21 },
    Run { option: "--suite", value: "auth", scenarios: 14 },
];

impl Suite {
    /// Runs them; returns the run's name if something failed.
    pub(super) fn client(&self, run: &Run, program: &Path) -> Outcome<Option<String>> {
        let output = self.output("client", run.value)?;
        let mut command = self.node.run(&self.script);
        // The suite hands it to a shell.
        let program = format!("\"{}\"", program.display());
        command.args(["client", "--command", &program, run.option, run.value, "--timeout", TIMEOUT]);
        command.arg("--output-dir").arg(&output);
        let passed = self.logged(&mut command, &output.join("suite.log"))?;
        let mut results = results::read(&output, Side::Client)?;
        let left_out = leave_out(&mut results);
        judge_endings(&mut results);
        let title = format!("client {}", run.value);
        let all_passed = report(&title, &results, passed && results.0.len() >= run.scenarios);
        if !left_out.is_empty() {
            print(format_args!("  not scored, and nothing that M4 has: {}\n", left_out.join(", ")));
        }
        Ok((!all_passed).then_some(title))
    }
}

/// Takes away what [`OTHERS`] names; returns the names that were there.
fn leave_out(results: &mut Results) -> Vec<&'static str> {
    OTHERS.into_iter().filter(|name| results.0.remove(*name).is_some()).collect()
}

/// The suite looks at what arrives only: a client that fails after all checks passed, or is content with what it has to
/// refuse, would go unnoticed.
fn judge_endings(results: &mut Results) {
    for (name, scenario) in &mut results.0 {
        match (REFUSED.contains(&name.as_str()), scenario.said.lines().next()) {
            (false, Some(said)) => scenario.failures.push(format!("the client failed: {said}")),
            (true, None) => scenario.failures.push("the client did not say that it gave up".to_owned()),
            (true, Some(_)) | (false, None) => {}
        }
    }
}

/// Extensions of MCP, which no revision scores: proofs of possession from a client, and grants that M4 has no use for.
const OTHERS: [&str; 4] =
    ["auth/dpop", "auth/dpop-nonce", "auth/enterprise-managed-authorization", "auth/wif-jwt-bearer"];

/// Where a client has to end with an error.
const REFUSED: [&str; 7] = [
    "auth/iss-normalized",
    "auth/iss-supported-missing",
    "auth/iss-unexpected",
    "auth/iss-wrong-issuer",
    "auth/metadata-issuer-mismatch",
    "auth/resource-mismatch",
    "auth/scope-retry-limit",
];

/// Milliseconds for one scenario. All of a run's are started at once.
const TIMEOUT: &str = "120000";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::results::Scenario;

    #[test]
    fn a_client_has_to_fail_where_it_must_refuse_and_nowhere_else() {
        let scenario = |said: &str| Scenario { passed: 1, said: said.to_owned(), ..Scenario::default() };
        let mut results = Results::default();
        for (name, said) in [
            ("auth/iss-unexpected", "error: another issuer"),
            ("auth/iss-normalized", ""),
            ("auth/metadata-default", "error: no answer"),
            ("tools_call", ""),
            ("auth/dpop", "error: no proof"),
        ] {
            results.0.insert(name.to_owned(), scenario(said));
        }
        assert_eq!(leave_out(&mut results), ["auth/dpop"]);
        judge_endings(&mut results);
        let failures = |name: &str| results.0[name].failures.join(" ");
        assert_eq!(failures("auth/iss-unexpected") + &failures("tools_call"), "");
        assert!(failures("auth/iss-normalized").contains("did not say"));
        assert!(failures("auth/metadata-default").contains("no answer"));
        assert_eq!(results.failed(), 2);
    }
}
