//! `m4 quickstart`: from nothing to a client that asks questions, step by step. What is done already is passed over, so that it
//! goes on where it was stopped.

use mcp_server::env::Environment;
use serde_json::{Map, Value};

use super::config;
use super::guided::{Guide, backend, client, dataset, login, oauth2, write};
use crate::Outcome;
use crate::args::{QuickstartArgs, ServerArgs};
use crate::ask::{self, Terminal, Usual};
use crate::failure::Failure;
use crate::output::Printer;

pub(super) fn run(args: &QuickstartArgs, env: &Environment, printer: &Printer) -> Outcome {
    let somebody = ask::somebody_is_there() && !args.no_interactive;
    match (args.yes, somebody) {
        (true, _) => through(&mut Guide { person: &mut Usual, env, printer }, somebody),
        (false, true) => {
            let mut person = Terminal::new(printer.asks_in_color());
            through(&mut Guide { person: &mut person, env, printer }, true)
        }
        (false, false) => Err(Failure::usage(
            "quickstart asks questions, and there is nobody to ask here",
            "run these instead: m4 init mimic-iv-sample; m4 config CLIENT; m4 login; m4 doctor. Or --yes for the usual answers",
        )),
    }
}

/// All steps. `somebody` is whether a person is there to log in.
fn through(guide: &mut Guide<'_>, somebody: bool) -> Outcome {
    guide.printer.note("Ctrl-C stops; the same command goes on where it was stopped.");
    step(guide, 1, "dataset");
    let installed = dataset::installed(guide)?;
    if installed.is_empty() {
        dataset::set_up(guide)?;
    } else {
        guide.printer.note(format_args!("done: {}", installed.join(", ")));
    }
    step(guide, 2, "backend");
    match backend::chosen(guide) {
        Some(kind) => guide.printer.note(format_args!("done: {kind}")),
        None => backend::choose(guide)?,
    }
    step(guide, 3, "client");
    let variables = set_up_client(guide)?;
    step(guide, 4, "login");
    match login::standing(guide, &variables) {
        login::Standing::NotNeeded => guide.printer.note("not needed: OAuth2 is off"),
        login::Standing::There => guide.printer.note("done: there is a token"),
        login::Standing::Missing(wanted) if somebody => login::log_in(guide, &wanted)?,
        login::Standing::Missing(wanted) => {
            guide.printer.note(format_args!("left to you: m4 {}", wanted.words().join(" ")));
        }
        login::Standing::Unclear => guide.printer.note("`m4 doctor` says what is wrong with the settings"),
    }
    guide.printer.note("\nThat is all. `m4 doctor` checks the whole set-up.");
    Ok(())
}

/// Sets a client up unless one is already; gives the variables of its entry.
fn set_up_client(guide: &mut Guide<'_>) -> Result<Map<String, Value>, Failure> {
    let mut server = ServerArgs::default();
    for place in client::found(guide.env) {
        let variables = client::variables(&place, &server.server_name);
        // A file that M4 cannot read is not one that is set up.
        let plan = config::plan(place.client, &place.path, &server, guide.env);
        if plan.is_ok_and(|plan| plan.before() == Some(plan.after())) {
            guide.printer.note(format_args!("done: {} ({})", place.client.title(), place.path.display()));
            return Ok(variables);
        }
    }
    let place = client::choose(guide)?;
    let entry = place.as_ref().map(|place| client::variables(place, &server.server_name)).unwrap_or_default();
    oauth2::ask(guide, &entry, &mut server)?;
    match place {
        Some(place) => {
            write::write(guide, &place, &server)?;
            Ok(client::variables(&place, &server.server_name))
        }
        None => {
            write::print(guide, &server)?;
            Ok(oauth2::variables(&server))
        }
    }
}

fn step(guide: &Guide<'_>, number: u8, name: &str) {
    guide.printer.note(format_args!("\n{number} of 4: {name}"));
}
