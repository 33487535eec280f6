//! `m4 config` on a terminal: asks what the client is to start, shows what would change, and writes it.

use mcp_server::env::Environment;

use super::guided::{Guide, backend, client, dataset, login, oauth2, write};
use crate::Outcome;
use crate::args::ServerArgs;
use crate::ask::Terminal;
use crate::output::Printer;

pub(super) fn run(server: &ServerArgs, env: &Environment, printer: &Printer) -> Outcome {
    let mut person = Terminal::new(printer.asks_in_color());
    guided(&mut Guide { person: &mut person, env, printer }, server)
}

fn guided(guide: &mut Guide<'_>, server: &ServerArgs) -> Outcome {
    let mut server = server.clone();
    if dataset::installed(guide)?.is_empty() {
        guide.printer.note("No dataset is set up yet.");
        dataset::set_up(guide)?;
    }
    let place = client::choose(guide)?;
    let entry = place.as_ref().map(|place| client::variables(place, &server.server_name)).unwrap_or_default();
    if backend::chosen(guide).is_none() {
        backend::choose(guide)?;
    }
    oauth2::ask(guide, &entry, &mut server)?;
    let Some(place) = place else { return write::print(guide, &server) };
    if !write::write(guide, &place, &server)? {
        return Ok(());
    }
    let variables = client::variables(&place, &server.server_name);
    match login::standing(guide, &variables) {
        login::Standing::Missing(wanted) => {
            guide.printer.note(format_args!(
                "calls are refused until there is a token: m4 {}",
                wanted.words().join(" ")
            ));
        }
        login::Standing::Unclear => guide.printer.note("`m4 doctor` says what is wrong with the settings"),
        login::Standing::There | login::Standing::NotNeeded => {}
    }
    Ok(())
}
