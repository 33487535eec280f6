//! Completions, read by the shells they are for.

use crate::debian::Programs;
use crate::duckdb::Library;
use crate::failure::{Outcome, say};
use crate::suite;
use crate::workspace::Workspace;

/// Installs the shells where that can be done, and has them read their scripts; says which could not be had.
pub(crate) fn run(workspace: &Workspace, library: &Library) -> Outcome<Option<String>> {
    let mut missing = Vec::new();
    for (shell, programs) in SHELLS {
        if let Err(failure) = programs.need() {
            say(format_args!("SKIPPED {shell}: {failure}; {}", failure.hint()));
            missing.push(shell);
        }
    }
    suite::run(workspace, library, &["-p", "m4-tests", "shells::"].map(str::to_owned))?;
    let said = || format!("{} could not be had; the other shells read their scripts", missing.join(" and "));
    Ok((!missing.is_empty()).then(said))
}

const SHELLS: [(&str, Programs); 5] = [
    ("bash", Programs { names: &[("bash", "--version")], packages: &["bash"] }),
    ("zsh", Programs { names: &[("zsh", "--version")], packages: &["zsh"] }),
    ("fish", Programs { names: &[("fish", "--version")], packages: &["fish"] }),
    ("elvish", Programs { names: &[("elvish", "--version")], packages: &["elvish"] }),
    // Debian has none; where Microsoft's packages are known, one of them is it.
    ("PowerShell", Programs { names: &[("pwsh", "-Version")], packages: &["powershell"] }),
];
