//! Sealed logins against a real keyring: GNOME Keyring, on a session bus that has nobody else on it.

use crate::debian::Programs;
use crate::duckdb::Library;
use crate::failure::{Outcome, say};
use crate::suite;
use crate::workspace::Workspace;

/// Installs what the tests need where that can be done, and runs them; says so where it cannot.
pub(crate) fn run(workspace: &Workspace, library: &Library) -> Outcome {
    if let Err(failure) = PROGRAMS.need() {
        say(format_args!("SKIPPED keyring: {failure}; {}", failure.hint()));
        return Ok(());
    }
    suite::run(workspace, library, &["-p", "m4-tests", "keyring::"].map(str::to_owned))
}

/// Those of `tests/src/secret_service.rs`.
const PROGRAMS: Programs = Programs {
    names: &[("dbus-daemon", "--version"), ("gnome-keyring-daemon", "--version")],
    packages: &["dbus", "gnome-keyring"],
};
