//! The stored logins of whoever runs this: which there are, which counts, and how they end.

mod effective;
pub(super) mod logout;
pub(super) mod status;
pub(super) mod token;
pub(super) mod whoami;

use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::time::UnixTime;
use mcp_server::config::{Config, Flags, setting};
use mcp_server::credentials::store::{FileStore, Profile};
use mcp_server::env::Environment;
use mcp_server::error::{Explain, codes};
use mcp_server::gate::clock::Clock;

use crate::args::ProfileArg;
use crate::failure::Failure;
use crate::output::visible;

/// The configuration, the store of logins, and whose logins are meant.
struct Account {
    config: Config,
    store: FileStore,
    profile: Profile,
    now: UnixTime,
}

impl Account {
    /// Needs a home and a profile, and nothing else of the configuration to be right.
    fn open(env: &Environment, profile: &ProfileArg) -> Result<Self, Failure> {
        let named = profile.profile.as_ref().map(Profile::to_string);
        let config = Config::load(env, &Flags::new().with(&setting::LOGIN_PROFILE, "--profile", named));
        // The default profile in the place of a misspelt one would be somebody else's logins.
        if let Some(problem) = config.problem_with(&setting::LOGIN_PROFILE) {
            return Err(Failure::mendable(
                problem.to_string(),
                "correct it, or name a profile with --profile",
            ));
        }
        let store = FileStore::configured(&config).ok_or_else(|| {
            Failure::mendable("there is no home folder that logins could be in", "set M4_HOME to a folder")
        })?;
        let profile = config.login.profile.clone();
        Ok(Self { config, store, profile, now: Clock::start().now().wall })
    }
}

/// A login as people tell it from others, fit for a terminal.
fn named(profile: &Profile, session: &StoredSession) -> String {
    let resource = session.resource.as_ref().map_or_else(String::new, |url| format!(" for {}", visible(url)));
    format!("{}{resource} (profile {profile})", visible(session.issuer.as_str()))
}

/// These logins as a list in words.
fn list<'a>(logins: impl Iterator<Item = (&'a Profile, &'a StoredSession)>) -> String {
    logins.map(|(profile, session)| named(profile, session)).collect::<Vec<_>>().join(", ")
}

/// There is no token to speak of.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("nobody is logged in, and no token is configured")]
struct NotLoggedIn;

impl Explain for NotLoggedIn {
    fn hint(&self) -> Option<String> {
        Some("run `m4 login`, or set M4_OAUTH2_TOKEN_FILE to a file that holds a token".to_owned())
    }

    fn code(&self) -> &'static str {
        codes::NOT_LOGGED_IN
    }
}
