//! Looks at the caller's token on stdio and in the terminal: where it comes from, and what the gate would say to it.

use std::path::Path;

use auth_core::api_key::Shape;
use auth_core::explain::{Explanation, IssuerKeys, Outcome, Verdict, explain};
use auth_core::scope::Access;
use auth_core::secret::Secret;
use mcp_server::config::{AuthConfig, AuthSetting, Config};
use mcp_server::credentials::{CredentialError, TokenSource};
use mcp_server::error::Explain as _;
use mcp_server::gate;
use mcp_server::gate::clock::Clock;

use super::finding::Finding;
use super::issuer::Asked;

/// The token as it was had, once for everything that the doctor looks at.
#[derive(Debug)]
pub(super) struct Own {
    described: &'static str,
    pub(super) token: Result<Option<Secret>, CredentialError>,
}

/// Gets the token as the server would; `None` while OAuth2 is off.
pub(super) fn own(config: &Config) -> Option<Own> {
    let AuthSetting::Enabled(auth) = &config.auth else { return None };
    let source = TokenSource::from_config(auth, config);
    Some(Own { described: source.described(), token: source.token_now() })
}

/// Nothing to look at unless OAuth2 is enabled.
pub(super) fn check(config: &Config, own: Option<&Own>, issuers: &[Asked<'_>]) -> Vec<Finding> {
    let (AuthSetting::Enabled(auth), Some(own)) = (&config.auth, own) else { return Vec::new() };
    let mut findings = vec![match &own.token {
        Ok(Some(token)) => judged(token, own.described, auth, issuers),
        Ok(None) => Finding::warn("token", "nobody is logged in, and no access token is configured")
            .because("calls on stdio and `m4 query` are refused without one")
            .mend(
                "run `m4 login`, or set M4_OAUTH2_TOKEN_FILE to a file that holds the token; a program without a person \
                 gets its own with M4_OAUTH2_CLIENT_ID and M4_OAUTH2_CLIENT_SECRET",
            ),
        Err(error) => {
            let finding = Finding::fail("token", error.to_string());
            let finding = match std::error::Error::source(error) {
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

/// Has the checks of the gate made, as `m4 auth check` does.
fn judged(token: &Secret, described: &str, auth: &AuthConfig, issuers: &[Asked<'_>]) -> Finding {
    let text = token.expose();
    let is_jwt = Shape::of(text) == Ok(Shape::Jwt);
    if auth.api_keys.is_some() && !is_jwt {
        return Finding::ok(
            "token",
            format!("an API key, or a token that is not a JWT, comes from {described}"),
        );
    }
    let policies = gate::policies(auth);
    let keys = |place: usize| match issuers.get(place).map(|asked| &asked.keys) {
        Some(Ok(keys)) => IssuerKeys::Known(keys),
        Some(Err(failure)) => IssuerKeys::Unavailable(failure),
        None => IssuerKeys::NotAsked,
    };
    let every_call = Access { tool: "", dataset: None };
    let explanation = explain(text, &policies, keys, &every_call, Clock::start().now().wall);
    verdict(&explanation, described)
}

fn verdict(explanation: &Explanation, described: &str) -> Finding {
    let steps = explanation.steps();
    let decisive = [Outcome::Failed, Outcome::Unknown]
        .iter()
        .find_map(|outcome| steps.iter().find(|step| step.outcome == *outcome));
    let cause = decisive.map_or_else(String::new, |step| format!("{}: {}", step.name, step.detail));
    let hint = decisive.and_then(|step| step.hint.clone());
    let also = "`m4 auth check` shows every check";
    let mend = hint.map_or_else(|| also.to_owned(), |hint| format!("{hint}; {also}"));
    match explanation.verdict() {
        Verdict::Passes => Finding::ok(
            "token",
            format!("an access token comes from {described}, and passes every check of the gate"),
        ),
        Verdict::Refused(rejection) => Finding::fail(
            "token",
            format!("the access token of {described} is refused: {}", rejection.message()),
        )
        .because(cause)
        .mend(mend),
        Verdict::Unknown => {
            Finding::warn("token", format!("the access token of {described} could not be verified"))
                .because(cause)
                .mend(mend)
        }
    }
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

    fn findings(token: &[(&str, &str)]) -> Vec<Finding> {
        let complete = [
            ("M4_OAUTH2_ENABLED", "true"),
            ("M4_OAUTH2_ISSUER_URL", "https://i.example"),
            ("M4_OAUTH2_AUDIENCE", "a"),
        ];
        let env = Environment::from_pairs(complete.iter().chain(token).copied());
        let config = Config::load(&env, &Flags::new());
        check(&config, own(&config).as_ref(), &[])
    }

    fn statuses(token: &[(&str, &str)]) -> Vec<Status> {
        findings(token).into_iter().map(|finding| finding.status).collect()
    }

    /// A key's text passes for one wherever keys are admitted, so nothing is asked about it here.
    const KEYS: (&str, &str) = ("M4_API_KEYS_FILE", "/does/not/exist");

    #[test]
    fn a_token_is_there_or_its_absence_is_explained() {
        assert_eq!(statuses(&[KEYS, ("M4_OAUTH2_TOKEN", "t")]), [Status::Ok]);
        assert_eq!(statuses(&[]), [Status::Warn]);
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_FILE", "/does/not/exist")]), [Status::Fail]);
        assert_eq!(statuses(&[KEYS, ("M4_OAUTH2_TOKEN_COMMAND", "echo t")]), [Status::Ok]);
        assert_eq!(statuses(&[("M4_OAUTH2_TOKEN_COMMAND", "false")]), [Status::Fail]);
    }

    #[test]
    fn a_token_that_the_gate_refuses_fails_and_is_not_shown() {
        let finding = findings(&[("M4_OAUTH2_TOKEN", "s3cr3t.s3cr3t.s3cr3t")]).remove(0);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.mend.as_deref().unwrap().contains("m4 auth check"), "{finding:?}");
        assert!(!format!("{finding:?}").contains("s3cr3t"), "{finding:?}");
    }

    #[test]
    fn a_token_file_that_others_can_read_is_pointed_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "t").unwrap();
        for (mode, expected) in [(0o600, &[Status::Ok][..]), (0o644, &[Status::Ok, Status::Warn])] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(statuses(&[KEYS, ("M4_OAUTH2_TOKEN_FILE", path.to_str().unwrap())]), expected);
        }
    }
}
