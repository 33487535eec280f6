//! Builds the binaries and puts the `DuckDB` library beside them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::duckdb::{LIBRARY, Library};
use crate::failure::{Failure, Outcome, say};
use crate::workspace::{Profile, Workspace, succeed};

/// Builds the product and returns the paths of what a user needs.
pub(crate) fn run(workspace: &Workspace, library: &Library, profile: Profile) -> Outcome<Vec<PathBuf>> {
    let mut command = match profile {
        // One selection for demo, test and build: another would compile half the dependencies again, with other
        // features.
        Profile::Debug => workspace.cargo(EVERYTHING),
        Profile::Release => workspace.cargo([
            "build",
            "--release",
            "--package",
            "mcp-server",
            "--package",
            "m4-cli",
            "--bins",
        ]),
    };
    library.apply(&mut command);
    succeed(&mut command, COMPILER_HINT)?;
    let directory = workspace.binaries(profile)?;
    let mut made: Vec<PathBuf> = PRODUCT.iter().map(|name| binary(&directory, name)).collect();
    if let Some(file) = library.file() {
        made.push(place_beside(&file, &directory)?);
    }
    Ok(made)
}

/// Builds the optimised load generator beside the optimised servers.
pub(crate) fn load_generator(workspace: &Workspace, library: &Library) -> Outcome {
    let mut command = workspace.cargo(["build", "--release", "--package", "m4-tests", "--bin", "m4-load"]);
    library.apply(&mut command);
    succeed(&mut command, COMPILER_HINT)
}

/// Tells how long the first build takes, when this is the first.
pub(crate) fn announce(workspace: &Workspace) -> Outcome {
    let directory = workspace.binaries(Profile::Debug)?;
    if PRODUCT.iter().all(|name| binary(&directory, name).is_file()) {
        return Ok(());
    }
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let minutes = FIRST_BUILD_CPU_MINUTES.div_ceil(cores);
    say(format_args!(
        "building… the first time takes about {minutes} minutes on {cores} cores; later runs seconds"
    ));
    Ok(())
}

/// The path of a binary in this directory.
pub(crate) fn binary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Puts the library and its licence beside the binaries, which look for it there; does nothing when it is there.
fn place_beside(library: &Path, directory: &Path) -> Outcome<PathBuf> {
    let place = directory.join(LIBRARY);
    let licence = library.with_file_name("LICENSE");
    let copy = || -> std::io::Result<()> {
        if !same(library, &place) {
            replace(library, &place)?;
        }
        if licence.is_file() {
            replace(&licence, &directory.join("LICENSE-duckdb"))?;
        }
        Ok(())
    };
    copy().map_err(|error| Failure::io("put the library beside the binaries", &error))?;
    Ok(place)
}

/// A hard link where the file system has them, else a copy; never a half-written file under the final name.
fn replace(from: &Path, to: &Path) -> std::io::Result<()> {
    let partial = to.with_extension(format!("partial-{}", std::process::id()));
    if fs::hard_link(from, &partial).is_err() {
        fs::copy(from, &partial)?;
        fs::File::options().write(true).open(&partial)?.set_modified(fs::metadata(from)?.modified()?)?;
    }
    fs::rename(&partial, to)?;
    // Renaming one link of a file onto another of the same file leaves both (POSIX rename).
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    let look = |path: &Path| fs::metadata(path).and_then(|data| Ok((data.len(), data.modified()?)));
    matches!((look(one), look(other)), (Ok(one), Ok(other)) if one == other)
}

/// What a user runs.
const PRODUCT: [&str; 2] = ["m4", "m4-mcp-server"];

/// Every binary but the running xtask, which Windows would not let cargo replace.
const EVERYTHING: [&str; 5] = ["build", "--workspace", "--exclude", "xtask", "--bins"];

const COMPILER_HINT: &str =
    "see the compiler's message above; `rustup update stable` when it asks for a newer Rust";

const FIRST_BUILD_CPU_MINUTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_placed_once_replaced_when_it_differs_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let (source, target) = (directory.path().join("source"), directory.path().join("target"));
        fs::create_dir_all(&source).unwrap();
        fs::create_dir_all(&target).unwrap();
        let library = source.join(LIBRARY);
        fs::write(&library, "one").unwrap();
        fs::write(source.join("LICENSE"), "terms").unwrap();
        for contents in ["one", "one", "two, longer"] {
            fs::remove_file(&library).unwrap();
            fs::write(&library, contents).unwrap();
            let place = place_beside(&library, &target).unwrap();
            assert_eq!(fs::read_to_string(place).unwrap(), contents);
            place_beside(&library, &target).unwrap();
        }
        assert_eq!(fs::read_dir(&target).unwrap().count(), 2);
    }
}
