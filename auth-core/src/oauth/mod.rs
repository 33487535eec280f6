//! OAuth protocol values: what issuers publish and what clients and servers send.

pub mod challenge;
pub mod client;
pub mod client_auth;
pub mod client_key;
pub mod metadata;
pub mod metadata_introspection;
pub mod resource_metadata;
pub mod url;
