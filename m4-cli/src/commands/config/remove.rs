//! `m4 config CLIENT --remove`: takes the server's entry out of the client's file, and nothing else.

use mcp_server::env::Environment;
use mcp_server::gate::clock;

use super::report::{Action, Report};
use super::{place, server_name, write};
use crate::Outcome;
use crate::args::ConfigArgs;
use crate::clients::Client;
use crate::clients::file::ClientFile;
use crate::clients::replace::Turn;
use crate::output::Printer;

pub(super) fn run(client: Client, args: &ConfigArgs, env: &Environment, printer: &Printer) -> Outcome {
    let path = place(client, args.output.as_deref(), args.working_directory.as_deref(), env)?;
    let name = server_name(&args.server)?;
    let report = Report {
        client: Some(client.name()),
        server_name: name.to_owned(),
        file: Some(printer.paths().path(&path)),
        action: Action::Absent,
        backup: None,
        entry: None,
    };
    // Nothing is made where nothing is.
    if ClientFile::read(client, &path)?.without_entry(name)?.is_none() {
        return printer.answer(&report, |printer| {
            printer.note(format_args!("there is no server `{name}` in {}", path.display()));
            Ok(())
        });
    }
    if args.dry_run {
        return printer.answer(&report, |printer| {
            printer.note(format_args!("would remove the server `{name}` from {}", path.display()));
            Ok(())
        });
    }
    let turn = Turn::wait(&path)?;
    let Some(replacement) = ClientFile::read(client, &path)?.without_entry(name)? else {
        return printer.answer(&report, |printer| {
            printer.note(format_args!("there is no server `{name}` in {}", path.display()));
            Ok(())
        });
    };
    let written = replacement.write(&turn, clock::wall_now())?;
    printer.answer(&report.with(&written, Action::Removed, printer.paths()), |printer| {
        write::tell(&written, client, &path, printer);
        Ok(())
    })
}
