//! `m4 whoami`: what the gate sees of whoever runs this.

use mcp_server::config::{AuthSetting, Config};
use mcp_server::credentials::TokenSource;
use mcp_server::credentials::refresh::Login;
use mcp_server::env::Environment;
use mcp_server::error::codes;
use mcp_server::gate::{Authenticated, Credential, Gate};
use mcp_server::logging;
use mcp_server::tools::{CallError, Whoami};
use schemars::JsonSchema;
use serde::Serialize;

use super::effective::TokenOrigin;
use super::{Account, NotLoggedIn};
use crate::Outcome;
use crate::args::WhoamiArgs;
use crate::failure::Failure;
use crate::output::{Printer, relative, visible};

pub(in crate::commands) fn run(args: &WhoamiArgs, env: &Environment, printer: &Printer) -> Outcome {
    let account = Account::open(env, &args.profile)?;
    logging::start_if_asked_for(&account.config)?;
    for warning in account.config.warnings() {
        printer.warning(warning);
    }
    let source = match &account.config.auth {
        AuthSetting::Enabled(auth) => TokenSource::from_config(auth, &account.config),
        AuthSetting::Disabled => {
            return Err(Failure::coded(
                codes::OAUTH2_OFF,
                "OAuth2 is disabled: every caller is let in and no token is looked at",
                "`m4 auth status` shows the stored logins; to ask for tokens set M4_OAUTH2_ENABLED to true",
            ));
        }
        AuthSetting::Misconfigured(errors) => return Err(errors.clone().into()),
    };
    let caller = authenticated(&account.config, &source)?;
    let stored = source.login().map(Login::stored).transpose()?.flatten();
    let report = Report {
        caller: Whoami::of(caller.principal().map(AsRef::as_ref)),
        profile: account.profile.as_str(),
        token: TokenOrigin::of(&account.config, &source, stored.as_ref(), printer.paths()),
    };
    printer.answer(&report, |printer| {
        for line in report.caller.text().lines() {
            printer.data(visible(line))?;
        }
        let expires = caller.principal().and_then(|principal| principal.expires_at());
        let expires =
            expires.map_or_else(String::new, |at| format!(", expires {}", relative(at, account.now)));
        printer.data(format_args!("token: {}{expires}", report.token))
    })
}

/// The gate's own decision, keys fetched and opaque tokens asked about. It counts as no call.
fn authenticated(config: &Config, source: &TokenSource) -> Result<Authenticated, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| {
        Failure::io("the operating system gave no threads to work with", "check `ulimit -u`", error)
    })?;
    runtime.block_on(async {
        let token = source.token().await?.ok_or(NotLoggedIn)?;
        let gate = Gate::new(config);
        let decision = gate.authenticate(Credential::Bearer(token.expose())).await;
        Ok(decision.map_err(CallError::from)?)
    })
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Whoami")]
pub(in crate::commands) struct Report<'a> {
    #[serde(flatten)]
    caller: Whoami,
    profile: &'a str,
    /// Where the token comes from.
    token: TokenOrigin,
}
