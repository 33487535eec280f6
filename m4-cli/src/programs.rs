//! Where the other parts of M4 are on this machine.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::path::{Path, PathBuf};

use mcp_server::env::Environment;

/// This program's own file, if the system tells.
pub fn own() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// The server's program: beside `m4`, where an installation puts it, or on `PATH`.
pub fn server(own: Option<&Path>, env: &Environment) -> Option<PathBuf> {
    let beside = own.and_then(Path::parent).map(|folder| folder.join(format!("{SERVER}{EXE_SUFFIX}")));
    beside
        .filter(|path| path.is_file())
        .or_else(|| env.find_program(SERVER))
        .map(|path| std::path::absolute(&path).unwrap_or(path))
}

/// The DuckDB library where the programs look for it first: beside `program`.
pub fn library_beside(program: &Path) -> Option<PathBuf> {
    let file = format!("{DLL_PREFIX}duckdb{DLL_SUFFIX}");
    let folder = program.parent()?;
    [folder.join(&file), folder.join("..").join(&file)].into_iter().find(|path| path.is_file())
}

/// The program that runs when somebody types `m4`, if it is another one than this.
pub fn shadowed_by(own: &Path, env: &Environment) -> Option<PathBuf> {
    let first = env.find_program("m4")?;
    let same = first.canonicalize().ok()? == own.canonicalize().ok()?;
    (!same).then_some(first)
}

/// The server's name.
pub const SERVER: &str = "m4-mcp-server";

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, name: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_server_beside_m4_comes_before_the_one_on_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        let own = program(&here, "m4");
        let on_path = program(&there, SERVER);
        let env = Environment::from_pairs([("PATH", there.as_os_str())]);
        assert_eq!(server(Some(&own), &env), Some(on_path));
        let beside = program(&here, SERVER);
        assert_eq!(server(Some(&own), &env), Some(beside));
        assert_eq!(server(None, &Environment::default()), None);
    }

    #[test]
    fn another_m4_earlier_on_the_path_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (gnu, ours) = (folder.path().join("gnu"), folder.path().join("ours"));
        let (gnu_m4, own) = (program(&gnu, "m4"), program(&ours, "m4"));
        let path =
            |folders: [&Path; 2]| Environment::from_pairs([("PATH", std::env::join_paths(folders).unwrap())]);
        assert_eq!(shadowed_by(&own, &path([&gnu, &ours])), Some(gnu_m4));
        assert_eq!(shadowed_by(&own, &path([&ours, &gnu])), None);
    }
}
