//! The command line as a whole: what the types say, and what every command has that they do not.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory, ValueHint};

use super::{Cli, examples};

/// The `m4` command with all that can be typed, examples included.
pub fn command() -> Command {
    finished(Cli::command(), "")
}

/// The argument that says whether an answer is JSON.
pub const JSON: &str = "json";
/// The argument that says so in the words of other programs.
pub const OUTPUT_FORMAT: &str = "output_format";

fn finished(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |inner| finished(inner, path.trim_start()));
    }
    if let Some(text) = examples::text(path) {
        command = command.after_help(text);
    }
    if command.get_arguments().any(|argument| argument.get_id() == JSON) {
        command = command.arg(output_format());
    }
    command.mut_args(hinted)
}

fn output_format() -> Arg {
    Arg::new(OUTPUT_FORMAT)
        .long("output-format")
        .value_name("FORMAT")
        .value_parser(PossibleValuesParser::new(["text", JSON]))
        .conflicts_with(JSON)
        .help("Print text, as is usual, or JSON, as --json does")
}

/// What shells complete the value with, which its name tells.
fn hinted(argument: Arg) -> Arg {
    let hint = match argument.get_value_names().unwrap_or_default() {
        [name] if name == "FILE" => ValueHint::FilePath,
        [name] if name == "DIR" => ValueHint::DirPath,
        [name] if name == "URL" => ValueHint::Url,
        _ => return argument,
    };
    argument.value_hint(hint)
}
