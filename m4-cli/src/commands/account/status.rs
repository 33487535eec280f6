//! `m4 auth status`: the stored logins, and which token is in effect. Asks nobody and renews nothing.

use std::fmt::Write as _;

use auth_core::api_key::Shape;
use auth_core::explain::{IssuerKeys, Verdict, explain};
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::scope::Access;
use auth_core::time::UnixTime;
use mcp_server::config::{AuthConfig, AuthSetting, setting};
use mcp_server::credentials::TokenSource;
use mcp_server::credentials::store::{Profile, SessionStore as _, Sessions};
use mcp_server::env::Environment;
use mcp_server::error::{Explain, codes};
use mcp_server::{gate, logging};
use schemars::JsonSchema;
use serde::Serialize;

use super::effective::TokenOrigin;
use super::{Account, NotLoggedIn};
use crate::Outcome;
use crate::args::AuthStatusArgs;
use crate::failure::Failure;
use crate::output::{Column, Paths, Printer, Table, relative, visible};

pub(in crate::commands) fn run(args: &AuthStatusArgs, env: &Environment, printer: &Printer) -> Outcome {
    let account = Account::open(env, &args.profile)?;
    logging::start_if_asked_for(&account.config)?;
    let report = Report::of(&account, printer.paths());
    printer.answer(&report, |printer| printer.data(report.text(account.now)))?;
    if report.token.usable {
        return Ok(());
    }
    Err(Failure::reported(report.token.code, report.token.message.clone(), report.token.hint.clone()))
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthStatus")]
pub(in crate::commands) struct Report {
    /// `on`, `off`, `misconfigured`, or `api-keys` where no token is admitted.
    gate: &'static str,
    profile: String,
    token: TokenReport,
    /// Where the logins are stored.
    store: String,
    logins: Vec<LoginReport>,
}

/// The token that calls on stdio and in the terminal present.
#[derive(Serialize, JsonSchema)]
struct TokenReport {
    /// Whether it can be expected to work.
    usable: bool,
    #[serde(flatten)]
    origin: Option<TokenOrigin>,
    /// What there is to know about it, in words.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The word for why it is not usable.
    #[serde(skip)]
    code: &'static str,
}

/// A stored login.
#[derive(Serialize, JsonSchema)]
struct LoginReport {
    profile: String,
    issuer: String,
    resource: Option<String>,
    client_id: String,
    scopes: Vec<String>,
    issued_at: String,
    expires_at: Option<String>,
    /// Whether it can be renewed without a person.
    refreshable: bool,
    /// `active`, `due` for renewal at the next use, or `expired`.
    state: &'static str,
    /// Whether the token in effect is its.
    in_effect: bool,
    #[serde(skip)]
    expiry: Option<UnixTime>,
}

impl Report {
    fn of(account: &Account, paths: &Paths) -> Self {
        let (sessions, problem) = match account.store.read() {
            Ok(sessions) => (sessions, None),
            Err(error) => (Sessions::default(), Some(error)),
        };
        let mut own = sessions.iter().filter(|(profile, _)| **profile == account.profile);
        let usable = own.any(|(_, session)| state(session, account.now) != EXPIRED);
        let (gate, mut token) = match &account.config.auth {
            AuthSetting::Enabled(auth) if auth.admits_tokens() => {
                ("on", in_effect(account, auth, &sessions, paths))
            }
            AuthSetting::Enabled(auth) => ("api-keys", in_effect(account, auth, &sessions, paths)),
            AuthSetting::Disabled => {
                ("off", TokenReport { usable, ..TokenReport::unusable(codes::NOT_LOGGED_IN, GATE_OFF, None) })
            }
            AuthSetting::Misconfigured(errors) => {
                let message = format!("OAuth2 is misconfigured: {errors}");
                (
                    "misconfigured",
                    TokenReport::unusable(codes::MISCONFIGURED, &paths.in_text(&message), errors.hint()),
                )
            }
        };
        if let Some(error) = problem.filter(|_| !matches!(token.origin, Some(TokenOrigin::Setting { .. }))) {
            token = TokenReport::failed(&error, paths);
        }
        let logins =
            sessions.iter().map(|(profile, session)| LoginReport::of(profile, session, &token, account.now));
        let store = account.config.locations.logins_file.as_ref();
        Self {
            gate,
            profile: account.profile.to_string(),
            store: store.map(|path| paths.path(path)).unwrap_or_default(),
            logins: logins.collect(),
            token,
        }
    }

    fn text(&self, now: UnixTime) -> String {
        let origin = match &self.token.origin {
            Some(TokenOrigin::Nowhere) | None => String::new(),
            Some(origin) => format!("{origin}: "),
        };
        let (gate, profile, message) = (self.gate, &self.profile, visible(&self.token.message));
        let mut text = format!("gate:    {gate}\nprofile: {profile}\ntoken:   {origin}{message}\n");
        if let Some(hint) = &self.token.hint {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "hint:    {hint}");
        }
        if self.logins.is_empty() {
            let _ = write!(text, "logins:  none in {}", self.store);
        } else {
            let _ = write!(text, "logins:  {}\n{}", self.store, table(&self.logins, now));
        }
        text
    }
}

/// The token that the configuration puts into effect.
fn in_effect(account: &Account, auth: &AuthConfig, sessions: &Sessions, paths: &Paths) -> TokenReport {
    let source = TokenSource::from_config(auth, &account.config);
    let stored = source.login().and_then(|login| login.stored_in(sessions));
    let origin = TokenOrigin::of(&account.config, &source, stored, paths);
    let report = match (&origin, stored) {
        (TokenOrigin::Nowhere, _) => TokenReport::failed(&NotLoggedIn, paths),
        (TokenOrigin::Client { .. }, _) => TokenReport::usable("it is asked for at its first use"),
        // A command may ask anybody for anything.
        (TokenOrigin::Setting { key, .. }, _) if *key == setting::OAUTH2_TOKEN_COMMAND.key => {
            TokenReport::usable("the command is run at its first use")
        }
        (_, Some(session)) => of_login(session, auth, account.now),
        _ => match source.token_now() {
            Ok(Some(token)) => judged(token.expose(), auth, account.now),
            Ok(None) => TokenReport::failed(&NotLoggedIn, paths),
            Err(error) => TokenReport::failed(&error, paths),
        },
    };
    TokenReport { origin: Some(origin), ..report }
}

fn of_login(session: &StoredSession, auth: &AuthConfig, now: UnixTime) -> TokenReport {
    match state(session, now) {
        EXPIRED => {
            let hint = Some("run `m4 login`".to_owned());
            TokenReport::unusable(codes::LOGIN_FAILED, "it has expired and cannot be renewed", hint)
        }
        DUE => TokenReport::usable("it is renewed at its next use"),
        _ => {
            let judged = judged(session.access_token.expose(), auth, now);
            match session.expires_at.filter(|_| judged.usable) {
                Some(at) => TokenReport { message: format!("expires {}", relative(at, now)), ..judged },
                None => judged,
            }
        }
    }
}

/// What the gate says to a token as far as that can be said without keys.
fn judged(token: &str, auth: &AuthConfig, now: UnixTime) -> TokenReport {
    if auth.api_keys.is_some() && Shape::of(token).is_ok_and(|shape| shape != Shape::Jwt) {
        return TokenReport::usable("an API key, which is not looked at here");
    }
    let (policies, access) = (gate::policies(auth), Access { tool: "", dataset: None });
    match explain(token, &policies, |_| IssuerKeys::NotAsked, &access, now).verdict() {
        Verdict::Refused(rejection) => {
            let hint = "`m4 auth check` shows every check of the gate".to_owned();
            TokenReport::unusable(rejection.code(), &rejection.message(), Some(hint))
        }
        Verdict::Passes | Verdict::Unknown => {
            TokenReport::usable("nothing speaks against it; `m4 auth check` checks its signature too")
        }
    }
}

impl TokenReport {
    fn usable(message: &str) -> Self {
        Self { usable: true, ..Self::unusable(codes::FAILED, message, None) }
    }

    fn unusable(code: &'static str, message: &str, hint: Option<String>) -> Self {
        Self { usable: false, origin: None, message: message.to_owned(), hint, code }
    }

    fn failed(error: &dyn Explain, paths: &Paths) -> Self {
        let hint = error.hint().map(|hint| paths.in_text(&hint));
        Self::unusable(error.code(), &paths.in_text(&error.to_string()), hint)
    }
}

impl LoginReport {
    fn of(profile: &Profile, session: &StoredSession, token: &TokenReport, now: UnixTime) -> Self {
        let (issuer, profile) = (session.issuer.as_str().to_owned(), profile.to_string());
        let itself = TokenOrigin::Login {
            issuer: issuer.clone(),
            resource: session.resource.clone(),
            profile: profile.clone(),
        };
        Self {
            in_effect: token.origin.as_ref() == Some(&itself),
            profile,
            issuer,
            resource: session.resource.clone(),
            client_id: session.client.client_id().to_owned(),
            scopes: session.scope.iter().map(str::to_owned).collect(),
            issued_at: session.issued_at.to_string(),
            expires_at: session.expires_at.map(|at| at.to_string()),
            refreshable: session.refresh_token.is_some(),
            state: state(session, now),
            expiry: session.expires_at,
        }
    }
}

fn state(session: &StoredSession, now: UnixTime) -> &'static str {
    match (session.refresh_token.is_some(), session.is_expired(now)) {
        (false, true) => EXPIRED,
        (true, _) if session.refresh_due(now) => DUE,
        _ => ACTIVE,
    }
}

fn table(logins: &[LoginReport], now: UnixTime) -> String {
    let column = |name: &str| Column { name: name.to_owned(), numeric: false };
    let columns = ["", "profile", "issuer", "resource", "client", "scopes", "expires", "renewable"];
    let mut table = Table::new(columns.map(column).into());
    for login in logins {
        let expires = login.expiry.map_or_else(|| "not said".to_owned(), |at| relative(at, now));
        table.push(vec![
            Some(if login.in_effect { "*" } else { "" }.to_owned()),
            Some(login.profile.clone()),
            Some(login.issuer.clone()),
            Some(login.resource.clone().unwrap_or_default()),
            Some(login.client_id.clone()),
            Some(login.scopes.join(", ")),
            Some(expires),
            Some(if login.refreshable { "yes" } else { "no" }.to_owned()),
        ]);
    }
    table.render(WIDEST)
}

const ACTIVE: &str = "active";
const DUE: &str = "due";
const EXPIRED: &str = "expired";

const GATE_OFF: &str = "none is needed: OAuth2 is off, and every caller is let in";

/// Wide enough for an issuer's URL.
const WIDEST: usize = 100;
