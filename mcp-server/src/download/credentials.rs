//! The login for datasets whose publisher wants one: from a file or standard input, never from an argument.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use auth_core::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::{Explain, codes};
use crate::private_file::{self, ReadError};

/// A user and a password, for HTTP's Basic scheme (RFC 7617). Shown nowhere.
#[derive(Clone)]
pub struct Credentials {
    user: Secret,
    password: Secret,
}

impl Credentials {
    /// Takes both as a person typed them.
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        let clean = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        // A colon would end the user's name in the header.
        if !clean(user) || !clean(password) || user.contains(':') {
            return Err(CredentialsError::Malformed);
        }
        Ok(Self { user: Secret::new(user), password: Secret::new(password) })
    }

    /// Reads a file that its owner alone can read.
    pub fn from_file(path: &Path) -> Result<Self, CredentialsError> {
        let path_of = || path.to_owned();
        let content = private_file::read(path, LARGEST).map_err(|error| match error {
            ReadError::Missing => CredentialsError::Missing { path: path_of() },
            ReadError::NotAFile => CredentialsError::NotAFile { path: path_of() },
            ReadError::OpenToOthers => CredentialsError::OpenToOthers { path: path_of() },
            ReadError::Io(source) => CredentialsError::Unreadable { source },
        })?;
        Self::parse(&content)
    }

    /// Reads all of a stream.
    pub fn from_reader(input: impl Read) -> Result<Self, CredentialsError> {
        let mut content = Zeroizing::new(Vec::with_capacity(LARGEST + 1));
        let read = input.take(LARGEST as u64 + 1).read_to_end(&mut content);
        read.map_err(|source| CredentialsError::Unreadable { source })?;
        Self::parse(&content)
    }

    /// Takes any of the forms people have such things in: JSON with `username` and `password`, an entry of a netrc file for
    /// `physionet.org`, the user and the password on a line each, or `user:password`.
    fn parse(content: &[u8]) -> Result<Self, CredentialsError> {
        if content.len() > LARGEST {
            return Err(CredentialsError::Malformed);
        }
        let text = std::str::from_utf8(content).map_err(|_| CredentialsError::Malformed)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_start().starts_with('{') {
            let json: Json = serde_json::from_str(text).map_err(|_| CredentialsError::Malformed)?;
            return Self::new(json.username.expose(), json.password.expose());
        }
        if matches!(text.split_whitespace().next(), Some("machine" | "default")) {
            return Self::of_netrc(text);
        }
        // Blanks at the ends of lines belong to passwords, line ends do not.
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        match (lines.next(), lines.next(), lines.next()) {
            (Some(user), Some(password), None) => Self::new(user, password),
            (Some(both), None, None) => {
                let (user, password) = both.split_once(':').ok_or(CredentialsError::Malformed)?;
                Self::new(user, password)
            }
            _ => Err(CredentialsError::Malformed),
        }
    }

    fn of_netrc(text: &str) -> Result<Self, CredentialsError> {
        let mut words = text.split_whitespace();
        let (mut ours, mut user, mut password) = (false, None, None);
        while let Some(word) = words.next() {
            match word {
                "machine" | "default" if ours && user.is_some() && password.is_some() => break,
                "machine" => ours = words.next() == Some(PHYSIONET),
                "default" => ours = true,
                "login" if ours => user = words.next(),
                "password" if ours => password = words.next(),
                "login" | "password" | "account" => _ = words.next(),
                _ => return Err(CredentialsError::Malformed),
            }
        }
        match (user, password) {
            (Some(user), Some(password)) => Self::new(user, password),
            _ => Err(CredentialsError::NotForPhysionet),
        }
    }

    /// The value of `Authorization`, which HTTP libraries keep out of their logs.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pair = Zeroizing::new(format!("{}:{}", self.user.expose(), self.password.expose()));
        let value = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
        let mut header = HeaderValue::from_str(&value).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// Other keys are let through.
#[derive(Deserialize)]
struct Json {
    #[serde(alias = "user")]
    username: Secret,
    password: Secret,
}

/// Why there are no credentials. Holds nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// No such file.
    #[error("there is no credentials file {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A folder, a pipe or a device.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Others on this machine may know them.
    #[error("{} can be read or changed by other users of this machine", path.display())]
    OpenToOthers {
        /// Which.
        path: PathBuf,
    },
    /// The system says no.
    #[error("the credentials cannot be read")]
    Unreadable {
        /// Why.
        source: std::io::Error,
    },
    /// In none of the known forms.
    #[error("the credentials are in no form that M4 knows")]
    Malformed,
    /// A netrc file for other machines.
    #[error("the credentials hold no login for {PHYSIONET}")]
    NotForPhysionet,
}

impl Explain for CredentialsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } | Self::NotAFile { .. } => {
                "name a file that holds your PhysioNet user and password".to_owned()
            }
            Self::OpenToOthers { path } => format!("run: chmod 600 {}", path.display()),
            Self::Unreadable { .. } => "check that you may read them".to_owned(),
            Self::Malformed => "write user:password on one line, the two on a line each, \
                {\"username\": \"…\", \"password\": \"…\"}, or an entry as in ~/.netrc"
                .to_owned(),
            Self::NotForPhysionet => {
                format!("add a line: machine {PHYSIONET} login USER password PASSWORD")
            }
        })
    }

    fn code(&self) -> &'static str {
        codes::MISSING_CREDENTIALS
    }
}

/// The only host that credentials are sent to.
pub(super) const PHYSIONET: &str = "physionet.org";
const LARGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(String, String)> {
        let credentials = Credentials::parse(text.as_bytes()).ok()?;
        Some((credentials.user.expose().to_owned(), credentials.password.expose().to_owned()))
    }

    #[test]
    fn every_form_gives_user_and_password() {
        let netrc =
            "machine example.org login x password y\nmachine physionet.org\n  login ada password s:3cret\n";
        for text in [
            "ada:s:3cret",
            "ada:s:3cret\n",
            "ada\r\ns:3cret\r\n",
            "\u{feff}ada\ns:3cret",
            r#"{"username": "ada", "password": "s:3cret", "note": 1}"#,
            r#" {"user":"ada","password":"s:3cret"}"#,
            netrc,
            "default login ada password s:3cret",
        ] {
            assert_eq!(parsed(text), Some(("ada".to_owned(), "s:3cret".to_owned())), "{text}");
        }
        assert_eq!(parsed("ada\n s p \n").unwrap().1, " s p ", "blanks are the password's");
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        for text in [
            "",
            "ada",
            ":x",
            "ada:",
            "{}",
            "{\"username\": \"s3cret\"",
            "a\nb\nc",
            "a:b:\u{7}",
            "machine s3cret",
            "machine example.org login a password s3cret",
            "machine physionet.org s3cret",
            r#"{"username": "a:b", "password": "s3cret"}"#,
        ] {
            let error = Credentials::parse(text.as_bytes()).unwrap_err();
            let said = format!("{error} {error:?} {:?}", error.hint());
            assert!(!said.contains("s3cret"), "{said}");
        }
        assert!(Credentials::parse(&vec![b'x'; LARGEST + 1]).is_err());
        assert!(Credentials::parse(&[0xff, b':', b'x']).is_err());
    }

    #[test]
    fn debug_output_holds_neither_user_nor_password() {
        let credentials = Credentials::new("ada", "s3cret").unwrap();
        let shown = format!("{credentials:?} {:?}", credentials.header().unwrap());
        assert!(!shown.contains("ada") && !shown.contains("s3cret") && !shown.contains("YWRh"), "{shown}");
    }

    #[test]
    fn the_header_is_what_the_scheme_says() {
        let header = Credentials::new("Aladdin", "open sesame").unwrap().header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login");
        std::fs::write(&path, "ada:s3cret").unwrap();
        for mode in [0o644, 0o640, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(Credentials::from_file(&path), Err(CredentialsError::OpenToOthers { .. })),
                "{mode:o}"
            );
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Credentials::from_file(&path).is_ok());
        assert!(matches!(Credentials::from_file(folder.path()), Err(CredentialsError::NotAFile { .. })));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_header_with_a_line_end(text in "(?s).{0,60}") {
            if let Ok(credentials) = Credentials::parse(text.as_bytes()) {
                prop_assert!(credentials.header().is_some());
            }
        }
    }
}
