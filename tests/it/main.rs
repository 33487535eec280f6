//! Integration tests: the real binaries and the mock issuer, from the outside.
#![expect(clippy::unwrap_used, reason = "a helper that fails ends the test that called it")]

mod credentials;
mod fail_closed;
mod gate;
mod issuer;
mod keys;
mod limits;
mod refusals;
mod setup;
mod stdio;
