//! Tables that a custom definition declares: what they are called, which file they come from, what its columns hold.
//!
//! ```json
//! "tables": { "lab.results": { "file": "sub/results.csv.gz", "columns": { "subject_id": "INTEGER", "value": "VARCHAR" } } }
//! ```
//!
//! Everything is parsed here, so no later code meets a name that is SQL or a path that leaves the source directory.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::schema::{Column, Kind, Table, UnknownKind};
use crate::error::Explain;

/// A table of a custom dataset and the file it is loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTable {
    /// The schema it lives in; `main` where the definition names none.
    pub schema: String,
    /// Its name and its columns, in the order of the definition.
    pub table: Table,
    /// Its file, below the source directory.
    pub file: SourceFile,
}

/// A file below a source directory, by its path from there: `sub/results.csv.gz`.
///
/// It has no `..`, no root and no drive, and ends in `.csv`, `.csv.gz` or `.parquet`. Whether a symlink on the way leads out is
/// found when the file is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile(String);

impl SourceFile {
    /// The path as it was written, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceFile {
    type Err = DeclaredError;

    fn from_str(file: &str) -> Result<Self, DeclaredError> {
        let plain = |part: &str| {
            let mut parts = Path::new(part).components();
            matches!(parts.next(), Some(std::path::Component::Normal(only)) if only == part)
                && parts.next().is_none()
        };
        let known = [".csv", ".csv.gz", ".parquet"].iter().any(|ending| file.ends_with(ending));
        let clean = !file.contains(|c: char| c.is_control() || c == '\\' || c == ':');
        if file.len() <= LONGEST_PATH && clean && known && file.split('/').all(plain) {
            return Ok(Self(file.to_owned()));
        }
        Err(DeclaredError::File { file: cut(file) })
    }
}

/// Why a declared table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredError {
    /// Its name.
    #[error("{name:?} cannot name a table")]
    Name {
        /// As it was written, cut short.
        name: String,
    },
    /// Its schema is the engine's or M4's own.
    #[error("the schema {schema:?} is reserved")]
    Reserved {
        /// The schema.
        schema: String,
    },
    /// Two names differ in case only, or not at all.
    #[error("{name:?} is declared twice")]
    Twice {
        /// The second of them.
        name: String,
    },
    /// Its file.
    #[error("{file:?} is not a file below the source directory")]
    File {
        /// As it was written, cut short.
        file: String,
    },
    /// One of its columns.
    #[error("{column:?} cannot name a column of {table}")]
    Column {
        /// The table.
        table: String,
        /// As it was written, cut short.
        column: String,
    },
    /// The type of one of its columns.
    #[error("column {column} of {table}: {source}")]
    Kind {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What was given.
        source: UnknownKind,
    },
    /// None, or more than the engine takes.
    #[error("{table} has {count} columns")]
    Width {
        /// The table.
        table: String,
        /// How many.
        count: usize,
    },
}

impl Explain for DeclaredError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => format!(
                "write \"table\" or \"schema.table\", each of at most {LONGEST_NAME} letters, digits, '_', '-' and spaces, starting with a letter or '_'"
            ),
            Self::Reserved { .. } => "choose another schema".to_owned(),
            Self::Twice { .. } => "names that differ in case only are the same name".to_owned(),
            Self::File { .. } => {
                "write its path from the source directory with '/', without '..', ending in .csv, .csv.gz or .parquet"
                    .to_owned()
            }
            Self::Column { .. } => {
                format!("use at most {LONGEST_NAME} characters, none of them a control character")
            }
            Self::Kind { source, .. } => return source.hint(),
            Self::Width { .. } => format!("declare 1 to {MOST_COLUMNS}"),
        })
    }
}

/// The `tables` of a definition file, in their order, before anything is checked.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct TablesJson(#[serde(deserialize_with = "pairs")] Vec<(String, TableJson)>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableJson {
    file: String,
    #[serde(deserialize_with = "pairs")]
    columns: Vec<(String, String)>,
}

impl TablesJson {
    /// The tables, all of them in order or none.
    pub(super) fn parse(self) -> Result<Vec<DeclaredTable>, DeclaredError> {
        let mut seen = BTreeSet::new();
        self.0
            .into_iter()
            .map(|(name, json)| {
                let declared = declared(&name, json)?;
                let key = (declared.schema.to_lowercase(), declared.table.name.to_lowercase());
                if seen.insert(key) { Ok(declared) } else { Err(DeclaredError::Twice { name: cut(&name) }) }
            })
            .collect()
    }
}

fn declared(name: &str, json: TableJson) -> Result<DeclaredTable, DeclaredError> {
    let (schema, table) = name.split_once('.').unwrap_or(("main", name));
    if !is_name(schema) || !is_name(table) {
        return Err(DeclaredError::Name { name: cut(name) });
    }
    let lower = schema.to_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("m4_") {
        return Err(DeclaredError::Reserved { schema: schema.to_owned() });
    }
    let (count, mut seen) = (json.columns.len(), BTreeSet::new());
    if !(1..=MOST_COLUMNS).contains(&count) {
        return Err(DeclaredError::Width { table: name.to_owned(), count });
    }
    let column = |(column, kind): (String, String)| {
        let clean =
            !column.trim().is_empty() && column.trim() == column && !column.contains(char::is_control);
        if !clean || column.chars().count() > LONGEST_NAME {
            return Err(DeclaredError::Column { table: name.to_owned(), column: cut(&column) });
        }
        if !seen.insert(column.to_lowercase()) {
            return Err(DeclaredError::Twice { name: column });
        }
        match kind.parse::<Kind>() {
            Ok(kind) => Ok(Column { name: column, kind }),
            Err(source) => Err(DeclaredError::Kind { table: name.to_owned(), column, source }),
        }
    };
    let columns = json.columns.into_iter().map(column).collect::<Result<_, _>>()?;
    Ok(DeclaredTable {
        schema: schema.to_owned(),
        table: Table { name: table.to_owned(), columns },
        file: json.file.parse()?,
    })
}

fn is_name(name: &str) -> bool {
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count());
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    fits && starts_well
        && !name.ends_with(' ')
        && name.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c))
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// Reads a JSON object as pairs: a map would lose their order and hide a name that is there twice.
fn pairs<'de, D, T>(deserializer: D) -> Result<Vec<(String, T)>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Pairs<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(Pairs(std::marker::PhantomData))
}

const LONGEST_NAME: usize = 63;
const LONGEST_PATH: usize = 512;
const MOST_COLUMNS: usize = 2_000;
/// Schemas of the engine: its catalogues, and the databases it always has.
const RESERVED: [&str; 4] = ["information_schema", "pg_catalog", "system", "temp"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<Vec<DeclaredTable>, DeclaredError> {
        serde_json::from_str::<TablesJson>(json).unwrap().parse()
    }

    fn one(name: &str, file: &str, columns: &str) -> Result<Vec<DeclaredTable>, DeclaredError> {
        let (name, file) = (serde_json::json!(name), serde_json::json!(file));
        parse(&format!("{{{name}: {{\"file\": {file}, \"columns\": {columns}}}}}"))
    }

    #[test]
    fn tables_and_columns_keep_their_order_and_types() {
        let tables = parse(
            r#"{"lab.z": {"file": "a/z.csv.gz", "columns": {"zulu": "bigint", "Alpha é": "DECIMAL(9, 2)"}},
                "a": {"file": "a.parquet", "columns": {"x": "VARCHAR"}}}"#,
        )
        .unwrap();
        let names: Vec<_> = tables.iter().map(|t| (t.schema.as_str(), t.table.name.as_str())).collect();
        assert_eq!(names, [("lab", "z"), ("main", "a")]);
        let columns: Vec<_> =
            tables[0].table.columns.iter().map(|c| (c.name.as_str(), c.kind.to_string())).collect();
        assert_eq!(columns, [("zulu", "BIGINT".to_owned()), ("Alpha é", "DECIMAL(9,2)".to_owned())]);
    }

    #[test]
    fn a_file_never_lies_outside_the_source() {
        for bad in [
            "",
            ".",
            "..",
            "../x.csv",
            "a/../x.csv",
            "a/..",
            "/etc/x.csv",
            "//x.csv",
            "a//x.csv",
            "./x.csv",
            "C:x.csv",
            "a\\x.csv",
            "\\\\server\\x.csv",
            "a\0.csv",
            "a\n.csv",
            "x.txt",
            "x.csv/",
            "~",
            "x.csv.gz.exe",
        ] {
            assert!(matches!(one("t", bad, r#"{"a": "DATE"}"#), Err(DeclaredError::File { .. })), "{bad:?}");
        }
        for good in ["x.csv", "..x.csv", "it's [a]*/ü x.csv.gz", "a/b/c.parquet"] {
            assert!(one("t", good, r#"{"a": "DATE"}"#).is_ok(), "{good}");
        }
    }

    #[test]
    fn names_that_are_sql_the_engines_or_there_twice_are_refused() {
        let columns = r#"{"a": "DATE"}"#;
        for bad in ["", ".", "a.", ".a", "a.b.c", "a\"b", "a'b", "a;b", "1a", "a\0", " a", "a ", "-a"] {
            assert!(matches!(one(bad, "x.csv", columns), Err(DeclaredError::Name { .. })), "{bad:?}");
        }
        for reserved in ["information_schema.t", "PG_CATALOG.t", "m4_meta.t", "M4_notes.t", "temp.t"] {
            assert!(
                matches!(one(reserved, "x.csv", columns), Err(DeclaredError::Reserved { .. })),
                "{reserved}"
            );
        }
        let table = r#"{"file": "x.csv", "columns": {"a": "DATE"}}"#;
        for (a, b) in [("t", "t"), ("t", "T"), ("t", "main.t")] {
            let twice = parse(&format!("{{\"{a}\": {table}, \"{b}\": {table}}}"));
            assert!(matches!(twice, Err(DeclaredError::Twice { .. })), "{a} {b}");
        }
    }

    #[test]
    fn columns_need_a_name_of_their_own_and_a_type_on_the_list() {
        assert!(matches!(one("t", "x.csv", "{}"), Err(DeclaredError::Width { count: 0, .. })));
        assert!(matches!(
            one("t", "x.csv", r#"{"a": "DATE", "A": "DATE"}"#),
            Err(DeclaredError::Twice { .. })
        ));
        assert!(matches!(one("t", "x.csv", r#"{" a": "DATE"}"#), Err(DeclaredError::Column { .. })));
        let error = one("t", "x.csv", r#"{"a": "INTEGER); DROP TABLE t; --"}"#).unwrap_err();
        assert!(error.to_string().starts_with("column a of t: \"INTEGER); DROP"), "{error}");
        assert!(error.hint().unwrap().contains("DECIMAL(precision,scale)"));
    }

    proptest! {
        #[test]
        fn no_path_that_is_taken_leaves_the_directory(text in "[./a\\\\:~ é]{0,12}\\.csv") {
            if let Ok(file) = text.parse::<SourceFile>() {
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(Path::new(file.as_str()).components().all(normal));
            }
        }
    }
}
