//! Taking over FluidMCP's login: `~/.fluidmcp/oauth/tokens.json`, with `access_token`, `refresh_token` and `expires_at`.
//!
//! The file says neither whose the tokens are nor who may renew them, so the settings have to: the gate must let the access
//! token in, and the client and token endpoint be known, under M4's names or FluidMCP's. No token is shown, ever.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::time::Duration;

use auth_core::explain::Verdict;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::token_response::TokenType;
use auth_core::scope::{Access, ScopeSet};
use auth_core::secret::Secret;
use auth_core::time::UnixTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_server::config::{AuthSetting, Config};
use mcp_server::credentials::store::{FileStore, SessionStore as _, lock_within};
use mcp_server::env::Environment;
use mcp_server::gate::clock::Clock;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::item::{Item, Kind};
use crate::commands::auth::rules::Rules;
use crate::failure::Failure;

/// The login, where there is one.
pub(super) fn find<'a>(config: &'a Config, env: &Environment) -> Option<Item<'a>> {
    let path = env.base_dirs()?.home.join(".fluidmcp").join("oauth").join("tokens.json");
    let tokens = match read(&path) {
        Ok(Some(tokens)) => tokens,
        Ok(None) => return None,
        Err((why, mend)) => {
            return Some(
                Item::problem(Kind::Login, FLUIDMCP, format!("{} {why}", path.display())).mend(mend),
            );
        }
    };
    Some(match session(tokens, config) {
        Ok(session) => take(session, config),
        Err((why, mend)) => Item::skipped(Kind::Login, FLUIDMCP, why).mend(mend),
    })
}

/// Why it is not taken over, and what to do.
type No = (String, String);

#[derive(Deserialize)]
struct Tokens {
    access_token: Secret,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

fn read(path: &Path) -> Result<Option<Tokens>, No> {
    let unreadable = |why: String| (why, LOG_IN.to_owned());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(format!("cannot be read: {error}"))),
    };
    let about = file.metadata().map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    if !about.is_file() {
        return Err(unreadable("is not a file".to_owned()));
    }
    if is_open_to_others(&about) {
        return Err((
            "can be read by other users, who may have these tokens".to_owned(),
            format!(
                "run: fluidmcp logout, then m4 login; or trust them all the same: chmod 600 '{}'",
                path.display()
            ),
        ));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LARGEST)
        .read_to_end(&mut text)
        .map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    // What serde says may quote a token.
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        unreadable(format!("is not FluidMCP's (line {}, column {})", error.line(), error.column()))
    })
}

#[cfg(unix)]
fn is_open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

/// The login as M4 stores it, where it is good for anything.
fn session(tokens: Tokens, config: &Config) -> Result<StoredSession, No> {
    let skip = |why: &str, mend: &str| Err((why.to_owned(), mend.to_owned()));
    let auth = match &config.auth {
        AuthSetting::Enabled(auth) if auth.admits_tokens() => auth,
        _ => {
            return skip(
                "no issuer is configured that its tokens could be from",
                "set M4_OAUTH2_ENABLED, M4_OAUTH2_ISSUER_URL and M4_OAUTH2_AUDIENCE, and run this again; or run m4 login",
            );
        }
    };
    let Some(refresh_token) = tokens.refresh_token.filter(|token| !token.expose().is_empty()) else {
        return skip("it cannot be renewed: there is no refresh token", LOG_IN);
    };
    let (Some(client), Some(endpoint)) = (&config.login.client, &config.login.token_endpoint) else {
        return skip(
            "nothing says who may renew it",
            "set FMCP_OAUTH_CLIENT_ID and FMCP_OAUTH_TOKEN_ENDPOINT as for FluidMCP, and run this again; or run m4 login",
        );
    };
    let place = admitted(tokens.access_token.expose(), config)?;
    let claims = claims(tokens.access_token.expose());
    let now = Clock::start().now().wall;
    Ok(StoredSession {
        issuer: auth.issuers[place].issuer.clone(),
        resource: None,
        resource_parameter: true,
        client: client.clone(),
        registered_redirect: None,
        token_endpoint: endpoint.clone(),
        revocation_endpoint: None,
        token_type: TokenType::Bearer,
        access_token: tokens.access_token,
        refresh_token: Some(refresh_token),
        scope: claims.scope.as_deref().and_then(|scope| ScopeSet::parse(scope).ok()).unwrap_or_default(),
        issued_at: claims.iat.map_or(now, UnixTime),
        expires_at: claims.exp.map(UnixTime),
        other: serde_json::Map::new(),
    })
}

/// By whose rules the gate lets the token in.
fn admitted(token: &str, config: &Config) -> Result<usize, No> {
    let refused = |why: String| (format!("the gate does not let its token in: {why}"), LOG_IN.to_owned());
    let access = Access { tool: "", dataset: None };
    let judged = Rules::of(config).and_then(|rules| rules.judge(token, &access, false));
    let unjudged = || refused("its signature could not be checked".to_owned());
    let judged = judged.map_err(|_| unjudged())?;
    match (judged.verdict(), judged.issuer()) {
        (Verdict::Passes, Some(place)) => Ok(place),
        (Verdict::Refused(rejection), _) => Err(refused(rejection.message())),
        _ => Err(unjudged()),
    }
}

/// What the token says of itself, which was proven before.
#[derive(Default, Deserialize)]
struct Claims {
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    scope: Option<String>,
}

fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn take(session: StoredSession, config: &Config) -> Item<'_> {
    let Some(store) = FileStore::configured(config) else {
        return Item::problem(Kind::Login, FLUIDMCP, "there is no home folder to store logins in")
            .mend("set M4_HOME to a folder");
    };
    let issuer = session.issuer.as_str().to_owned();
    match store.read() {
        Ok(sessions) if sessions.find(&config.login.profile, &session.key()).is_some() => {
            return Item::done(Kind::Login, FLUIDMCP, format!("there is a login at {issuer} already"));
        }
        Ok(_) => {}
        Err(error) => return Item::problem(Kind::Login, FLUIDMCP, error.to_string()).mend(LOG_IN),
    }
    Item::to_do(Kind::Login, FLUIDMCP, format!("its login at {issuer} is stored for M4"), move || {
        let locked = lock_within(&store, PATIENCE)?.ok_or_else(|| {
            Failure::mendable(
                "another program has held the lock of the stored logins for more than 30 seconds",
                "end the M4 process that hangs, and try again",
            )
        })?;
        let mut sessions = locked.read(Clock::start().now().wall)?;
        sessions.put(config.login.profile.clone(), session);
        locked.write(&sessions)?;
        Ok(format!(
            "its login at {issuer} was stored; renewing it in one program ends it in the other at most issuers"
        ))
    })
}

const FLUIDMCP: &str = "fluidmcp";
const LOG_IN: &str = "run: m4 login";
const LARGEST: u64 = 64 * 1024;
/// Longer than a renewal in another process can take.
const PATIENCE: Duration = Duration::from_secs(30);
