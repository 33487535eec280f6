//! Which dataset, and setting it up.

use std::path::Path;

use mcp_server::config::{Config, Flags};
use mcp_server::dataset::Registry;

use super::Guide;
use crate::Outcome;
use crate::failure::Failure;

/// The datasets that are set up.
pub(in crate::commands) fn installed(guide: &Guide<'_>) -> Result<Vec<String>, Failure> {
    let config = Config::load(guide.env, &Flags::new());
    if !config.problems().is_empty() {
        return Err(config.problems().clone().into());
    }
    let installed = Registry::open(&config.locations.data_dir).installed();
    Ok(installed.into_iter().map(|dataset| dataset.name).collect())
}

/// Asks which dataset to set up, and does.
pub(in crate::commands) fn set_up(guide: &mut Guide<'_>) -> Outcome {
    let choices = [
        (format!("{SAMPLE}: 100 invented patients, offline, some seconds"), Wanted::Named(SAMPLE)),
        (format!("{DEMO}: 100 real patients, downloaded (about 16 MB)"), Wanted::Named(DEMO)),
        ("a folder of files on this machine".to_owned(), Wanted::Folder),
        ("none now".to_owned(), Wanted::Nothing),
    ];
    match guide.choose("Which dataset?", &choices, 0)? {
        Wanted::Named(SAMPLE) => guide.command(&["init", SAMPLE]),
        Wanted::Named(name) => guide.command(&["init", name, "--download"]),
        Wanted::Folder => from_folder(guide),
        Wanted::Nothing => {
            guide.printer.note("later: m4 init NAME");
            Ok(())
        }
    }
}

fn from_folder(guide: &mut Guide<'_>) -> Outcome {
    let folder = guide.line("Folder with the files", None, |text| {
        if Path::new(text).is_dir() { Ok(()) } else { Err(format!("{text} is not a folder")) }
    })?;
    let config = Config::load(guide.env, &Flags::new());
    let registry = Registry::open(&config.locations.data_dir);
    let names = registry.definitions().iter().map(|definition| definition.name.to_string());
    let mut choices: Vec<(String, Option<String>)> =
        names.filter(|name| name != SAMPLE).map(|name| (name.clone(), Some(name))).collect();
    choices.push(("none of these: files of my own".to_owned(), None));
    let last = choices.len() - 1;
    if let Some(name) = guide.choose("What are they?", &choices, last)? {
        return guide.command(&["init", name, "--src", &folder]);
    }
    let name = guide.line("What to call it (lower-case letters, digits, '-' and '_')", None, |text| {
        text.parse::<mcp_server::dataset::Name>().map(drop).map_err(|error| error.to_string())
    })?;
    guide.command(&["define-dataset", &name, "--src", &folder])?;
    guide.command(&["init", &name, "--src", &folder])
}

enum Wanted {
    Named(&'static str),
    Folder,
    Nothing,
}

/// What is set up where nobody says otherwise.
pub(in crate::commands) const SAMPLE: &str = "mimic-iv-sample";
const DEMO: &str = "mimic-iv-demo";
