//! Datasets of the user's own, described by JSON files.
//!
//! The fields are those of the Python package's files, so these work unchanged, and `tables` for tables that M4 does
//! not know. A file that cannot be used is reported by name and takes no other dataset down with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::declared::{DeclaredError, TablesJson};
use super::definition::{Definition, Origin, Setup};
use super::name::Name;
use crate::error::Explain;

/// A definition file, or the directory of them, that could not be used.
#[derive(Debug, thiserror::Error)]
#[error("dataset definition {file} is not usable")]
pub struct Problem {
    /// The file's name, without its directory.
    pub file: String,
    /// What is wrong with it.
    pub source: ProblemKind,
}

/// What is wrong with a definition file.
#[derive(Debug, thiserror::Error)]
pub enum ProblemKind {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is larger than any definition.
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    /// It is not JSON of the expected shape.
    #[error("it is not a dataset definition")]
    Malformed(#[source] serde_json::Error),
    /// One of the tables it declares.
    #[error(transparent)]
    Table(#[from] DeclaredError),
    /// Its name, or the database file that would stand for it, is taken.
    #[error("its name {name} clashes with {with}")]
    Taken {
        /// The name it claims.
        name: Name,
        /// The dataset that had it first.
        with: Name,
    },
}

impl Explain for Problem {
    fn hint(&self) -> Option<String> {
        Some(match &self.source {
            ProblemKind::Table(error) => return error.hint(),
            ProblemKind::Unreadable(_) => format!("check the permissions of {}", self.file),
            ProblemKind::TooLarge => "a definition holds names and addresses, not data".to_owned(),
            ProblemKind::Malformed(_) => {
                "it needs at least {\"name\": \"…\", \"description\": \"…\"}; see the dataset reference"
                    .to_owned()
            }
            ProblemKind::Taken { .. } => {
                "choose another name; '-' and '_' count as the same, because both become '_' in the file name"
                    .to_owned()
            }
        })
    }
}

/// Reads every `*.json` in `directory`, in order of file name. A directory that does not exist holds none.
pub(super) fn read(directory: &Path) -> (Vec<Definition>, Vec<Problem>) {
    let (mut definitions, mut problems) = (Vec::new(), Vec::new());
    let mut files = match json_files(directory) {
        Ok(files) => files,
        Err(error) => {
            problems.push(Problem { file: "datasets/".to_owned(), source: ProblemKind::Unreadable(error) });
            return (definitions, problems);
        }
    };
    files.sort();
    for file in files {
        match parse(&directory.join(&file), &file) {
            Ok(definition) => definitions.push(definition),
            Err(source) => problems.push(Problem { file, source }),
        }
    }
    (definitions, problems)
}

fn json_files(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    Ok(files)
}

fn parse(path: &Path, file: &str) -> Result<Definition, ProblemKind> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut text));
    if read.map_err(ProblemKind::Unreadable)? as u64 > LARGEST {
        return Err(ProblemKind::TooLarge);
    }
    let json: Json = serde_json::from_slice(&text).map_err(ProblemKind::Malformed)?;
    let mut definition = Definition {
        name: json.name,
        description: json.description,
        version: json.version,
        origin: Origin::File(file.to_owned()),
        setup: Setup::Unsupported,
        synthetic: false,
        file_listing_url: json.file_listing_url,
        subdirectories_to_scan: json.subdirectories_to_scan,
        primary_verification_table: json.primary_verification_table,
        requires_authentication: json.requires_authentication,
        bigquery_project_id: json.bigquery_project_id,
        bigquery_dataset_ids: json.bigquery_dataset_ids,
        modalities: json.modalities.iter().map(|modality| modality.to_lowercase()).collect(),
        schema_mapping: json.schema_mapping,
        bigquery_schema_mapping: json.bigquery_schema_mapping,
        tables: json.tables.parse()?,
    };
    if definition.modules().next().is_some() || !definition.tables.is_empty() {
        definition.setup = Setup::Directory;
    }
    Ok(definition)
}

/// The file's shape. Other keys are let through: the Python package writes some that only it uses.
#[derive(Deserialize)]
struct Json {
    name: Name,
    #[serde(default)]
    description: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    file_listing_url: Option<String>,
    #[serde(default)]
    subdirectories_to_scan: Vec<String>,
    #[serde(default)]
    primary_verification_table: Option<String>,
    #[serde(default)]
    requires_authentication: bool,
    #[serde(default)]
    bigquery_project_id: Option<String>,
    #[serde(default)]
    bigquery_dataset_ids: Vec<String>,
    #[serde(default)]
    modalities: Vec<String>,
    #[serde(default)]
    schema_mapping: BTreeMap<String, String>,
    #[serde(default)]
    bigquery_schema_mapping: BTreeMap<String, String>,
    #[serde(default)]
    tables: TablesJson,
}

const LARGEST: u64 = 1 << 20;
