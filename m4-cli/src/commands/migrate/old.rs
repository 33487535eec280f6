//! A data folder of the Python packages (m4-infra, m3-mcp): where it is, and what its `config.json` says.
//!
//! ```text
//! m4_data/config.json            backend, bigquery_project_id, active_dataset (older ones), duckdb_paths, parquet_roots
//! m4_data/databases/*.duckdb     views over the Parquet files
//! m4_data/datasets/*.json        definitions of custom datasets
//! m4_data/parquet/NAME/          what a dataset's files were converted to
//! m4_data/raw_files/NAME/        what was downloaded
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use mcp_server::env::Environment;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::item::{Item, Kind};
use crate::failure::Failure;

/// A data folder, as far as it can be read.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) folder: PathBuf,
    pub(super) config: OldConfig,
}

/// What is taken from `config.json`. Other members are the Python package's own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OldConfig {
    #[serde(default)]
    pub(super) backend: Option<String>,
    #[serde(default)]
    pub(super) bigquery_project_id: Option<String>,
    #[serde(default)]
    pub(super) active_dataset: Option<String>,
    #[serde(default)]
    pub(super) duckdb_paths: BTreeMap<String, Option<PathBuf>>,
    #[serde(default)]
    pub(super) parquet_roots: BTreeMap<String, Option<PathBuf>>,
}

impl Old {
    /// The folder that was named, else the first that is found: here, above, at home. `own` is M4's data folder.
    pub(super) fn find(
        from: Option<&Path>,
        env: &Environment,
        own: &Path,
    ) -> Result<Option<PathBuf>, Failure> {
        let Some(named) = from else {
            let found =
                candidates(env).into_iter().find(|folder| looks_like_one(folder) && !is_same(folder, own));
            return Ok(found);
        };
        let named = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        // The older packages were given the folder above.
        let inner = NAMES.iter().map(|name| named.join(name)).find(|inner| looks_like_one(inner));
        let folder = if looks_like_one(&named) { named.clone() } else { inner.unwrap_or(named.clone()) };
        if is_same(&folder, own) {
            return Err(Failure::mendable(
                format!("{} is the data folder of this M4 too", folder.display()),
                A_FOLDER_OF_ITS_OWN,
            ));
        }
        std::fs::read_dir(&folder).map_err(|source| {
            Failure::io(
                format!("cannot read {}", folder.display()),
                "name the m4_data folder of the Python package with --from",
                source,
            )
        })?;
        Ok(Some(folder))
    }

    /// What is wrong where the Python package's folder is M4's own too, which is no place to take anything from or to.
    pub(super) fn shared(own: &Path) -> Option<Item<'static>> {
        own.join(CONFIG).is_file().then(|| {
            Item::problem(Kind::Folder, own.display().to_string(), "it is the data folder of this M4 too")
                .mend(A_FOLDER_OF_ITS_OWN)
        })
    }

    /// Reads it; what cannot be read is a problem of its own.
    pub(super) fn open(folder: PathBuf) -> (Self, Option<Item<'static>>) {
        let path = folder.join(CONFIG);
        let (config, problem) = match read_config(&path) {
            Ok(config) => (config, None),
            Err(why) => {
                let problem = Item::problem(Kind::Setting, CONFIG, format!("{} {why}", path.display()))
                    .mend("correct or remove it; the rest is taken over without it");
                (OldConfig::default(), Some(problem))
            }
        };
        (Self { folder, config }, problem)
    }
}

fn read_config(path: &Path) -> Result<OldConfig, String> {
    let mut text = Vec::new();
    match File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(OldConfig::default()),
        Err(error) => return Err(format!("cannot be read: {error}")),
        Ok(_) if text.len() as u64 > LARGEST => return Err("is too large".to_owned()),
        Ok(_) => {}
    }
    // What serde says may quote the file, and it would take a list for a mapping without members.
    let members: Map<String, Value> = serde_json::from_slice(&text).map_err(|error| {
        format!("is not a JSON object (line {}, column {})", error.line(), error.column())
    })?;
    serde_json::from_value(Value::Object(members))
        .map_err(|_| "has a member of another type than the Python package writes".to_owned())
}

fn candidates(env: &Environment) -> Vec<PathBuf> {
    let here = std::env::current_dir().ok();
    let above = here.iter().flat_map(|here| here.ancestors());
    let home = env.base_dirs().map(|dirs| dirs.home.as_path());
    above.chain(home).flat_map(|folder| NAMES.map(|name| folder.join(name))).collect()
}

/// As the Python package tells its folders from others of that name.
fn looks_like_one(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).symlink_metadata().is_ok())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> io::Result<PathBuf> { path.canonicalize() };
    matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}

const A_FOLDER_OF_ITS_OWN: &str =
    "set M4_DATA_DIR to a new folder for M4: both packages give their databases the same names";
/// M4 itself keeps none in its data folder.
const CONFIG: &str = "config.json";
const NAMES: [&str; 2] = ["m4_data", "m3_data"];
const MARKS: [&str; 5] = [CONFIG, "databases", "parquet", "datasets", "raw_files"];
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_found_at_home_and_under_the_folder_that_is_named() {
        let home = tempfile::tempdir().unwrap();
        let old = home.path().join("m3_data");
        fs::create_dir_all(old.join("parquet")).unwrap();
        let own = home.path().join("own");
        let found = Old::find(Some(home.path()), &Environment::default(), &own).unwrap();
        assert_eq!(found.as_deref(), Some(old.as_path()));
        assert_eq!(Old::find(Some(&old), &Environment::default(), &own).unwrap(), Some(old.clone()));
        assert!(Old::find(Some(&old), &Environment::default(), &old).is_err(), "M4's own");
        assert!(Old::find(Some(&home.path().join("none")), &Environment::default(), &own).is_err());
    }

    #[test]
    fn a_broken_configuration_is_a_problem_that_quotes_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let opened = |text: &str| {
            fs::write(folder.path().join(CONFIG), text).unwrap();
            Old::open(folder.path().to_owned())
        };
        for broken in ["{", "[]", r#"{"backend": 7}"#, "s3cr3t"] {
            let (old, problem) = opened(broken);
            let problem = problem.unwrap();
            assert!(
                !format!("{problem:?}").contains("s3cr3t") && old.config.backend.is_none(),
                "{problem:?}"
            );
        }
        let (old, problem) = opened(r#"{"backend": "duckdb", "duckdb_paths": {"a": null}, "other": 1}"#);
        assert!(problem.is_none());
        assert_eq!(old.config.backend.as_deref(), Some("duckdb"));
        assert!(Old::open(folder.path().join("none")).1.is_none(), "none is no problem");
    }
}
