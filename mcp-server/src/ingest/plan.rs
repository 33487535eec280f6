//! Finds the files of a dataset.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::IngestError;
use crate::dataset::Definition;
use crate::dataset::schema::{MODULES, Module, Table};

/// What will be loaded, and what will not.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sources: Vec<Source>,
    pub(super) absent: Vec<String>,
    pub(super) unrecognised: Vec<String>,
}

/// One table's file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) schema: &'static str,
    pub(super) table: &'static Table,
    pub(super) path: PathBuf,
    /// For people: relative to the directory they gave.
    pub(super) file: String,
    pub(super) compressed: bool,
    pub(super) bytes: u64,
}

impl Source {
    /// `mimiciv_hosp.patients`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table.name)
    }
}

impl Plan {
    /// Looks in `src`, then in the directories inside it: archives unpack into a folder named after the release.
    /// A folder of a module the definition does not promise is loaded all the same, if it is there.
    pub(super) fn find(definition: &Definition, src: &Path) -> Result<Self, IngestError> {
        let promised: Vec<_> = definition.modules().map(|module| module.schema).collect();
        let plan = Self::scan(src, &promised)?;
        if !plan.sources.is_empty() {
            return Ok(plan);
        }
        let mut inner = Vec::new();
        for directory in list(src)?.into_iter().filter(|path| path.is_dir()) {
            inner.extend(Some(Self::scan(&directory, &promised)?).filter(|plan| !plan.sources.is_empty()));
        }
        match (inner.pop(), inner.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(IngestError::NothingFound {
                dataset: definition.name.to_string(),
                src: src.to_owned(),
                wanted: definition
                    .modules()
                    .map(|module| format!("{}/*.csv.gz, {0}/*.csv", module.folder))
                    .collect(),
            }),
        }
    }

    fn scan(root: &Path, promised: &[&str]) -> Result<Self, IngestError> {
        let mut plan = Self { sources: Vec::new(), absent: Vec::new(), unrecognised: Vec::new() };
        for module in MODULES {
            let folder = root.join(module.folder);
            let found = if folder.is_dir() { list(&folder)? } else { Vec::new() };
            let wanted = promised.contains(&module.schema) || !found.is_empty();
            if wanted {
                plan.add(module, &found)?;
            }
        }
        Ok(plan)
    }

    fn add(&mut self, module: &'static Module, found: &[PathBuf]) -> Result<(), IngestError> {
        let mut seen = BTreeSet::new();
        for path in found {
            let Some((stem, compressed)) = stem(path) else { continue };
            let file = format!("{}/{}", module.folder, file_name(path));
            // The listing is sorted, so of `x.csv` and `x.csv.gz` the plain file is met first, and wins.
            match module.table(&stem).filter(|table| seen.insert(table.name)) {
                Some(table) => {
                    let bytes = fs::metadata(path).map_err(|error| read(path, error))?.len();
                    self.sources.push(Source {
                        schema: module.schema,
                        table,
                        path: path.clone(),
                        file,
                        compressed,
                        bytes,
                    });
                }
                None => self.unrecognised.push(file),
            }
        }
        let missing = module.tables.iter().filter(|table| !seen.contains(table.name));
        self.absent.extend(missing.map(|table| format!("{}.{}", module.schema, table.name)));
        Ok(())
    }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, IngestError> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<_> =
        entries.map_err(|error| read(directory, error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> Option<(String, bool)> {
    let name = file_name(path);
    if let Some(stem) = name.strip_suffix(".csv.gz") {
        return Some((stem.to_owned(), true));
    }
    name.strip_suffix(".csv").map(|stem| (stem.to_owned(), false))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path, source: io::Error) -> IngestError {
    IngestError::Read { path: path.to_owned(), source }
}
