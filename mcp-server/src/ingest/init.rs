//! Sets a dataset up by name: which files its database is made from, and making it.

use std::path::{Path, PathBuf};

use super::{IngestError, Progress, Report, generate, load};
use crate::dataset::{Definition, Name, Origin, Registry, ResolveError, Setup, WORKS_TODAY};
use crate::download;
use crate::error::{Explain, codes};

/// What a dataset's database is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// M4 makes the rows itself.
    Generated,
    /// The folder the user named.
    Given(PathBuf),
    /// Files that were downloaded before.
    Downloaded(PathBuf),
    /// Parquet files that the Python package made before.
    Parquet(PathBuf),
    /// Files that have to be downloaded first, into this folder.
    Download(PathBuf),
}

impl Source {
    /// Chooses the source for `definition`: the folder `src` where it is given, else what lies in `data_dir`, else a download.
    ///
    /// Only the built-in datasets that are open to everybody are downloaded without having been asked for (`download`).
    pub fn find(
        definition: &Definition,
        data_dir: &Path,
        src: Option<&Path>,
        download: bool,
    ) -> Result<Self, InitError> {
        let name = &definition.name;
        if definition.setup == Setup::Generated {
            let is_asked = src.is_some() || download;
            return if is_asked {
                Err(InitError::SourceNotUsed { name: name.clone() })
            } else {
                Ok(Self::Generated)
            };
        }
        if let Some(src) = src {
            return Ok(Self::Given(src.to_owned()));
        }
        let raw = download::raw_files(data_dir, name);
        if download {
            return Ok(Self::Download(raw));
        }
        let parquet = data_dir.join("parquet").join(name.as_str());
        let is_free = definition.origin == Origin::BuiltIn
            && definition.file_listing_url.is_some()
            && !definition.requires_authentication;
        if download::is_unfinished(&raw) {
            return if is_free {
                Ok(Self::Download(raw))
            } else {
                Err(InitError::Unfinished { name: name.clone() })
            };
        }
        if download::has_data(&raw) {
            return Ok(Self::Downloaded(raw));
        }
        if has_parquet(&parquet) {
            return Ok(Self::Parquet(parquet));
        }
        if is_free {
            return Ok(Self::Download(raw));
        }
        Err(InitError::SourceNeeded {
            name: name.clone(),
            url: definition.file_listing_url.clone(),
            with_credentials: definition.requires_authentication,
        })
    }

    /// The folder that is read; none where nothing is.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Generated => None,
            Self::Given(folder)
            | Self::Downloaded(folder)
            | Self::Parquet(folder)
            | Self::Download(folder) => Some(folder),
        }
    }
}

/// Whether a dataset can be loaded from files by this version.
pub fn check(definition: &Definition) -> Result<(), InitError> {
    match definition.setup {
        Setup::Unsupported => Err(InitError::Unsupported { name: definition.name.clone() }),
        _ => Ok(()),
    }
}

/// Makes the dataset's database from a source whose files are there.
pub fn init(
    registry: &Registry,
    definition: &Definition,
    source: &Source,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Report, InitError> {
    check(definition)?;
    let database = registry.database(definition);
    Ok(match source.folder() {
        None => generate(definition, &database, on_progress)?,
        Some(folder) => load(definition, folder, &database, on_progress)?,
    })
}

fn has_parquet(root: &Path) -> bool {
    let is_parquet = |path: &Path| path.is_file() && path.extension().is_some_and(|end| end == "parquet");
    let entries =
        |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(root)
        .any(|path| is_parquet(&path) || (path.is_dir() && entries(&path).any(|path| is_parquet(&path))))
}

/// Why a dataset was not set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is no such dataset.
    #[error(transparent)]
    Unknown(#[from] ResolveError),
    /// It is loaded from files, and there are none.
    #[error("there are no files of {name} yet")]
    SourceNeeded {
        /// Which.
        name: Name,
        /// Where they are published, where that is known.
        url: Option<String>,
        /// Whether only people with a login get them.
        with_credentials: bool,
    },
    /// A download has begun and not ended.
    #[error("the download of {name} is not finished")]
    Unfinished {
        /// Which.
        name: Name,
    },
    /// It is generated, and files were given.
    #[error("{name} is generated: there is nothing to read or to download")]
    SourceNotUsed {
        /// Which.
        name: Name,
    },
    /// It is known by name only.
    #[error("{name} cannot be set up by this version")]
    Unsupported {
        /// Which.
        name: Name,
    },
    /// Loading failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl Explain for InitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown(error) => return error.hint(),
            Self::Ingest(error) => return error.hint(),
            Self::SourceNeeded { name, url: Some(_), with_credentials: true } => format!(
                "run: m4 init {name} --download --physionet-credentials-file FILE, or with files you have: m4 init {name} --src DIR"
            ),
            Self::SourceNeeded { name, url: Some(url), .. } => {
                format!(
                    "run: m4 init {name} --download (from {url}), or with files you have: m4 init {name} --src DIR"
                )
            }
            Self::SourceNeeded { name, url: None, .. } => format!("run: m4 init {name} --src DIR"),
            Self::Unfinished { name } => {
                format!("run: m4 init {name} --download; it goes on where it stopped")
            }
            Self::SourceNotUsed { name } => format!("run: m4 init {name}"),
            Self::Unsupported { .. } => WORKS_TODAY.to_owned(),
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(error) => error.code(),
            Self::Ingest(error) => error.code(),
            Self::SourceNeeded { .. } | Self::Unfinished { .. } => codes::RAW_FILES_MISSING,
            Self::SourceNotUsed { .. } => codes::USAGE,
            Self::Unsupported { .. } => codes::BAD_DEFINITION,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(name: &str, home: &Path, src: Option<&Path>, download: bool) -> Result<Source, InitError> {
        Source::find(Registry::open(home).find(name).unwrap(), home, src, download)
    }

    fn put(home: &Path, file: &str) {
        let path = home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn the_demo_downloads_by_itself_and_nothing_else_does() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        put(home, "datasets/ours.json");
        let json = r#"{"name": "ours", "file_listing_url": "https://x.example/", "schema_mapping": {"hosp": "mimiciv_hosp"}}"#;
        fs::write(home.join("datasets/ours.json"), json).unwrap();
        let demo = home.join("raw_files/mimic-iv-demo");
        assert_eq!(found("mimic-iv-demo", home, None, false).unwrap(), Source::Download(demo));
        for name in ["mimic-iv", "mimic-iv-note", "eicu", "ours"] {
            let error = found(name, home, None, false).unwrap_err();
            assert!(matches!(error, InitError::SourceNeeded { .. }), "{error}");
            assert!(error.hint().unwrap().contains("--download"));
            let raw = home.join("raw_files").join(name);
            assert_eq!(found(name, home, None, true).unwrap(), Source::Download(raw));
        }
    }

    #[test]
    fn files_that_are_there_come_before_a_download_and_a_given_folder_before_all() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        put(home, "parquet/mimic-iv-demo/hosp/patients.parquet");
        let find = |src: Option<&Path>| found("mimic-iv-demo", home, src, false).unwrap();
        assert_eq!(find(None), Source::Parquet(home.join("parquet/mimic-iv-demo")));
        let raw = home.join("raw_files/mimic-iv-demo");
        put(home, "raw_files/mimic-iv-demo/hosp/patients.csv.gz");
        assert_eq!(find(None), Source::Downloaded(raw.clone()));
        put(home, "raw_files/mimic-iv-demo/hosp/admissions.csv.gz.part");
        assert_eq!(find(None), Source::Download(raw), "what is unfinished is never loaded");
        assert_eq!(find(Some(home)), Source::Given(home.to_owned()));
    }

    #[test]
    fn the_parquet_tree_of_the_python_package_becomes_a_database() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("parquet/mimic-iv-demo/hosp");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("patients.parquet");
        let copy = format!("COPY (SELECT 7 AS subject_id, 'F' AS gender) TO '{}'", file.display());
        duckdb::Connection::open_in_memory().unwrap().execute_batch(&copy).unwrap();
        let registry = Registry::open(home.path());
        let demo = registry.find("mimic-iv-demo").unwrap();
        let source = Source::find(demo, home.path(), None, false).unwrap();
        let report = init(&registry, demo, &source, &mut |_| {}).unwrap();
        assert_eq!(report.table("mimiciv_hosp.patients").unwrap().rows, 1);
    }

    #[test]
    fn an_unfinished_download_with_a_login_is_not_loaded_as_if_it_were_all() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        put(home, "raw_files/mimic-iv/hosp/patients.csv.gz");
        put(home, "raw_files/mimic-iv/.m4-downloading.json");
        let error = found("mimic-iv", home, None, false).unwrap_err();
        assert!(matches!(error, InitError::Unfinished { .. }), "{error}");
    }

    #[test]
    fn the_sample_does_not_pretend_to_use_files() {
        let home = tempfile::tempdir().unwrap();
        for (src, download) in [(Some(home.path()), false), (None, true)] {
            let error = found("mimic-iv-sample", home.path(), src, download).unwrap_err();
            assert!(matches!(error, InitError::SourceNotUsed { .. }), "{error}");
        }
        assert_eq!(found("mimic-iv-sample", home.path(), None, false).unwrap(), Source::Generated);
    }
}
