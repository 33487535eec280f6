//! The configuration files of MCP clients.

mod asked;
mod client;
pub mod document;
pub mod entry;
pub mod file;
mod paths;
pub mod replace;
pub mod shape;

pub use self::client::Client;
