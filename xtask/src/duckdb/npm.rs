//! The npm package that carries the library: fetched by npm, used only when its hash is the pinned one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LIBRARY;
use super::cache::{Cache, sha256};
use super::pins::Pin;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::output;

/// Fetches, checks and unpacks the package; the library is in the cache afterwards, its licence beside it.
pub(crate) fn fetch(cache: &Cache, pin: &Pin) -> Outcome {
    let package = pin.package();
    say(format_args!("duckdb: fetching {package} with npm (23 MiB)"));
    let scratch = cache.scratch()?;
    let tarball = pack(&package, &scratch.path)?;
    check(&tarball, pin.tarball, &package)?;
    unpack(&tarball, &scratch.path)?;
    let unpacked = scratch.path.join("package");
    check(&unpacked.join(LIBRARY), pin.library, LIBRARY)?;
    std::fs::rename(unpacked.join("LICENSE"), cache.directory().join("LICENSE"))
        .map_err(|error| Failure::io("put DuckDB's licence beside it", &error))?;
    cache.adopt(&unpacked.join(LIBRARY), pin.library, &package)
}

fn pack(package: &str, into: &Path) -> Outcome<PathBuf> {
    let mut command = Command::new(PROGRAM);
    // Run where no project's own package.json or .npmrc can change what is fetched.
    command
        .args(["pack", package, "--silent", "--pack-destination", "."])
        .current_dir(into)
        .stdin(Stdio::null());
    let result = output(&mut command)?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr);
        let reason = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("npm gave no reason");
        return Err(Failure::new(
            format!("npm could not fetch {package}: {reason}"),
            "check the network and `npm config get registry`",
        ));
    }
    let tarball = std::fs::read_dir(into)
        .map_err(|error| Failure::io("read what npm fetched", &error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"));
    tarball.ok_or_else(|| Failure::new("npm fetched no package", "run `npm pack` by hand to see why"))
}

fn check(file: &Path, expected: &str, name: &str) -> Outcome {
    let actual = sha256(file).map_err(|error| Failure::io("read the fetched package", &error))?;
    if actual == expected {
        return Ok(());
    }
    Err(Failure::new(
        format!("{name} is refused: its SHA-256 is {actual}, not the pinned {expected}"),
        "try again; when it stays so, the registry serves something else than what was checked: report it",
    ))
}

fn unpack(tarball: &Path, into: &Path) -> Outcome {
    let mut command = Command::new("tar");
    command.arg("-xzf").arg(tarball).arg("-C").arg(into);
    command.arg(format!("package/{LIBRARY}")).arg("package/LICENSE").stdin(Stdio::null());
    let result = output(&mut command)?;
    if result.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&result.stderr);
    Err(Failure::new(format!("tar could not unpack the package: {}", said.trim()), "check free disk space"))
}

/// npm is a batch file on Windows.
pub(crate) const PROGRAM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_with_one_other_byte_is_refused_and_both_hashes_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("package.tgz");
        std::fs::write(&file, "abd").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let failure = check(&file, abc, "package").unwrap_err().to_string();
        assert!(failure.contains("refused") && failure.contains(abc), "{failure}");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(check(&file, abc, "package"), Ok(()));
    }
}
