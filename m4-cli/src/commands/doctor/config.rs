//! Looks at the configuration: its mistakes, its warnings, who may read its files, where the data lies.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mcp_server::config::{AuthSetting, Config, IssuerConfig, Problem};
use mcp_server::gate;

use super::finding::Finding;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![file(config)];
    findings.extend(auth(config));
    findings.extend(config.problems().problems().iter().map(|problem| mistake("settings", problem)));
    findings.extend(config.warnings().iter().map(|warning| Finding::warn("settings", warning.to_string())));
    if !config.locations.data_dir.as_os_str().is_empty() {
        findings.push(data(&config.locations.data_dir));
    }
    findings
}

fn file(config: &Config) -> Finding {
    match &config.locations.config_file {
        Some(path) if path.exists() => Finding::ok("file", format!("configuration file {}", path.display())),
        Some(path) => {
            Finding::ok("file", format!("no configuration file at {}; defaults hold", path.display()))
        }
        None => Finding::warn("file", "there is no home folder for a configuration file")
            .mend("set M4_HOME to a folder, or M4_CONFIG to a file"),
    }
}

fn auth(config: &Config) -> Vec<Finding> {
    match &config.auth {
        AuthSetting::Enabled(auth) => match gate::unsupported(auth) {
            Some(what) => vec![
                Finding::fail("oauth2", what)
                    .because("until this is mended nobody gets data")
                    .mend("change that setting"),
            ],
            None if !auth.admits_tokens() => {
                vec![Finding::ok("oauth2", "disabled: only API keys are let in")]
            }
            None => auth.issuers.iter().map(accepted).collect(),
        },
        AuthSetting::Disabled => vec![Finding::ok("oauth2", "disabled: every caller is let in")],
        AuthSetting::Misconfigured(errors) => errors
            .problems()
            .iter()
            .map(|problem| mistake("oauth2", problem).because("until this is mended nobody gets data"))
            .collect(),
    }
}

fn accepted(issuer: &IssuerConfig) -> Finding {
    let audiences = issuer.audiences.join(", ");
    Finding::ok("oauth2", format!("enabled, issuer {}, audience {audiences}", issuer.issuer))
}

fn mistake(check: &'static str, problem: &Problem) -> Finding {
    let finding = Finding::fail(check, problem.to_string());
    match &problem.hint {
        Some(hint) => finding.mend(hint.clone()),
        None => finding,
    }
}

fn data(folder: &Path) -> Finding {
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() && meta.permissions().readonly() => {
            Finding::warn("data", format!("{} cannot be written", folder.display()))
                .because("datasets cannot be set up there")
                .mend(format!("run: chmod u+w '{}'", folder.display()))
        }
        Ok(meta) if meta.is_dir() => Finding::ok("data", format!("data folder {}", folder.display())),
        Ok(_) => Finding::fail("data", format!("{} is not a folder", folder.display()))
            .because("databases lie in it")
            .mend("set M4_DATA_DIR to a folder"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Finding::warn("data", format!("no data folder at {}", folder.display()))
                .because("no dataset is set up yet")
                .mend("run: m4 init mimic-iv-sample")
        }
        Err(error) => Finding::fail("data", format!("{} cannot be looked at", folder.display()))
            .because(error.to_string())
            .mend("make it yours, or set M4_DATA_DIR to another folder"),
    }
}

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;

    fn worst(pairs: &[(&str, &str)]) -> Vec<(&'static str, Status)> {
        let config = Config::load(&Environment::from_pairs(pairs.iter().copied()), &Flags::new());
        check(&config)
            .into_iter()
            .filter(|finding| finding.status != Status::Ok && finding.check != "file")
            .inspect(|finding| assert!(finding.mend.is_some() || finding.check == "settings", "{finding:?}"))
            .map(|finding| (finding.check, finding.status))
            .collect()
    }

    #[test]
    fn each_mistake_is_its_own_finding() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        assert_eq!(worst(&[("M4_DATA_DIR", data)]), []);
        assert_eq!(
            worst(&[
                ("M4_DATA_DIR", data),
                ("M4_OAUTH2_ENABLED", "1"),
                ("M4_QUERY_THREADS", "0"),
                ("M3_BACKEND", "duckdb")
            ]),
            [
                ("oauth2", Status::Fail),
                ("oauth2", Status::Fail),
                ("settings", Status::Fail),
                ("settings", Status::Warn)
            ]
        );
        let redis = [
            ("M4_DATA_DIR", data),
            ("M4_OAUTH2_ENABLED", "1"),
            ("M4_OAUTH2_ISSUER_URL", "https://issuer.example"),
            ("M4_OAUTH2_AUDIENCE", "m4-api"),
            ("M4_OAUTH2_RATE_LIMIT_STORE", "redis://localhost"),
        ];
        assert_eq!(worst(&redis), [("oauth2", Status::Fail)]);
        assert_eq!(worst(&[("M4_DATA_DIR", "/does/not/exist")]), [("data", Status::Warn)]);
        assert_eq!(worst(&[("M4_DATA_DIR", "/dev/null")]), [("data", Status::Fail)]);
    }
}
