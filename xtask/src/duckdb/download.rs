//! The duckdb crate's own download of the upstream release, which its build script makes when asked to.

use std::fs;
use std::path::{Path, PathBuf};

use super::LIBRARY;
use super::cache::{Cache, sha256};
use super::pins::VERSION;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::{Workspace, output};

/// Lets the crate download, then copies the library into the cache. No hash is pinned for it: it is as trustworthy as
/// the crate's own connection to the release page.
pub(crate) fn fetch(workspace: &Workspace, cache: &Cache) -> Outcome {
    say("duckdb: letting the duckdb crate download the upstream release");
    let mut command = workspace.cargo(["build", "--package", "libduckdb-sys"]);
    command.env("DUCKDB_DOWNLOAD_LIB", "1").env_remove("DUCKDB_LIB_DIR").env("CARGO_HTTP_TIMEOUT", "60");
    let result = output(&mut command)?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr).into_owned();
        return Err(Failure::new(
            format!("the download failed: {}", reason(&said)),
            "it needs access to the DuckDB project's release page; behind a proxy, set HTTPS_PROXY",
        ));
    }
    let downloads = workspace.target()?.join("duckdb-download");
    let library = find(&downloads).ok_or_else(|| {
        Failure::new(
            format!("the crate left no {VERSION}/{LIBRARY} in {}", downloads.display()),
            "delete that directory and try again",
        )
    })?;
    let adopt = || -> std::io::Result<(crate::duckdb::cache::Scratch, PathBuf, String)> {
        let scratch = cache.scratch().map_err(|failure| std::io::Error::other(failure.to_string()))?;
        let copy = scratch.path.join(LIBRARY);
        fs::copy(&library, &copy)?;
        let hash = sha256(&copy)?;
        Ok((scratch, copy, hash))
    };
    let (_scratch, copy, hash) =
        adopt().map_err(|error| Failure::io("copy the downloaded library", &error))?;
    cache.adopt(&copy, &hash, "the duckdb crate's download")
}

/// `<target>/duckdb-download/<triple>/<version>/<library>`, as the crate's build script lays it out.
fn find(downloads: &Path) -> Option<PathBuf> {
    let triples = fs::read_dir(downloads).ok()?;
    triples
        .filter_map(|entry| Some(entry.ok()?.path().join(VERSION).join(LIBRARY)))
        .find(|library| library.is_file())
}

/// The line of cargo's output that says why.
fn reason(said: &str) -> String {
    let line =
        said.lines().find_map(|line| line.split_once("Failed to set up libduckdb: ").map(|(_, why)| why));
    let line = line.or_else(|| said.lines().rev().find(|line| line.starts_with("error")));
    line.unwrap_or("cargo gave no reason").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_scripts_own_words_are_told_rather_than_cargos() {
        let said = "error: failed to run custom build command\n  thread 'main' panicked at build.rs:1:\n  \
                    Failed to set up libduckdb: io: no route to host\n";
        assert_eq!(reason(said), "io: no route to host");
        assert_eq!(reason("warning: x\nerror: no such package\n"), "error: no such package");
    }

    #[test]
    fn the_library_is_found_under_whatever_target_triple_and_only_in_the_wanted_version() {
        let directory = tempfile::tempdir().unwrap();
        let place = |version: &str| directory.path().join("any-triple").join(version);
        fs::create_dir_all(place("1.4.0")).unwrap();
        fs::write(place("1.4.0").join(LIBRARY), "old").unwrap();
        assert_eq!(find(directory.path()), None);
        fs::create_dir_all(place(VERSION)).unwrap();
        fs::write(place(VERSION).join(LIBRARY), "new").unwrap();
        assert_eq!(find(directory.path()), Some(place(VERSION).join(LIBRARY)));
    }
}
