//! The fetched library in `target/duckdb/`, with a stamp that tells a whole file from a half-written one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::LIBRARY;
use super::pins::VERSION;
use super::plan::Cached;
use crate::failure::{Failure, Outcome};

/// The directory that `DUCKDB_LIB_DIR` is set to.
pub(crate) struct Cache {
    directory: PathBuf,
}

/// Size and time of last change: equal to the stamp's means that nobody touched the file since it was hashed.
#[derive(PartialEq, Eq)]
struct Look {
    size: u64,
    modified: String,
}

impl Cache {
    pub(crate) fn in_target(target: &Path) -> Self {
        Self { directory: target.join("duckdb") }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the library that is there is the one that was put there, of the version wanted now. `pinned` vouches
    /// for a file without a stamp.
    pub(crate) fn state(&self, pinned: Option<&str>) -> Cached {
        let library = self.directory.join(LIBRARY);
        let Ok(look) = Look::at(&library) else { return Cached::Absent };
        let stamp =
            fs::read(self.stamp_path()).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let expected = match &stamp {
            Some(stamp) if stamp["version"] != VERSION => {
                return Cached::Damaged(format!("it is not DuckDB {VERSION}"));
            }
            Some(stamp) if stamp["size"] == look.size && stamp["modified"] == look.modified.as_str() => {
                return Cached::Intact;
            }
            Some(stamp) => stamp["sha256"].as_str().map(str::to_owned),
            None => pinned.map(str::to_owned),
        };
        let Some(expected) = expected else {
            return Cached::Damaged("nothing tells whether it is whole".into());
        };
        match sha256(&library) {
            Ok(actual) if actual == expected => {
                let source =
                    stamp.as_ref().and_then(|stamp| stamp["source"].as_str()).unwrap_or("found there");
                let _ = self.write_stamp(&actual, source);
                Cached::Intact
            }
            Ok(actual) => Cached::Damaged(format!("its SHA-256 is {actual}, not {expected}")),
            Err(error) => Cached::Damaged(format!("it cannot be read: {error}")),
        }
    }

    /// An empty directory on the same file system, for files on their way here.
    pub(crate) fn scratch(&self) -> Outcome<Scratch> {
        let path = self.directory.join(format!(".fetching-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).map_err(|error| Failure::io("make a directory to fetch into", &error))?;
        Ok(Scratch { path })
    }

    /// Takes a whole file: the old stamp goes first and the new one comes last, so that a run killed in between leaves
    /// a file without a matching stamp.
    pub(crate) fn adopt(&self, file: &Path, sha256: &str, source: &str) -> Outcome {
        let adopt = || -> io::Result<()> {
            match fs::remove_file(self.stamp_path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::rename(file, self.directory.join(LIBRARY))?;
            self.write_stamp(sha256, source)
        };
        adopt().map_err(|error| Failure::io("put the library into the target directory", &error))
    }

    fn write_stamp(&self, sha256: &str, source: &str) -> io::Result<()> {
        let look = Look::at(&self.directory.join(LIBRARY))?;
        let stamp = json!({
            "version": VERSION, "sha256": sha256, "source": source, "size": look.size, "modified": look.modified,
        });
        let partial = self.directory.join(format!(".stamp-{}", std::process::id()));
        fs::write(&partial, format!("{stamp}\n"))?;
        fs::rename(partial, self.stamp_path())
    }

    fn stamp_path(&self) -> PathBuf {
        self.directory.join("stamp.json")
    }
}

/// A directory that is removed when dropped.
pub(crate) struct Scratch {
    pub(crate) path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Look {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        Ok(Self { size: metadata.len(), modified: modified.as_nanos().to_string() })
    }
}

/// SHA-256 of a file in lowercase hex.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        hasher.update(&chunk[..length]);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc` (FIPS 180-2 appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn cache_with(contents: &str) -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::in_target(directory.path());
        let scratch = cache.scratch().unwrap();
        let file = scratch.path.join("new");
        fs::write(&file, contents).unwrap();
        cache.adopt(&file, &sha256(&file).unwrap(), "a test").unwrap();
        (directory, cache)
    }

    #[test]
    fn an_adopted_library_is_intact_and_the_scratch_directory_is_gone() {
        let (_directory, cache) = cache_with("abc");
        assert_eq!(cache.state(None), Cached::Intact);
        let left: Vec<_> =
            fs::read_dir(cache.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn a_changed_byte_of_the_same_length_is_noticed() {
        let (_directory, cache) = cache_with("abc");
        fs::write(cache.directory().join(LIBRARY), "abd").unwrap();
        assert!(matches!(cache.state(None), Cached::Damaged(how) if how.contains(ABC)));
    }

    #[test]
    fn a_touched_but_equal_file_stays_intact() {
        let (_directory, cache) = cache_with("abc");
        fs::write(cache.directory().join(LIBRARY), "abc").unwrap();
        assert_eq!(cache.state(None), Cached::Intact);
    }

    #[test]
    fn without_a_stamp_only_the_pinned_hash_vouches_for_a_file() {
        let (_directory, cache) = cache_with("abc");
        fs::remove_file(cache.stamp_path()).unwrap();
        assert!(matches!(cache.state(None), Cached::Damaged(_)));
        assert!(matches!(cache.state(Some("0000")), Cached::Damaged(_)));
        assert_eq!(cache.state(Some(ABC)), Cached::Intact);
        assert_eq!(cache.state(None), Cached::Intact, "it has a stamp now");
    }

    #[test]
    fn a_library_of_another_version_is_not_used() {
        let (_directory, cache) = cache_with("abc");
        let stamp = fs::read_to_string(cache.stamp_path()).unwrap().replace(VERSION, "1.4.0");
        fs::write(cache.stamp_path(), stamp).unwrap();
        assert!(matches!(cache.state(Some(ABC)), Cached::Damaged(_)));
    }

    #[test]
    fn an_empty_target_directory_holds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Cache::in_target(directory.path()).state(Some(ABC)), Cached::Absent);
    }
}
