//! Looks at the datasets: which are set up, and which definitions could not be used.

use mcp_server::backend::QueryError;
use mcp_server::config::{AuthSetting, BackendKind, Config};
use mcp_server::dataset::Registry;
use mcp_server::error::Explain as _;
use mcp_server::tools::CallError;

use super::finding::Finding;
use super::token::Own;
use crate::commands::ask::Asking;
use crate::commands::inventory::{self, Inventory};

pub(super) fn check(config: &Config, own: Option<&Own>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = backend(config).into_iter().collect();
    findings.extend(names(config));
    findings.extend(contents(config, own));
    findings
}

fn backend(config: &Config) -> Option<Finding> {
    (config.backend.kind != BackendKind::DuckDb).then(|| {
        Finding::fail(
            "backend",
            format!("the {} backend is not available in this version", config.backend.kind),
        )
        .because("every call for data is refused")
        .mend("run: m4 backend duckdb")
    })
}

fn names(config: &Config) -> Vec<Finding> {
    let registry = Registry::open(&config.locations.data_dir);
    let mut findings: Vec<Finding> = registry
        .problems()
        .iter()
        .map(|problem| {
            let finding = Finding::warn("datasets", problem.to_string());
            match problem.hint() {
                Some(hint) => finding.mend(hint),
                None => finding,
            }
        })
        .collect();
    if let AuthSetting::Enabled(auth) = &config.auth {
        findings.extend(registry.unknown(auth.guarded_datasets()).map(|name| {
            Finding::warn(
                "datasets",
                format!("M4_OAUTH2_TOOL_SCOPES guards dataset {name}, which does not exist"),
            )
            .because("the dataset that was meant is not guarded by it")
            .mend("`m4 status` lists the names")
        }));
    }
    let names: Vec<String> = registry.installed().into_iter().map(|dataset| dataset.name).collect();
    findings.push(if names.is_empty() {
        Finding::warn("datasets", "no dataset is set up")
            .because("there is nothing to query")
            .mend("run: m4 init mimic-iv-sample")
    } else {
        Finding::ok("datasets", format!("set up: {}", names.join(", ")))
    });
    findings
}

/// What the databases say of themselves, asked through the gate: whoever it turns away learns nothing of them here.
///
/// With the token that was had already: a further one would be an issuer's work for nothing.
fn contents(config: &Config, own: Option<&Own>) -> Vec<Finding> {
    let installed = Registry::open(&config.locations.data_dir).installed();
    if installed.is_empty() || !config.problems().is_empty() {
        return Vec::new();
    }
    let mut config = config.clone();
    if let (AuthSetting::Enabled(auth), Some(own)) = (&mut config.auth, own) {
        let Ok(Some(token)) = &own.token else { return Vec::new() };
        auth.token.token = Some(token.clone());
    }
    let Ok(asking) = Asking::with(config) else { return Vec::new() };
    let mut findings = Vec::new();
    for dataset in installed {
        match inventory::of(&asking, &dataset.name) {
            Ok(found) => findings.extend(content(&dataset.name, &found)),
            Err(error) if inventory::is_of_the_database(&error) => {
                findings.push(unreadable(&dataset.name, &error));
            }
            Err(_) => {}
        }
    }
    findings
}

fn unreadable(name: &str, error: &CallError) -> Finding {
    let what = format!("{name} cannot be read");
    match error {
        CallError::Query(QueryError::DatabaseBusy { .. }) => Finding::warn("datasets", what)
            .because(error.to_string())
            .mend("wait until that program has ended; `m4 status` shows when"),
        CallError::Query(QueryError::DatabaseNewer { .. }) => Finding::fail("datasets", what)
            .because(error.to_string())
            .mend(format!("update M4, or build it again with this one: m4 init {name} --force")),
        _ => Finding::fail("datasets", what)
            .because(error.to_string())
            .mend(format!("run: m4 init {name} --force")),
    }
}

fn content(name: &str, found: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !found.rejects.is_empty() {
        let tables = found.rejects.iter().map(|table| format!("{} of {}", table.rows, table.table));
        findings.push(
            Finding::warn(
                "datasets",
                format!("{name} lacks rows: {}", tables.collect::<Vec<_>>().join(", ")),
            )
            .because("they did not parse when it was loaded")
            .mend(format!(
                "mend the files at the lines that `m4 init` names, and run: m4 init {name} --force"
            )),
        );
    }
    if found.note_index == Some(false) {
        findings.push(
            Finding::warn("datasets", format!("{name} has notes and no index of them"))
                .because("searches read every note, and are slow")
                .mend(format!("run: m4 init {name} --force")),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;
    use crate::commands::inventory::Rejects;

    #[test]
    fn a_scope_for_a_dataset_that_does_not_exist_is_pointed_out() {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([
            ("M4_DATA_DIR", folder.path().to_str().unwrap()),
            ("M4_OAUTH2_ENABLED", "true"),
            ("M4_OAUTH2_ISSUER_URL", "https://issuer.example"),
            ("M4_OAUTH2_AUDIENCE", "m4-api"),
            ("M4_OAUTH2_TOOL_SCOPES", "dataset:mimic-iv-note=read:notes;dataset:mimic-iv-nots=read:notes"),
        ]);
        let findings = check(&Config::load(&env, &Flags::new()), None);
        let warned: Vec<_> = findings.iter().filter(|finding| finding.what.contains("guards")).collect();
        assert_eq!(warned.len(), 1);
        assert!(warned[0].what.contains("mimic-iv-nots"));
    }

    #[test]
    fn rows_that_were_left_out_and_notes_without_an_index_are_pointed_out() {
        let rejects = vec![Rejects { table: "lab.results".to_owned(), rows: 7 }];
        let found = Inventory { rejects, note_index: Some(false), ..Inventory::default() };
        let findings = content("ward-7", &found);
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].what, "ward-7 lacks rows: 7 of lab.results");
        assert!(findings.iter().all(|finding| finding.status == Status::Warn && finding.mend.is_some()));
        assert_eq!(content("x", &Inventory { note_index: Some(true), ..Inventory::default() }), []);
    }

    #[test]
    fn an_empty_data_folder_says_how_to_get_a_dataset() {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("M4_DATA_DIR", folder.path().to_str().unwrap())]);
        let findings = check(&Config::load(&env, &Flags::new()), None);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].status, Status::Warn);
        assert_eq!(findings[0].mend.as_deref(), Some("run: m4 init mimic-iv-sample"));
    }
}
