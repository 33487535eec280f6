//! What is generated from the types, reference pages and schemas, and whether what is published is still that.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::args::LibraryArgs;
use crate::duckdb::Library;
use crate::failure::{Failure, Outcome, print, say};
use crate::workspace::{Workspace, succeed};

/// What `cargo xtask codegen` takes.
#[derive(Debug, Args)]
pub(crate) struct CodegenArgs {
    /// Writes nothing below `docs`; fails where a file there is not what the code makes.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    library: LibraryArgs,
}

/// Generates; what is not published with the sources stays in the target directory, whose path is printed.
pub(crate) fn run(workspace: &Workspace, args: &CodegenArgs) -> Outcome {
    let library = args.library.resolve(workspace)?;
    if args.check {
        return check(workspace, &library);
    }
    let made = generate(workspace, &library)?;
    for Difference { path, .. } in differences(&made, workspace.root())? {
        let (from, to) = (made.join(&path), workspace.root().join(&path));
        let changed = if from.is_file() { put(&from, &to) } else { fs::remove_file(&to) };
        changed.map_err(|error| Failure::io(&format!("change {}", to.display()), &error))?;
        say(format_args!("changed {}", path.display()));
    }
    say("manual pages and completions are beside them in:");
    print(made.display());
    Ok(())
}

/// Fails where something published is not what the code makes.
pub(crate) fn check(workspace: &Workspace, library: &Library) -> Outcome {
    let made = generate(workspace, library)?;
    let differences = differences(&made, workspace.root())?;
    if differences.is_empty() {
        return Ok(());
    }
    for Difference { path, why } in &differences {
        say(format_args!("{}: {why}", path.display()));
    }
    Err(Failure::new(
        format!("{} generated files are not what the code makes", differences.len()),
        "run `cargo xtask codegen`, look at what it changed, and commit that",
    ))
}

/// Runs the program that knows the types, which this one does not link; gives the folder it wrote to.
fn generate(workspace: &Workspace, library: &Library) -> Outcome<PathBuf> {
    let folder = workspace.target()?.join("codegen");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Failure::io(&format!("empty {}", folder.display()), &error));
        }
        _ => {}
    }
    let mut cargo = workspace.cargo(["run", "--quiet", "--package", "m4-cli", "--example", "codegen"]);
    library.apply(&mut cargo);
    cargo.arg("--").arg(&folder);
    succeed(&mut cargo, "see the message above")?;
    Ok(folder)
}

/// A file of which the generated text is another than the published.
struct Difference {
    path: PathBuf,
    why: String,
}

fn differences(made: &Path, published: &Path) -> Outcome<Vec<Difference>> {
    let mut paths = BTreeSet::new();
    for root in [made, published] {
        for folder in FOLDERS {
            paths.extend(names(&root.join(folder))?.into_iter().map(|name| Path::new(folder).join(name)));
        }
    }
    let compare = |path: PathBuf| {
        let why = difference(read(&made.join(&path)).as_deref(), read(&published.join(&path)).as_deref())?;
        Some(Difference { path, why })
    };
    Ok(paths.into_iter().filter_map(compare).collect())
}

/// How the published text differs from the one that is made now, if it does.
fn difference(made: Option<&str>, published: Option<&str>) -> Option<String> {
    match (made, published) {
        (Some(made), Some(published)) if made == published => None,
        (Some(made), Some(published)) => {
            let same = made.lines().zip(published.lines()).take_while(|(made, published)| made == published);
            let line = same.count();
            let text = made.lines().nth(line).unwrap_or("nothing more");
            Some(format!("line {} is not what the code makes, which is: {text}", line + 1))
        }
        (Some(_), None) => Some("is missing".to_owned()),
        (None, _) => Some("is not made by anything any more".to_owned()),
    }
}

/// The text with the line ends of Unix, which git changes on Windows.
fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.replace("\r\n", "\n"))
}

fn names(folder: &Path) -> Outcome<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Failure::io(&format!("read {}", folder.display()), &error)),
    }
}

fn put(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).map(|_| ())
}

/// What holds nothing but generated files.
const FOLDERS: [&str; 2] = ["docs/reference", "docs/schemas"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_missing_and_a_stale_file_are_found_and_no_other() {
        let (made, published) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, name, text) in [
            (&made, "same.md", "a\nb\n"),
            (&published, "same.md", "a\r\nb\r\n"),
            (&made, "changed.md", "a\nb\nc\n"),
            (&published, "changed.md", "a\nx\nc\n"),
            (&made, "missing.md", "a\n"),
            (&published, "stale.md", "a\n"),
        ] {
            let path = folder.path().join(FOLDERS[0]).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found: Vec<String> = differences(made.path(), published.path())
            .unwrap()
            .into_iter()
            .map(|Difference { path, why }| format!("{}: {why}", path.file_name().unwrap().to_string_lossy()))
            .collect();
        assert_eq!(
            found,
            [
                "changed.md: line 2 is not what the code makes, which is: b",
                "missing.md: is missing",
                "stale.md: is not made by anything any more",
            ]
        );
    }
}
