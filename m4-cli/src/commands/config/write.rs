//! `m4 config CLIENT`: puts the server's entry into the client's file.

use std::path::Path;

use mcp_server::env::Environment;
use mcp_server::gate::clock;

use super::plan::{Plan, plan_for};
use super::report::{Action, Report, with_paths};
use super::{place, server, server_name};
use crate::Outcome;
use crate::args::ConfigArgs;
use crate::clients::Client;
use crate::clients::replace::{ReplaceError, Turn, Written};
use crate::failure::Failure;
use crate::output::Printer;

pub(super) fn run(client: Client, args: &ConfigArgs, env: &Environment, printer: &Printer) -> Outcome {
    let path = place(client, args.output.as_deref(), args.working_directory.as_deref(), env)?;
    write(client, args, &path, &server(env)?, env, printer)
}

fn write(
    client: Client,
    args: &ConfigArgs,
    path: &Path,
    server: &Path,
    env: &Environment,
    printer: &Printer,
) -> Outcome {
    // What cannot be planned must not make folders either.
    let plan = plan_for(client, path, server, &args.server, env)?;
    let report = report(client, args, &plan, printer)?;
    if args.dry_run {
        printer.answer(&report, |printer| {
            printer.note(format_args!("would write to {}:", path.display()));
            printer.data(plan.shown()?.trim_end())
        })?;
    } else {
        let written = in_turn(path, || plan_for(client, path, server, &args.server, env))?;
        let report = report.with(&written, Action::Written, printer.paths());
        printer.answer(&report, |printer| {
            tell(&written, client, path, printer);
            Ok(())
        })?;
    }
    for warning in plan.warnings() {
        printer.warning(warning);
    }
    if let Some(advice) = plan.advice() {
        advise(advice, printer);
    }
    Ok(())
}

/// Plans and writes while no other `m4` does, and again where another program wrote in between.
fn in_turn(path: &Path, plan: impl Fn() -> Result<Plan, Failure>) -> Result<Written, Failure> {
    let mut attempt = 1;
    loop {
        let turn = Turn::wait(path)?;
        match plan()?.write_in(&turn, clock::wall_now()) {
            Err(ReplaceError::ChangedMeanwhile(_)) if attempt < ATTEMPTS => attempt += 1,
            written => return Ok(written?),
        }
    }
}

fn report(client: Client, args: &ConfigArgs, plan: &Plan, printer: &Printer) -> Result<Report, Failure> {
    Ok(Report {
        client: Some(client.name()),
        server_name: server_name(&args.server)?.to_owned(),
        file: Some(printer.paths().path(plan.path())),
        action: Action::Printed,
        backup: None,
        entry: Some(with_paths(plan.entry(), printer.paths())),
    })
}

/// Says what was written, and what makes the client see it.
pub(in crate::commands) fn tell(written: &Written, client: Client, path: &Path, printer: &Printer) {
    if *written == Written::Unchanged {
        printer.note(format_args!("{} already says this", path.display()));
        return;
    }
    printer.note(format_args!("wrote {}", path.display()));
    if let Written::Replaced(old) = written {
        printer.note(format_args!("the old file is {}", old.display()));
    }
    printer.note(client.afterwards());
}

/// Says what is still to be done.
pub(super) fn advise(advice: &str, printer: &Printer) {
    if printer.answers_in_json() {
        printer.warning(advice);
    } else {
        printer.note(advice);
    }
}

const ATTEMPTS: u32 = 5;
