//! Looks at the datasets: which are set up, and which definitions could not be used.

use mcp_server::config::{AuthSetting, Config};
use mcp_server::dataset::Registry;
use mcp_server::error::Explain as _;

use super::finding::Finding;

pub(super) fn check(config: &Config) -> Vec<Finding> {
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

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;

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
        let findings = check(&Config::load(&env, &Flags::new()));
        let warned: Vec<_> = findings.iter().filter(|finding| finding.what.contains("guards")).collect();
        assert_eq!(warned.len(), 1);
        assert!(warned[0].what.contains("mimic-iv-nots"));
    }

    #[test]
    fn an_empty_data_folder_says_how_to_get_a_dataset() {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("M4_DATA_DIR", folder.path().to_str().unwrap())]);
        let findings = check(&Config::load(&env, &Flags::new()));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].status, Status::Warn);
        assert_eq!(findings[0].mend.as_deref(), Some("run: m4 init mimic-iv-sample"));
    }
}
