//! Looks at the clients' files, as `m4 config check` does.

use std::path::Path;

use mcp_server::env::Environment;

use super::finding::{Finding, Status};
use crate::clients::Client;
use crate::commands::config::{ClientReport, look};
use crate::programs;

/// Nothing is said of clients that have no file, or no server of M4 in it.
pub(super) fn check(own: Option<&Path>, env: &Environment) -> Vec<Finding> {
    let server = programs::server(own, env);
    Client::users_files(env)
        .flat_map(|(client, path)| look(client, &path, server.as_deref(), env))
        .filter(|report| report.server.is_some() || report.status != Status::Ok)
        .map(finding)
        .collect()
}

fn finding(report: ClientReport) -> Finding {
    let server = report.server.map(|server| format!("`{server}` ")).unwrap_or_default();
    let what = format!("{}: {server}{}", report.client, report.what);
    let finding = match report.status {
        Status::Ok => return Finding::ok("client", what),
        Status::Warn => Finding::warn("client", what).because("it may not do what is meant"),
        Status::Fail => Finding::fail("client", what).because("the client does not get to M4"),
    };
    let finding =
        Finding { cause: finding.cause.map(|cause| format!("{cause} ({})", report.file)), ..finding };
    match report.mend {
        Some(mend) => finding.mend(mend),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mcp_server::env::BaseDirs;

    use super::*;

    #[test]
    fn a_file_that_does_not_parse_or_starts_nothing_is_pointed_out_and_others_are_not() {
        let home = tempfile::tempdir().unwrap();
        let dirs = BaseDirs {
            home: home.path().into(),
            config: home.path().join(".config"),
            data: home.path().join(".data"),
        };
        let env = Environment::default().with_base_dirs(dirs);
        assert_eq!(check(None, &env), []);
        let cursor = home.path().join(".cursor/mcp.json");
        fs::create_dir_all(cursor.parent().unwrap()).unwrap();
        fs::write(&cursor, r#"{"mcpServers": {"other": {"command": "x"}}}"#).unwrap();
        assert_eq!(check(None, &env), []);
        for broken in ["{ s3cr3t", r#"{"mcpServers": {"m4": {"command": "/none/m4-mcp-server"}}}"#] {
            fs::write(&cursor, broken).unwrap();
            let findings = check(None, &env);
            assert_eq!((findings.len(), findings[0].status), (1, Status::Fail), "{findings:?}");
            assert!(findings[0].mend.is_some() && !format!("{findings:?}").contains("s3cr3t"));
        }
    }
}
