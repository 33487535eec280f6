//! The client side of OAuth: everything about a login except sending requests and opening a browser.

pub mod discovery;
pub mod pkce;
pub mod resource_metadata;
pub mod server;
pub mod www_authenticate;
