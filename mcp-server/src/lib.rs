//! MCP server for clinical databases behind one OAuth2 gate.

pub mod config;
pub mod credentials;
pub mod dataset;
pub mod env;
pub mod error;
pub mod gate;
