//! Takes a dataset off this machine: its database, what unfinished runs left beside it, and on request its definition.
//!
//! Nothing outside the data folder is touched: a link is removed and not followed, and a folder of ours that is a link to
//! somewhere else is left to whoever made it. The empty lock file stays, as everywhere: two runs that each locked another
//! file of that name would both go on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::definition::Origin;
use super::name::Name;
use super::registry::{Registry, ResolveError};
use crate::error::{Explain, codes};
use crate::removal::gone;

/// What would be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Of which dataset.
    pub name: Name,
    /// What of it there is; empty where there is nothing.
    pub parts: Vec<Part>,
    lock: PathBuf,
}

/// A file, or a folder of unfinished work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is to the dataset.
    pub what: What,
    /// Where it is.
    pub path: PathBuf,
    /// How much space it takes; nothing for a link.
    pub bytes: u64,
}

/// What a part is to its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its database, or the write-ahead log of that.
    Database,
    /// What a run that did not end left behind.
    Unfinished,
    /// Its definition.
    Definition,
}

impl What {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Unfinished => "unfinished",
            Self::Definition => "definition",
        }
    }
}

impl Removal {
    /// Finds what there is of the dataset called `name`.
    pub fn of(
        registry: &Registry,
        data_dir: &Path,
        name: &str,
        with_definition: bool,
    ) -> Result<Self, RemoveError> {
        let definition = registry.find(name)?;
        let database = registry.database(definition);
        let beside = |name: String| database.with_file_name(name);
        let stem = definition.name.file_stem();
        let mut parts = Vec::new();
        let candidates = [
            (What::Database, database.clone()),
            (What::Database, beside(format!("{stem}.duckdb.wal"))),
            (What::Unfinished, beside(format!(".{stem}.partial"))),
        ];
        for (what, path) in candidates {
            parts.extend(part(what, path, data_dir)?);
        }
        if with_definition {
            let Origin::File(file) = &definition.origin else {
                return Err(RemoveError::BuiltIn { name: definition.name.clone() });
            };
            parts.extend(part(What::Definition, data_dir.join("datasets").join(file), data_dir)?);
        }
        Ok(Self { name: definition.name.clone(), parts, lock: beside(format!(".{stem}.lock")) })
    }

    /// How much space all of it takes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Removes it. Servers that have the database open go on with it until the next call, and then do without.
    pub fn carry_out(&self) -> Result<(), RemoveError> {
        let of_database = |part: &Part| part.what != What::Definition;
        // Held to the end, so that no run makes anew what is being removed.
        let _lock = if self.parts.iter().any(of_database) { Some(self.locked()?) } else { None };
        for part in &self.parts {
            let failed = |source| RemoveError::Remove { path: part.path.clone(), source };
            gone(remove(&part.path)).map_err(failed)?;
        }
        Ok(())
    }

    fn locked(&self) -> Result<File, RemoveError> {
        let failed = |source| RemoveError::Remove { path: self.lock.clone(), source };
        if fs::symlink_metadata(&self.lock).is_ok_and(|about| !about.is_file()) {
            return Err(RemoveError::Outside { path: self.lock.clone() });
        }
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(&self.lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(RemoveError::Busy { name: self.name.clone() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// The part at `path`, if there is one, and if its folder lies in the data folder whatever links lead there.
fn part(what: What, path: PathBuf, data_dir: &Path) -> Result<Option<Part>, RemoveError> {
    let failed = |source| RemoveError::Remove { path: path.clone(), source };
    let about = match fs::symlink_metadata(&path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let folder = fs::canonicalize(path.parent().unwrap_or(data_dir)).map_err(failed)?;
    let home = fs::canonicalize(data_dir).map_err(failed)?;
    if !folder.starts_with(&home) || (about.is_dir() && what != What::Unfinished) {
        return Err(RemoveError::Outside { path });
    }
    let bytes = size(&path).map_err(failed)?;
    Ok(Some(Part { what, path, bytes }))
}

/// Links are neither followed nor counted.
fn size(path: &Path) -> io::Result<u64> {
    let about = fs::symlink_metadata(path)?;
    if about.is_file() {
        return Ok(about.len());
    }
    if !about.is_dir() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += size(&entry?.path())?;
    }
    Ok(bytes)
}

fn remove(path: &Path) -> io::Result<()> {
    // Of a folder, the links inside it are removed, and what they lead to is not.
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Why a dataset was not removed, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such dataset.
    #[error(transparent)]
    Unknown(#[from] ResolveError),
    /// It has no definition of its own.
    #[error("{name} is built in, so there is no definition to remove")]
    BuiltIn {
        /// Which.
        name: Name,
    },
    /// A link leads out of the data folder, or something else lies in the place.
    #[error("{} is not M4's to remove", path.display())]
    Outside {
        /// Where it would have been removed.
        path: PathBuf,
    },
    /// It is being set up.
    #[error("{name} is being set up by another program")]
    Busy {
        /// Which.
        name: Name,
    },
    /// The system does not allow it.
    #[error("{} cannot be removed", path.display())]
    Remove {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for RemoveError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown(error) => return error.hint(),
            Self::BuiltIn { .. } => "leave out --definition".to_owned(),
            Self::Outside { .. } => {
                "it lies outside the data folder, or is no file: remove it yourself if you mean to".to_owned()
            }
            Self::Busy { .. } => "wait until m4 init has ended, or end it".to_owned(),
            Self::Remove { .. } => "make it yours, or remove it as the user who made it".to_owned(),
        })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(error) => error.code(),
            Self::BuiltIn { .. } => codes::USAGE,
            Self::Busy { .. } => codes::BUSY,
            Self::Outside { .. } | Self::Remove { .. } => codes::IO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for file in [
            "databases/ward_7.duckdb",
            "databases/ward_7.duckdb.wal",
            "databases/.ward_7.partial/a/b",
            "raw_files/ward-7/x.csv",
        ] {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "0123456789").unwrap();
        }
        fs::create_dir(home.path().join("datasets")).unwrap();
        fs::write(home.path().join("datasets/w.json"), r#"{"name": "ward-7"}"#).unwrap();
        home
    }

    fn removal(home: &Path, name: &str, with_definition: bool) -> Result<Removal, RemoveError> {
        Removal::of(&Registry::open(home), home, name, with_definition)
    }

    fn left(home: &Path) -> Vec<String> {
        let mut left = Vec::new();
        for folder in ["databases", "datasets", "raw_files/ward-7"] {
            for entry in fs::read_dir(home.join(folder)).unwrap() {
                left.push(entry.unwrap().file_name().to_string_lossy().into_owned());
            }
        }
        left.sort();
        left
    }

    #[test]
    fn the_database_and_what_was_left_beside_it_go_and_the_rest_stays() {
        let home = home();
        let found = removal(home.path(), "ward-7", false).unwrap();
        assert_eq!((found.parts.len(), found.bytes()), (3, 30));
        found.carry_out().unwrap();
        assert_eq!(left(home.path()), [".ward_7.lock", "w.json", "x.csv"]);
        assert_eq!(removal(home.path(), "ward-7", false).unwrap().parts, []);
        removal(home.path(), "ward-7", true).unwrap().carry_out().unwrap();
        assert_eq!(left(home.path()), [".ward_7.lock", "x.csv"]);
        assert!(matches!(removal(home.path(), "ward-7", true), Err(RemoveError::Unknown(_))));
    }

    #[test]
    fn only_names_of_datasets_are_removed() {
        let home = home();
        for name in ["../raw_files", "/etc", "", "ward_7.duckdb", "nope"] {
            assert!(matches!(removal(home.path(), name, false), Err(RemoveError::Unknown(_))), "{name}");
        }
        assert!(matches!(removal(home.path(), "eicu", true), Err(RemoveError::BuiltIn { .. })));
        assert_eq!(removal(home.path(), "eicu", false).unwrap().parts, []);
    }

    #[test]
    fn what_is_being_set_up_is_left_alone() {
        let home = home();
        let lock = File::create(home.path().join("databases/.ward_7.lock")).unwrap();
        lock.lock().unwrap();
        let found = removal(home.path(), "ward-7", true).unwrap();
        assert!(matches!(found.carry_out(), Err(RemoveError::Busy { .. })));
        assert!(home.path().join("databases/ward_7.duckdb").exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_removed_and_never_followed() {
        use std::os::unix::fs::symlink;
        let (home, outside) = (home(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("theirs"), "x").unwrap();
        let database = home.path().join("databases/ward_7.duckdb");
        fs::remove_file(&database).unwrap();
        symlink(outside.path().join("theirs"), &database).unwrap();
        let partial = home.path().join("databases/.ward_7.partial");
        symlink(outside.path(), partial.join("link")).unwrap();
        removal(home.path(), "ward-7", false).unwrap().carry_out().unwrap();
        assert!(database.symlink_metadata().is_err() && partial.symlink_metadata().is_err());
        symlink(outside.path(), &partial).unwrap();
        removal(home.path(), "ward-7", false).unwrap().carry_out().unwrap();
        assert!(partial.symlink_metadata().is_err());
        assert_eq!(fs::read_to_string(outside.path().join("theirs")).unwrap(), "x");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_of_ours_that_lies_elsewhere_is_left_to_its_owner() {
        use std::os::unix::fs::symlink;
        let (home, outside) = (home(), tempfile::tempdir().unwrap());
        let databases = home.path().join("databases");
        fs::rename(&databases, outside.path().join("databases")).unwrap();
        symlink(outside.path().join("databases"), &databases).unwrap();
        assert!(matches!(removal(home.path(), "ward-7", false), Err(RemoveError::Outside { .. })));
        assert!(outside.path().join("databases/ward_7.duckdb").exists());
        let lock = outside.path().join("databases/.ward_7.lock");
        assert!(!lock.exists(), "nothing was made there either");
    }
}
