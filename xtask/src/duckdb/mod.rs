//! Finds or fetches the `DuckDB` library, so that nobody waits an hour for its C++ to compile.

mod cache;
mod download;
mod npm;
mod pins;
mod plan;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum as _;

use crate::environment;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::Workspace;
use cache::Cache;
use plan::{Cached, Facts, LibDir};

pub(crate) use npm::PROGRAM as NPM;
pub(crate) use plan::Way;

/// What the binaries are linked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// The shared library in this directory.
    Directory(PathBuf),
    /// Compiled from source into the binaries.
    Bundled,
}

impl Library {
    /// Makes a cargo command link against it, and find it when it runs what it built.
    pub(crate) fn apply(&self, command: &mut Command) {
        match self {
            Self::Directory(directory) => {
                command.env("DUCKDB_LIB_DIR", directory).env_remove("DUCKDB_DOWNLOAD_LIB");
                let known = environment::variable(LOADER_PATH).unwrap_or_default();
                let paths = std::iter::once(directory.clone()).chain(std::env::split_paths(&known));
                if let Ok(paths) = std::env::join_paths(paths) {
                    command.env(LOADER_PATH, paths);
                }
            }
            Self::Bundled => {
                command
                    .env_remove("DUCKDB_LIB_DIR")
                    .args(["--features", "mcp-server/bundled,m4-cli/bundled"]);
            }
        }
    }

    /// The library's file, when there is one to put beside the binaries.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Directory(directory) => Some(directory.join(LIBRARY)),
            Self::Bundled => None,
        }
    }
}

/// The library, got in the first way that works; `forced` (or `M4_DUCKDB`) allows only one.
pub(crate) fn resolve(workspace: &Workspace, forced: Option<Way>) -> Outcome<Library> {
    let cache = Cache::in_target(&workspace.target()?);
    let lib_dir = environment::variable("DUCKDB_LIB_DIR").map(PathBuf::from);
    let facts =
        gather(&cache, lib_dir.as_deref(), forced.map_or_else(from_environment, |way| Ok(Some(way)))?);
    let decisions = plan::decide(&facts);
    let only = decisions.len() == 1;
    for decision in decisions {
        let failure = match decision.obstacle {
            Some(obstacle) => Failure::new(obstacle, own_library_hint()),
            None => match take(decision.way, workspace, &cache, lib_dir.as_deref()) {
                Ok(library) => return Ok(library),
                Err(failure) => Failure::new(format!("{failure}; {}", failure.hint()), own_library_hint()),
            },
        };
        if only {
            return Err(failure);
        }
        if decision.way != Way::Cached || facts.cached != Cached::Absent {
            say(format_args!("duckdb: {}: {failure}", name(decision.way)));
        }
    }
    Err(Failure::new("no DuckDB library: every way failed, as said above", own_library_hint()))
}

fn gather(cache: &Cache, lib_dir: Option<&Path>, forced: Option<Way>) -> Facts {
    let platform = pins::platform();
    let pin = platform.as_deref().and_then(pins::Pin::of);
    Facts {
        forced,
        lib_dir: lib_dir
            .map(|path| LibDir { path: path.to_owned(), has_library: path.join(LIBRARY).is_file() }),
        cached: cache.state(pin.map(|pin| pin.library)),
        pinned: pin.is_some(),
        platform,
        npm: runs(npm::PROGRAM),
        compiler: compiler().is_some(),
    }
}

fn take(way: Way, workspace: &Workspace, cache: &Cache, lib_dir: Option<&Path>) -> Outcome<Library> {
    match way {
        Way::Dir => {
            let directory = lib_dir.unwrap_or(Path::new("."));
            let absolute = std::fs::canonicalize(directory)
                .map_err(|error| Failure::io("read DUCKDB_LIB_DIR", &error))?;
            Ok(Library::Directory(absolute))
        }
        Way::Cached => Ok(Library::Directory(cache.directory().to_owned())),
        Way::Npm => {
            let pin = pins::platform().as_deref().and_then(pins::Pin::of).ok_or_else(|| {
                Failure::new("no pinned package for this platform", "choose another way with --duckdb")
            })?;
            npm::fetch(cache, pin)?;
            Ok(Library::Directory(cache.directory().to_owned()))
        }
        Way::Download => {
            download::fetch(workspace, cache)?;
            Ok(Library::Directory(cache.directory().to_owned()))
        }
        Way::Bundled => {
            say(format_args!(
                "duckdb: compiling DuckDB {} from source: about 76 CPU-minutes (38 minutes on 2 cores), once per \
                 target directory and profile",
                pins::VERSION
            ));
            Ok(Library::Bundled)
        }
    }
}

fn from_environment() -> Outcome<Option<Way>> {
    let Some(value) = environment::variable("M4_DUCKDB") else { return Ok(None) };
    let value = value.to_string_lossy();
    Way::from_str(&value, true).map(Some).map_err(|_| {
        Failure::new(
            format!("M4_DUCKDB is {value:?}"),
            "set it to dir, cached, npm, download or bundled, or unset it",
        )
    })
}

/// The C++ compiler that the crate's build would call.
fn compiler() -> Option<String> {
    let named = environment::variable("CXX").map(|name| name.to_string_lossy().into_owned());
    let usual = ["c++", "g++", "clang++"].map(str::to_owned);
    // The cc crate finds Visual C++ through the registry, without a program on the PATH.
    if cfg!(windows) {
        return Some("cl.exe".into());
    }
    named.into_iter().chain(usual).find(|program| runs(program))
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Dir => "DUCKDB_LIB_DIR",
        Way::Cached => "in the target directory",
        Way::Npm => "npm package",
        Way::Download => "the duckdb crate's download",
        Way::Bundled => "from source",
    }
}

fn own_library_hint() -> String {
    format!("or put {LIBRARY} of DuckDB {} into a directory and set DUCKDB_LIB_DIR to it", pins::VERSION)
}

/// File name of the shared library.
pub(crate) const LIBRARY: &str = if cfg!(windows) {
    "duckdb.dll"
} else if cfg!(target_os = "macos") {
    "libduckdb.dylib"
} else {
    "libduckdb.so"
};

/// Where the loader looks besides the binaries' own directory.
const LOADER_PATH: &str = if cfg!(windows) {
    "PATH"
} else if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};
