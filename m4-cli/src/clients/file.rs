//! A client's file: read whole, changed in one entry, everything else as it was.

use std::path::{Path, PathBuf};

use mcp_server::error::{Explain, codes};
use serde_json::{Map, Value};

use super::Client;
use super::document::{Document, NotUnderstood};
use super::replace::{self, ReplaceError, Replacement};

/// A client's file as it was read.
#[derive(Debug)]
pub struct ClientFile {
    client: Client,
    path: PathBuf,
    /// What the file held; `None` where there was none.
    read: Option<Vec<u8>>,
    document: Document,
}

impl ClientFile {
    /// Reads the file, which need not exist.
    pub fn read(client: Client, path: &Path) -> Result<Self, FileError> {
        let read = replace::current(path)?;
        let text = std::str::from_utf8(read.as_deref().unwrap_or_default())
            .map_err(|_| FileError::NotText(path.to_owned()))?;
        let document = Document::parse(client.format(), text)
            .map_err(|source| FileError::NotUnderstood { path: path.to_owned(), source })?;
        let file = Self { client, path: path.to_owned(), read, document };
        match file.document.value(&[client.servers_key()]) {
            None | Some(Value::Object(_) | Value::Null) => Ok(file),
            Some(_) => Err(file.shape(client.servers_key())),
        }
    }

    /// Whether there is a file.
    pub const fn exists(&self) -> bool {
        self.read.is_some()
    }

    /// The file's text; `None` where there is none.
    pub fn text(&self) -> Option<&str> {
        self.read.as_deref().and_then(|read| std::str::from_utf8(read).ok())
    }

    /// The server's entry.
    pub fn entry(&self, name: &str) -> Result<Option<Map<String, Value>>, FileError> {
        match self.document.value(&[self.client.servers_key(), name]) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(entry)) => Ok(Some(entry)),
            Some(_) => Err(self.shape(&format!("{}.{name}", self.client.servers_key()))),
        }
    }

    /// Every server's entry that is one, with its name.
    pub fn entries(&self) -> Vec<(String, Map<String, Value>)> {
        let Some(Value::Object(servers)) = self.document.value(&[self.client.servers_key()]) else {
            return Vec::new();
        };
        let entry = |value| match value {
            Value::Object(entry) => Some(entry),
            _ => None,
        };
        servers.into_iter().filter_map(|(name, value)| Some((name, entry(value)?))).collect()
    }

    /// The file with this entry of the server.
    pub fn with_entry(mut self, name: &str, entry: &Map<String, Value>) -> Result<Replacement, FileError> {
        let path = [self.client.servers_key(), name];
        self.document
            .set(&path, &Value::Object(entry.clone()))
            .map_err(|source| FileError::NotUnderstood { path: self.path.clone(), source })?;
        Ok(self.replacement())
    }

    /// The file without the server's entry; `None` where there is none.
    pub fn without_entry(mut self, name: &str) -> Result<Option<Replacement>, FileError> {
        let path = [self.client.servers_key(), name];
        let removed = self
            .document
            .remove(&path)
            .map_err(|source| FileError::NotUnderstood { path: self.path.clone(), source })?;
        Ok(removed.then(|| self.replacement()))
    }

    fn replacement(self) -> Replacement {
        Replacement { path: self.path, read: self.read, content: self.document.text() }
    }

    fn shape(&self, key: &str) -> FileError {
        FileError::Shape { path: self.path.clone(), key: key.to_owned() }
    }
}

/// The file cannot be changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// It is not UTF-8.
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It is not in the client's format, or in a part of it that is not changed without risk.
    #[error("cannot make sense of {}", .path.display())]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NotUnderstood,
    },
    /// A part of it has another shape than the client's.
    #[error("`{key}` in {} is not a mapping", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The part.
        key: String,
    },
}

impl Explain for FileError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Replace(error) => error.hint(),
            Self::NotText(_) | Self::NotUnderstood { .. } | Self::Shape { .. } => Some(
                "correct the file, or print the entry with `m4 config` and paste it in; nothing was changed"
                    .to_owned(),
            ),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Replace(error) => error.code(),
            Self::NotText(_) | Self::NotUnderstood { .. } | Self::Shape { .. } => codes::FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mcp_server::env::Environment;

    use super::*;
    use crate::args::{ServerArgs, Transport};
    use crate::clients::entry::Entry;

    /// A real-looking file of each client: comments, odd layouts, other servers.
    const SAMPLES: [(Client, &str); 10] = [
        (Client::Claude, include_str!("samples/claude.json")),
        (Client::ClaudeCode, include_str!("samples/claude-code.json")),
        (Client::Cursor, include_str!("samples/cursor.json")),
        (Client::VsCode, include_str!("samples/vscode.json")),
        (Client::Windsurf, include_str!("samples/windsurf.json")),
        (Client::Cline, include_str!("samples/cline.json")),
        (Client::Codex, include_str!("samples/codex.toml")),
        (Client::Gemini, include_str!("samples/gemini.json")),
        (Client::Zed, include_str!("samples/zed.json")),
        (Client::LibreChat, include_str!("samples/librechat.yaml")),
    ];

    /// The text with the entry that `args` ask for.
    fn with(client: Client, text: &str, args: &ServerArgs) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text).unwrap();
        let file = ClientFile::read(client, &path).unwrap();
        let existing = file.entry("m4").unwrap();
        let env = Environment::from_pairs([("M4_DATA_DIR", "/data"), ("M4_OAUTH2_TOKEN", "s3cr3t")]);
        let entry =
            Entry::new(Some(client), existing.as_ref(), Path::new("/opt/m4/m4-mcp-server"), args, &env)
                .unwrap();
        file.with_entry("m4", entry.fields()).unwrap().content
    }

    fn guarded() -> ServerArgs {
        ServerArgs {
            enable_oauth2: true,
            oauth2_issuer: Some("https://issuer.example".to_owned()),
            oauth2_audience: Some("m4-api".to_owned()),
            ..ServerArgs::default()
        }
    }

    fn over_http() -> ServerArgs {
        ServerArgs {
            transport: Some(Transport::Http),
            url: Some("https://m4.example/mcp".to_owned()),
            ..ServerArgs::default()
        }
    }

    #[test]
    fn every_writer_adds_its_entry_and_keeps_the_rest_as_it_was() {
        for (client, text) in SAMPLES {
            let after = with(client, text, &guarded());
            // Line ends and the byte order mark would not survive in a snapshot.
            assert_eq!(
                after.matches("\r\n").count(),
                if text.contains('\r') { after.lines().count() } else { 0 }
            );
            assert_eq!(after.starts_with('\u{feff}'), text.starts_with('\u{feff}'));
            let shown = after.replace(['\r', '\u{feff}'], "");
            insta::assert_snapshot!(format!("written_for_{}", client.name()), shown);
        }
    }

    #[test]
    fn every_line_that_was_there_is_there_still() {
        for (client, text) in SAMPLES.into_iter().filter(|(client, _)| *client != Client::Cline) {
            let after = with(client, text, &guarded());
            let bare = |line: &str| line.trim_end().trim_end_matches([',', '{', '}', ' ']).to_owned();
            let after: Vec<_> = after.lines().map(bare).collect();
            for line in text.lines() {
                let line = bare(line);
                assert!(after.iter().any(|there| there.contains(&line)), "{client:?} lost {line}");
            }
        }
    }

    #[test]
    fn a_rerun_changes_nothing_and_keeps_the_gate_it_does_not_mention() {
        for (client, text) in SAMPLES {
            let once = with(client, text, &guarded());
            assert_eq!(with(client, &once, &ServerArgs::default()), once, "{client:?}");
            assert!(!once.contains("s3cr3t"));
        }
    }

    #[test]
    fn a_server_over_http_takes_the_place_of_one_that_is_started() {
        for (client, text) in SAMPLES.into_iter().filter(|(client, _)| *client != Client::Claude) {
            let there = with(client, &with(client, text, &guarded()), &over_http());
            assert!(!there.contains("m4-mcp-server") && !there.contains("M4_"), "{client:?}: {there}");
            assert_eq!(with(client, &there, &ServerArgs::default()), there, "a rerun keeps the URL");
            let entry = Document::parse(client.format(), &there).unwrap();
            let entry = entry.value(&[client.servers_key(), "m4"]).unwrap();
            assert!(entry.to_string().contains("https://m4.example/mcp"), "{entry}");
        }
    }

    #[test]
    fn removing_the_entry_leaves_the_file_as_it_was_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (client, text) in SAMPLES.into_iter().filter(|(client, _)| *client != Client::Cline) {
            fs::write(&path, with(client, text, &guarded())).unwrap();
            let removed = ClientFile::read(client, &path).unwrap().without_entry("m4").unwrap().unwrap();
            assert_eq!(removed.content, text, "{client:?}");
            fs::write(&path, text).unwrap();
            assert_eq!(ClientFile::read(client, &path).unwrap().without_entry("m4").unwrap(), None);
        }
    }

    #[test]
    fn what_is_in_the_way_is_an_error_and_null_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            ClientFile::read(Client::Claude, &path).and_then(|file| file.entry("m4"))
        };
        let odd = [
            "[]",
            "{\"mcpServers\": []}",
            "{\"mcpServers\": {\"m4\": 7}}",
            "{\"a\": 1, \"a\": 2}",
            "{\"mcpServers\": {",
        ];
        for text in odd {
            let error = read(text).unwrap_err();
            assert!(error.hint().is_some(), "{text}");
        }
        assert_eq!(read("{\"mcpServers\": null}").unwrap(), None);
        fs::write(&path, b"{\"a\": \"\xff\"}").unwrap();
        assert!(matches!(ClientFile::read(Client::Claude, &path), Err(FileError::NotText(_))));
    }
}
