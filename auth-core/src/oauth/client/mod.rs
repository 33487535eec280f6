//! The client side of OAuth: everything about a login except sending requests and opening a browser.

pub mod authorization;
pub mod device;
pub mod discovery;
pub mod pkce;
pub mod redirect;
pub mod registration;
pub mod resource_metadata;
pub mod revocation;
pub mod scopes;
pub mod server;
pub mod stored_token;
pub mod token_request;
pub mod token_response;
pub mod www_authenticate;
