//! The process environment, read in one function of this package.

use std::ffi::OsString;

/// The value of an environment variable; `None` when unset or empty.
#[expect(clippy::disallowed_methods, reason = "the one place of xtask that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
