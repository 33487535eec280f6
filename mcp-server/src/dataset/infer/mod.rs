//! Makes a definition of a dataset out of a folder of its files: which tables there are, and what their columns hold.
//!
//! Of a CSV file the first rows are looked at, at most [`MOST_ROWS`] and [`MOST_BYTES`]. What they show is not what the
//! rest must hold, so the types are chosen to lose nothing where it holds more (`kinds.rs`), and a row that does not fit
//! its type is counted when the file is loaded. Files directly in the folder become tables of the schema `main`; those in
//! a folder of it, tables of a schema named after that folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::declared::SourceFile;
use super::name::Name;
use super::schema::Kind;

mod error;
mod kinds;
mod sample;
#[cfg(test)]
mod tests;

pub use error::InferError;

/// The most rows of a file that are looked at.
pub const MOST_ROWS: u64 = 20_000;
/// The most bytes of a file that are looked at, after decompression.
pub const MOST_BYTES: u64 = 16 << 20;

/// A dataset as its files show it. Serializes as the JSON of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// Its name.
    pub name: Name,
    /// One line about it.
    pub description: String,
    /// Its tables, by file.
    pub tables: Vec<InferredTable>,
    /// Files and folders that hold no table, by their path from the source directory.
    pub ignored: Vec<String>,
}

/// A table as its file shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferredTable {
    /// `results`, or `lab.results`.
    pub name: String,
    /// Its file, by its path from the source directory.
    pub file: String,
    /// Its columns, in the file's order.
    pub columns: Vec<(String, Kind)>,
    /// Whether every row of the file was looked at, so that the types are certain.
    pub certain: bool,
}

/// Looks at every data file in `src` and in the folders inside it.
pub fn infer(name: Name, description: String, src: &Path) -> Result<Inferred, InferError> {
    let unreadable = |source| InferError::Read { path: src.to_owned(), source };
    let bounds = fs::canonicalize(src).map_err(unreadable)?;
    if !bounds.is_dir() {
        return Err(InferError::NotAFolder { path: src.to_owned() });
    }
    let mut found = Found::default();
    found.look_into(&bounds, "", &bounds)?;
    if found.files.is_empty() {
        return Err(InferError::NothingFound { src: src.to_owned() });
    }
    let mut tables: Vec<InferredTable> = Vec::with_capacity(found.files.len());
    let mut names = BTreeMap::new();
    for file in found.files {
        let table = table_name(&file, &name)?;
        if let Some(first) = names.insert(table.to_lowercase(), file.clone()) {
            return Err(InferError::SameTable { table, first, second: file });
        }
        let sampled = sample::columns(&bounds.join(&file), &file)?;
        tables.push(InferredTable { name: table, file, columns: sampled.columns, certain: sampled.certain });
    }
    Ok(Inferred { name, description, tables, ignored: found.ignored })
}

#[derive(Default)]
struct Found {
    /// Paths from the source directory, with `/`.
    files: Vec<String>,
    ignored: Vec<String>,
}

impl Found {
    fn look_into(&mut self, folder: &Path, prefix: &str, bounds: &Path) -> Result<(), InferError> {
        let unreadable = |source| InferError::Read { path: folder.to_owned(), source };
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            entries.push(entry.map_err(unreadable)?.path());
        }
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let file = format!("{prefix}{name}");
            let real =
                fs::canonicalize(&path).map_err(|source| InferError::Read { path: path.clone(), source })?;
            if !real.starts_with(bounds) {
                return Err(InferError::Outside { file });
            }
            match (real.is_dir(), file.parse::<SourceFile>()) {
                (true, _) if prefix.is_empty() => self.look_into(&path, &format!("{file}/"), bounds)?,
                (true, _) => self.deeper(&path, &file)?,
                (false, Ok(_)) => self.files.push(file),
                (false, Err(_)) if is_data(&name) => return Err(InferError::FileName { file }),
                (false, Err(_)) => self.ignored.push(file),
            }
            if self.files.len() > MOST_FILES {
                return Err(InferError::TooMany { limit: MOST_FILES });
            }
        }
        Ok(())
    }

    /// A folder that is too deep to be a schema must not hold what the user takes for part of the dataset.
    fn deeper(&mut self, folder: &Path, file: &str) -> Result<(), InferError> {
        let unreadable = |source| InferError::Read { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if is_data(&name.to_string_lossy()) {
                return Err(InferError::TooDeep { file: format!("{file}/{}", name.to_string_lossy()) });
            }
        }
        self.ignored.push(format!("{file}/"));
        Ok(())
    }
}

fn is_data(name: &str) -> bool {
    let lower = name.to_lowercase();
    ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// The table that a file becomes: named after the file, in a schema named after its folder.
fn table_name(file: &str, dataset: &Name) -> Result<String, InferError> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name).to_lowercase();
    let starts_well = stem.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let clean = stem.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !starts_well || !clean || stem.chars().count() > LONGEST_NAME {
        return Err(InferError::FileName { file: file.to_owned() });
    }
    Ok(if folder.is_empty() { stem } else { format!("{}.{stem}", schema_name(folder, dataset)) })
}

/// A folder's name as a schema's: what SQL takes without quotes, and none that the engine or M4 has already.
fn schema_name(folder: &str, dataset: &Name) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut schema: String = folder.chars().map(plain).take(LONGEST_NAME - "_data".len() - 1).collect();
    if schema.starts_with(|c: char| c.is_ascii_digit()) {
        schema.insert(0, '_');
    }
    // The engine calls the database after its file, and could not tell `name.table` from `schema.table`.
    if schema == dataset.file_stem() || schema.starts_with("m4_") || TAKEN.contains(&schema.as_str()) {
        schema.push_str("_data");
    }
    schema
}

impl Serialize for Inferred {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name.as_str())?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("modalities", &["tabular"])?;
        map.serialize_entry("primary_verification_table", &self.tables.first().map(|table| &table.name))?;
        map.serialize_entry("defined_by", concat!("m4 ", env!("CARGO_PKG_VERSION")))?;
        map.serialize_entry("tables", &Tables(&self.tables))?;
        map.end()
    }
}

struct Tables<'a>(&'a [InferredTable]);

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|table| (&table.name, OneTable(table))))
    }
}

struct OneTable<'a>(&'a InferredTable);

impl Serialize for OneTable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("file", &self.0.file)?;
        map.serialize_entry("columns", &Columns(&self.0.columns))?;
        map.end()
    }
}

struct Columns<'a>(&'a [(String, Kind)]);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, kind)| (name, kind.to_string())))
    }
}

const ENDINGS: [&str; 3] = [".csv.gz", ".csv", ".parquet"];
const MOST_FILES: usize = 1_000;
const LONGEST_NAME: usize = 63;
const TAKEN: [&str; 6] = ["information_schema", "main", "memory", "pg_catalog", "system", "temp"];
