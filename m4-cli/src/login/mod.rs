//! Logging in: what a person, a browser and this machine do in it.
//!
//! What is sent and what an answer means is decided in [`auth_core::oauth::client`], and requests go out through
//! [`mcp_server::credentials::exchange`].

pub mod browser;
pub mod device;
pub mod driver;
pub mod loopback;
pub mod page;
pub mod person;
pub mod plan;
