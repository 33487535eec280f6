//! `m4 logout`: the login ends here at once, and at the issuer as far as that can be had in a few seconds.

use std::time::Duration;

use auth_core::oauth::client::revocation::RevocationError;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::time::UnixTime;
use mcp_server::config::Config;
use mcp_server::credentials::logout::{Forgotten, Revocation, forget, revoke};
use mcp_server::credentials::store::Selection;
use mcp_server::env::Environment;
use mcp_server::error::codes;
use mcp_server::logging;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Account, list, named};
use crate::Outcome;
use crate::args::LogoutArgs;
use crate::failure::Failure;
use crate::output::{Printer, relative};

pub(in crate::commands) fn run(args: &LogoutArgs, env: &Environment, printer: &Printer) -> Outcome {
    let account = Account::open(env, &args.which.profile)?;
    // A log that cannot be written is no reason to stay logged in.
    if let Err(error) = logging::start_if_asked_for(&account.config) {
        printer.warning(error);
    }
    let which = if args.all { Selection::default() } else { args.which.of(account.profile.clone()) };
    let forgotten = forget(&account.store, &which, account.now)?;
    warn_of_the_store(&forgotten, printer);
    if forgotten.is_nothing() {
        return nothing_to_end(args, &account, &forgotten, printer);
    }
    let revocations = revoke(&forgotten.logins, WAIT_FOR_ISSUERS);
    let mut report = Report::default();
    let mut lines = Vec::new();
    for ((profile, session), revocation) in forgotten.logins.iter().zip(&revocations) {
        let name = named(profile, session);
        let problems = problems(session, revocation, account.now);
        let revoked = if problems.is_empty() { "; its tokens are revoked" } else { "" };
        lines.push((format!("logged out of {name}{revoked}"), problems.clone()));
        report.ended.push(Ended {
            profile: profile.to_string(),
            issuer: session.issuer.as_str().to_owned(),
            resource: session.resource.clone(),
            revoked: problems.is_empty(),
        });
        if printer.answers_in_json() {
            for problem in &problems {
                printer.warning(format_args!("{name}: {problem}"));
            }
        }
    }
    report.not_understood = forgotten.not_understood;
    report.unread = forgotten.unread.is_some();
    printer.answer(&report, |printer| {
        for ((line, problems), (profile, session)) in lines.iter().zip(&forgotten.logins) {
            printer.data(line)?;
            for problem in problems {
                printer.warning(format_args!("{}: {problem}", named(profile, session)));
            }
        }
        if report.not_understood > 0 {
            let count = report.not_understood;
            printer.data(format_args!(
                "removed {count} more of a newer version of M4, whose tokens are not revoked"
            ))?;
        }
        if report.unread {
            printer.data("removed every stored login; their tokens are not revoked")?;
        }
        Ok(())
    })?;
    note_configured_token(&account.config, printer);
    Ok(())
}

/// What ended.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "Logout")]
pub(in crate::commands) struct Report {
    /// The logins that were removed here.
    ended: Vec<Ended>,
    /// How many more were removed that a newer version of M4 wrote; their tokens are not revoked.
    not_understood: usize,
    /// Whether all were removed without being read; their tokens are not revoked.
    unread: bool,
}

/// A login that was removed here.
#[derive(Serialize, JsonSchema)]
struct Ended {
    profile: String,
    issuer: String,
    resource: Option<String>,
    /// Whether the issuer took its tokens back.
    revoked: bool,
}

fn warn_of_the_store(forgotten: &Forgotten, printer: &Printer) {
    if let Some(kept) = &forgotten.set_aside {
        printer.warning(format_args!(
            "the stored logins were damaged and are kept as {}; there may be tokens in it: remove it when you need it no more",
            kept.display()
        ));
    }
    if let Some(error) = &forgotten.unread {
        printer.warning(error);
    }
}

fn nothing_to_end(args: &LogoutArgs, account: &Account, forgotten: &Forgotten, printer: &Printer) -> Outcome {
    let mut others = forgotten.left.iter().filter(|(profile, _)| **profile == account.profile).peekable();
    if args.which.is_narrow() && others.peek().is_some() {
        // A misspelt URL must not look like the end of a login.
        return Err(Failure::coded(
            codes::NO_SUCH_LOGIN,
            "there is no such login",
            format!("name one of these by --issuer and --resource: {}", list(others)),
        ));
    }
    printer.answer(&Report::default(), |printer| {
        let whose = if args.all { String::new() } else { format!(" (profile {})", account.profile) };
        printer.data(format_args!("nobody is logged in{whose}"))
    })?;
    note_configured_token(&account.config, printer);
    Ok(())
}

/// What of a login is still good, in words.
fn problems(session: &StoredSession, revocation: &Revocation, now: UnixTime) -> Vec<String> {
    let told = |what: &str, error: &RevocationError| format!("the {what} token is not revoked: {error}");
    let refresh = match &revocation.refresh_token {
        Some(Err(error)) => Some(told("refresh", error)),
        Some(Ok(())) | None => None,
    };
    let access = match &revocation.access_token {
        // Of no use any more, whatever the issuer says.
        Err(_) if session.is_expired(now) => None,
        Err(error) => {
            let until = session.expires_at.map(|at| format!("; it expires {}", relative(at, now)));
            Some(told("access", error) + until.as_deref().unwrap_or_default())
        }
        Ok(()) => None,
    };
    refresh.into_iter().chain(access).collect()
}

/// A token in the settings is nothing that was logged in to, and stays in effect.
fn note_configured_token(config: &Config, printer: &Printer) {
    for shown in config.token_settings() {
        printer.note(format_args!("{} is set by {} and still gives a token", shown.key(), shown.origin));
    }
}

/// For all issuers together. Longer would be a logout that hangs; what is not revoked by then is said.
const WAIT_FOR_ISSUERS: Duration = Duration::from_secs(5);
