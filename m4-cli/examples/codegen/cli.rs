//! `docs/reference/cli.md`: every command with its arguments, options and examples.

use clap::{Arg, ArgAction, Command};
use m4_cli::args;

use crate::{cell, head};

pub(crate) fn page() -> String {
    let mut command = args::command().disable_help_subcommand(true);
    command.build();
    let mut page = head(
        "Commands",
        "All that can be typed, as `--help` shows it. What commands have in common is in [the command line](../cli.md).",
    );
    add(&command, &mut page);
    page
}

fn add(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or("m4");
    let is_outermost = name == "m4";
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace('\n', "\n    ");
    page.extend([format!("\n## {name}\n\n{}\n\n    {usage}\n", about.trim())]);
    let own = |argument: &&Arg| !argument.is_hide_set() && (is_outermost || !argument.is_global_set());
    let rows: String =
        command.get_arguments().filter(own).filter(|argument| argument.get_id() != "help").map(row).collect();
    if !rows.is_empty() {
        page.extend(["\n| argument | meaning |\n|---|---|\n", &rows]);
    }
    if is_outermost {
        *page += "\nEvery command takes `--help` and the options `--color`, `--quiet`, `--verbose` and `--paths`.\n";
    }
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| !inner.is_hide_set()).collect();
    let links: Vec<String> = inner
        .iter()
        .map(|inner| {
            let name = inner.get_bin_name().unwrap_or_default();
            format!("[`{name}`](#{})", name.replace(' ', "-"))
        })
        .collect();
    if !links.is_empty() {
        page.extend(["\nCommands: ", &links.join(", "), ".\n"]);
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for (index, part) in examples.split("\n\n").enumerate().filter(|(_, part)| !part.is_empty()) {
        let indented = |line: &str| match line.strip_prefix("  ") {
            Some(example) => format!("    {example}"),
            None => line.to_owned(),
        };
        let shown: Vec<String> = part.lines().map(indented).collect();
        page.extend(match shown.split_first() {
            Some((first, rest)) if index == 0 => [format!("\n{first}\n\n{}\n", rest.join("\n"))],
            _ => [format!("\n{}\n", shown.join("\n"))],
        });
    }
    for inner in inner {
        add(inner, page);
    }
}

fn row(argument: &Arg) -> String {
    let takes = !matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count | ArgAction::Help | ArgAction::Version
    );
    let values = argument.get_value_names().unwrap_or_default().join(" ");
    let value = if takes && !values.is_empty() { format!(" {values}") } else { String::new() };
    let mut names: Vec<String> = argument
        .get_long_and_visible_aliases()
        .unwrap_or_default()
        .iter()
        .map(|long| format!("`--{long}{value}`"))
        .collect();
    names.extend(argument.get_short().map(|short| format!("`-{short}{value}`")));
    if names.is_empty() {
        names.push(format!("`{values}`"));
    }
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let paragraphs =
        help.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut meaning = vec![paragraphs.collect::<Vec<_>>().join(". ")];
    let possible = argument.get_possible_values();
    if takes && !possible.is_empty() {
        let names: Vec<String> = possible.iter().map(|value| format!("`{}`", value.get_name())).collect();
        meaning.push(format!("({})", names.join(", ")));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes && !defaults.is_empty() {
        meaning.push(format!("[default: {}]", defaults.join(", ")));
    }
    format!("| {} | {} |\n", cell(&names.join(", ")), cell(&meaning.join(" ")))
}
