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
                "correct the file, or print the entry with --dry-run and paste it in; nothing was changed"
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
