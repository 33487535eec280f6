//! Taking over datasets: their definitions are copied, their databases made anew from Parquet or downloaded files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mcp_server::dataset::{Definition, Origin, Registry, Setup};
use mcp_server::download;
use mcp_server::error::{Explain as _, in_one_line};
use mcp_server::ingest::{self, Source};

use super::Loads;
use super::item::{Item, Kind};
use super::old::Old;
use crate::commands::init::{Interrupt, Told};
use crate::failure::Failure;
use crate::files;

/// Every definition in `old` that M4 understands, and every one that it does not.
pub(super) fn definitions<'a>(old: &'a Old, data_dir: &'a Path) -> Vec<Item<'a>> {
    let theirs = Registry::open(&old.folder);
    let ours = Registry::open(data_dir);
    let mut items: Vec<Item<'a>> = theirs
        .definitions()
        .iter()
        .filter_map(|definition| match &definition.origin {
            Origin::File(file) => Some(definition_item(definition, file, old, data_dir, &ours)),
            Origin::BuiltIn => None,
        })
        .collect();
    items.extend(theirs.problems().iter().map(|problem| {
        let item = Item::problem(Kind::Definition, &problem.file, in_one_line(problem));
        match problem.hint() {
            Some(hint) => item.mend(hint),
            None => item,
        }
    }));
    items
}

fn definition_item<'a>(
    definition: &Definition,
    file: &str,
    old: &Old,
    data_dir: &Path,
    ours: &Registry,
) -> Item<'a> {
    let name = definition.name.as_str();
    let (from, to) = (old.folder.join(DEFINITIONS).join(file), data_dir.join(DEFINITIONS).join(file));
    let content = match fs::read(&from) {
        Ok(content) => content,
        Err(error) => return Item::problem(Kind::Definition, name, error.to_string()),
    };
    match fs::read(&to) {
        Ok(there) if there == content => return Item::done(Kind::Definition, name, "it is here already"),
        Ok(_) => {
            return Item::problem(Kind::Definition, name, format!("{} is another definition", to.display()))
                .mend("compare the two, and keep the one you mean");
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Item::problem(Kind::Definition, name, error.to_string()),
    }
    if ours.definitions().iter().any(|other| other.name == definition.name) {
        return Item::skipped(Kind::Definition, name, "a dataset of that name is defined here already");
    }
    Item::to_do(Kind::Definition, name, "its JSON file is copied", move || {
        files::write(&to, &content, None).map_err(|source| {
            Failure::io(format!("cannot write {}", to.display()), "make its folder writable", source)
        })?;
        Ok("its JSON file was copied".to_owned())
    })
}

/// Every dataset that there are files of in `old`.
pub(super) fn datasets<'a>(old: &'a Old, data_dir: &'a Path, loads: &'a Loads<'a>) -> Vec<Item<'a>> {
    let theirs = Registry::open(&old.folder);
    let mut items: Vec<Item<'a>> = theirs
        .definitions()
        .iter()
        .filter_map(|definition| dataset(definition, old, &theirs, data_dir, loads))
        .collect();
    items.extend(unknown(&theirs, old));
    items
}

fn dataset<'a>(
    definition: &Definition,
    old: &Old,
    theirs: &Registry,
    data_dir: &'a Path,
    loads: &'a Loads<'a>,
) -> Option<Item<'a>> {
    let name = definition.name.as_str().to_owned();
    let folder = match files_of(definition, old) {
        Ok(folder) => folder,
        Err(problem) => {
            return Some(
                Item::problem(Kind::Dataset, name, problem)
                    .mend("make it readable, or leave it: the Python package cannot read it either"),
            );
        }
    };
    let database =
        old.config.duckdb_paths.get(&name).cloned().flatten().unwrap_or_else(|| theirs.database(definition));
    let Some((folder, what)) = folder else {
        return database.exists().then(|| {
            Item::skipped(Kind::Dataset, &name, "a database of views, and none of the files they read")
                .mend(format!("run: m4 init {name} --src DIR, with the folder of its files"))
        });
    };
    if Registry::open(data_dir).installed().iter().any(|dataset| dataset.name == name) {
        return Some(Item::done(Kind::Dataset, name, "it is set up here already"));
    }
    if definition.setup == Setup::Unsupported {
        return Some(
            Item::skipped(Kind::Dataset, &name, "M4 does not know its tables")
                .mend(format!("run: m4 define-dataset {name} --src '{}' --force", folder.display())),
        );
    }
    if download::is_unfinished(&folder) {
        return Some(
            Item::problem(Kind::Dataset, &name, "its download has not ended")
                .mend(format!("run: m4 download {name}")),
        );
    }
    let detail = format!("its database is made from {what} ({})", folder.display());
    Some(Item::to_do(Kind::Dataset, name.clone(), detail, move || load(&name, folder, data_dir, loads)))
}

/// Makes the database. Its definition may have been copied a moment ago.
fn load(name: &str, folder: PathBuf, data_dir: &Path, loads: &Loads<'_>) -> Result<String, Failure> {
    let registry = Registry::open(data_dir);
    let definition = registry.find(name)?;
    let mut told = Told::begin(loads.printer, name);
    loads.interrupt.iter().for_each(Interrupt::loading);
    let source = Source::Given(folder);
    let report = ingest::init(&registry, definition, &source, &mut |step| told.load(&step))?;
    told.loaded(&report);
    let left_out = match report.rejected() {
        0 => String::new(),
        rejected => format!("; {rejected} rows did not parse and were left out"),
    };
    Ok(format!("{} rows in {} tables{left_out}", report.rows(), report.tables.len()))
}

/// The folder of its files: what was converted before what was downloaded. An error is a folder that cannot be looked into.
fn files_of(definition: &Definition, old: &Old) -> Result<Option<(PathBuf, &'static str)>, String> {
    let name = definition.name.as_str();
    let configured = old.config.parquet_roots.get(name).cloned().flatten();
    let parquet = configured.unwrap_or_else(|| old.folder.join(PARQUET).join(name));
    if holds_parquet(&parquet, 0)? {
        return Ok(Some((parquet, "Parquet files")));
    }
    let raw = download::raw_files(&old.folder, &definition.name);
    readable(&raw)?;
    Ok((download::has_data(&raw) || download::is_unfinished(&raw)).then_some((raw, "downloaded files")))
}

fn holds_parquet(folder: &Path, depth: u32) -> Result<bool, String> {
    let Some(entries) = readable(folder)? else { return Ok(false) };
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.extension().is_some_and(|end| end == "parquet") {
            return Ok(true);
        }
        // A link may lead back up; files are where the package put them, two folders down at the most.
        let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        if is_folder && depth < DEEPEST && holds_parquet(&path, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is in a folder; `None` where there is none.
fn readable(folder: &Path) -> Result<Option<fs::ReadDir>, String> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == ErrorKind::NotFound && folder.symlink_metadata().is_err() => Ok(None),
        Err(error) => Err(format!("{} cannot be looked into: {error}", folder.display())),
    }
}

/// Folders of Parquet files that no definition claims. The Python package makes an empty one for each dataset it knows.
fn unknown<'a>(theirs: &Registry, old: &Old) -> Vec<Item<'a>> {
    let entries = match readable(&old.folder.join(PARQUET)) {
        Ok(entries) => entries,
        Err(problem) => return vec![Item::problem(Kind::Folder, PARQUET, problem).mend("make it readable")],
    };
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir() && holds_parquet(&entry.path(), 0) != Ok(false))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| theirs.definitions().iter().all(|definition| definition.name.as_str() != name))
        .collect();
    names.sort();
    let item = |name: String| {
        let folder = old.folder.join(PARQUET).join(&name);
        let mend = format!("run: m4 define-dataset NAME --src '{}'", folder.display());
        Item::skipped(Kind::Dataset, name, "no definition says what it is").mend(mend)
    };
    names.into_iter().map(item).collect()
}

const DEFINITIONS: &str = "datasets";
const PARQUET: &str = "parquet";
const DEEPEST: u32 = 2;
