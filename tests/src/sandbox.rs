//! A temporary home and the only environment a spawned binary sees.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::ambient;

/// A fresh home, configuration and data directory, removed with the last clone, and the variables to spawn with.
///
/// Nothing of the caller's environment reaches the child but what the loader needs to start it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    root: Arc<TempDir>,
    variables: BTreeMap<OsString, OsString>,
}

impl Sandbox {
    /// Makes the directories.
    ///
    /// # Errors
    /// When the temporary directory cannot be written.
    pub fn new() -> io::Result<Self> {
        let root = tempfile::Builder::new().prefix("m4-test-").tempdir()?;
        let mut variables: BTreeMap<OsString, OsString> = PASSED_ON
            .iter()
            .filter_map(|name| Some((OsString::from(name), ambient::variable(name)?)))
            .collect();
        for (name, folder) in FOLDERS {
            let path = root.path().join(folder);
            std::fs::create_dir_all(&path)?;
            variables.insert(name.into(), path.into());
        }
        // On macOS and Windows no variable hides the developer's own keyring.
        variables.insert("M4_LOGIN_KEYRING".into(), "off".into());
        Ok(Self { root: Arc::new(root), variables })
    }

    /// Sets a variable for whatever is spawned from now on.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Leaves a variable out.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<OsStr>) -> Self {
        self.variables.remove(name.as_ref());
        self
    }

    /// The directory that holds all of it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// `M4_HOME`: the configuration.
    pub fn config_dir(&self) -> PathBuf {
        self.root().join("config")
    }

    /// `M4_DATA_DIR`: datasets and databases.
    pub fn data_dir(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The variables a child gets, and no others.
    pub fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }
}

/// What finds shared libraries and, on Windows, the system itself.
const PASSED_ON: &[&str] = &["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "PATH"];

const FOLDERS: &[(&str, &str)] = &[
    ("HOME", "home"),
    ("USERPROFILE", "home"),
    ("XDG_CONFIG_HOME", "home/.config"),
    ("XDG_DATA_HOME", "home/.local/share"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("APPDATA", "home/appdata"),
    ("TMPDIR", "tmp"),
    ("M4_HOME", "config"),
    ("M4_DATA_DIR", "data"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_home_and_credentials_do_not_reach_a_child() {
        let sandbox = Sandbox::new().unwrap();
        let mut names = sandbox.variables().keys().map(|name| name.to_string_lossy().into_owned());
        let own = |name: &str| FOLDERS.iter().any(|(known, _)| *known == name) || name == "M4_LOGIN_KEYRING";
        let expected = |name: &str| PASSED_ON.contains(&name) || own(name);
        assert!(names.all(|name| expected(&name)));
        assert!(sandbox.variables()[OsStr::new("HOME")].to_string_lossy().contains("m4-test-"));
    }

    #[test]
    fn the_directories_go_with_the_last_clone() {
        let sandbox = Sandbox::new().unwrap();
        let root = sandbox.root().to_owned();
        let clone = sandbox.clone();
        drop(sandbox);
        assert!(clone.data_dir().is_dir());
        drop(clone);
        assert!(!root.exists());
    }
}
