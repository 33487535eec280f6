//! The `m4` command: sets up datasets, backend and clients, and says what is wrong with a set-up.
//!
//! It reads what was typed ([`args`]), resolves it against the configuration, acts ([`commands`]) and prints through one
//! printer ([`output`]). It does not decide who may see data: that is the gate's, in `mcp_server`.

pub mod args;
pub mod ask;
pub mod clients;
pub mod commands;
pub mod exit_code;
pub mod failure;
pub mod files;
pub mod login;
pub mod output;
pub mod programs;
pub mod settings;
pub mod signals;
pub mod verbose;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use mcp_server::env::Environment;

use crate::args::Cli;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Asked, Printer, color};

/// Runs the command this process was started as.
pub fn run() -> ExitCode {
    let env = Environment::from_process();
    let arguments: Vec<_> = std::env::args_os().collect();
    main_with(&env, &arguments).into()
}

fn main_with(env: &Environment, arguments: &[std::ffi::OsString]) -> Exit {
    let command = args::command().color(color::for_clap(env));
    let parsed = command.clone().try_get_matches_from(arguments);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, Asked::of(&matches))));
    let (cli, asked) = match parsed {
        Ok(parsed) => parsed,
        Err(asked) if asked.kind() == ErrorKind::DisplayVersion => return output::version(),
        Err(error) => return output::usage(&error, &Asked::guessed(&command, arguments)),
    };
    let printer = Printer::for_terminal(env, &cli.global, &asked);
    verbose::start(cli.global.verbose, &asked, env, &printer);
    let outcome = commands::run(&cli.command, env, &printer);
    verbose::end(&outcome);
    printer.finish(&outcome)
}

/// What a command comes to.
pub type Outcome = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{MENDABLE, SUCCESS, USAGE};

    fn exit(line: &[&str], env: &[(&str, &str)]) -> Exit {
        let arguments: Vec<_> = std::iter::once("m4").chain(line.iter().copied()).map(Into::into).collect();
        main_with(&Environment::from_pairs(env.iter().copied()), &arguments)
    }

    #[test]
    fn exit_codes_tell_what_the_user_can_do() {
        assert_eq!(exit(&["--version"], &[]), Exit::Success);
        assert_eq!(exit(&["--help"], &[]), Exit::Success);
        assert_eq!(exit(&[], &[]), Exit::Usage);
        assert_eq!(exit(&["backend", "postgres"], &[]), Exit::Usage);
        assert_eq!(exit(&["backend", "duckdb", "--project-id", "my-project"], &[]), Exit::Usage);
        assert_eq!(exit(&["backend", "duckdb"], &[]), Exit::Mendable);
        assert_eq!(exit(&["backend"], &[("M4_DATA_DIR", "/d")]), Exit::Success);
        assert_eq!((SUCCESS, MENDABLE, USAGE), (0, 1, 2));
    }
}
