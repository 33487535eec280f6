//! OAuth2 resource-server decisions as pure functions.

pub mod algorithm;
pub mod scope;
pub mod secret;
