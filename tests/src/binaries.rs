//! Where the binaries under test are.

use std::io;
use std::path::{Path, PathBuf};

use crate::ambient;

/// The path of a binary of this workspace: in `M4_TEST_BIN_DIR`, else in the target directory that holds the
/// running program.
///
/// # Errors
/// When no such file is there; the message says how to build it.
pub fn find(name: &str) -> io::Result<PathBuf> {
    let directory = match ambient::variable("M4_TEST_BIN_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => beside(&std::env::current_exe()?),
    };
    let path = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "no {name} in {}: build it with `cargo xtask build`, or run the tests by `cargo xtask test`",
            directory.display()
        ),
    ))
}

/// Cargo puts tests one folder deeper (`deps`) than the binaries.
fn beside(executable: &Path) -> PathBuf {
    let folder = executable.parent().unwrap_or(Path::new("."));
    match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().unwrap_or(folder).to_owned(),
        _ => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_executable_looks_one_folder_up_and_a_binary_beside_itself() {
        assert_eq!(beside(Path::new("/t/debug/deps/it-1a2b")), Path::new("/t/debug"));
        assert_eq!(beside(Path::new("/t/debug/m4-demo")), Path::new("/t/debug"));
    }

    #[test]
    fn a_missing_binary_is_named_with_the_command_that_builds_it() {
        let message = find("no-such-binary").unwrap_err().to_string();
        assert!(message.contains("no-such-binary") && message.contains("cargo xtask build"), "{message}");
    }
}
