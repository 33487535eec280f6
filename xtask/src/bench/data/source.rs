//! The files that both programs load.

use std::fs;
use std::path::{Path, PathBuf};

use super::side::Side;
use crate::environment;
use crate::failure::{Failure, Outcome};
use crate::python::Python;
use crate::workspace::{Workspace, succeed};

/// Directories in the layout of MIMIC-IV.
#[derive(Debug)]
pub(crate) struct Source {
    /// Whether it is the MIMIC-IV demo.
    pub(crate) is_real: bool,
    /// What it is, for the report.
    pub(crate) what: String,
    /// Holds `hosp/` and `icu/`.
    pub(crate) demo: PathBuf,
    /// The same with `icu/chartevents.csv.gz`, where the demo lacks it and it can be had.
    pub(crate) complete: Option<PathBuf>,
    /// Holds `note/`.
    pub(crate) notes: Option<PathBuf>,
}

impl Source {
    /// The MIMIC-IV demo where it is, else the synthetic sample, written as the files that it stands for.
    pub(crate) fn find(workspace: &Workspace, ours: &Side, python: &Python, folder: &Path) -> Outcome<Self> {
        let given = environment::variable("M4_TEST_DATA").map(PathBuf::from);
        if let Some(given) = given.filter(|given| given.join(DEMO).join("hosp").is_dir()) {
            let given =
                std::path::absolute(given).map_err(|error| Failure::io("read M4_TEST_DATA", &error))?;
            return real(&given, folder);
        }
        synthetic(workspace, ours, python, folder)
    }
}

/// The demo as it lies there, and copies of what completes it.
fn real(given: &Path, folder: &Path) -> Outcome<Source> {
    let demo = given.join(DEMO);
    let derived = given.join(DERIVED);
    let mut what = "MIMIC-IV demo 2.2".to_owned();
    let charts = Path::new("icu").join("chartevents.csv.gz");
    let (mut complete, mut notes) = (None, None);
    if !demo.join(&charts).exists() && derived.join(&charts).is_file() {
        let whole = folder.join("complete");
        copy_files(&demo, &whole)?;
        copy_files(&derived.join("icu"), &whole.join("icu"))?;
        complete = Some(whole);
        what.push_str(", chartevents rebuilt from an openly licensed conversion of it");
    }
    if derived.join("note").is_dir() {
        let place = folder.join("notes");
        copy_files(&derived.join("note"), &place.join("note"))?;
        notes = Some(place);
        what.push_str(", templated notes");
    }
    Ok(Source { is_real: true, what, demo, complete, notes })
}

/// The sample's tables, written as csv.gz by the Python package's engine.
fn synthetic(workspace: &Workspace, ours: &Side, python: &Python, folder: &Path) -> Outcome<Source> {
    ours.init("mimic-iv-sample", None)?;
    let database = ours.data().join("databases").join("mimic_iv_sample.duckdb");
    let demo = folder.join("sample");
    let script = workspace.root().join("tests").join("bench").join("export.py");
    succeed(
        python.run(&script).arg(database).arg(&demo),
        "the script writes the sample's tables as csv.gz files",
    )?;
    let notes = folder.join("notes");
    copy_files(&demo.join("note"), &notes.join("note"))?;
    fs::remove_dir_all(demo.join("note")).map_err(|error| Failure::io("move the notes", &error))?;
    let what = "synthetic sample, 100 invented patients".to_owned();
    Ok(Source { is_real: false, what, demo, complete: None, notes: Some(notes) })
}

/// Copies, because a link out of the directory may be refused.
fn copy_files(from: &Path, to: &Path) -> Outcome {
    let copy = || -> std::io::Result<()> {
        let mut open = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = open.pop() {
            fs::create_dir_all(&to)?;
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                let target = to.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    open.push((entry.path(), target));
                } else {
                    fs::write(&target, fs::read(entry.path())?)?;
                }
            }
        }
        Ok(())
    };
    copy().map_err(|error| Failure::io(&format!("copy {}", from.display()), &error))
}

const DEMO: &str = "mimic-iv-demo";

const DERIVED: &str = "mimic-iv-demo-derived";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_completed_by_copies_and_left_as_it_is() {
        let given = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("mimic-iv-demo/hosp/patients.csv", "a"),
            ("mimic-iv-demo/icu/icustays.csv", "b"),
            ("mimic-iv-demo-derived/icu/chartevents.csv.gz", "c"),
            ("mimic-iv-demo-derived/note/discharge.csv.gz", "d"),
        ] {
            let path = given.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let source = real(given.path(), folder.path()).unwrap();
        let complete = source.complete.unwrap();
        for name in ["hosp/patients.csv", "icu/icustays.csv", "icu/chartevents.csv.gz"] {
            assert!(complete.join(name).is_file(), "{name}");
        }
        assert!(source.notes.unwrap().join("note/discharge.csv.gz").is_file());
        assert!(!source.demo.join("icu/chartevents.csv.gz").exists());
    }
}
