//! Looks at the programs: the server, the DuckDB library, and which `m4` runs when one types `m4`.

use std::path::Path;

use mcp_server::backend::duckdb::version;
use mcp_server::env::Environment;

use super::finding::Finding;
use crate::programs::{self, Said};

pub(super) fn check(own: Option<&Path>, env: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    match programs::server(own, env) {
        Some(path) => {
            findings.push(server(&path));
            findings.push(library(&path));
        }
        None => findings.push(
            Finding::fail("server", format!("{} was not found", programs::SERVER))
                .because("it is neither beside m4 nor on PATH, so no client can start it")
                .mend("install it beside m4; in the source tree run: cargo xtask build"),
        ),
    }
    findings.extend(engine(version::loaded().as_deref()));
    findings.extend(own.and_then(|own| shadow(own, env)));
    findings
}

/// Starts it, as a client would: what keeps the system from loading it is nowhere else to be seen.
fn server(path: &Path) -> Finding {
    let fails = |cause: String| {
        Finding::fail("server", format!("{} does not start", path.display()))
            .because(cause)
            .mend("install it and the DuckDB library beside m4; in the source tree run: cargo xtask build")
    };
    match programs::version_of(path) {
        Err(error) => fails(error.to_string()),
        Ok(said) if !said.success => fails(said.complaint),
        Ok(said) if !is_ours(&said, programs::SERVER) => {
            Finding::warn("server", format!("{} is {}", path.display(), said.output))
                .because(format!("this m4 is version {VERSION}, and the two belong together"))
                .mend("install both from the same release")
        }
        Ok(_) => Finding::ok("server", path.display().to_string()),
    }
}

fn is_ours(said: &Said, name: &str) -> bool {
    let mut words = said.output.split_whitespace();
    (words.next(), words.next()) == (Some(name), Some(VERSION))
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

fn engine(loaded: Option<&str>) -> Option<Finding> {
    let built_for = version::BUILT_FOR;
    (loaded != Some(built_for)).then(|| {
        let loaded = loaded.unwrap_or("of an unknown version");
        Finding::warn("library", format!("the DuckDB library is {loaded}, and M4 was built for {built_for}"))
            .because("the lock on SQL was tested with that version alone")
            .mend(format!(
                "put libduckdb {built_for} beside m4, and take others off LD_LIBRARY_PATH; in the source tree run: cargo xtask build"
            ))
    })
}

fn shadow(own: &Path, env: &Environment) -> Option<Finding> {
    let other = programs::shadowed_by(own, env)?;
    let folder = own.parent()?;
    let what = match programs::version_of(&other) {
        Ok(said) if said.output.contains("GNU M4") => {
            "GNU m4, a macro processor, comes first on PATH".to_owned()
        }
        Ok(said) if is_ours(&said, "m4") => "another copy of this m4 comes first on PATH".to_owned(),
        Ok(said) if said.success && !said.output.is_empty() => {
            format!("another program comes first on PATH; it says of itself: {}", said.output)
        }
        _ => "another m4 comes first on PATH; most systems have GNU m4, a macro processor".to_owned(),
    };
    Some(
        Finding::warn("path", format!("typing m4 runs {}, not this program", other.display()))
            .because(what)
            .mend(format!("run: export PATH='{}':\"$PATH\"", folder.display())),
    )
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::finding::Status;
    use super::*;

    fn script(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

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
        script(&folder.path().join(programs::SERVER), &format!("echo m4-mcp-server {VERSION}"));
        let library = if cfg!(feature = "bundled") { Status::Ok } else { Status::Warn };
        assert_eq!(found(&own), [("server", Status::Ok), ("library", library)]);
    }

    #[test]
    fn a_server_that_does_not_start_says_why_and_one_of_another_release_warns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(programs::SERVER);
        script(&path, "echo 'libduckdb.so: cannot open shared object file' >&2; exit 127");
        let finding = server(&path);
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(finding.cause.as_deref(), Some("libduckdb.so: cannot open shared object file"));
        script(&path, "echo m4-mcp-server 0.0.0");
        assert_eq!(server(&path).status, Status::Warn);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(server(&path).status, Status::Fail);
    }

    #[test]
    fn a_library_of_another_version_is_pointed_out() {
        assert_eq!(engine(Some(version::BUILT_FOR)), None);
        for other in [Some("v1.4.0"), None] {
            assert_eq!(engine(other).unwrap().status, Status::Warn);
        }
    }

    #[test]
    fn a_shadowing_program_comes_with_its_name_and_the_command_that_puts_ours_first() {
        let folder = tempfile::tempdir().unwrap();
        let (gnu, ours) = (folder.path().join("gnu"), folder.path().join("ours"));
        script(&gnu.join("m4"), "echo 'm4 (GNU M4) 1.4.19'");
        script(&ours.join("m4"), "");
        let env = Environment::from_pairs([("PATH", gnu.as_os_str())]);
        let finding = shadow(&ours.join("m4"), &env).unwrap();
        assert!(finding.cause.unwrap().starts_with("GNU m4, a macro processor"));
        assert!(finding.mend.unwrap().contains(ours.to_str().unwrap()));
        script(&gnu.join("m4"), "echo M4 0.5.9");
        assert!(
            shadow(&ours.join("m4"), &env).unwrap().cause.unwrap().contains("it says of itself: M4 0.5.9")
        );
    }
}
