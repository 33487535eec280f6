//! The folder that downloads go to: one writer at a time, finished files under their names, everything else as parts.
//!
//! Layout and note are those of the Python package, so a download begun by one is finished by the other:
//! `raw_files/NAME/hosp/admissions.csv.gz`, parts as `….part`, and while anything is missing a note `.m4-downloading.json`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::error::DownloadError;
use super::path::{FilePath, is_data};
use super::range::Version;
use crate::dataset::Name;
use crate::removal::gone;

/// Where the downloaded files of a dataset are, or will be.
pub fn raw_files(data_dir: &Path, name: &Name) -> PathBuf {
    data_dir.join("raw_files").join(name.as_str())
}

/// Whether a folder holds data files of a dataset, at its top or one level below.
pub fn has_data(root: &Path) -> bool {
    any_file(root, &is_data)
}

/// Whether a download into this folder has begun and not ended.
pub fn is_unfinished(root: &Path) -> bool {
    let is_part = |name: &str| name.strip_suffix(PART).is_some_and(is_data);
    root.join(NOTE).exists() || any_file(root, &is_part)
}

fn any_file(root: &Path, fits: &dyn Fn(&str) -> bool) -> bool {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let here = |folder: &Path| {
        entries(folder).any(|entry| entry.path().is_file() && fits(&entry.file_name().to_string_lossy()))
    };
    here(root) || entries(root).any(|entry| entry.path().is_dir() && here(&entry.path()))
}

/// The folder, held by this run alone.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes it where it is missing, and takes its lock.
    pub(super) fn open(root: &Path) -> Result<Self, DownloadError> {
        create(root)?;
        let path = root.join(LOCK);
        let at = |error| DownloadError::write(&path, error);
        let lock = private().create(true).truncate(false).write(true).open(&path).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DownloadError::Busy { folder: root.to_owned() }),
            Err(TryLockError::Error(error)) => Err(at(error)),
        }
    }

    /// The folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Says that files are missing until [`Self::finished`] takes it back.
    pub(super) fn begun(&self, dataset: &Name, files: usize) -> Result<(), DownloadError> {
        let (note, scratch) = (self.root.join(NOTE), self.root.join(format!("{NOTE}.tmp")));
        let text = json!({ "version": 1, "dataset": dataset.as_str(), "file_count": files }).to_string();
        fs::write(&scratch, text).map_err(|error| DownloadError::write(&scratch, error))?;
        fs::rename(&scratch, &note).map_err(|error| DownloadError::write(&note, error))
    }

    /// Every file is there.
    pub(super) fn finished(&self) -> Result<(), DownloadError> {
        let note = self.root.join(NOTE);
        remove(&note).map_err(|error| DownloadError::write(&note, error))
    }

    /// The places of one file.
    pub(super) fn place(&self, file: &FilePath) -> Place {
        let whole = file.under(&self.root);
        let with = |end: &str| {
            let mut name = whole.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        Place { part: with(PART), version: with(VERSION), whole }
    }
}

/// Where one file is while it is fetched and after.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The finished file.
    pub(super) whole: PathBuf,
    /// What there is of it so far.
    pub(super) part: PathBuf,
    /// Which version the part is of.
    version: PathBuf,
}

impl Place {
    /// Bytes of the part; 0 where there is none.
    pub(super) fn part_length(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |meta| meta.len())
    }

    /// Which version the part is of, where that is known.
    pub(super) fn version(&self) -> Option<Version> {
        let text = fs::read(&self.version).ok().filter(|text| text.len() <= LONGEST_VERSION)?;
        serde_json::from_slice(&text).ok()
    }

    /// Begins a part of this version. The old part goes first: it must never stand beside another version's tag.
    pub(super) fn begin(&self, version: &Version) -> Result<File, DownloadError> {
        let at = |error| DownloadError::write(&self.part, error);
        if let Some(folder) = self.whole.parent() {
            create(folder)?;
        }
        self.discard()?;
        let text = serde_json::to_vec(version).map_err(|error| at(error.into()))?;
        fs::write(&self.version, text).map_err(at)?;
        private().create_new(true).append(true).open(&self.part).map_err(at)
    }

    /// Opens the part to go on with it.
    pub(super) fn go_on(&self) -> Result<File, DownloadError> {
        private().append(true).open(&self.part).map_err(|error| DownloadError::write(&self.part, error))
    }

    /// Forgets the part.
    pub(super) fn discard(&self) -> Result<(), DownloadError> {
        remove(&self.part)
            .and_then(|()| remove(&self.version))
            .map_err(|error| DownloadError::write(&self.part, error))
    }

    /// Makes the part the whole file.
    pub(super) fn finish(&self) -> Result<(), DownloadError> {
        let at = |error| DownloadError::write(&self.whole, error);
        File::open(&self.part).and_then(|part| part.sync_all()).map_err(at)?;
        fs::rename(&self.part, &self.whole).map_err(at)?;
        remove(&self.version).map_err(at)
    }
}

/// Bytes that this user can still write where the folder is; `None` where the system does not say.
#[cfg(unix)]
pub fn free_space(folder: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(folder).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Elsewhere a full disk is noticed when it is full.
#[cfg(not(unix))]
pub fn free_space(_: &Path) -> Option<u64> {
    None
}

fn remove(path: &Path) -> io::Result<()> {
    gone(fs::remove_file(path))
}

fn create(folder: &Path) -> Result<(), DownloadError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| DownloadError::write(folder, error))
}

/// Clinical data is its owner's alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

const NOTE: &str = ".m4-downloading.json";
const LOCK: &str = ".m4-download.lock";
const PART: &str = ".part";
const VERSION: &str = ".part.json";
const LONGEST_VERSION: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("raw_files/x");
        let held = Folder::open(&root).unwrap();
        assert!(matches!(Folder::open(&root), Err(DownloadError::Busy { .. })));
        drop(held);
        assert!(Folder::open(&root).is_ok());
    }

    #[test]
    fn an_unfinished_download_is_told_by_its_note_or_by_a_part() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        assert!(!has_data(home.path()) && !is_unfinished(home.path()));
        folder.begun(&"mimic-iv-demo".parse().unwrap(), 2).unwrap();
        assert!(is_unfinished(home.path()));
        folder.finished().unwrap();
        folder.finished().unwrap();
        assert!(!is_unfinished(home.path()));
        fs::create_dir(home.path().join("hosp")).unwrap();
        fs::write(home.path().join("hosp/a.csv.gz.part"), "x").unwrap();
        assert!(is_unfinished(home.path()) && !has_data(home.path()));
        fs::rename(home.path().join("hosp/a.csv.gz.part"), home.path().join("hosp/a.csv.gz")).unwrap();
        assert!(has_data(home.path()) && !is_unfinished(home.path()));
    }

    #[test]
    fn a_part_never_stands_beside_another_versions_tag() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let place = folder.place(&FilePath::parse("hosp/a.csv").unwrap());
        let tagged = |tag: &str| Version { etag: Some(tag.to_owned()), ..Version::default() };
        io::Write::write_all(&mut place.begin(&tagged("\"1\"")).unwrap(), b"first").unwrap();
        assert_eq!((place.part_length(), place.version()), (5, Some(tagged("\"1\""))));
        place.begin(&tagged("\"2\"")).unwrap();
        assert_eq!((place.part_length(), place.version()), (0, Some(tagged("\"2\""))));
        place.finish().unwrap();
        assert!(place.whole.is_file() && !place.part.exists() && place.version().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_downloaded_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("raw_files/x")).unwrap();
        let place = folder.place(&FilePath::parse("hosp/a.csv").unwrap());
        place.begin(&Version::default()).unwrap();
        place.finish().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place.whole), mode(place.whole.parent().unwrap())), (0o600, 0o700));
    }
}
