//! Writes what is made from the types into a folder: `codegen DIR`. `cargo xtask codegen` runs it and compares.
//!
//! Below `docs` what is published with the sources; beside it what a package ships: manual pages and completions.

mod cli;
mod codes;
mod settings;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use clap::ValueEnum;
use clap_complete::Shell;
use m4_cli::commands::{answers, completions};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("name the folder to write to")?;
    for (name, text) in files() {
        let path = Path::new(&folder).join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// Every file with its text.
fn files() -> Vec<(String, String)> {
    let mut files = vec![
        ("docs/reference/cli.md".to_owned(), cli::page()),
        ("docs/reference/configuration.md".to_owned(), settings::page()),
        ("docs/reference/exit-codes.md".to_owned(), codes::page()),
        ("docs/schemas/m4-cli.schema.json".to_owned(), format!("{:#}\n", answers::schema())),
    ];
    files.extend(completions::pages().into_iter().map(|(name, text)| (format!("man/{name}"), text)));
    files.extend(Shell::value_variants().iter().map(|shell| {
        let name = match shell {
            Shell::Zsh => "_m4".to_owned(),
            Shell::PowerShell => "m4.ps1".to_owned(),
            other => format!("m4.{other}"),
        };
        (format!("completions/{name}"), completions::script(*shell))
    }));
    files
}

/// What stands above a page that nobody writes.
fn head(title: &str, about: &str) -> String {
    format!(
        "# {title}\n\n<!-- Made by `cargo xtask codegen` from the code: change that, not this. -->\n\n{about}\n"
    )
}

/// Text as it stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
