//! Looks at where the caller's token on stdio and in the terminal comes from.

use std::path::Path;

use mcp_server::config::{AuthSetting, Config};
use mcp_server::credentials::TokenSource;
use mcp_server::error::Explain;

use super::finding::Finding;

/// Nothing to look at unless OAuth2 is enabled.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let AuthSetting::Enabled(auth) = &config.auth else { return Vec::new() };
    let source = TokenSource::from_config(auth, config);
    let mut findings = vec![match source.token_now() {
        Ok(Some(_)) => {
            Finding::ok("token", format!("an access token or API key comes from {}", source.described()))
        }
        Ok(None) => Finding::warn("token", "nobody is logged in, and no access token is configured")
            .because("calls on stdio and `m4 query` are refused without one")
            .mend(
                "run `m4 login`, or set M4_OAUTH2_TOKEN_FILE to a file that holds the token; a program without a person \
                 gets its own with M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET",
            ),
        Err(error) => {
            let finding = Finding::fail("token", error.to_string());
            let finding = match std::error::Error::source(&error) {
                Some(cause) => finding.because(cause.to_string()),
                None => finding,
            };
            match error.hint() {
                Some(hint) => finding.mend(hint),
                None => finding,
            }
        }
    }];
    findings.extend(auth.token.file.as_deref().and_then(open_to_others));
    findings
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        Finding::warn("token", format!("{} is open to other users", path.display()))
            .because("whoever reads the token can use it until it expires")
            .mend(format!("run: chmod 600 '{}'", path.display()))
    })
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<Finding> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;

    fn statuses(token: &[(&str, &str)]) -> Vec<Status> {
        let complete = [
            ("M4_OAUTH2_ENABLED", "true"),
            ("M4_OAUTH2_ISSUER_URL", "https://i.example"),
            ("M4_OAUTH2_AUDIENCE", "a"),
        ];
        let env = Environment::from_pairs(complete.iter().chain(token).copied());
        check(&Config::load(&env, &Flags::new())).into_iter().map(|finding| finding.status).collect()
    }

    #[test]
    fn a_token_is_there_or_its_absence_is_explained() {
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN", "t")]), [Status::Ok]);
        assert_eq!(statuses(&[]), [Status::Warn]);
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_FILE", "/does/not/exist")]), [Status::Fail]);
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_COMMAND", "echo t")]), [Status::Ok]);
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_COMMAND", "false")]), [Status::Fail]);
    }

    #[test]
    fn a_token_file_that_others_can_read_is_pointed_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "t").unwrap();
        for (mode, expected) in [(0o600, &[Status::Ok][..]), (0o644, &[Status::Ok, Status::Warn])] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_FILE", path.to_str().unwrap())]), expected);
        }
    }
}
