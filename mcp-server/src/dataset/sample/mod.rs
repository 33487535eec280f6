//! The synthetic sample: 100 invented patients.

use std::io;
use std::path::Path;

/// Writes its CSV files.
pub(crate) fn write(_directory: &Path) -> io::Result<()> {
    Ok(())
}
