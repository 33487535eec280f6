//! The store of logins: what `m4 login` leaves behind and every M4 program of this user takes its token from.
//!
//! A login is found by profile, issuer and resource. Whoever wants to change anything holds the store's lock from reading
//! to writing, a renewal's request to the issuer included: a refresh token works once, and two processes that spend the
//! same one lose the login to both.

mod error;
mod file;
mod lock;
mod profile;
mod selection;
mod sessions;

use std::fmt;

use auth_core::time::UnixTime;

pub use self::error::StoreError;
pub use self::file::FileStore;
pub use self::lock::lock_within;
pub use self::profile::{InvalidProfile, Profile};
pub use self::selection::Selection;
pub use self::sessions::Sessions;

/// A place for logins that several processes share.
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// What is stored now, without waiting for anybody. It may be out of date as soon as it is read.
    fn read(&self) -> Result<Sessions, StoreError>;

    /// Takes the store's lock unless another process, or another caller in this one, has it. Dropping it gives it back.
    fn try_lock(&self) -> Result<Option<Box<dyn LockedStore + '_>>, StoreError>;
}

/// A store that nobody else changes meanwhile.
pub trait LockedStore {
    /// What is stored. What is damaged is kept elsewhere first, and [`Sessions::set_aside`] then says where; `now` goes
    /// into its name.
    fn read(&self, now: UnixTime) -> Result<Sessions, StoreError>;

    /// Replaces everything that is stored; when this returns, it survives a loss of power.
    fn write(&self, sessions: &Sessions) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests;
