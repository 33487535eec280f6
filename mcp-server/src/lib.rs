//! MCP server for clinical databases behind one OAuth2 gate.

pub mod backend;
pub mod dataset;
pub mod error;
pub mod sql;
