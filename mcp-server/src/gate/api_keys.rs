//! The API keys as they are in their file now, read again every second.
//!
//! The file is read rather than looked at: a file system whose clock ticks slowly shows the same time, length and inode for
//! two contents, and a revocation must not hide in that. It is small, and read only while somebody presents a key.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use auth_core::api_key::ApiKeys;
use auth_core::rejection::Rejection;
use auth_core::time::Now;

use crate::api_keys::{self, KeyFileError};

/// Keeps what the file said at most [`RECHECK`] ago.
#[derive(Debug)]
pub(super) struct ApiKeyStore {
    path: PathBuf,
    loaded: ArcSwap<Loaded>,
    /// Held while the file is read, so that a busy server reads it once.
    reading: Mutex<()>,
}

#[derive(Debug)]
struct Loaded {
    at: Now,
    /// `None`: the file cannot be used, so nobody gets in by key. What it said before counts for nothing, because whoever took
    /// it away may have meant just that.
    keys: Option<Arc<ApiKeys>>,
    /// What was logged about it.
    said: String,
}

impl ApiKeyStore {
    /// Reads the file, and says in the log what came of it.
    pub(super) fn open(path: PathBuf, now: Now) -> Self {
        let loaded = load(&path, now, "");
        Self { path, loaded: ArcSwap::from_pointee(loaded), reading: Mutex::new(()) }
    }

    /// The keys as the file has them.
    pub(super) fn current(&self, now: Now) -> Result<Arc<ApiKeys>, Rejection> {
        if let Some(fresh) = self.fresh(now) {
            return fresh;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fresh) = self.fresh(now) {
            return fresh;
        }
        let loaded = Arc::new(load(&self.path, now, &self.loaded.load().said));
        self.loaded.store(loaded.clone());
        loaded.keys.clone().ok_or(Rejection::ApiKeysUnavailable)
    }

    fn fresh(&self, now: Now) -> Option<Result<Arc<ApiKeys>, Rejection>> {
        let loaded = self.loaded.load();
        (now.since(loaded.at) < RECHECK).then(|| loaded.keys.clone().ok_or(Rejection::ApiKeysUnavailable))
    }
}

/// How long a revoked key goes on working at most.
const RECHECK: Duration = Duration::from_secs(1);

/// Reads the file, and logs what came of it unless that was `said` before.
fn load(path: &std::path::Path, now: Now, said: &str) -> Loaded {
    let outcome = api_keys::read(path);
    let text = match &outcome {
        Ok(keys) => format!("{} API keys are known", keys.len()),
        Err(error) => complaint(error),
    };
    if text != said {
        match &outcome {
            Ok(_) => tracing::info!(target: TARGET, path = %path.display(), "{text}"),
            Err(_) => tracing::error!(target: TARGET, "{text}"),
        }
    }
    Loaded { at: now, keys: outcome.ok().map(Arc::new), said: text }
}

/// For the operator.
fn complaint(error: &KeyFileError) -> String {
    let lines = crate::error::lines(error).into_iter().map(|(_, text)| text);
    format!("API keys cannot be read, so nobody gets in by key: {}", lines.collect::<Vec<_>>().join(": "))
}

const TARGET: &str = "m4::api_keys";

#[cfg(test)]
mod tests {
    use auth_core::api_key::KeyName;
    use auth_core::scope::ScopeSet;
    use auth_core::time::{Instant, UnixTime};

    use super::*;

    fn at(millis: u64) -> Now {
        let wall = UnixTime(1_800_000_000 + i64::try_from(millis / 1000).unwrap());
        Now { wall, mono: Instant::from_start(Duration::from_millis(millis)) }
    }

    fn names(store: &ApiKeyStore, now: Now) -> Option<Vec<String>> {
        let keys = store.current(now).ok()?;
        Some(keys.iter().map(|key| key.name().to_string()).collect())
    }

    fn create(path: &std::path::Path, name: &str) {
        let name = KeyName::parse(name).unwrap();
        let scopes = ScopeSet::parse("a").unwrap();
        api_keys::create(path, name, scopes, at(0).wall, None).unwrap();
    }

    #[test]
    fn a_change_counts_within_a_second_and_costs_no_reading_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        create(&path, "a");
        let store = ApiKeyStore::open(path.clone(), at(0));
        create(&path, "b");
        assert_eq!(names(&store, at(999)).unwrap(), ["a"]);
        assert_eq!(names(&store, at(1000)).unwrap(), ["a", "b"]);
        api_keys::revoke(&path, "a").unwrap();
        assert_eq!(names(&store, at(1999)).unwrap(), ["a", "b"]);
        assert_eq!(names(&store, at(2000)).unwrap(), ["b"]);
    }

    #[test]
    fn a_change_in_place_that_looks_the_same_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        create(&path, "aaa");
        let store = ApiKeyStore::open(path.clone(), at(0));
        let modified = path.metadata().unwrap().modified().unwrap();
        let text = std::fs::read_to_string(&path).unwrap().replace("aaa", "bbb");
        std::fs::write(&path, text).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(names(&store, at(1000)).unwrap(), ["bbb"]);
    }

    #[test]
    fn a_file_that_went_bad_lets_nobody_in_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        create(&path, "a");
        let good = std::fs::read(&path).unwrap();
        let store = ApiKeyStore::open(path.clone(), at(0));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(store.current(at(1000)).unwrap_err(), Rejection::ApiKeysUnavailable);
        assert_eq!(store.current(at(1500)).unwrap_err(), Rejection::ApiKeysUnavailable);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(store.current(at(2000)).unwrap_err(), Rejection::ApiKeysUnavailable);
        std::fs::write(&path, good).unwrap();
        #[cfg(unix)]
        {
            assert!(store.current(at(3000)).is_err(), "it was written open to others");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, private).unwrap();
        }
        assert_eq!(names(&store, at(4000)).unwrap(), ["a"]);
    }
}
