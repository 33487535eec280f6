//! The client side of OAuth: everything about a login except sending requests and opening a browser.

pub mod authorization;
pub mod discovery;
pub mod pkce;
pub mod redirect;
pub mod resource_metadata;
pub mod server;
pub mod token_request;
pub mod token_response;
pub mod www_authenticate;
