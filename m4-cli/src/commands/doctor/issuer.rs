//! Looks at each issuer: whether its keys can be had, which of them verify tokens here, and whether its clock is ours.

use std::collections::BTreeSet;

use auth_core::algorithm::Algorithm;
use auth_core::jwks::{FetchFailed, KeySet};
use auth_core::oauth::metadata::MetadataError;
use auth_core::time::UnixTime;
use mcp_server::config::{AuthSetting, Config, IssuerConfig};
use mcp_server::gate;
use mcp_server::gate::clock::Clock;

use super::finding::Finding;

/// What an issuer answered.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    issuer: &'a IssuerConfig,
    pub(super) keys: Result<KeySet, FetchFailed>,
    /// How many seconds its clock is ahead of this machine's, where its answer told.
    ahead: Option<i64>,
}

/// Asks every issuer, and says what the answers are worth.
pub(in crate::commands) fn look(config: &Config) -> Vec<Finding> {
    check(config, &ask(config))
}

/// Asks every issuer once; none while OAuth2 is off.
pub(super) fn ask(config: &Config) -> Result<Vec<Asked<'_>>, std::io::Error> {
    let AuthSetting::Enabled(auth) = &config.auth else { return Ok(Vec::new()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let clock = Clock::start();
    let asked = auth.issuers.iter().map(|issuer| {
        let answer = runtime.block_on(gate::ask(issuer));
        let ahead = |theirs: UnixTime| theirs.seconds_since(clock.now().wall);
        Asked { issuer, keys: answer.keys, ahead: answer.clock.map(ahead) }
    });
    Ok(asked.collect())
}

/// One finding per issuer, and one more for each whose clock is not ours.
pub(super) fn check(config: &Config, asked: &Result<Vec<Asked<'_>>, std::io::Error>) -> Vec<Finding> {
    let AuthSetting::Enabled(auth) = &config.auth else { return Vec::new() };
    match asked {
        Ok(asked) => {
            let leeway = i64::try_from(auth.leeway.as_secs()).unwrap_or(i64::MAX);
            asked.iter().flat_map(|asked| std::iter::once(keys(asked)).chain(clock(asked, leeway))).collect()
        }
        Err(error) => vec![
            Finding::fail("issuer", "no issuer was asked")
                .because(error.to_string())
                .mend("check `ulimit -u`, and run m4 doctor again"),
        ],
    }
}

fn keys(asked: &Asked<'_>) -> Finding {
    let name = &asked.issuer.issuer;
    let keys = match &asked.keys {
        Ok(keys) => keys,
        Err(failure) => {
            return Finding::fail("issuer", format!("{name}: {failure}"))
                .because("none of its tokens can be verified without its keys")
                .mend(mend(asked.issuer, failure));
        }
    };
    let algorithms: BTreeSet<_> = keys.keys().flat_map(|key| key.algorithms().collect::<Vec<_>>()).collect();
    match keys.keys().count() {
        0 => Finding::fail("issuer", format!("{name}: none of its keys can be used"))
            .because(skipped(keys))
            .mend(format!(
                "allow an algorithm of this issuer's, as in M4_OAUTH2_ALGORITHMS='{}'; `m4 auth keys` lists its keys",
                names(&BTreeSet::from(Algorithm::ALL))
            )),
        count => Finding::ok("issuer", format!("{name}: {count} usable keys ({})", names(&algorithms))),
    }
}

fn names(algorithms: &BTreeSet<Algorithm>) -> String {
    algorithms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn mend(issuer: &IssuerConfig, failure: &FetchFailed) -> String {
    let name = issuer.issuer.as_str();
    match failure {
        FetchFailed::Metadata(MetadataError::WrongIssuerBySlash) => {
            let right = name.strip_suffix('/').map_or_else(|| format!("{name}/"), str::to_owned);
            format!("set M4_OAUTH2_ISSUER_URL to {right}, as the issuer writes it")
        }
        FetchFailed::Metadata(MetadataError::WrongIssuer) => format!(
            "set M4_OAUTH2_ISSUER_URL to the `issuer` that this prints: curl -s '{}/.well-known/openid-configuration'",
            name.trim_end_matches('/')
        ),
        _ => match &issuer.jwks_url {
            Some(url) => {
                format!("see what it answers: curl -i '{}'; is M4_OAUTH2_JWKS_URL right?", url.url())
            }
            None => format!(
                "see what it answers: curl -i '{}/.well-known/openid-configuration'; is M4_OAUTH2_ISSUER_URL right?",
                name.trim_end_matches('/')
            ),
        },
    }
}

fn skipped(keys: &KeySet) -> String {
    let reason =
        |skipped: &auth_core::jwks::Skipped| format!("key {}: {}", skipped.index + 1, skipped.reason);
    let reasons: Vec<String> = keys.skipped().iter().map(reason).collect();
    if reasons.is_empty() { "its key set is empty".to_owned() } else { reasons.join("; ") }
}

/// A clock that differs by more than the gate forgives makes good tokens look expired, or not valid yet.
fn clock(asked: &Asked<'_>, leeway: i64) -> Option<Finding> {
    let name = &asked.issuer.issuer;
    let ahead = asked.ahead?;
    let seconds = ahead.unsigned_abs();
    if ahead.abs() <= leeway {
        return None;
    }
    let (which, cause) = if ahead > 0 {
        ("ahead of", "its new tokens seem to be from the future here, and are refused")
    } else {
        ("behind", "its tokens seem to expire early here, and short-lived ones are refused at once")
    };
    Some(
        Finding::fail("clock", format!("{name}: its clock is {seconds} seconds {which} this machine's"))
            .because(cause)
            .mend(SET_THE_CLOCK),
    )
}

const SET_THE_CLOCK: &str = "set this machine's clock (run: sudo timedatectl set-ntp true, or on macOS: sudo sntp -sS time.apple.com); \
     if it is right already, the issuer's is wrong";

#[cfg(test)]
mod tests {
    use mcp_server::config::Flags;
    use mcp_server::env::Environment;

    use super::super::finding::Status;
    use super::*;

    const ISSUER: (&str, &str) = ("M4_OAUTH2_ISSUER_URL", "http://127.0.0.1:1");

    fn config(pairs: &[(&str, &str)]) -> Config {
        // Port 1 of this machine: nothing listens there.
        let complete = [("M4_OAUTH2_ENABLED", "true"), ISSUER, ("M4_OAUTH2_AUDIENCE", "m4-api")];
        Config::load(&Environment::from_pairs(complete.iter().chain(pairs).copied()), &Flags::new())
    }

    fn issuer(config: &Config) -> &IssuerConfig {
        match &config.auth {
            AuthSetting::Enabled(auth) => &auth.issuers[0],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_issuer_that_cannot_be_reached_fails_and_none_is_asked_while_oauth2_is_off() {
        let on = config(&[]);
        let findings = check(&on, &ask(&on));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].status, Status::Fail);
        assert_eq!(findings[0].what, "http://127.0.0.1:1: the issuer cannot be reached");
        assert!(findings[0].mend.as_deref().unwrap().contains("curl -i 'http://127.0.0.1:1/.well-known/"));
        let off = Config::load(&Environment::from_pairs([("HOME", "/")]), &Flags::new());
        assert_eq!(check(&off, &ask(&off)), []);
    }

    #[test]
    fn a_slash_more_or_less_comes_with_the_right_spelling() {
        let failure = FetchFailed::Metadata(MetadataError::WrongIssuerBySlash);
        for (written, right) in
            [("https://i.example/", "https://i.example,"), ("https://i.example/r", "https://i.example/r/,")]
        {
            let config = config(&[("M4_OAUTH2_ISSUER_URL", written)]);
            let mend = mend(issuer(&config), &failure);
            assert!(mend.contains(&format!("M4_OAUTH2_ISSUER_URL to {right}")), "{mend}");
        }
    }

    #[test]
    fn a_clock_counts_as_wrong_beyond_the_leeway_and_not_before() {
        let config = config(&[]);
        let found = |ahead| {
            let keys = Err(FetchFailed::Unreachable);
            clock(&Asked { issuer: issuer(&config), keys, ahead }, 60)
        };
        for fine in [None, Some(0), Some(60), Some(-60)] {
            assert_eq!(found(fine), None, "{fine:?}");
        }
        for (ahead, says) in [(61, "61 seconds ahead of"), (-600, "600 seconds behind")] {
            let finding = found(Some(ahead)).unwrap();
            assert!(finding.status == Status::Fail && finding.what.contains(says), "{finding:?}");
            assert!(finding.cause.is_some() && finding.mend.is_some());
        }
    }
}
