//! Where things lie: the configuration file and the data.

use std::path::{Path, PathBuf};

use super::parse;
use super::problem::Problem;
use super::reader::Reader;
use super::setting;
use crate::env::Environment;

/// The configuration file's place, known before anything can be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// Whether `M4_CONFIG` names it, so that its absence is a mistake.
    pub named: bool,
}

/// Where things lie on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locations {
    /// The configuration file, which need not exist; `None` where there is no home to put one in.
    pub config_file: Option<PathBuf>,
    /// Where databases and dataset definitions lie. It need not exist yet.
    pub data_dir: PathBuf,
    /// Where logins are stored, which need not exist; `None` where there is no home to put them in.
    pub logins_file: Option<PathBuf>,
}

impl ConfigFile {
    /// `$M4_CONFIG`, else `$M4_HOME/config.toml`, else the platform's configuration folder; `None` without a home.
    pub fn locate(env: &Environment) -> Option<Self> {
        if let Some(path) = env.get("M4_CONFIG") {
            return Some(Self { path: absolute(Path::new(path)), named: true });
        }
        Some(Self { path: home(env)?.join("config.toml"), named: false })
    }
}

/// `$M4_HOME`, else M4's folder in the platform's configuration folder.
pub(crate) fn home(env: &Environment) -> Option<PathBuf> {
    match env.get("M4_HOME") {
        Some(home) => Some(absolute(Path::new(home))),
        None => Some(env.base_dirs()?.config.join(OWN_FOLDER)),
    }
}

/// Where the data lies; noted as a problem when nobody says and there is no home.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    env: &Environment,
    config_file: Option<&ConfigFile>,
) -> Locations {
    let given = reader.read(&setting::DATA_DIR, parse::text).map(|path| absolute(Path::new(&path)));
    let data_dir = given.or_else(|| Some(env.base_dirs()?.data.join(OWN_FOLDER))).unwrap_or_else(|| {
        let problem = Problem::new(setting::DATA_DIR.env, "is not set and this user has no home folder");
        reader.problems.push(problem.hint("set M4_DATA_DIR to a folder for the databases"));
        PathBuf::new()
    });
    Locations {
        config_file: config_file.map(|file| file.path.clone()),
        data_dir,
        logins_file: home(env).map(|home| home.join("tokens.json")),
    }
}

/// The path from the root, so that it means the same to every process that is told it.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// M4's folder among the platform's.
const OWN_FOLDER: &str = "m4";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::BaseDirs;

    fn located(pairs: &[(&str, &str)]) -> Option<ConfigFile> {
        let dirs =
            BaseDirs { home: "/h".into(), config: "/h/.config".into(), data: "/h/.local/share".into() };
        ConfigFile::locate(&Environment::from_pairs(pairs.iter().copied()).with_base_dirs(dirs))
    }

    #[test]
    fn the_file_is_found_by_name_then_home_then_platform() {
        let file = |path: &str, named| Some(ConfigFile { path: path.into(), named });
        assert_eq!(located(&[("M4_CONFIG", "/c.toml"), ("M4_HOME", "/m")]), file("/c.toml", true));
        assert_eq!(located(&[("M4_HOME", "/m")]), file("/m/config.toml", false));
        assert_eq!(located(&[]), file("/h/.config/m4/config.toml", false));
        assert_eq!(ConfigFile::locate(&Environment::default()), None);
    }
}
