//! `m4 config`: the entry that makes MCP clients start the server or connect to it, printed, written, removed, looked at.

mod check;
mod plan;
mod print;
mod remove;
mod report;
pub(super) mod show;
mod write;

use std::path::{Path, PathBuf};

use mcp_server::env::Environment;

pub(super) use self::check::{ClientReport, look};
pub(super) use self::plan::plan;
pub(super) use self::report::Report;
pub(super) use self::write::tell;
use crate::Outcome;
use crate::args::{ConfigArgs, ConfigTarget, ServerArgs};
use crate::ask;
use crate::clients::Client;
use crate::failure::Failure;
use crate::output::Printer;
use crate::programs;

/// Refuses what `--working-directory` names where it is not a folder.
pub(super) fn is_project(folder: &Path) -> Outcome {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::mendable(
        format!("{} is not a folder", folder.display()),
        "name the project's folder with --working-directory",
    ))
}

pub(super) fn run(args: &ConfigArgs, env: &Environment, printer: &Printer) -> Outcome {
    match (&args.target, args.client) {
        (Some(ConfigTarget::Show(_)), _) => show::run(env, printer),
        (Some(ConfigTarget::Check(args)), _) => check::run(args, env, printer),
        (None, None) if is_to_ask(args, printer) => super::config_ask::run(&args.server, env, printer),
        (None, None) => print::run(args, &server(env)?, env, printer),
        (None, Some(client)) if args.remove => remove::run(client, args, env, printer),
        (None, Some(client)) => write::run(client, args, env, printer),
    }
}

/// Whether nothing was said, and somebody is there to be asked. A script that wants the JSON has no terminal for it.
fn is_to_ask(args: &ConfigArgs, printer: &Printer) -> bool {
    // `-q` was the Python package's `--quick`; whoever wants no words wants no questions either.
    let is_quick = args.quick || printer.is_quiet();
    let is_bare = args.output.is_none() && args.working_directory.is_none() && !args.json && !is_quick;
    is_bare && args.server == ServerArgs::default() && printer.shows_on_a_screen() && ask::somebody_is_there()
}

/// The file to write for a client: the one that was named, the project's or the user's.
pub(super) fn place(
    client: Client,
    output: Option<&Path>,
    working_directory: Option<&Path>,
    env: &Environment,
) -> Result<PathBuf, Failure> {
    if let Some(path) = output {
        return Ok(path.to_owned());
    }
    let title = client.title();
    if let Some(folder) = working_directory {
        let path = client.path(env, Some(folder)).ok_or_else(|| {
            Failure::usage(
                format!("{title} has no configuration of a folder's own"),
                "leave --working-directory out to write the user's; M4 itself needs none",
            )
        })?;
        is_project(folder)?;
        return Ok(path);
    }
    let path = client.path(env, None).ok_or_else(|| match client {
        Client::LibreChat => Failure::usage(
            "LibreChat keeps its file in the folder it is installed in",
            "name that folder with --working-directory, or the file with --output",
        ),
        _ => Failure::mendable(
            format!("there is no home folder with a configuration of {title}"),
            "name the file with --output",
        ),
    })?;
    if let Some(dirs) = env.base_dirs().filter(|dirs| path.starts_with(&dirs.home)) {
        // Writing would make the folder, and nobody would ever look there.
        dirs.home.read_dir().map_err(|source| {
            Failure::io(
                format!("there is no home folder {}", dirs.home.display()),
                "set HOME to a folder that exists, or name the file with --output",
                source,
            )
        })?;
    }
    Ok(path)
}

fn server_name(args: &ServerArgs) -> Result<&str, Failure> {
    let name = args.server_name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::usage("the server needs a name", "leave --server-name out to call it m4"));
    }
    Ok(name)
}

fn server(env: &Environment) -> Result<PathBuf, Failure> {
    programs::server(programs::own().as_deref(), env).ok_or_else(|| {
        Failure::mendable(
            format!("{} is neither beside m4 nor on PATH", programs::SERVER),
            "install it beside m4; in the source tree run `cargo xtask build`",
        )
    })
}
