//! Logging in: what a person, a browser and this machine do in it.
//!
//! What is sent and what an answer means is decided in [`auth_core::oauth::client`], and requests go out through
//! [`mcp_server::credentials::exchange`].

pub mod driver;
