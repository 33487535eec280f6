//! `m4 capabilities`: what the tool of that name says.

use mcp_server::env::Environment;
use serde_json::json;

use super::ask::Asking;
use crate::Outcome;
use crate::args::CapabilitiesArgs;
use crate::output::Printer;

pub(super) fn run(args: &CapabilitiesArgs, env: &Environment, printer: &Printer) -> Outcome {
    let asking = Asking::begin(env, &args.call.flags(), printer)?;
    let answer = asking.call("capabilities", json!({}))?;
    printer.answer(&answer.structured, |printer| printer.data(answer.text.trim_end()))
}
