//! `m4 login`.

use std::fmt::Write as _;
use std::time::Duration;

use auth_core::oauth::client::authorization::RedirectUri;
use auth_core::oauth::client::device::DeviceAuthorization;
use auth_core::oauth::client::login::LoginSettings;
use auth_core::oauth::client::stored_token::StoredSession;
use auth_core::oauth::client::www_authenticate::TokenChallenge;
use mcp_server::config::Config;
use mcp_server::credentials::probe;
use mcp_server::credentials::store::{FileStore, SessionStore as _, Sessions, StoreError, lock_within};
use mcp_server::env::Environment;
use mcp_server::gate::clock::Clock;
use mcp_server::logging;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::timeout_at;

use crate::Outcome;
use crate::args::LoginArgs;
use crate::failure::Failure;
use crate::login::loopback::Loopback;
use crate::login::page::Page;
use crate::login::person::Person;
use crate::login::plan::{Place, Plan};
use crate::login::{device, driver};
use crate::output::{Paths, Printer, visible};

pub(super) fn run(args: &LoginArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &args.flags());
    logging::start_if_asked_for(&config)?;
    for warning in config.warnings() {
        printer.warning(warning);
    }
    if let Some(name) = configured_token(&config).filter(|_| args.mcp.is_none() && !args.force) {
        return printer.answer(&None::<Report<'_>>, |printer| {
            printer.note(format_args!(
                "{name} gives the token that is used, so there is no need to log in; --force logs in all the same"
            ));
            Ok(())
        });
    }
    let plan = Plan::new(&config, args.mcp.as_deref())?;
    if let Some(warning) = &plan.warning {
        printer.warning(warning);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::io("the operating system gave no threads to work with", "check `ulimit -u`", error)
    })?;
    let outcome = runtime.block_on(log_in(args, &plan, printer));
    // A program that was asked for the desktop's browser may still be running.
    runtime.shutdown_background();
    let session = outcome?;
    let report = Report::of(&session, &plan, printer.paths());
    printer.answer(&report, |printer| printer.data(report.text()))
}

/// Ctrl-C ends the process: what is stored is stored as a whole or not at all.
async fn log_in(args: &LoginArgs, plan: &Plan, printer: &Printer) -> Result<StoredSession, Failure> {
    let store = &plan.store;
    // Read first: what cannot be stored is not to be asked for.
    let sessions = match store.read() {
        // They stay where they are until there is a login to take their place.
        Err(StoreError::Sealed { source, .. }) => {
            printer.warning(format_args!("the stored logins are sealed, and {source}"));
            Sessions::default()
        }
        _ => change(store, printer, |_| {})?,
    };
    let challenge = match &plan.place {
        Place::Server(url) => probe::challenge(url).await?,
        Place::Issuer(..) | Place::Endpoints(..) => None,
    };
    if args.device {
        on_another_device(args, plan, printer, &sessions, challenge).await
    } else {
        in_a_browser(args, plan, printer, &sessions, challenge).await
    }
}

async fn in_a_browser(
    args: &LoginArgs,
    plan: &Plan,
    printer: &Printer,
    sessions: &Sessions,
    challenge: Option<TokenChallenge>,
) -> Result<StoredSession, Failure> {
    let is_pinned = plan.login.redirect_uri.is_some();
    let listener = match Loopback::bind(&plan.redirect_uri, is_pinned).await {
        Ok(listener) => Some(listener),
        // The address can be pasted all the same.
        Err(error) if args.no_browser => {
            printer.note(format_args!("{error}"));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let redirect_uri = listener.as_ref().map_or(&plan.redirect_uri, Loopback::redirect_uri).clone();
    if redirect_uri != plan.redirect_uri {
        printer.note(format_args!(
            "Port {} is taken, so the browser returns to {redirect_uri}; an issuer that knows another one will refuse it.",
            plan.redirect_uri.port()
        ));
    }
    let settings = plan.settings(challenge, redirect_uri.clone(), sessions)?;
    let mut person = person(args, printer, redirect_uri, listener, &settings);
    let outcome = driver::run(settings, driver::randomness()?, &mut person).await;
    // The page says that the login is there once it is.
    let outcome = match outcome {
        Ok(session) => keep(plan, printer, session),
        Err(error) => Err(error.into()),
    };
    let page = match &outcome {
        Ok(session) => Page::success(session.issuer.as_str()),
        Err(failure) => match failure.error() {
            Some(error) => Page::failure(&error.to_string(), error.hint().as_deref()),
            None => Page::failure("the login was not stored", None),
        },
    };
    person.finish(page).await;
    outcome
}

async fn on_another_device(
    args: &LoginArgs,
    plan: &Plan,
    printer: &Printer,
    sessions: &Sessions,
    challenge: Option<TokenChallenge>,
) -> Result<StoredSession, Failure> {
    let redirect_uri = plan.redirect_uri.clone();
    let settings = plan.settings(challenge, redirect_uri.clone(), sessions)?;
    let mut person = person(args, printer, redirect_uri, None, &settings);
    let deadline = person.deadline();
    let show = |authorization: &DeviceAuthorization| printer.ask(to_confirm(authorization));
    match timeout_at(deadline, device::run(&settings, &mut person, show)).await {
        Ok(outcome) => keep(plan, printer, outcome?),
        Err(_) => Err(person.timed_out().into()),
    }
}

fn person(
    args: &LoginArgs,
    printer: &Printer,
    redirect_uri: RedirectUri,
    listener: Option<Loopback>,
    settings: &LoginSettings,
) -> Person {
    let configured = settings.client.clone();
    Person::new(printer.clone(), !args.no_browser, redirect_uri, listener, configured, args.timeout)
}

fn to_confirm(authorization: &DeviceAuthorization) -> String {
    let mut text = format!(
        "On any device, open {} and enter the code:\n\n  {}\n",
        authorization.verification_uri.url(),
        authorization.user_code
    );
    if let Some(complete) = &authorization.verification_uri_complete {
        // Writing to a string cannot fail.
        let _ = write!(text, "\nOr open this, and compare the code:\n\n  {}\n", complete.url());
    }
    text
}

fn keep(plan: &Plan, printer: &Printer, session: StoredSession) -> Result<StoredSession, Failure> {
    change(&plan.store, printer, |sessions| sessions.put(plan.login.profile.clone(), session.clone()))?;
    Ok(session)
}

/// Changes what is stored, under the store's lock.
fn change(
    store: &FileStore,
    printer: &Printer,
    make: impl FnOnce(&mut Sessions),
) -> Result<Sessions, Failure> {
    let locked = lock_within(store, PATIENCE)?.ok_or_else(|| {
        Failure::mendable(
            "another program has held the lock of the stored logins for more than 30 seconds",
            "end the M4 process that hangs, and try again",
        )
    })?;
    let mut sessions = locked.read_or_set_aside(Clock::start().now().wall)?;
    if let Some(kept) = sessions.set_aside() {
        printer.warning(format_args!(
            "the stored logins could not be read; what was there is kept as {}",
            kept.display()
        ));
    }
    make(&mut sessions);
    locked.write(&sessions)?;
    Ok(sessions)
}

/// Under which name a token is configured that is used in place of any login.
fn configured_token(config: &Config) -> Option<String> {
    let given = config.token_settings().next()?;
    Some(match &given.origin {
        mcp_server::config::Origin::File(path) => format!("{} in {}", given.setting.key, path.display()),
        origin => origin.to_string(),
    })
}

/// The login.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Login")]
pub(super) struct Report<'a> {
    issuer: &'a str,
    resource: Option<&'a str>,
    profile: &'a str,
    client_id: &'a str,
    scopes: Vec<&'a str>,
    expires_at: Option<String>,
    /// Whether it goes on after that.
    renewable: bool,
    stored_in: String,
}

impl<'a> Report<'a> {
    fn of(session: &'a StoredSession, plan: &'a Plan, paths: &Paths) -> Self {
        Self {
            issuer: session.issuer.as_str(),
            resource: session.resource.as_deref(),
            profile: plan.login.profile.as_str(),
            client_id: session.client.client_id(),
            scopes: session.scope.iter().collect(),
            expires_at: session.expires_at.map(|at| at.to_string()),
            renewable: session.refresh_token.is_some(),
            stored_in: paths.path(plan.store.path()),
        }
    }

    fn text(&self) -> String {
        let resource =
            self.resource.map_or_else(String::new, |resource| format!(" for {}", visible(resource)));
        let lasts = match (&self.expires_at, self.renewable) {
            (_, true) => "it is renewed as needed".to_owned(),
            (Some(at), false) => format!("it ends at {at}: the issuer gave no refresh token"),
            (None, false) => "the issuer does not say when it ends".to_owned(),
        };
        format!("logged in at {}{resource}\n{lasts}", visible(self.issuer))
    }
}

/// Longer than a renewal in another process can take.
const PATIENCE: Duration = Duration::from_secs(30);
