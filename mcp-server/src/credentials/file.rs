//! A token in a file, read on every call.
//!
//! Remembering the token until the file's time, length or inode changes would save some microseconds, and miss a token that
//! is rewritten in place within one tick of the file system's clock.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use auth_core::secret::Secret;

use super::CredentialError;

/// The token the file holds now. A file that vanished is an error even when it was readable before: whoever removed the
/// token meant it to be gone.
pub(super) fn read(path: &Path) -> Result<Secret, CredentialError> {
    let unreadable = |source| CredentialError::Unreadable { path: path.to_owned(), source };
    // Opening a pipe would block until somebody writes to it, so look before opening and check what was opened.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(CredentialError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(CredentialError::NotAFile(path.to_owned()));
    }
    let mut text = String::new();
    file.take(LARGEST as u64 + 1).read_to_string(&mut text).map_err(|source| {
        if source.kind() == ErrorKind::InvalidData {
            CredentialError::NotAToken(path.to_owned())
        } else {
            CredentialError::Unreadable { path: path.to_owned(), source }
        }
    })?;
    let text = Secret::new(text);
    if text.expose().len() > LARGEST {
        return Err(CredentialError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    token_in(text.expose()).map_err(|problem| match problem {
        NoToken::Empty => CredentialError::Empty(path.to_owned()),
        NoToken::Several => CredentialError::NotAToken(path.to_owned()),
    })
}

/// The one token that a text holds, without what stands around it.
pub(super) fn token_in(text: &str) -> Result<Secret, NoToken> {
    // Editors on Windows put a mark in front and everybody's put a newline behind.
    let token = text.trim_start_matches('\u{feff}').trim();
    if token.is_empty() {
        Err(NoToken::Empty)
    } else if token.chars().any(char::is_control) {
        Err(NoToken::Several)
    } else {
        Ok(Secret::new(token))
    }
}

/// Why a text is not one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoToken {
    /// Nothing but white space.
    Empty,
    /// More than one line, or bytes that no token holds.
    Several,
}

/// Twice what any header that a token has to fit in can hold.
pub(super) const LARGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    fn read_from(content: &[u8]) -> Result<Secret, CredentialError> {
        let (_folder, path) = file(content);
        read(&path)
    }

    #[test]
    fn white_space_and_byte_order_mark_around_a_token_are_not_part_of_it() {
        for content in ["a.b.c", "a.b.c\n", "a.b.c\r\n", "\u{feff}a.b.c\n", "  a.b.c "] {
            assert!(read_from(content.as_bytes()).unwrap().matches("a.b.c"), "{content:?}");
        }
    }

    #[test]
    fn a_change_is_seen_even_when_length_and_time_stay_the_same() {
        let (folder, path) = file(b"first");
        assert!(read(&path).unwrap().matches("first"));
        let modified = path.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, "FIRST").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(read(&path).unwrap().matches("FIRST"));
        let next = folder.path().join("next");
        std::fs::write(&next, "other").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert!(read(&path).unwrap().matches("other"));
    }

    #[test]
    fn a_token_that_was_taken_away_is_gone() {
        let (_folder, path) = file(b"first");
        read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path), Err(CredentialError::Unreadable { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(read(&path), Err(CredentialError::Empty(_))));
    }

    #[test]
    fn what_is_not_one_token_is_refused() {
        assert!(matches!(read_from(b"a\nb"), Err(CredentialError::NotAToken(_))));
        assert!(matches!(read_from(b"\xff"), Err(CredentialError::NotAToken(_))));
        assert!(matches!(read_from(&vec![b'a'; 65_537]), Err(CredentialError::TooLarge { .. })));
        assert!(read_from(&vec![b'a'; 65_536]).is_ok());
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(CredentialError::NotAFile(_))));
    }

    #[test]
    fn errors_hold_no_token() {
        let error = read_from(b"s3cr3t\ntoken").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }
}
