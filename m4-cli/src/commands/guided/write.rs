//! Shows what would change in a client's file, and changes it once somebody said so.

use mcp_server::gate::clock;
use serde_json::Map;

use super::client::{self, Place};
use super::{Guide, diff};
use crate::Outcome;
use crate::args::ServerArgs;
use crate::commands::config;
use crate::failure::Failure;

/// Whether the client's file says what it is to say by the end.
pub(in crate::commands) fn write(
    guide: &mut Guide<'_>,
    place: &Place,
    server: &ServerArgs,
) -> Result<bool, Failure> {
    let plan = config::plan(place.client, &place.path, server, guide.env)?;
    if plan.before() == Some(plan.after()) {
        guide.printer.note(format_args!("{} already says this", place.path.display()));
        return Ok(true);
    }
    let before = plan.before().unwrap_or_default().to_owned();
    let after = plan.after().to_owned();
    // Thinking takes time, and another program may want its turn at the file meanwhile.
    drop(plan);
    let entries = [&before, &after].map(|text| client::entry(place.client, text, &server.server_name));
    let known: Vec<&Map<_, _>> = entries.iter().flatten().collect();
    guide.printer.ask(format_args!("\n{}", place.path.display()));
    guide.printer.ask(diff::shown(&before, &after, &known));
    if !guide.person.confirm("Write this?", true)? {
        guide.printer.note("nothing was written");
        return Ok(false);
    }
    let plan = config::plan(place.client, &place.path, server, guide.env)?;
    if plan.before().unwrap_or_default() != before || plan.after() != after {
        return Err(changed_meanwhile(place));
    }
    for warning in plan.warnings() {
        guide.printer.warning(warning);
    }
    config::tell(&plan.write(clock::wall_now())?, place.client, &place.path, guide.printer);
    Ok(true)
}

fn changed_meanwhile(place: &Place) -> Failure {
    Failure::mendable(
        format!("{} was changed by another program just now", place.path.display()),
        "run the command again; nothing was changed",
    )
}

/// Prints the entry for a client that M4 does not know.
pub(in crate::commands) fn print(guide: &Guide<'_>, server: &ServerArgs) -> Outcome {
    let mut words = vec!["config", "--quick", "--server-name", &server.server_name];
    if server.enable_oauth2 {
        words.push("--enable-oauth2");
    }
    let options = [
        ("--oauth2-issuer", &server.oauth2_issuer),
        ("--oauth2-audience", &server.oauth2_audience),
        ("--oauth2-scopes", &server.oauth2_scopes),
    ];
    for (option, value) in options {
        words.extend(value.iter().flat_map(|value| [option, value.as_str()]));
    }
    guide.command(&words)
}
