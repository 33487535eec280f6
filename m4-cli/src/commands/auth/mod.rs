//! `m4 auth`: what the gate says to a token, which keys it says that with, and which logins are stored. Lets nobody in.

pub(super) mod check;
pub(super) mod keys;
mod meant;
pub(super) mod rules;

use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::logging;

use self::rules::Rules;
use super::account;
use crate::Outcome;
use crate::args::{AuthArgs, AuthCommand};
use crate::output::Printer;

pub(super) fn run(args: &AuthArgs, env: &Environment, printer: &Printer) -> Outcome {
    let with_rules = |run: &dyn Fn(&Config, &Rules<'_>) -> Outcome| {
        let config = Config::load(env, &Flags::new());
        logging::start_if_asked_for(&config)?;
        for warning in config.warnings() {
            printer.warning(warning);
        }
        run(&config, &Rules::of(&config)?)
    };
    match &args.command {
        AuthCommand::Check(args) => with_rules(&|config, rules| check::run(args, config, rules, printer)),
        AuthCommand::Keys(_) => with_rules(&|_, rules| keys::run(rules, printer)),
        AuthCommand::Status(args) => account::status::run(args, env, printer),
    }
}
