//! Integration tests.

mod issuer;
