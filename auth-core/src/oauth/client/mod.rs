//! The client side of OAuth: everything about a login except sending requests and opening a browser.
//!
//! [`login::Login`] goes the whole way for a person at a browser: it says what to send and what to open, and takes what
//! comes back. Its parts are there for everybody else: [`discovery`], [`device`] for machines without a browser,
//! [`token_request`] and [`token_response`] for refreshes and for programs of their own, [`revocation`] for the end, and
//! [`stored_token`] for what lies on the disk meanwhile.
//!
//! Nothing here follows a redirect, and no caller may: metadata is what lies at its URL, and a code or a token goes to the
//! endpoint that was checked and nowhere else.

pub mod authorization;
pub mod device;
pub mod discovery;
pub mod login;
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
