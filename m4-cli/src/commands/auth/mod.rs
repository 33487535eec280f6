//! `m4 auth`: what the gate says to a token, and which keys it says that with. Lets nobody in.

mod check;
mod keys;
mod meant;
mod rules;

use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::logging;

use self::rules::Rules;
use crate::Outcome;
use crate::args::{AuthArgs, AuthCommand};
use crate::output::Printer;

pub(super) fn run(args: &AuthArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    logging::start_if_asked_for(&config)?;
    for warning in config.warnings() {
        printer.warning(warning);
    }
    let rules = Rules::of(&config)?;
    match &args.command {
        AuthCommand::Check(args) => check::run(args, &config, &rules, printer),
        AuthCommand::Keys(args) => keys::run(args, &rules, printer),
    }
}
