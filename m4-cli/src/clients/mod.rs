//! The configuration files of MCP clients.

pub mod claude_desktop;
pub mod document;
pub mod entry;
pub mod json_text;
mod strict_json;
