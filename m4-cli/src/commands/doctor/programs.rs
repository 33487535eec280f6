//! Looks at the programs: the server, the DuckDB library, and which `m4` runs when one types `m4`.

use std::path::Path;

use mcp_server::env::Environment;

use super::finding::Finding;
use crate::programs;

pub(super) fn check(own: Option<&Path>, env: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    match programs::server(own, env) {
        Some(server) => {
            findings.push(Finding::ok("server", server.display().to_string()));
            findings.push(library(&server));
        }
        None => findings.push(
            Finding::fail("server", format!("{} was not found", programs::SERVER))
                .because("it is neither beside m4 nor on PATH, so no client can start it")
                .mend("install it beside m4; in the source tree run: cargo xtask build"),
        ),
    }
    findings.extend(own.and_then(|own| shadow(own, env)));
    findings
}

fn library(server: &Path) -> Finding {
    if cfg!(feature = "bundled") {
        return Finding::ok("library", "DuckDB is built in");
    }
    match programs::library_beside(server) {
        Some(library) => Finding::ok("library", library.display().to_string()),
        None => Finding::warn("library", "the DuckDB library is not beside the server")
            .because("the server starts only where the system finds the library elsewhere")
            .mend("copy it there; in the source tree run: cargo xtask build"),
    }
}

fn shadow(own: &Path, env: &Environment) -> Option<Finding> {
    let other = programs::shadowed_by(own, env)?;
    let folder = own.parent()?;
    Some(
        Finding::warn("path", format!("typing m4 runs {}, not this program", other.display()))
            .because("another m4 comes first on PATH; most systems have GNU m4, a macro processor")
            .mend(format!("run: export PATH='{}':\"$PATH\"", folder.display())),
    )
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_missing_server_fails_and_a_missing_library_warns() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("m4");
        let found = |own| -> Vec<_> {
            check(Some(own), &Environment::default())
                .into_iter()
                .map(|finding| (finding.check, finding.status))
                .collect()
        };
        assert_eq!(found(&own), [("server", Status::Fail)]);
        fs::write(folder.path().join(programs::SERVER), "").unwrap();
        let library = if cfg!(feature = "bundled") { Status::Ok } else { Status::Warn };
        assert_eq!(found(&own), [("server", Status::Ok), ("library", library)]);
    }

    #[test]
    fn a_shadowing_program_comes_with_the_command_that_puts_ours_first() {
        let folder = tempfile::tempdir().unwrap();
        let (gnu, ours) = (folder.path().join("gnu"), folder.path().join("ours"));
        for place in [&gnu, &ours] {
            fs::create_dir(place).unwrap();
            fs::write(place.join("m4"), "").unwrap();
            fs::set_permissions(place.join("m4"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let env = Environment::from_pairs([("PATH", gnu.as_os_str())]);
        let finding = shadow(&ours.join("m4"), &env).unwrap();
        assert!(finding.mend.unwrap().contains(ours.to_str().unwrap()));
    }
}
