//! Looks at each issuer: whether its keys can be had, and which of them verify tokens here.

use std::collections::BTreeSet;

use auth_core::jwks::{FetchFailed, KeySet};
use mcp_server::config::{AuthSetting, Config, IssuerConfig};
use mcp_server::gate;

use super::finding::Finding;

/// One finding per issuer; none while OAuth2 is off.
pub(in crate::commands) fn check(config: &Config) -> Vec<Finding> {
    let AuthSetting::Enabled(auth) = &config.auth else { return Vec::new() };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return vec![Finding::fail("issuer", "no issuer was asked").because(error.to_string())];
        }
    };
    let found = |issuer| finding(issuer, runtime.block_on(gate::fetch_keys(issuer)));
    auth.issuers.iter().map(found).collect()
}

fn finding(issuer: &IssuerConfig, answer: Result<KeySet, FetchFailed>) -> Finding {
    let name = &issuer.issuer;
    let keys = match answer {
        Ok(keys) => keys,
        Err(failure) => {
            return Finding::fail("issuer", format!("{name}: {failure}"))
                .because("none of its tokens can be verified without its keys")
                .mend("check the network path to it, its issuer_url and its jwks_url");
        }
    };
    let algorithms: BTreeSet<_> = keys.keys().flat_map(|key| key.algorithms().collect::<Vec<_>>()).collect();
    let algorithms: Vec<String> = algorithms.iter().map(ToString::to_string).collect();
    match keys.keys().count() {
        0 => Finding::fail("issuer", format!("{name}: none of its keys can be used"))
            .because(skipped(&keys))
            .mend("allow an algorithm of this issuer's in M4_OAUTH2_ALGORITHMS"),
        count => Finding::ok("issuer", format!("{name}: {count} usable keys ({})", algorithms.join(", "))),
    }
}

fn skipped(keys: &KeySet) -> String {
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
        let findings = check(&Config::load(&Environment::from_pairs(on), &Flags::new()));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].status, Status::Fail);
        assert_eq!(findings[0].what, "http://127.0.0.1:1: the issuer cannot be reached");
        assert_eq!(check(&Config::load(&Environment::from_pairs([("HOME", "/")]), &Flags::new())), []);
    }
}
