//! What SQL may be run, decided before the engine runs it.
//!
//! This is the first of two defences; the second is how the engine is opened ([`crate::backend::duckdb`]). Neither relies
//! on the other.

#[cfg(test)]
pub(crate) mod corpus;
mod functions;
mod lexer;
mod parser;
mod pivot;
pub mod policy;
mod refusal;
mod tree;

pub use policy::{Checked, TableName, check};
pub use refusal::Refusal;
