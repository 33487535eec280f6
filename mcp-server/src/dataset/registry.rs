//! Every dataset by name, and which of them are set up.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Dataset;
use super::custom::{self, Problem, ProblemKind};
use super::definition::{Definition, Setup};
use super::name::{InvalidName, Name};
use super::reach::Reach;
use crate::error::Explain;

/// The datasets of one data directory. Reads only; a directory that does not exist yet is an empty one.
#[derive(Debug)]
pub struct Registry {
    databases: PathBuf,
    definitions: Vec<Definition>,
    problems: Vec<Problem>,
}

impl Registry {
    /// The built-in datasets and those described in `data_dir/datasets/*.json`.
    pub fn open(data_dir: &Path) -> Self {
        let mut definitions = Definition::built_in();
        let (customs, mut problems) = custom::read(&data_dir.join("datasets"));
        for custom in customs {
            let stem = custom.name.file_stem();
            match definitions.iter().find(|known| known.name.file_stem() == stem) {
                None => definitions.push(custom),
                Some(known) => problems.push(clash(custom, known.name.clone())),
            }
        }
        Self { databases: data_dir.join("databases"), definitions, problems }
    }

    /// Every dataset that can be named: the built-in ones first, then the custom ones by file name.
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Definition files that could not be used. Show them: the user believes these datasets exist.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Where a dataset's database is, or will be.
    pub fn database(&self, definition: &Definition) -> PathBuf {
        self.databases.join(format!("{}.duckdb", definition.name.file_stem()))
    }

    /// The datasets whose database exists now.
    pub fn installed(&self) -> Vec<Dataset> {
        self.definitions.iter().filter_map(|definition| self.dataset(definition)).collect()
    }

    /// The definition called `name`.
    pub fn find(&self, name: &str) -> Result<&Definition, ResolveError> {
        let name: Name = name.parse()?;
        self.definitions.iter().find(|definition| definition.name == name).ok_or_else(|| {
            let known = || self.definitions.iter().map(|definition| definition.name.clone());
            ResolveError::Unknown {
                near: near(&name, known()),
                choices: known().collect(),
                name: name.clone(),
            }
        })
    }

    /// Those of `names` that no dataset has.
    pub fn unknown<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'a str> {
        names.into_iter().map(String::as_str).filter(|name| self.find(name).is_err())
    }

    /// The dataset a caller means. `None` means the only one that is set up.
    pub fn resolve(&self, name: Option<&str>) -> Result<Dataset, ResolveError> {
        let Some(name) = name else { return self.only_one() };
        let definition = self.find(name)?;
        self.dataset(definition)
            .ok_or_else(|| ResolveError::NotSetUp { name: definition.name.clone(), setup: definition.setup })
    }

    fn only_one(&self) -> Result<Dataset, ResolveError> {
        let mut installed = self.installed();
        match (installed.pop(), installed.is_empty()) {
            (None, _) => Err(ResolveError::NoneSetUp),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                installed.push(last);
                Err(ResolveError::Ambiguous {
                    choices: installed.into_iter().map(|dataset| dataset.name).collect(),
                })
            }
        }
    }

    fn dataset(&self, definition: &Definition) -> Option<Dataset> {
        let database = self.database(definition);
        database.is_file().then(|| Dataset {
            name: definition.name.to_string(),
            description: definition.description.clone(),
            database,
            reach: Reach::default(),
        })
    }
}

/// Why a name, or the lack of one, does not lead to a dataset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Not a name at all.
    #[error(transparent)]
    Invalid(#[from] InvalidName),
    /// No dataset is called that.
    #[error("there is no dataset {name}{}", did_you_mean(near))]
    Unknown {
        /// What was asked for.
        name: Name,
        /// Names that look like it, nearest first.
        near: Vec<Name>,
        /// Every name there is.
        choices: Vec<Name>,
    },
    /// It exists, but its database does not.
    #[error("dataset {name} is not set up")]
    NotSetUp {
        /// What was asked for.
        name: Name,
        /// How it would be set up.
        setup: Setup,
    },
    /// No name was given and nothing is set up.
    #[error("no dataset is set up")]
    NoneSetUp,
    /// No name was given and several are set up.
    #[error("several datasets are set up: {}", choices.join(", "))]
    Ambiguous {
        /// Those set up.
        choices: Vec<String>,
    },
}

impl Explain for ResolveError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Invalid(invalid) => return invalid.hint(),
            Self::Unknown { choices, .. } => format!("known datasets: {}", Listed(choices)),
            Self::NotSetUp { name, setup: Setup::Generated } => format!("run: m4 init {name}"),
            Self::NotSetUp { name, setup: Setup::Directory } => format!("run: m4 init {name} --src DIR"),
            Self::NotSetUp { setup: Setup::Unsupported, .. } => WORKS_TODAY.to_owned(),
            Self::NoneSetUp => "run: m4 init mimic-iv-sample".to_owned(),
            Self::Ambiguous { .. } => "say which with the parameter dataset (or --dataset)".to_owned(),
        })
    }
}

/// What a custom definition lacks when it cannot be set up.
pub(crate) const WORKS_TODAY: &str = "its definition needs \"tables\", or a schema_mapping to mimiciv_hosp, mimiciv_icu, mimiciv_note or eicu_crd";

fn clash(custom: Definition, with: Name) -> Problem {
    let file = match custom.origin {
        super::Origin::File(file) => file,
        super::Origin::BuiltIn => custom.name.to_string(),
    };
    Problem { file, source: ProblemKind::Taken { name: custom.name, with } }
}

fn near(name: &Name, known: impl Iterator<Item = Name>) -> Vec<Name> {
    let mut scored: Vec<_> = known
        .map(|candidate| (strsim::jaro_winkler(name.as_str(), candidate.as_str()), candidate))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

fn did_you_mean(near: &[Name]) -> String {
    if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", Listed(near)) }
}

struct Listed<'a>(&'a [Name]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Jaro–Winkler score from which a name counts as a likely slip of the pen.
const ALIKE: f64 = 0.85;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn home(installed: &[&str], files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("databases")).unwrap();
        fs::create_dir_all(home.path().join("datasets")).unwrap();
        for stem in installed {
            fs::write(home.path().join(format!("databases/{stem}.duckdb")), "").unwrap();
        }
        for (name, text) in files {
            fs::write(home.path().join("datasets").join(name), text).unwrap();
        }
        home
    }

    #[test]
    fn the_only_dataset_need_not_be_named() {
        let home = home(&["mimic_iv_demo"], &[]);
        let dataset = Registry::open(home.path()).resolve(None).unwrap();
        assert_eq!(dataset.name, "mimic-iv-demo");
        assert_eq!(dataset.database, home.path().join("databases/mimic_iv_demo.duckdb"));
    }

    #[test]
    fn with_several_set_up_the_choices_are_listed() {
        let home = home(&["mimic_iv_demo", "mimic_iv_sample"], &[]);
        let error = Registry::open(home.path()).resolve(None).unwrap_err();
        assert_eq!(error.to_string(), "several datasets are set up: mimic-iv-sample, mimic-iv-demo");
    }

    #[test]
    fn with_none_set_up_the_hint_is_the_command() {
        let error = Registry::open(Path::new("/nonexistent/m4")).resolve(None).unwrap_err();
        assert_eq!(error, ResolveError::NoneSetUp);
        assert_eq!(error.hint().unwrap(), "run: m4 init mimic-iv-sample");
    }

    #[test]
    fn a_known_dataset_that_is_not_set_up_says_how_to() {
        let registry = Registry::open(Path::new("/nonexistent/m4"));
        let hint = |name| registry.resolve(Some(name)).unwrap_err().hint().unwrap();
        assert_eq!(hint("mimic-iv-sample"), "run: m4 init mimic-iv-sample");
        assert_eq!(hint("mimic-iv-demo"), "run: m4 init mimic-iv-demo --src DIR");
        assert_eq!(hint("eicu"), "run: m4 init eicu --src DIR");
    }

    #[test]
    fn a_misspelt_name_gets_near_ones_and_all_choices() {
        let error = Registry::open(Path::new("/nonexistent/m4")).resolve(Some("mimic-iv-dmeo")).unwrap_err();
        assert!(error.to_string().contains("did you mean mimic-iv-demo"), "{error}");
        let hint = error.hint().unwrap();
        assert!(
            ["mimic-iv-sample", "mimic-iv-note", "eicu"].iter().all(|name| hint.contains(name)),
            "{hint}"
        );
    }

    #[test]
    fn a_path_is_not_a_name() {
        let home = home(&[], &[]);
        fs::write(home.path().join("x.duckdb"), "").unwrap();
        let registry = Registry::open(home.path());
        assert!(matches!(registry.resolve(Some("../x")), Err(ResolveError::Invalid(_))));
    }

    #[test]
    fn a_custom_dataset_is_found_and_a_broken_file_hides_nothing() {
        let home = home(
            &["ward_7"],
            &[
                ("a.json", "{ not json"),
                ("b.json", r#"{"name": "../../etc", "description": "escape"}"#),
                ("c.json", r#"{"name": "mimic-iv", "description": "impostor"}"#),
                (
                    "d.json",
                    r#"{"name": "ward-7", "description": "Ours", "modalities": ["TABULAR"], "tags": ["x"]}"#,
                ),
                ("e.json", r#"{"name": "ward_7", "description": "same file"}"#),
                ("readme.txt", "ignored"),
            ],
        );
        let registry = Registry::open(home.path());
        assert_eq!(registry.resolve(None).unwrap().description, "Ours");
        let broken: Vec<_> = registry.problems().iter().map(|problem| problem.file.as_str()).collect();
        assert_eq!(broken, ["a.json", "b.json", "c.json", "e.json"]);
        assert_eq!(registry.definitions().len(), Definition::built_in().len() + 1);
    }

    #[test]
    fn a_custom_dataset_in_mimic_layout_can_be_loaded_from_a_directory() {
        let json = r#"{"name": "ours", "schema_mapping": {"hosp": "mimiciv_hosp"}}"#;
        let home = home(&[], &[("ours.json", json)]);
        let registry = Registry::open(home.path());
        assert_eq!(registry.find("ours").unwrap().setup, Setup::Directory);
    }

    #[test]
    fn a_custom_dataset_with_tables_of_its_own_can_be_loaded_from_a_directory() {
        let tables = |file: &str| {
            format!(
                r#"{{"name": "ward", "tables": {{"t": {{"file": "{file}", "columns": {{"a": "DATE"}}}}}}}}"#
            )
        };
        let good = home(&[], &[("ward.json", &tables("sub/t.csv"))]);
        let registry = Registry::open(good.path());
        let ward = registry.find("ward").unwrap();
        assert_eq!((ward.setup, ward.tables.len()), (Setup::Directory, 1));

        let bad = home(&[], &[("ward.json", &tables("../t.csv"))]);
        let registry = Registry::open(bad.path());
        assert!(registry.find("ward").is_err());
        assert!(matches!(registry.problems()[0].source, ProblemKind::Table(_)));
    }

    #[test]
    fn an_oversized_definition_is_refused_unread() {
        let home = home(&[], &[("big.json", &" ".repeat((1 << 20) + 1))]);
        let registry = Registry::open(home.path());
        assert!(matches!(registry.problems()[0].source, ProblemKind::TooLarge));
    }

    #[test]
    fn a_datasets_directory_that_is_a_file_is_reported() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("datasets"), "").unwrap();
        let registry = Registry::open(home.path());
        assert_eq!(registry.problems().len(), 1);
        assert_eq!(registry.definitions().len(), Definition::built_in().len());
    }
}
