//! What SQL may be run, decided before the engine runs it.
//!
//! This is the first of two defences; the second is how the engine is opened ([`crate::backend::duckdb`]). Neither relies
//! on the other.

#[cfg(test)]
pub(crate) mod corpus;
mod functions;
mod lexer;
#[cfg(test)]
mod mutation_tests;
mod order;
mod parser;
mod pivot;
pub mod policy;
mod refusal;
pub mod stored;
mod tree;

pub use order::{ColumnRef, Direction, OrderKey};
pub(crate) use policy::check_prepared;
pub use policy::{Checked, TableName, bare, check, check_in};
pub use refusal::Refusal;
pub use stored::Stored;
