//! Looks at the issuer: whether its keys can be had, and which of them verify tokens here.

use std::collections::BTreeSet;

use mcp_server::config::{AuthSetting, Config};
use mcp_server::gate;

use super::finding::Finding;

pub(super) fn check(config: &Config) -> Option<Finding> {
    let AuthSetting::Enabled(auth) = &config.auth else { return None };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Some(Finding::fail("issuer", "the issuer was not asked").because(error.to_string()));
        }
    };
    Some(match runtime.block_on(gate::fetch_keys(auth)) {
        Err(failure) => Finding::fail("issuer", failure.to_string())
            .because("no token can be verified without the issuer's keys")
            .mend("check the network path to it, M4_OAUTH2_ISSUER_URL and M4_OAUTH2_JWKS_URL"),
        Ok(keys) => {
            let algorithms: BTreeSet<_> =
                keys.keys().flat_map(|key| key.algorithms().collect::<Vec<_>>()).collect();
            let algorithms: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
            match keys.keys().count() {
                0 => Finding::fail("issuer", "none of the issuer's keys can be used")
                    .because(skipped(&keys))
                    .mend("allow an algorithm of the issuer's in M4_OAUTH2_ALGORITHMS"),
                count => Finding::ok("issuer", format!("{count} usable keys ({})", algorithms.join(", "))),
            }
        }
    })
}

fn skipped(keys: &auth_core::jwks::KeySet) -> String {
    let reason =
        |skipped: &auth_core::jwks::Skipped| format!("key {}: {}", skipped.index + 1, skipped.reason);
    let reasons: Vec<String> = keys.skipped().iter().map(reason).collect();
    if reasons.is_empty() { "its key set is empty".to_owned() } else { reasons.join("; ") }
}

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn an_issuer_that_cannot_be_reached_fails_and_none_is_asked_while_oauth2_is_off() {
        let on = [
            ("M4_OAUTH2_ENABLED", "true"),
            // Port 1 of this machine: nothing listens there.
            ("M4_OAUTH2_ISSUER_URL", "http://127.0.0.1:1"),
            ("M4_OAUTH2_AUDIENCE", "m4-api"),
        ];
        let finding = check(&Config::load(&Environment::from_pairs(on), &Flags::new())).unwrap();
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(finding.what, "the issuer cannot be reached");
        assert_eq!(check(&Config::load(&Environment::from_pairs([("HOME", "/")]), &Flags::new())), None);
    }
}
