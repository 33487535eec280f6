//! The `m4` command: sets up datasets, backend and clients, and says what is wrong with a set-up.
//!
//! It reads what was typed ([`args`]), resolves it against the configuration, acts ([`commands`]) and prints through one
//! printer ([`output`]). It does not decide who may see data: that is the gate's, in `mcp_server`.

pub mod args;
pub mod clients;
pub mod commands;
pub mod exit_code;
pub mod failure;
pub mod files;
pub mod login;
pub mod output;
pub mod programs;
pub mod settings;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use mcp_server::env::Environment;

use crate::args::Cli;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Printer, color};

/// Runs the command this process was started as.
pub fn run() -> ExitCode {
    let env = Environment::from_process();
    let arguments: Vec<_> = std::env::args_os().collect();
    main_with(&env, arguments).into()
}

fn main_with(env: &Environment, arguments: Vec<std::ffi::OsString>) -> Exit {
    let command = Cli::command().color(color::for_clap(env));
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let printer = Printer::for_terminal(env, cli.global.color, cli.global.quiet);
    match commands::run(&cli.command, env, &printer) {
        Ok(()) => Exit::Success,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit()
        }
    }
}

/// What a command comes to.
pub type Outcome = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{MENDABLE, SUCCESS, USAGE};

    fn exit(line: &[&str], env: &[(&str, &str)]) -> Exit {
        let arguments = std::iter::once("m4").chain(line.iter().copied()).map(Into::into).collect();
        main_with(&Environment::from_pairs(env.iter().copied()), arguments)
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
