//! OAuth protocol values: what issuers publish and what clients and servers send.

pub mod metadata;
pub mod url;
