//! OAuth2 resource-server decisions as pure functions.
//!
//! This crate decides whether a token may do what its bearer asks for. It does **not** read a clock, open a socket or
//! a file, look at the environment, spawn a thread or depend on an async runtime: time comes in as an argument
//! ([`time::Now`]), keys come in as bytes, and a fetch is asked for by a returned value ([`jwks::Fetch`]) that the
//! caller answers with a method ([`jwks::KeyLifecycle::handle_fetched`]). Everything is therefore testable in virtual
//! time, and the same code can serve any transport.
//!
//! The way through it: [`authenticator::Authenticator::decide`] takes a credential, what is to be accessed
//! ([`scope::Access`]), a [`jwks::KeySnapshot`] and the time. It answers with proof ([`authenticator::Granted`]), a
//! [`rejection::Rejection`], or the wish for keys.
//!
//! ```
//! use std::sync::Arc;
//!
//! use auth_core::authenticator::{Authenticator, Credential, Decision};
//! use auth_core::jwks::KeySnapshot;
//! use auth_core::policy::Policy;
//! use auth_core::scope::Access;
//! use auth_core::time::{Instant, Now, UnixTime};
//!
//! let gate = Authenticator::protected(vec![Policy::new("https://issuer.example", "m4-api")], None);
//! let now = Now { wall: UnixTime(1_800_000_000), mono: Instant::default() };
//! let access = Access { tool: "execute_query", dataset: None };
//! let Decision::Reject(refused) = gate.decide(Credential::None, &access, |_| Arc::new(KeySnapshot::default()), now) else { panic!() };
//! assert_eq!(refused.rejection.message(), "Missing OAuth2 access token");
//! ```

mod apart;
mod cache;
mod checks;
mod claims;
mod json;

pub mod algorithm;
pub mod api_key;
pub mod authenticator;
pub mod dpop;
pub mod explain;
pub mod introspection;
pub mod jwks;
pub mod key;
pub mod limit;
pub mod oauth;
pub mod policy;
#[cfg(test)]
mod properties;
pub mod rejection;
pub mod scope;
pub mod secret;
#[cfg(test)]
mod testing;
pub mod time;
pub mod token;
pub mod verify;
