//! What can be wrong with the store of logins.

use std::io;
use std::path::PathBuf;

use super::KeyringError;
use crate::error::{Explain, codes};

/// The logins cannot be read or changed. Holds no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened or read.
    #[error("the logins in {} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The path leads to something that is not a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Other users of this machine can read or change the file, so the tokens in it are not this user's alone.
    #[error("the logins in {} are open to other users", .0.display())]
    OpenToOthers(PathBuf),
    /// The file does not hold what M4 wrote. Reading it under the lock keeps it under another name.
    #[error("the logins in {} are damaged", .0.display())]
    Damaged(PathBuf),
    /// A newer M4 wrote the file.
    #[error("the logins in {} have format {found}, which this version of M4 does not know", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The logins are sealed with a key that the keyring does not give. They stay as they are.
    #[error("the logins in {} are sealed and cannot be opened", .path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyringError,
    },
    /// The file, its folder or its lock cannot be written.
    #[error("the logins in {} cannot be written", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// What is wrong, for a caller who may not learn local paths.
    pub(crate) const fn for_callers(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "the stored logins cannot be read",
            Self::NotAFile(_) => "the store of logins is not a regular file",
            Self::OpenToOthers(_) => "the stored logins are open to other users",
            Self::Damaged(_) => "the stored logins are damaged",
            Self::Newer { .. } => "the stored logins were written by a newer version of M4",
            Self::Sealed { source: KeyringError::Unreachable(_), .. } => {
                "the stored logins are sealed and no keyring can be reached"
            }
            Self::Sealed { source: KeyringError::Locked, .. } => {
                "the stored logins are sealed and the keyring is locked"
            }
            Self::Sealed { source: KeyringError::Silent { .. }, .. } => {
                "the stored logins are sealed and the keyring has not answered"
            }
            Self::Sealed { source: KeyringError::NoKey, .. } => {
                "the stored logins are sealed and the keyring does not have their key"
            }
            Self::Unwritable { .. } => "the stored logins cannot be written",
        }
    }
}

impl Explain for StoreError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } | Self::NotAFile(_) => {
                "make tokens.json in M4's folder a file that this user can read, or remove it and run `m4 login`"
            }
            // Callers see hints, and they may not learn local paths.
            Self::OpenToOthers(_) => {
                "run `chmod 600` on tokens.json in M4's folder; if others may have read it, run `m4 login` again"
            }
            Self::Damaged(_) => "run `m4 login`; the damaged file is kept under another name",
            Self::Sealed { source, .. } => source.hint(),
            Self::Newer { .. } => "use the version of M4 that wrote them, or a newer one",
            Self::Unwritable { .. } => {
                "make M4's folder writable for this user, or point M4_HOME at another one"
            }
        };
        Some(hint.to_owned())
    }

    fn code(&self) -> &'static str {
        codes::STORE_FAILED
    }
}
