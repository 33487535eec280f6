//! `m4 completions`: scripts for shells and manual pages, made from what can be typed.

use std::path::Path;

use clap::Command;
use clap::builder::Resettable;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use mcp_server::version::RELEASE;

use crate::Outcome;
use crate::args::{self, CompletionsArgs};
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;

pub(super) fn run(args: &CompletionsArgs, printer: &Printer) -> Outcome {
    if let Some(folder) = &args.man {
        return write_pages(folder, printer);
    }
    args.shell.map_or(Ok(()), |shell| printer.data(script(shell).trim_end()))
}

/// The script that completes `m4` in this shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "m4", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The manual: file name and text of the page of `m4` and of each of its commands, in roff.
pub fn pages() -> Vec<(String, String)> {
    let mut command = args::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, &mut pages);
    pages
}

fn add_pages(command: &Command, pages: &mut Vec<(String, String)>) {
    for inner in command.get_subcommands() {
        add_pages(inner, pages);
    }
    let page = Man::new(command.clone().after_help(Resettable::Reset)).manual("M4");
    let page = page.source(format!("m4 {RELEASE}"));
    let mut text = Vec::new();
    // Nothing that is written into memory fails.
    if page.render(&mut text).and_then(|()| examples(command).to_writer(&mut text)).is_ok() {
        pages.push((page.get_filename(), String::from_utf8_lossy(&text).into_owned()));
    }
}

/// The end of the help: the examples' lines as they are, and what follows them.
fn examples(command: &Command) -> Roff {
    let mut section = Roff::default();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let Some(help) = help.strip_prefix("Examples:\n") else { return section };
    let (examples, note) = help.split_once("\n\n").unwrap_or((help, ""));
    section.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines() {
        section.text([roman(line)]);
    }
    section.control("fi", []);
    if !note.is_empty() {
        section.control("PP", []).text([roman(note)]);
    }
    section
}

fn write_pages(folder: &Path, printer: &Printer) -> Outcome {
    let pages = pages();
    for (name, text) in &pages {
        let path = folder.join(name);
        files::write(&path, text.as_bytes(), Some(READABLE)).map_err(|source| {
            Failure::io(
                format!("cannot write {}", path.display()),
                "choose a folder that you may write to",
                source,
            )
        })?;
    }
    printer.note(format_args!("wrote {} manual pages to {}", pages.len(), folder.display()));
    Ok(())
}

/// Readable for everybody, as manuals are.
const READABLE: u32 = 0o644;

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::args::command;

    #[test]
    fn every_script_knows_every_command() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for inner in command().get_subcommands() {
                assert!(script.contains(inner.get_name()), "{shell}: {}", inner.get_name());
            }
            assert!(script.contains("output-format"), "{shell}");
        }
    }

    #[test]
    fn every_command_has_a_manual_page_with_its_examples() {
        let pages = pages();
        let page = |name: &str| &pages.iter().find(|(file, _)| file == name).unwrap().1;
        let query = page("m4-query.1");
        assert!(query.contains(".TH m4-query 1"), "{query}");
        assert!(query.contains(".SH EXAMPLES\n") && query.contains("mimiciv_icu.icustays"), "{query}");
        assert!(page("m4-auth-check.1").contains("auth check"));
        assert!(page("m4.1").contains("m4\\-query(1)"));
    }
}
