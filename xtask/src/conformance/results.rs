//! What the suite found, read from the files that it leaves: `<output>/server-<scenario>-<time>/checks.json` about a
//! server, `<output>/<scenario>-<time>/checks.json` about a client and beside it what the client wrote to stderr. A
//! scenario's name may hold a slash.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// The checks of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scenario {
    /// Checks that passed.
    pub(super) passed: usize,
    /// What failed, and why.
    pub(super) failures: Vec<String>,
    /// What the suite could not try because the server lacks a fixture. It counts these as failed.
    pub(super) untried: Vec<String>,
    /// Recommendations (SHOULD) that were not followed.
    pub(super) warnings: Vec<String>,
    /// What the client wrote to stderr.
    pub(super) said: String,
}

/// All scenarios of a run by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Results(pub(super) BTreeMap<String, Scenario>);

/// Whom the suite tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// Reads the results of all scenarios below this folder.
pub(super) fn read(folder: &Path, side: Side) -> Outcome<Results> {
    let mut results = Results::default();
    read_into(&mut results, folder, "", side)?;
    Ok(results)
}

fn read_into(results: &mut Results, folder: &Path, group: &str, side: Side) -> Outcome {
    let io = |error: std::io::Error| Failure::io("read the suite's results", &error);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name.to_str().filter(|_| path.is_dir()) else { continue };
        let Some(scenario) = scenario_of(name, side) else {
            read_into(results, &path, &format!("{group}{name}/"), side)?;
            continue;
        };
        let text = fs::read(path.join("checks.json")).map_err(io)?;
        let checks: Vec<Value> = serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!("the results of {scenario} are not as expected: {error}"), NEW_FORMAT)
        })?;
        let said = match side {
            Side::Server => String::new(),
            Side::Client => fs::read_to_string(path.join("stderr.txt")).map_err(io)?.trim().to_owned(),
        };
        let scenario = format!("{group}{scenario}");
        results.0.insert(scenario, Scenario { said, ..Scenario::of(&checks) });
    }
    Ok(())
}

impl Results {
    pub(super) fn passed(&self) -> usize {
        self.0.values().map(|scenario| scenario.passed).sum()
    }

    pub(super) fn failed(&self) -> usize {
        self.0.values().map(|scenario| scenario.failures.len()).sum()
    }

    /// Scenario by scenario, and what went wrong.
    pub(super) fn table(&self) -> String {
        let width = self.0.keys().map(String::len).max().unwrap_or(0).max("scenario".len());
        let mut table = format!("  {:width$}  passed  failed  untried\n", "scenario");
        for (name, scenario) in &self.0 {
            let Scenario { passed, failures, untried, warnings, said: _ } = scenario;
            let (failed, left_out) = (failures.len(), untried.len());
            let _ = writeln!(table, "  {name:width$}  {passed:6}  {failed:6}  {left_out:7}");
            for (what, lines) in [("FAILED", failures), ("untried", untried), ("warning", warnings)] {
                for line in lines {
                    let _ = writeln!(table, "      {what}: {line}");
                }
            }
        }
        table
    }
}

impl Scenario {
    fn of(checks: &[Value]) -> Self {
        let mut scenario = Self::default();
        for check in checks {
            let text = |key: &str| check[key].as_str().unwrap_or_default();
            let what = format!("{}: {}", text("id"), text("errorMessage"));
            match text("status") {
                "SUCCESS" => scenario.passed += 1,
                "FAILURE" if check["details"]["untestable"] == true => scenario.untried.push(what),
                "WARNING" => scenario.warnings.push(what),
                "INFO" | "SKIPPED" => {}
                // A status that this program does not know is no success.
                _ => scenario.failures.push(what),
            }
        }
        scenario
    }
}

/// `server-tools-list-2026-11-21T14-36-16-687Z` is of `tools-list`.
fn scenario_of(folder: &str, side: Side) -> Option<&str> {
    let rest = match side {
        Side::Server => folder.strip_prefix("server-")?,
        Side::Client => folder,
    };
    let (name, time) = rest.split_at_checked(rest.len().checked_sub(TIME.len())?)?;
    let alike = time
        .bytes()
        .zip(TIME.bytes())
        .all(|(have, like)| if like == b'0' { have.is_ascii_digit() } else { have == like });
    (alike && !name.is_empty()).then_some(name)
}

const TIME: &str = "-0000-00-00T00-00-00-000Z";

const NEW_FORMAT: &str =
    "the suite is pinned in xtask/src/conformance/mod.rs; a new version may write another format";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_success_counts_and_what_is_unknown_fails() {
        let check = |status: &str| json!({ "id": "c", "status": status, "errorMessage": "why" });
        let untestable = json!({ "id": "u", "status": "FAILURE", "details": { "untestable": true } });
        let mut checks: Vec<Value> =
            ["SUCCESS", "FAILURE", "WARNING", "INFO", "SKIPPED", "NEW"].map(check).to_vec();
        checks.push(untestable);
        let scenario = Scenario::of(&checks);
        assert_eq!((scenario.passed, scenario.failures.len()), (1, 2));
        assert_eq!((scenario.untried.len(), scenario.warnings.len()), (1, 1));
        assert_eq!(scenario.failures[0], "c: why");
    }

    #[test]
    fn a_folder_names_its_scenario() {
        let of = |folder| scenario_of(folder, Side::Server);
        assert_eq!(of("server-tools-list-2026-11-21T14-36-16-687Z"), Some("tools-list"));
        assert_eq!(of("server-server-stateless-2026-11-21T14-36-16-687Z"), Some("server-stateless"));
        let client = "dpop-nonce-2026-11-21T14-36-16-687Z";
        assert_eq!(scenario_of(client, Side::Client), Some("dpop-nonce"));
        for other in
            ["tools-list-2026-11-21T14-36-16-687Z", "server-tools-list", "server-2026-11-21T14-36-16-687Z"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn results_are_read_scenario_by_scenario() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("server-ping-2026-11-21T14-36-16-687Z");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("checks.json"), r#"[{ "id": "ping", "status": "SUCCESS" }]"#).unwrap();
        fs::write(folder.path().join("suite.log"), "").unwrap();
        let results = read(folder.path(), Side::Server).unwrap();
        assert_eq!((results.passed(), results.failed()), (1, 0));
        assert!(results.table().contains("ping"));

        let place = folder.path().join("auth").join("dpop-2026-11-21T14-36-16-687Z");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("checks.json"), "[]").unwrap();
        fs::write(place.join("stderr.txt"), "error: no\n").unwrap();
        let results = read(&folder.path().join("auth"), Side::Client).unwrap();
        assert_eq!(results.0["dpop"].said, "error: no");
    }
}
