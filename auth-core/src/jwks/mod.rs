//! An issuer's keys: the document they come in and the life of a fetched set.

mod document;
mod fetch;
mod lifecycle;
mod snapshot;

pub use document::{KeyQuery, KeySet, KeySetError, MAX_JWKS_BYTES, MAX_KEYS, Selection, Skipped};
pub use fetch::{Fetch, FetchFailed, FetchId, FetchOutcome, Validators, max_age};
pub use lifecycle::{KeyLifecycle, KeyLookup, LifecycleSettings};
pub use snapshot::KeySnapshot;
