//! Looks at the file of API keys: whether a server can read it, and whether anybody can still use a key of it.

use auth_core::time::UnixTime;
use mcp_server::api_keys;
use mcp_server::config::Config;
use mcp_server::error::Explain;
use mcp_server::gate::clock::Clock;

use super::finding::Finding;

/// Nothing to look at unless a file is configured.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let now = Clock::start().now().wall;
    config.api_keys.file.as_deref().map(|file| finding(file, now)).into_iter().collect()
}

fn finding(file: &std::path::Path, now: UnixTime) -> Finding {
    let keys = match api_keys::read(file) {
        Ok(keys) => keys,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let finding = Finding::fail("api keys", error.to_string())
                .because(cause.unwrap_or_else(|| "until this is mended nobody gets in by key".to_owned()));
            return match error.hint() {
                Some(hint) => finding.mend(hint),
                None => finding,
            };
        }
    };
    let expired = keys.iter().filter(|key| key.expired_at(now).is_some()).count();
    if expired == keys.len() {
        return Finding::warn("api keys", format!("no key in {} works", file.display()))
            .because(if keys.is_empty() { "there is none" } else { "all have expired" })
            .mend("run: m4 keys create NAME");
    }
    Finding::ok("api keys", format!("{} keys, {expired} of them expired", keys.len()))
}

#[cfg(test)]
mod tests {
    use auth_core::api_key::KeyName;
    use auth_core::scope::ScopeSet;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_file_that_lets_nobody_in_is_pointed_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        let status = |now| {
            let finding = finding(&file, UnixTime(now));
            assert!(finding.status == Status::Ok || finding.mend.is_some(), "{finding:?}");
            finding.status
        };
        assert_eq!(status(0), Status::Fail);
        let name = KeyName::parse("a").unwrap();
        let scopes = ScopeSet::parse("a").unwrap();
        api_keys::create(&file, name, scopes, UnixTime(0), Some(UnixTime(10))).unwrap();
        assert_eq!([status(9), status(10)], [Status::Ok, Status::Warn]);
        api_keys::revoke(&file, "a").unwrap();
        assert_eq!(status(0), Status::Warn);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(status(0), Status::Fail);
    }
}
