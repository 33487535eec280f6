//! The one place that reads the wall clock.

use std::time::SystemTime;

/// What the wall clock says now. It can jump, so it dates things; it does not measure them.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
pub fn wall_now() -> SystemTime {
    SystemTime::now()
}
