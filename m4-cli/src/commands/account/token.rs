//! `m4 token`: an access token for scripts, renewed if it is due, and nothing else on stdout.

use auth_core::oauth::client::stored_token::SessionKey;
use auth_core::token::without_scheme;
use mcp_server::config::AuthSetting;
use mcp_server::credentials::TokenSource;
use mcp_server::credentials::refresh::Login;
use mcp_server::credentials::store::{Selection, SessionStore as _};
use mcp_server::env::Environment;
use mcp_server::logging;
use mcp_server::tools::CallError;

use super::{Account, NotLoggedIn, list};
use crate::Outcome;
use crate::args::PrintTokenArgs;
use crate::failure::Failure;
use crate::output::Printer;

pub(in crate::commands) fn run(args: &PrintTokenArgs, env: &Environment, printer: &Printer) -> Outcome {
    if printer.shows_on_a_screen() && !args.force {
        return Err(Failure::mendable(
            "the token would stay on this screen, for everybody who sees it or scrolls back",
            "pipe it to where it is needed, or add --force",
        ));
    }
    let account = Account::open(env, &args.which.profile)?;
    logging::start_if_asked_for(&account.config)?;
    match &account.config.auth {
        _ if args.which.is_narrow() => of_login(&account, &args.which.of(account.profile.clone()), printer),
        AuthSetting::Enabled(auth) => {
            let source = TokenSource::from_config(auth, &account.config);
            let token = source.token_now()?.ok_or(NotLoggedIn)?;
            printer.data(without_scheme(token.expose()).map_err(CallError::from)?)
        }
        // No gate says which login counts.
        AuthSetting::Disabled => of_login(&account, &args.which.of(account.profile.clone()), printer),
        AuthSetting::Misconfigured(errors) => Err(errors.clone().into()),
    }
}

/// The token of the one login that is meant.
fn of_login(account: &Account, which: &Selection, printer: &Printer) -> Outcome {
    let key = the_one(account, which)?;
    let login = Login::new(account.store.clone(), account.profile.clone(), vec![key]);
    let session = login.current()?.ok_or(NotLoggedIn)?;
    printer.data(session.access_token.expose())
}

fn the_one(account: &Account, which: &Selection) -> Result<SessionKey, Failure> {
    let sessions = account.store.read()?;
    let of_profile = || sessions.iter().filter(|(profile, _)| **profile == account.profile);
    let meant: Vec<_> = of_profile().filter(|(profile, session)| which.matches(profile, session)).collect();
    match meant.as_slice() {
        [(_, session)] => Ok(session.key()),
        [] if of_profile().next().is_none() => Err(NotLoggedIn.into()),
        [] => Err(Failure::mendable(
            "there is no such login",
            format!("name one of these by --issuer and --resource: {}", list(of_profile())),
        )),
        several => Err(Failure::mendable(
            "more than one login could be meant",
            format!("name one of these by --issuer and --resource: {}", list(several.iter().copied())),
        )),
    }
}
