//! Finds the files of a dataset.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::IngestError;
use super::source::{Format, Source};
use crate::dataset::Definition;
use crate::dataset::schema::{MODULES, Module};

/// What will be loaded, and what will not.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) sources: Vec<Source<'a>>,
    pub(super) absent: Vec<String>,
    pub(super) unrecognised: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Looks in `src`, then in the directories inside it: archives unpack into a folder named after the release.
    /// A folder of a module the definition does not promise is loaded all the same, if it is there.
    pub(super) fn find(definition: &'a Definition, src: &Path) -> Result<Self, IngestError> {
        let bounds = fs::canonicalize(src).map_err(|error| read(src, error))?;
        let plan = Self::scan(definition, src, &bounds)?;
        if !plan.sources.is_empty() {
            return Ok(plan);
        }
        let mut inner = Vec::new();
        for directory in list(src)?.into_iter().filter(|path| path.is_dir()) {
            let plan = Self::scan(definition, &directory, &bounds)?;
            inner.extend(Some(plan).filter(|plan| !plan.sources.is_empty()));
        }
        match (inner.pop(), inner.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(IngestError::NothingFound {
                dataset: definition.name.to_string(),
                src: src.to_owned(),
                wanted: wanted(definition),
            }),
        }
    }

    fn scan(definition: &'a Definition, root: &Path, bounds: &Path) -> Result<Self, IngestError> {
        let mut plan = Self { sources: Vec::new(), absent: Vec::new(), unrecognised: Vec::new() };
        plan.add_declared(definition, root, bounds)?;
        for module in MODULES.iter() {
            let promised = definition.modules().any(|promised| promised.schema == module.schema);
            let folder = root.join(&module.folder);
            // Files in the root itself belong to a module only where the definition says so.
            let looked_at = promised || !(module.folder.is_empty() || definition.modules().next().is_none());
            let found = if looked_at && folder.is_dir() { list(&folder)? } else { Vec::new() };
            if promised || !found.is_empty() {
                plan.add(module, &found, bounds)?;
            }
        }
        Ok(plan)
    }

    /// Tables that the definition declares: each from the file it names, which nothing else is looked for in place of.
    fn add_declared(
        &mut self,
        definition: &'a Definition,
        root: &Path,
        bounds: &Path,
    ) -> Result<(), IngestError> {
        for declared in &definition.tables {
            let (path, file) = (root.join(declared.file.as_str()), declared.file.as_str().to_owned());
            match Format::of(&file) {
                Some((_, format)) if path.symlink_metadata().is_ok() => {
                    self.sources.push(Source::at(
                        &declared.schema,
                        &declared.table,
                        path,
                        file,
                        format,
                        bounds,
                    )?);
                }
                _ => self.absent.push(format!("{}.{}", declared.schema, declared.table.name)),
            }
        }
        let used: BTreeSet<_> = definition.tables.iter().map(|declared| declared.file.as_str()).collect();
        let folders: BTreeSet<_> =
            used.iter().map(|file| file.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
        for folder in folders.into_iter().filter(|folder| root.join(folder).is_dir()) {
            for path in list(&root.join(folder))? {
                let file = named(folder, &path);
                if Format::of(&file).is_some() && !used.contains(file.as_str()) {
                    self.unrecognised.push(file);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, module: &'static Module, found: &[PathBuf], bounds: &Path) -> Result<(), IngestError> {
        let mut seen: BTreeSet<_> = self
            .sources
            .iter()
            .filter(|source| source.schema.eq_ignore_ascii_case(&module.schema))
            .map(|source| source.table.name.to_lowercase())
            .collect();
        for path in found {
            let Some((stem, format)) = Format::of(&file_name(path)) else { continue };
            let file = named(&module.folder, path);
            if self.sources.iter().any(|source| source.path == *path) {
                continue;
            }
            // The listing is sorted, so of `x.csv`, `x.csv.gz` and `x.parquet` the first is met first, and wins.
            match module.table(&stem).filter(|table| seen.insert(table.name.clone())) {
                Some(table) => {
                    self.sources.push(Source::at(&module.schema, table, path.clone(), file, format, bounds)?);
                }
                None => self.unrecognised.push(file),
            }
        }
        let missing = module.tables.iter().filter(|table| !seen.contains(&table.name));
        self.absent.extend(missing.map(|table| format!("{}.{}", module.schema, table.name)));
        Ok(())
    }
}

fn wanted(definition: &Definition) -> Vec<String> {
    let modules = definition.modules().map(|module| match module.folder.as_str() {
        "" => "*.csv.gz, *.csv, *.parquet".to_owned(),
        folder => format!("{folder}/*.csv.gz, {folder}/*.csv, {folder}/*.parquet"),
    });
    modules.chain(definition.tables.iter().map(|declared| declared.file.as_str().to_owned())).collect()
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, IngestError> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut paths: Vec<_> =
        entries.map_err(|error| read(directory, error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn named(folder: &str, path: &Path) -> String {
    let name = file_name(path);
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path, source: io::Error) -> IngestError {
    IngestError::Read { path: path.to_owned(), source }
}
