//! The wall clock and the process environment, each read in one function of this package.

use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch. Tests that need another time pass it to
/// [`TokenSpec::at`](crate::issuer::TokenSpec::at) instead.
#[expect(clippy::disallowed_methods, reason = "the one place of the test package that reads the wall clock")]
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the system clock is set before 1970").as_secs()
}

/// The value of an environment variable; `None` when unset or empty.
#[expect(clippy::disallowed_methods, reason = "the one place of the test package that reads the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
