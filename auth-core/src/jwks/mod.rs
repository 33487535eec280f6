//! An issuer's keys: the document they come in and the life of a fetched set.

mod document;
mod lifecycle;

pub use document::{KeyQuery, KeySet, KeySetError, MAX_JWKS_BYTES, MAX_KEYS, Selection, Skipped};
pub use lifecycle::{Fetch, FetchFailed, FetchId, KeyLifecycle, KeyLookup, KeySnapshot, LifecycleSettings};
