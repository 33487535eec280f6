//! OAuth protocol values: what issuers publish and what clients and servers send.

pub mod client_auth;
pub mod client_key;
pub mod metadata;
pub mod metadata_introspection;
pub mod url;
