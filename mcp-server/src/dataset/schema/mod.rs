//! The tables M4 knows, with their column types, as data: MIMIC-IV 2.2, MIMIC-IV-Note 2.2 and eICU-CRD 2.0.
//!
//! Types follow the `PostgreSQL` build of the MIMIC Code Repository and the `DuckDB` build of the eICU Code
//! Repository, with changes that lose nothing: every type with a fraction is `DOUBLE` (a fixed number of places would
//! round), length limits are dropped, and columns that hold whole days (`chartdate` of `omr`, `procedures_icd` and
//! `hcpcsevents`) are `DATE`, as in the BigQuery release.

use std::sync::LazyLock;

pub mod eicu;
pub mod hosp;
pub mod icu;
mod kind;
pub mod note;

pub use kind::{Kind, UnknownKind};

/// A part of a dataset that is published as one folder and becomes one database schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The folder that holds its files, relative to the dataset's root: `hosp`. Empty where they lie in the root.
    pub folder: String,
    /// The schema its tables live in: `mimiciv_hosp`.
    pub schema: String,
    /// Its tables, in alphabetical order.
    pub tables: Vec<Table>,
}

impl Module {
    fn known(folder: &str, schema: &str, tables: impl IntoIterator<Item = &'static Known>) -> Self {
        let table = |&(name, columns): &Known| Table {
            name: name.to_owned(),
            columns: columns.iter().map(|&(name, kind)| Column { name: name.to_owned(), kind }).collect(),
        };
        let mut tables: Vec<_> = tables.into_iter().map(table).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Self { folder: folder.to_owned(), schema: schema.to_owned(), tables }
    }

    /// The table called `name`, in any case: eICU's files are called `vitalPeriodic.csv.gz`, its tables
    /// `vitalperiodic`.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

/// One table and its columns in published order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name without its schema: `admissions`.
    pub name: String,
    /// Columns in published order.
    pub columns: Vec<Column>,
}

impl Table {
    /// The column called `name`, in any case: releases differ in theirs (`originalamount`, `ORIGINALAMOUNT`).
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase())
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name; in lower case where M4 knows the table.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// Every module M4 knows, in the order they are loaded.
pub static MODULES: LazyLock<[Module; 4]> =
    LazyLock::new(|| [hosp::module(), icu::module(), note::module(), eicu::module()]);

/// The modules of MIMIC-IV and its notes.
pub fn mimic() -> impl Iterator<Item = &'static Module> {
    MODULES.iter().filter(|module| module.schema.starts_with("mimiciv_"))
}

/// The module whose tables live in `schema`.
pub fn module(schema: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.schema == schema)
}

/// A table as it is written down here: its name, its columns.
type Known = (&'static str, &'static [(&'static str, Kind)]);

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Known {
    (name, columns)
}

const fn flag(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Boolean)
}

/// Small numbers too: `anchor_age * anchor_year` does not fit 16 bits, and packed columns take no more room.
const fn int(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Integer)
}

const fn big(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::BigInt)
}

const fn double(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Double)
}

const fn text(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Text)
}

const fn date(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Date)
}

const fn time(name: &'static str) -> (&'static str, Kind) {
    (name, Kind::Timestamp)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_modules_have_the_published_number_of_tables() {
        let counts: Vec<_> =
            MODULES.iter().map(|module| (module.schema.as_str(), module.tables.len())).collect();
        assert_eq!(counts, [("mimiciv_hosp", 22), ("mimiciv_icu", 9), ("mimiciv_note", 4), ("eicu_crd", 31)]);
    }

    #[test]
    fn tables_and_columns_are_unique_sorted_and_lower_case() {
        for module in MODULES.iter() {
            assert!(module.tables.is_sorted_by(|a, b| a.name <= b.name), "{} is not sorted", module.schema);
            for table in &module.tables {
                let names: BTreeSet<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
                assert_eq!(names.len(), table.columns.len(), "{} repeats a column", table.name);
                assert!(names.iter().all(|name| **name == name.to_ascii_lowercase()), "{}", table.name);
            }
        }
    }

    #[test]
    fn identifiers_are_integers_and_times_are_timestamps() {
        let numbers =
            ["subject_id", "hadm_id", "stay_id", "itemid", "pharmacy_id", "labevent_id", "caregiver_id"];
        for column in mimic().flat_map(|module| &module.tables).flat_map(|table| &table.columns) {
            if numbers.contains(&column.name.as_str()) {
                assert_eq!(column.kind, Kind::Integer, "{}", column.name);
            }
            if column.name.ends_with("time") {
                assert_eq!(column.kind, Kind::Timestamp, "{}", column.name);
            }
        }
    }
}
