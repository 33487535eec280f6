//! Claude Desktop's configuration: read whole, changed in one place, written back with everything else as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mcp_server::env::Environment;
use mcp_server::error::Explain;
use serde_json::{Map, Value};

use super::json_text::{JsonText, NotAnObject};
use crate::files;

/// Where Claude Desktop keeps its configuration; `None` without a home.
pub fn path(env: &Environment) -> Option<PathBuf> {
    let dirs = env.base_dirs()?;
    let folder = if cfg!(target_os = "macos") {
        dirs.home.join("Library/Application Support")
    } else {
        dirs.config.clone()
    };
    Some(folder.join("Claude").join("claude_desktop_config.json"))
}

/// The configuration as it was read.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    /// What the file held; `None` where there was none.
    read: Option<Vec<u8>>,
    json: JsonText,
}

/// What writing came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// The file already said this.
    Unchanged,
    /// The file is new.
    New,
    /// The file was changed; the old one is here.
    Replaced(PathBuf),
}

impl Document {
    /// Reads the file, which need not exist.
    pub fn read(path: &Path) -> Result<Self, ClaudeError> {
        let read = current(path)?;
        let text = std::str::from_utf8(read.as_deref().unwrap_or_default())
            .map_err(|_| ClaudeError::NotText(path.to_owned()))?;
        let json = JsonText::parse(text)
            .map_err(|source| ClaudeError::NotUnderstood { path: path.to_owned(), source })?;
        let document = Self { path: path.to_owned(), read, json };
        match document.json.object.get(SERVERS) {
            None | Some(Value::Object(_)) => Ok(document),
            Some(_) => Err(ClaudeError::Shape { path: path.to_owned(), key: SERVERS.to_owned() }),
        }
    }

    /// The server's entry.
    pub fn entry(&self, name: &str) -> Result<Option<&Map<String, Value>>, ClaudeError> {
        match self.json.object.get(SERVERS).and_then(|servers| servers.get(name)) {
            None => Ok(None),
            Some(Value::Object(entry)) => Ok(Some(entry)),
            Some(_) => Err(ClaudeError::Shape { path: self.path.clone(), key: format!("{SERVERS}.{name}") }),
        }
    }

    /// Sets the server's entry and writes the file, keeping the old one under the time `now`.
    pub fn write(
        mut self,
        name: &str,
        entry: &Map<String, Value>,
        now: SystemTime,
    ) -> Result<Written, ClaudeError> {
        let servers = self.json.object.entry(SERVERS).or_insert_with(|| Value::Object(Map::new()));
        if servers.get(name).and_then(Value::as_object) == Some(entry) {
            return Ok(Written::Unchanged);
        }
        if let Some(servers) = servers.as_object_mut() {
            servers.insert(name.to_owned(), Value::Object(entry.clone()));
        }
        let unwritable = |source| ClaudeError::Unwritable { path: self.path.clone(), source };
        let text = self.json.text().map_err(|error| unwritable(error.into()))?;
        if current(&self.path)? != self.read {
            return Err(ClaudeError::ChangedMeanwhile(self.path));
        }
        let backup = match &self.read {
            Some(old) => Some(back_up(&self.path, old, now).map_err(unwritable)?),
            None => None,
        };
        files::write(&self.path, text.as_bytes(), None).map_err(unwritable)?;
        Ok(backup.map_or(Written::New, Written::Replaced))
    }
}

/// The configuration cannot be changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ClaudeError {
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// The file is not a JSON object.
    #[error("cannot make sense of {}", .path.display())]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NotAnObject,
    },
    /// A part of it has another shape than Claude Desktop's.
    #[error("`{key}` in {} is not an object", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The part.
        key: String,
    },
    /// Another program wrote it while this one ran.
    #[error("{} was changed by another program just now", .0.display())]
    ChangedMeanwhile(PathBuf),
    /// The file or its copy cannot be written.
    #[error("cannot write {}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Explain for ClaudeError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } => "make it a file that you can read; --output names another",
            Self::NotText(_) | Self::NotUnderstood { .. } | Self::Shape { .. } => {
                "correct the file, or print the entry with `m4 config` and paste it in; nothing was changed"
            }
            Self::ChangedMeanwhile(_) => "run the command again; nothing was changed",
            Self::Unwritable { .. } => "make its folder writable; the file is as it was",
        };
        Some(hint.to_owned())
    }
}

fn current(path: &Path) -> Result<Option<Vec<u8>>, ClaudeError> {
    let unreadable = |source| ClaudeError::Unreadable { path: path.to_owned(), source };
    match files::resolve(path).map_err(unreadable)? {
        Some(real) => fs::read(real).map(Some).map_err(unreadable),
        None => Ok(None),
    }
}

/// Writes the old content beside the file that is replaced, as private as that is.
fn back_up(path: &Path, content: &[u8], now: SystemTime) -> io::Result<PathBuf> {
    let real = files::resolve(path)?.unwrap_or_else(|| path.to_owned());
    let time =
        jiff::Timestamp::try_from(now).map_err(io::Error::other)?.strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut attempt = 0;
    loop {
        let again = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let copy = real.with_file_name(format!("{name}.{time}{again}.bak"));
        match private(&copy) {
            Ok(mut file) => {
                file.set_permissions(fs::metadata(&real)?.permissions())?;
                file.write_all(content)?;
                file.sync_all()?;
                return Ok(copy);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < MOST_PER_SECOND => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, files::PRIVATE);
    options.open(path)
}

const SERVERS: &str = "mcpServers";
const MOST_PER_SECOND: u32 = 99;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::json;

    use super::*;

    fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn new_entry() -> Map<String, Value> {
        json!({"command": "/bin/m4-mcp-server", "args": [], "env": {}}).as_object().unwrap().clone()
    }

    fn update(path: &Path) -> Result<Written, ClaudeError> {
        let document = Document::read(path)?;
        document.entry("m4")?;
        document.write("m4", &new_entry(), noon())
    }

    fn with_file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claude_desktop_config.json");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_other_server_key_and_order_stays() {
        let before = "{\n    \"z\": 1.50,\n    \"mcpServers\": {\n        \"other\": {\"command\": \"x\"}\n    },\n    \"a\": true\n}";
        let (folder, path) = with_file(before.as_bytes());
        let Written::Replaced(backup) = update(&path).unwrap() else { panic!("not replaced") };
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
        {
            "z": 1.5,
            "mcpServers": {
                "other": {
                    "command": "x"
                },
                "m4": {
                    "command": "/bin/m4-mcp-server",
                    "args": [],
                    "env": {}
                }
            },
            "a": true
        }
        "#);
        assert_eq!(fs::read_to_string(&backup).unwrap(), before);
        assert_eq!(
            names(folder.path()),
            ["claude_desktop_config.json", "claude_desktop_config.json.20231114T221320Z.bak"]
        );
    }

    #[test]
    fn a_second_run_changes_nothing_and_copies_nothing() {
        let (folder, path) = with_file(b"");
        update(&path).unwrap();
        assert_eq!(update(&path).unwrap(), Written::Unchanged);
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn copies_of_the_same_second_do_not_replace_each_other() {
        let (folder, path) = with_file(b"{}");
        update(&path).unwrap();
        fs::write(&path, "{\"x\": 1}").unwrap();
        update(&path).unwrap();
        assert_eq!(names(folder.path()).len(), 3);
    }

    #[test]
    fn a_missing_file_is_made_with_its_folder_and_without_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Claude/claude_desktop_config.json");
        assert_eq!(update(&path).unwrap(), Written::New);
        assert_eq!(names(path.parent().unwrap()), ["claude_desktop_config.json"]);
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        let odd: [&[u8]; 9] = [
            b"// mine\n{}",
            b"{\"mcpServers\": {},}",
            b"[]",
            b"null",
            b"{\"mcpServers\": []}",
            b"{\"mcpServers\": {\"m4\": \"x\"}}",
            b"{\"a\": \"\xff\"}",
            b"{\"mcpServers\": {\"m4\"",
            b"\xff\xfe{\0}\0",
        ];
        for before in odd {
            let (folder, path) = with_file(before);
            let error = update(&path).unwrap_err();
            assert!(error.hint().is_some());
            assert_eq!(fs::read(&path).unwrap(), before);
            assert_eq!(names(folder.path()).len(), 1, "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let (_folder, path) = with_file(b"{}");
        let document = Document::read(&path).unwrap();
        fs::write(&path, "{\"new\": 1}").unwrap();
        assert!(matches!(document.write("m4", &new_entry(), noon()), Err(ClaudeError::ChangedMeanwhile(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"new\": 1}");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_modes_stay_and_the_copy_is_as_private_as_the_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, real) = with_file(b"{}");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("config.json");
        symlink(&real, &link).unwrap();
        let Written::Replaced(backup) = update(&link).unwrap() else { panic!("not replaced") };
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(backup.parent().unwrap(), folder.path().canonicalize().unwrap());
        for path in [&real, &backup] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = with_file(b"{}");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
        let may_write_anyway = File::create(folder.path().join("probe")).is_ok();
        if may_write_anyway {
            println!("skipped: this user may write anywhere, so a read-only folder cannot be tested");
        } else {
            assert!(matches!(update(&path), Err(ClaudeError::Unwritable { .. })));
            assert_eq!(fs::read(&path).unwrap(), b"{}");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
