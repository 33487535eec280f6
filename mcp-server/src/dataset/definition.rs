//! What M4 knows of a dataset before it is set up, and the built-in ones.

use std::collections::BTreeMap;

use super::declared::DeclaredTable;
use super::name::Name;
use super::schema::{self, Module};

/// A dataset that can be asked for by name, set up or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// One line about it.
    pub description: String,
    /// Which release, where that is known: `2.2`.
    pub version: Option<String>,
    /// Built in, or read from a file.
    pub origin: Origin,
    /// How its database comes to be.
    pub setup: Setup,
    /// Whether every row is invented.
    pub synthetic: bool,
    /// Where its files are listed for download.
    pub file_listing_url: Option<String>,
    /// Folders of the published files.
    pub subdirectories_to_scan: Vec<String>,
    /// The table that must have rows for the dataset to count as complete, with its schema.
    pub primary_verification_table: Option<String>,
    /// Whether a download needs a signed data use agreement.
    pub requires_authentication: bool,
    /// Google Cloud project that hosts it.
    pub bigquery_project_id: Option<String>,
    /// BigQuery datasets it spans.
    pub bigquery_dataset_ids: Vec<String>,
    /// What kinds of data it holds, in lower case: `tabular`, `notes`.
    pub modalities: Vec<String>,
    /// Folder of the published files → canonical schema: `hosp` → `mimiciv_hosp`.
    pub schema_mapping: BTreeMap<String, String>,
    /// Canonical schema → BigQuery dataset.
    pub bigquery_schema_mapping: BTreeMap<String, String>,
    /// Tables it declares itself, beside those of its modules.
    pub tables: Vec<DeclaredTable>,
}

impl Definition {
    /// The modules it has whose tables M4 knows the columns of.
    pub fn modules(&self) -> impl Iterator<Item = &'static Module> + '_ {
        schema::MODULES
            .iter()
            .filter(|module| self.schema_mapping.values().any(|name| *name == module.schema))
    }

    /// The built-in datasets, in the order they are shown.
    pub fn built_in() -> Vec<Self> {
        vec![sample(), demo(), full(), notes(), eicu()]
    }
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This program.
    BuiltIn,
    /// A file in the `datasets` directory, by name.
    File(String),
}

/// How a dataset's database comes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// M4 makes the rows itself.
    Generated,
    /// From a directory of its files: CSV, compressed or not, or Parquet.
    Directory,
    /// Known by name only; this version cannot set it up.
    Unsupported,
}

fn sample() -> Definition {
    Definition {
        description: "SYNTHETIC: 100 invented patients in the MIMIC-IV 2.2 layout, for trying things out"
            .to_owned(),
        setup: Setup::Generated,
        synthetic: true,
        modalities: words(&["tabular", "notes"]),
        schema_mapping: map(&[("hosp", "mimiciv_hosp"), ("icu", "mimiciv_icu"), ("note", "mimiciv_note")]),
        primary_verification_table: Some("mimiciv_hosp.patients".to_owned()),
        ..blank("mimic-iv-sample")
    }
}

fn demo() -> Definition {
    Definition {
        description: "MIMIC-IV Clinical Database Demo: 100 real, de-identified patients, open access"
            .to_owned(),
        version: Some("2.2".to_owned()),
        file_listing_url: Some("https://physionet.org/files/mimic-iv-demo/2.2/".to_owned()),
        subdirectories_to_scan: words(&["hosp", "icu"]),
        primary_verification_table: Some("mimiciv_hosp.admissions".to_owned()),
        bigquery_project_id: None,
        schema_mapping: map(&[("hosp", "mimiciv_hosp"), ("icu", "mimiciv_icu")]),
        ..blank("mimic-iv-demo")
    }
}

fn full() -> Definition {
    Definition {
        description:
            "MIMIC-IV: hospital and intensive-care records of Beth Israel Deaconess, credentialed access"
                .to_owned(),
        file_listing_url: Some("https://physionet.org/files/mimiciv/2.2/".to_owned()),
        version: Some("2.2".to_owned()),
        subdirectories_to_scan: words(&["hosp", "icu"]),
        primary_verification_table: Some("mimiciv_hosp.admissions".to_owned()),
        requires_authentication: true,
        bigquery_project_id: Some(PHYSIONET_PROJECT.to_owned()),
        bigquery_dataset_ids: words(&["mimiciv_hosp", "mimiciv_icu"]),
        schema_mapping: map(&[("hosp", "mimiciv_hosp"), ("icu", "mimiciv_icu")]),
        bigquery_schema_mapping: map(&[("mimiciv_hosp", "mimiciv_hosp"), ("mimiciv_icu", "mimiciv_icu")]),
        ..blank("mimic-iv")
    }
}

fn notes() -> Definition {
    Definition {
        description:
            "MIMIC-IV-Note: de-identified discharge summaries and radiology reports, credentialed access"
                .to_owned(),
        file_listing_url: Some("https://physionet.org/files/mimic-iv-note/2.2/".to_owned()),
        version: Some("2.2".to_owned()),
        subdirectories_to_scan: words(&["note"]),
        primary_verification_table: Some("mimiciv_note.discharge".to_owned()),
        requires_authentication: true,
        bigquery_project_id: Some(PHYSIONET_PROJECT.to_owned()),
        bigquery_dataset_ids: words(&["mimiciv_note"]),
        modalities: words(&["notes"]),
        schema_mapping: map(&[("note", "mimiciv_note")]),
        bigquery_schema_mapping: map(&[("mimiciv_note", "mimiciv_note")]),
        ..blank("mimic-iv-note")
    }
}

fn eicu() -> Definition {
    Definition {
        description: "eICU Collaborative Research Database: multi-centre intensive care, credentialed access"
            .to_owned(),
        file_listing_url: Some("https://physionet.org/files/eicu-crd/2.0/".to_owned()),
        version: Some("2.0".to_owned()),
        primary_verification_table: Some("eicu_crd.patient".to_owned()),
        requires_authentication: true,
        bigquery_project_id: Some(PHYSIONET_PROJECT.to_owned()),
        bigquery_dataset_ids: words(&["eicu_crd"]),
        schema_mapping: map(&[("", "eicu_crd")]),
        bigquery_schema_mapping: map(&[("eicu_crd", "eicu_crd")]),
        ..blank("eicu")
    }
}

fn blank(name: &'static str) -> Definition {
    Definition {
        name: Name::known(name),
        description: String::new(),
        version: None,
        origin: Origin::BuiltIn,
        setup: Setup::Directory,
        synthetic: false,
        file_listing_url: None,
        subdirectories_to_scan: Vec::new(),
        primary_verification_table: None,
        requires_authentication: false,
        bigquery_project_id: None,
        bigquery_dataset_ids: Vec::new(),
        modalities: words(&["tabular"]),
        schema_mapping: BTreeMap::new(),
        bigquery_schema_mapping: BTreeMap::new(),
        tables: Vec::new(),
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect()
}

/// The Google Cloud project through which PhysioNet shares its credentialed datasets.
const PHYSIONET_PROJECT: &str = "physionet-data";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_names_are_names() {
        for definition in Definition::built_in() {
            assert_eq!(definition.name.as_str().parse(), Ok(definition.name));
        }
    }

    #[test]
    fn only_the_sample_is_synthetic_and_says_so() {
        for definition in Definition::built_in() {
            assert_eq!(definition.synthetic, definition.name.as_str() == "mimic-iv-sample");
            assert_eq!(definition.synthetic, definition.description.starts_with("SYNTHETIC"));
        }
    }

    #[test]
    fn whatever_is_loaded_from_a_directory_has_known_modules() {
        for definition in Definition::built_in().iter().filter(|d| d.setup != Setup::Unsupported) {
            assert!(definition.modules().next().is_some(), "{} has nothing to load", definition.name);
        }
    }
}
