//! Datasets: what they are called and where their data lies.

use std::path::PathBuf;

mod custom;
mod declared;
mod definition;
mod homes;
mod name;
mod reach;
mod registry;
pub mod sample;
pub mod schema;

pub use custom::{Problem, ProblemKind};
pub use declared::{DeclaredError, DeclaredTable, SourceFile};
pub use definition::{Definition, Origin, Setup};
pub use homes::Homes;
pub use name::{InvalidName, Name};
pub use reach::Reach;
pub(crate) use registry::WORKS_TODAY;
pub use registry::{Registry, ResolveError};

/// A dataset that is set up on this machine, as a backend sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name, as users and tools say it: `mimic-iv-demo`.
    pub name: String,
    /// One line about it.
    pub description: String,
    /// The DuckDB database file.
    pub database: PathBuf,
    /// How far into it the caller may see.
    pub reach: Reach,
}
