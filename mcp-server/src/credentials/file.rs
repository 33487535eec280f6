//! A token in a file, read again when the file changes.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use auth_core::secret::Secret;

use super::CredentialError;

/// A file that holds one token.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    last: Mutex<Option<(Stamp, Secret)>>,
}

impl TokenFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, last: Mutex::new(None) }
    }

    /// The token the file holds now. A file that vanished or broke is an error even when it was readable before: whoever
    /// removed the token meant it to be gone.
    pub(super) fn token(&self) -> Result<Secret, CredentialError> {
        let unreadable = |source| CredentialError::Unreadable { path: self.path.clone(), source };
        // Opening a pipe would block until somebody writes to it, so look before opening and check what was opened.
        if !std::fs::metadata(&self.path).map_err(unreadable)?.is_file() {
            return Err(CredentialError::NotAFile(self.path.clone()));
        }
        let file = File::open(&self.path).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(CredentialError::NotAFile(self.path.clone()));
        }
        let stamp = Stamp::of(&meta);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, token)) = &*last
            && *seen == stamp
        {
            return Ok(token.clone());
        }
        *last = None;
        let token = read(file, &self.path)?;
        *last = Some((stamp, token.clone()));
        Ok(token)
    }
}

/// What tells one state of a file from the next: a rewrite changes the time or the length, a replacement the inode.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { modified: meta.modified().ok(), length: meta.len(), inode: inode(meta) }
    }
}

#[cfg(unix)]
fn inode(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

fn read(file: File, path: &Path) -> Result<Secret, CredentialError> {
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|source| {
        if source.kind() == ErrorKind::InvalidData {
            CredentialError::NotAToken(path.to_owned())
        } else {
            CredentialError::Unreadable { path: path.to_owned(), source }
        }
    })?;
    let text = Secret::new(text);
    if text.expose().len() as u64 > LARGEST {
        return Err(CredentialError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    // Editors on Windows put a mark in front and everybody's put a newline behind.
    let token = text.expose().trim_start_matches('\u{feff}').trim();
    if token.is_empty() {
        return Err(CredentialError::Empty(path.to_owned()));
    }
    if token.chars().any(char::is_control) {
        return Err(CredentialError::NotAToken(path.to_owned()));
    }
    Ok(Secret::new(token))
}

/// Twice what any header a token has to fit in can hold.
const LARGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, TokenFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, content).unwrap();
        (folder, TokenFile::new(path))
    }

    #[test]
    fn white_space_and_byte_order_mark_around_a_token_are_not_part_of_it() {
        for content in ["a.b.c", "a.b.c\n", "a.b.c\r\n", "\u{feff}a.b.c\n", "  a.b.c "] {
            assert!(file(content.as_bytes()).1.token().unwrap().matches("a.b.c"), "{content:?}");
        }
    }

    #[test]
    fn a_rewritten_or_replaced_file_is_read_again() {
        let (folder, tokens) = file(b"first");
        assert!(tokens.token().unwrap().matches("first"));
        std::fs::write(&tokens.path, "second one").unwrap();
        assert!(tokens.token().unwrap().matches("second one"));
        // Same length, and the same time to the nanosecond: only the inode tells.
        let modified = tokens.path.metadata().unwrap().modified().unwrap();
        let next = folder.path().join("next");
        std::fs::write(&next, "third one!").unwrap();
        File::options().write(true).open(&next).unwrap().set_modified(modified).unwrap();
        std::fs::rename(&next, &tokens.path).unwrap();
        assert!(tokens.token().unwrap().matches("third one!"));
    }

    #[test]
    fn a_file_that_did_not_change_is_not_read_again() {
        let (_folder, tokens) = file(b"first");
        tokens.token().unwrap();
        let modified = tokens.path.metadata().unwrap().modified().unwrap();
        std::fs::write(&tokens.path, "FIRST").unwrap();
        File::options().write(true).open(&tokens.path).unwrap().set_modified(modified).unwrap();
        assert!(tokens.token().unwrap().matches("first"));
    }

    #[test]
    fn a_token_that_was_taken_away_is_gone() {
        let (_folder, tokens) = file(b"first");
        tokens.token().unwrap();
        std::fs::remove_file(&tokens.path).unwrap();
        assert!(matches!(tokens.token(), Err(CredentialError::Unreadable { .. })));
        std::fs::write(&tokens.path, "").unwrap();
        assert!(matches!(tokens.token(), Err(CredentialError::Empty(_))));
    }

    #[test]
    fn what_is_not_one_token_is_refused() {
        assert!(matches!(file(b"a\nb").1.token(), Err(CredentialError::NotAToken(_))));
        assert!(matches!(file(b"\xff").1.token(), Err(CredentialError::NotAToken(_))));
        assert!(matches!(file(&vec![b'a'; 65_537]).1.token(), Err(CredentialError::TooLarge { .. })));
        assert!(file(&vec![b'a'; 65_536]).1.token().is_ok());
        let folder = tempfile::tempdir().unwrap();
        let tokens = TokenFile::new(folder.path().to_owned());
        assert!(matches!(tokens.token(), Err(CredentialError::NotAFile(_))));
    }

    #[test]
    fn debug_output_and_errors_hold_no_token() {
        let (_folder, tokens) = file(b"s3cr3t-token");
        tokens.token().unwrap();
        assert!(!format!("{tokens:?}").contains("s3cr3t"));
        let (_folder, tokens) = file(b"s3cr3t\ntoken");
        let error = tokens.token().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }
}
