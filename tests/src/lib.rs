//! What the integration tests stand on: a mock OAuth 2 issuer and helpers that spawn the real binaries.
//!
//! Nothing here is published, and nothing here is safe to deploy: the issuer signs whatever it is asked to.
#![expect(clippy::expect_used, reason = "a helper that cannot set a test up fails the test that called it")]

pub mod ambient;
pub mod binaries;
pub mod cli;
pub mod client;
pub mod demo;
pub mod dpop;
pub mod file_server;
pub mod http;
pub mod issuer;
pub mod load;
pub mod login;
pub mod sandbox;
#[cfg(target_os = "linux")]
pub mod secret_service;
pub mod server;
