//! The one reader of the process environment.
//!
//! Everything else takes an [`Environment`], so tests hand in pairs and nothing depends on who started the process.
//! An empty value counts as not set. Names of the programs M4 replaces still work: `M3_X` is read as `M4_X` and
//! `FMCP_OAUTH_X` as the login setting it became; the M4 name wins where both are set.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// A snapshot of the environment, with old names resolved.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    base_dirs: Option<BaseDirs>,
}

/// The folders a platform gives a user's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseDirs {
    /// The user's home.
    pub home: PathBuf,
    /// Where programs keep their settings.
    pub config: PathBuf,
    /// Where programs keep their data.
    pub data: PathBuf,
}

/// An old name that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The old name, as it is set.
    pub old: String,
    /// The name M4 knows.
    pub name: String,
    /// Whether the old name's value is the one in effect; false where another name for the same setting wins.
    pub in_effect: bool,
}

impl Environment {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the process environment")]
    pub fn from_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let base_dirs = etcetera::choose_base_strategy().ok().map(|dirs| BaseDirs {
            home: dirs.home_dir().to_owned(),
            config: dirs.config_dir(),
            data: dirs.data_dir(),
        });
        Self { variables, base_dirs }
    }

    /// An environment that holds exactly these variables and knows no platform folders.
    pub fn from_pairs<N: Into<String>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value): &(String, OsString)| !value.is_empty())
            .collect();
        Self { variables, base_dirs: None }
    }

    /// The same variables with the platform's folders set.
    #[must_use]
    pub fn with_base_dirs(self, base_dirs: BaseDirs) -> Self {
        Self { base_dirs: Some(base_dirs), ..self }
    }

    /// The platform's folders, or `None` where the user has no home.
    pub fn base_dirs(&self) -> Option<&BaseDirs> {
        self.base_dirs.as_ref()
    }

    /// The value of `name` or of its old name; `None` when unset, empty or not UTF-8 (see [`Self::not_utf8`]).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lookup(name).map(|(_, value)| value)
    }

    /// Like [`Self::get`], with the name that the value was found under.
    pub fn lookup(&self, name: &str) -> Option<(&str, &str)> {
        let (set_as, value) = self.entry(name)?;
        Some((set_as, value.to_str()?))
    }

    /// The value of a name that has no old form and need not be UTF-8, such as `PATH`.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// The folders of `PATH`, in order.
    pub fn search_path(&self) -> Vec<PathBuf> {
        self.os("PATH")
            .map(|path| std::env::split_paths(path).filter(|folder| !folder.as_os_str().is_empty()).collect())
            .unwrap_or_default()
    }

    /// The first executable file called `program` on `PATH`.
    pub fn find_program(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        self.search_path().into_iter().map(|folder| folder.join(&file)).find(|path| is_executable(path))
    }

    /// Every M4 name that is set, under whichever name, and starts with `prefix`: `(M4 name, name as set)`.
    pub fn names_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (String, &'a str)> {
        self.variables.keys().filter_map(move |set_as| {
            let name = current_name(set_as).unwrap_or_else(|| set_as.clone());
            name.starts_with(prefix).then_some((name, set_as.as_str()))
        })
    }

    /// The old names that are set.
    pub fn aliases(&self) -> Vec<Alias> {
        self.variables
            .keys()
            .filter_map(|old| {
                let name = current_name(old)?;
                let in_effect = self.entry(&name).is_some_and(|(set_as, _)| set_as == old);
                Some(Alias { old: old.clone(), name, in_effect })
            })
            .collect()
    }

    /// M4's variables whose value is not UTF-8: `(M4 name, name as set)`. Other programs' variables are theirs to encode.
    pub fn not_utf8(&self) -> Vec<(String, &str)> {
        self.names_under("M4_")
            .filter(|(_, set_as)| self.os(set_as).is_some_and(|value| value.to_str().is_none()))
            .collect()
    }

    fn entry(&self, name: &str) -> Option<(&str, &OsString)> {
        std::iter::once(name.to_owned()).chain(old_names(name)).find_map(|candidate| {
            self.variables.get_key_value(&candidate).map(|(set_as, value)| (set_as.as_str(), value))
        })
    }
}

impl fmt::Debug for Environment {
    /// Names only: any value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("names", &self.variables.keys()).finish_non_exhaustive()
    }
}

/// What an old name is called now.
fn current_name(old: &str) -> Option<String> {
    if let Some(rest) = old.strip_prefix("M3_") {
        return (!rest.is_empty()).then(|| format!("M4_{rest}"));
    }
    LOGIN_ALIASES.iter().find(|(alias, _)| *alias == old).map(|(_, name)| (*name).to_owned())
}

/// What `name` used to be called, the nearer relative first.
fn old_names(name: &str) -> impl Iterator<Item = String> {
    let m3 = name.strip_prefix("M4_").map(|rest| format!("M3_{rest}"));
    let login = LOGIN_ALIASES
        .iter()
        .filter(move |(_, current)| *current == name)
        .map(|(alias, _)| (*alias).to_owned());
    m3.into_iter().chain(login.collect::<Vec<_>>())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// FluidMCP's variables and what they became.
const LOGIN_ALIASES: [(&str, &str); 6] = [
    ("FMCP_OAUTH_AUTH_ENDPOINT", "M4_LOGIN_AUTH_ENDPOINT"),
    ("FMCP_OAUTH_TOKEN_ENDPOINT", "M4_LOGIN_TOKEN_ENDPOINT"),
    ("FMCP_OAUTH_CLIENT_ID", "M4_LOGIN_CLIENT_ID"),
    ("FMCP_OAUTH_REDIRECT_URI", "M4_LOGIN_REDIRECT_URI"),
    ("FMCP_OAUTH_SCOPE", "M4_LOGIN_SCOPE"),
    ("FMCP_OAUTH_ACCESS_TOKEN", "M4_OAUTH2_TOKEN"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let env = Environment::from_pairs([("M4_BACKEND", ""), ("M3_BACKEND", "bigquery")]);
        assert_eq!(env.lookup("M4_BACKEND"), Some(("M3_BACKEND", "bigquery")));
        assert_eq!(Environment::from_pairs([("M4_BACKEND", "")]).get("M4_BACKEND"), None);
    }

    #[test]
    fn the_m4_name_wins_over_every_old_one() {
        let env = Environment::from_pairs([
            ("FMCP_OAUTH_ACCESS_TOKEN", "f"),
            ("M3_OAUTH2_TOKEN", "3"),
            ("M4_OAUTH2_TOKEN", "4"),
        ]);
        assert_eq!(env.get("M4_OAUTH2_TOKEN"), Some("4"));
        assert!(env.aliases().iter().all(|alias| !alias.in_effect));
        assert_eq!(env.aliases().len(), 2);
    }

    #[test]
    fn every_login_alias_reaches_its_setting() {
        for (alias, name) in LOGIN_ALIASES {
            let env = Environment::from_pairs([(alias, "v")]);
            assert_eq!(env.lookup(name), Some((alias, "v")));
            assert_eq!(
                env.aliases(),
                [Alias { old: alias.to_owned(), name: name.to_owned(), in_effect: true }]
            );
        }
    }

    #[test]
    fn debug_output_holds_names_but_no_values() {
        let env = Environment::from_pairs([("M4_OAUTH2_TOKEN", "s3cr3t-value")]);
        let shown = format!("{env:?}");
        assert!(shown.contains("M4_OAUTH2_TOKEN") && !shown.contains("s3cr3t"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn text_that_is_not_utf8_is_reported_for_m4_names_only() {
        use std::os::unix::ffi::OsStringExt;
        let bad = || OsString::from_vec(vec![0xff]);
        let env = Environment::from_pairs([
            ("M4_OAUTH2_AUDIENCE", bad()),
            ("M3_OAUTH2_ISSUER_URL", bad()),
            ("OTHER", bad()),
        ]);
        assert_eq!(env.get("M4_OAUTH2_AUDIENCE"), None);
        let names: Vec<_> = env.not_utf8().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["M4_OAUTH2_ISSUER_URL", "M4_OAUTH2_AUDIENCE"]);
    }

    #[test]
    fn names_are_listed_under_what_they_mean() {
        let env = Environment::from_pairs([("M3_OAUTH2_X", "1"), ("M4_OAUTH2_Y", "2"), ("M4_BACKEND", "3")]);
        let names: Vec<_> = env.names_under("M4_OAUTH2_").collect();
        assert_eq!(
            names,
            [("M4_OAUTH2_X".to_owned(), "M3_OAUTH2_X"), ("M4_OAUTH2_Y".to_owned(), "M4_OAUTH2_Y")]
        );
    }
}
