//! The tables of MIMIC-IV 2.2 and MIMIC-IV-Note 2.2 with their column types, as data.
//!
//! Types follow the `PostgreSQL` build of the MIMIC Code Repository, with three changes that lose nothing: every
//! floating-point type is `DOUBLE`, length limits are dropped, and columns that hold whole days (`chartdate` of
//! `omr`, `procedures_icd` and `hcpcsevents`) are `DATE`, as in the BigQuery release.

use std::fmt;

pub mod hosp;
pub mod icu;
pub mod note;

/// A part of MIMIC-IV that is published as one folder and becomes one database schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    /// The folder that holds its files, relative to the dataset's root: `hosp`.
    pub folder: &'static str,
    /// The schema its tables live in: `mimiciv_hosp`.
    pub schema: &'static str,
    /// Its tables, in alphabetical order.
    pub tables: &'static [Table],
}

impl Module {
    /// The table called `name`.
    pub fn table(&self, name: &str) -> Option<&'static Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// One table and its columns in published order.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Name without its schema: `admissions`.
    pub name: &'static str,
    /// Columns in published order.
    pub columns: &'static [Column],
}

impl Table {
    /// The column called `name`, in any case: releases differ in theirs (`originalamount`, `ORIGINALAMOUNT`).
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in lower case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds. `Display` writes the SQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Flags, versions and other small numbers.
    SmallInt,
    /// Identifiers and counts.
    Integer,
    /// Measurements.
    Double,
    /// Text, and codes that look like numbers but are not (ICD, NDC).
    Text,
    /// A day.
    Date,
    /// A point in time, shifted per patient into 2100–2200, without a zone.
    Timestamp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::Double => "DOUBLE",
            Self::Text => "VARCHAR",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
        })
    }
}

/// Every module M4 knows, in the order they are loaded.
pub static MODULES: [&Module; 3] = [&hosp::MODULE, &icu::MODULE, &note::MODULE];

/// The module whose tables live in `schema`.
pub fn module(schema: &str) -> Option<&'static Module> {
    MODULES.into_iter().find(|module| module.schema == schema)
}

const fn table(name: &'static str, columns: &'static [Column]) -> Table {
    Table { name, columns }
}

const fn small(name: &'static str) -> Column {
    Column { name, kind: Kind::SmallInt }
}

const fn int(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer }
}

const fn double(name: &'static str) -> Column {
    Column { name, kind: Kind::Double }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn date(name: &'static str) -> Column {
    Column { name, kind: Kind::Date }
}

const fn time(name: &'static str) -> Column {
    Column { name, kind: Kind::Timestamp }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_modules_have_the_published_number_of_tables() {
        let counts: Vec<_> = MODULES.iter().map(|module| (module.schema, module.tables.len())).collect();
        assert_eq!(counts, [("mimiciv_hosp", 22), ("mimiciv_icu", 9), ("mimiciv_note", 4)]);
    }

    #[test]
    fn tables_and_columns_are_unique_sorted_and_lower_case() {
        for module in MODULES {
            assert!(module.tables.is_sorted_by_key(|table| table.name), "{} is not sorted", module.schema);
            for table in module.tables {
                let names: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
                assert_eq!(names.len(), table.columns.len(), "{} repeats a column", table.name);
                assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()), "{}", table.name);
            }
        }
    }

    #[test]
    fn identifiers_are_integers_and_times_are_timestamps() {
        let numbers =
            ["subject_id", "hadm_id", "stay_id", "itemid", "pharmacy_id", "labevent_id", "caregiver_id"];
        for column in MODULES.iter().flat_map(|module| module.tables).flat_map(|table| table.columns) {
            if numbers.contains(&column.name) {
                assert_eq!(column.kind, Kind::Integer, "{}", column.name);
            }
            if column.name.ends_with("time") {
                assert_eq!(column.kind, Kind::Timestamp, "{}", column.name);
            }
        }
    }
}
