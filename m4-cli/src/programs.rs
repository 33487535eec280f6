//! Where the other parts of M4 are on this machine.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

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

/// What a program said of itself.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended well.
    pub success: bool,
    /// The first line of its output.
    pub output: String,
    /// What it complained of last.
    pub complaint: String,
}

/// Runs `program --version`, and ends it where it has not ended after five seconds.
pub fn version_of(program: &Path) -> io::Result<Said> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, complaint) = (beginning(child.stdout.take()), beginning(child.stderr.take()));
    let text = |said: &Receiver<String>| said.recv_timeout(PATIENCE).ok();
    let (Some(output), Some(complaint)) = (text(&output), text(&complaint)) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end within five seconds"));
    };
    let line = |line: Option<&str>| line.unwrap_or_default().trim().chars().take(LONGEST_LINE).collect();
    Ok(Said {
        success: child.wait()?.success(),
        output: line(output.lines().next()),
        complaint: line(complaint.lines().last()),
    })
}

/// The first few thousand bytes of a stream, when it has ended.
fn beginning(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.map(|mut stream| {
            stream.by_ref().take(MOST_READ).read_to_end(&mut bytes)?;
            io::copy(&mut stream, &mut io::sink())
        });
        drop(read);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

const PATIENCE: Duration = Duration::from_secs(5);
const MOST_READ: u64 = 8 * 1024;
const LONGEST_LINE: usize = 200;

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
    fn a_program_says_its_version_or_why_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let said = |script: &str| {
            let path = program(folder.path(), "p");
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            version_of(&path)
        };
        let good = said("echo m4 $1; echo more").unwrap();
        assert!(good.success && good.output == "m4 --version", "{good:?}");
        let bad = said("echo first >&2; echo libduckdb.so: not found >&2; exit 127").unwrap();
        assert!(!bad.success && bad.complaint == "libduckdb.so: not found", "{bad:?}");
        assert!(version_of(&folder.path().join("none")).is_err());
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
