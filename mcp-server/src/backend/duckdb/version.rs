//! Which engine this program was built for, and which one it runs on: a shared library can be swapped.

use ::duckdb::Connection;

/// The release that this program was built and tested with.
pub const BUILT_FOR: &str = "v1.5.6";

/// The release of the library that was loaded; `None` where it does not say.
pub fn loaded() -> Option<String> {
    Connection::open_in_memory().ok()?.version().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_that_is_named_is_the_one_that_is_tested_with() {
        assert_eq!(loaded().as_deref(), Some(BUILT_FOR));
    }
}
