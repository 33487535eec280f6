//! Mechanical checks of the house rules that no compiler makes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome, say};
use crate::modules::Modules;
use crate::security_page::{PAGE, Tests};
use crate::workspace::Workspace;

/// Checks the whole workspace and reports every finding at once.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut findings = top_level(&entries(workspace.root())?);
    let (mut tests, mut modules) = (Tests::default(), Modules::default());
    let mut page = String::new();
    for path in files(workspace.root())? {
        // Binary files hold no rules to break.
        let Ok(text) = fs::read_to_string(workspace.root().join(&path)) else { continue };
        let path = path.to_string_lossy().replace('\\', "/");
        findings.extend(check(&path, &text).into_iter().map(|finding| format!("{path}: {finding}")));
        if is_source(&path) {
            tests.collect(&path, &text);
            modules.collect(&path, &text);
        } else if path == PAGE {
            page = text;
        }
    }
    findings.extend(tests.findings(&page).into_iter().map(|finding| format!("{PAGE}: {finding}")));
    let undeclared = modules.undeclared().into_iter();
    findings.extend(undeclared.map(|path| format!("{path}: no other file declares this module: remove it")));
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        say(finding);
    }
    Err(Failure::new(format!("{} findings", findings.len()), "mend each; the rules are in xtask/src/tidy.rs"))
}

/// What is wrong with one file.
fn check(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if is_source(path) {
        if !text.starts_with("//!") {
            findings.push("starts without `//!`: say in one line what the file is".into());
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            findings.push(format!("{lines} lines; at most {MAX_LINES}: one file, one idea"));
        }
    }
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if is_source(path) && UNFINISHED.iter().any(|mark| line.contains(mark)) {
            findings.push(format!("line {number}: unfinished work is an issue, not a comment"));
        }
        let private = PRIVATE_PATHS.iter().any(|private| line.contains(private));
        if private && !(path == DATA_FROM && line.contains(DATA)) {
            findings.push(format!("line {number}: a path of one machine"));
        }
    }
    findings
}

/// The top level is exactly the design's: no stray directories, none missing.
fn top_level(names: &[(String, bool)]) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, directory) in names {
        let known =
            if *directory { FOLDERS.contains(&name.as_str()) } else { FILES.contains(&name.as_str()) };
        if !known && !name.starts_with('.') && name != "target" {
            findings.push(format!("{name}: not part of the top level (see docs/architecture.md)"));
        }
    }
    for folder in FOLDERS.iter().filter(|folder| !names.iter().any(|(name, _)| name == *folder)) {
        findings.push(format!("{folder}: missing from the top level"));
    }
    findings
}

fn is_source(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Every file of the workspace, relative to its root, without build output and version control.
fn files(root: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        for (name, directory) in entries(&root.join(&folder))? {
            let path = folder.join(&name);
            match (name.as_str(), directory) {
                // In a worktree `.git` is a file, with a path of this machine in it.
                ("target", true) | (".git", _) => {}
                (_, true) => open.push(path),
                (_, false) => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

fn entries(folder: &Path) -> Outcome<Vec<(String, bool)>> {
    let read = || -> std::io::Result<Vec<(String, bool)>> {
        fs::read_dir(folder)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.file_type()?.is_dir()))
            })
            .collect()
    };
    read().map_err(|error| Failure::io(&format!("read {}", folder.display()), &error))
}

const MAX_LINES: usize = 450;

/// Written in two parts, so that this file does not find itself.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

const PRIVATE_PATHS: [&str; 2] = [concat!("/", "work/"), concat!("../", "shared", "/")];

/// The one place that knows where real data may lie beside a clone.
const DATA_FROM: &str = ".ci/run";
const DATA: &str = concat!("../", "shared", "/data");

const FOLDERS: [&str; 6] = ["auth-core", "mcp-server", "m4-cli", "xtask", "tests", "docs"];

const FILES: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_kept_file_passes() {
        assert!(check("a/src/x.rs", "//! One idea.\n\nfn main() {}\n").is_empty());
    }

    #[test]
    fn a_headless_an_endless_and_an_unfinished_file_are_found() {
        assert_eq!(check("a/src/x.rs", "fn main() {}\n").len(), 1);
        assert_eq!(check("a/src/x.rs", &"//!\n".repeat(MAX_LINES + 1)).len(), 1);
        assert_eq!(check("a/src/x.rs", &format!("//! One idea.\n// {} later\n", UNFINISHED[0])).len(), 1);
        assert!(check("README.md", "no header needed\n").is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found_everywhere_but_in_the_script_that_looks_for_data() {
        assert_eq!(check("README.md", &format!("see {}x\n", PRIVATE_PATHS[0])).len(), 1);
        assert_eq!(check("README.md", &format!("see {DATA}\n")).len(), 1);
        assert!(check(DATA_FROM, &format!("see {DATA}\n")).is_empty());
        assert_eq!(check(DATA_FROM, &format!("see {}notes\n", PRIVATE_PATHS[1])).len(), 1);
    }

    #[test]
    fn a_stray_and_a_missing_folder_are_found() {
        let mut names: Vec<(String, bool)> = FOLDERS.iter().map(|name| ((*name).to_owned(), true)).collect();
        names.extend([(".ci".to_owned(), true), ("target".to_owned(), true), ("LICENSE".to_owned(), false)]);
        assert!(top_level(&names).is_empty());
        names[0].0 = "scripts".into();
        assert_eq!(top_level(&names).len(), 2);
    }
}
