//! `--verbose`: log lines on stderr for whoever wants to see what a command does.

use mcp_server::config::{Config, Flags, Origin, Shown};
use mcp_server::env::Environment;
use mcp_server::error::in_one_line;
use mcp_server::logging::{self, Verbosity};
use mcp_server::version::{COMMIT, RELEASE};

use crate::Outcome;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Asked, Printer};

/// Starts them, as often as `--verbose` was given; says what is run and, given twice, which settings somebody made.
pub fn start(given: u8, asked: &Asked, env: &Environment, printer: &Printer) {
    let verbosity = match given {
        0 => return,
        1 => Verbosity::Debug,
        2.. => Verbosity::Trace,
    };
    let config = Config::load(env, &Flags::new());
    if let Err(error) = logging::start_verbosely(&config, verbosity) {
        return printer.warning(in_one_line(&error));
    }
    let file = config.locations.config_file.as_ref().map(|path| path.display().to_string());
    tracing::debug!(target: TARGET, command = asked.command, release = RELEASE, commit = COMMIT, file, "started");
    let is_made = |shown: &&Shown| shown.origin != Origin::Default;
    for shown in config.shown().iter().filter(is_made) {
        // As `m4 config show` has it: secrets are redacted.
        let (key, value) = (shown.key(), shown.value.as_deref());
        tracing::trace!(target: TARGET, key, value, from = %shown.origin, "setting");
    }
}

/// Says how the command ended; before the error is shown, whose hint is to be the last line.
pub fn end(outcome: &Outcome) {
    let exit = outcome.as_ref().err().map_or(Exit::Success, Failure::exit);
    tracing::debug!(target: TARGET, code = exit.code(), "ended");
}

const TARGET: &str = "m4::cli";
