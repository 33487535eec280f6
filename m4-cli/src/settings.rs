//! The settings `m4` itself stores, in the configuration file, whose comments and order stay as the user left them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use mcp_server::config::setting::Setting;
use mcp_server::error::{Explain, codes};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::files;

/// Stores each setting's value; `None` removes it.
pub fn store(path: &Path, changes: &[(&'static Setting, Option<&str>)]) -> Result<(), SettingsError> {
    let place = || path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(source) => return Err(SettingsError::Unreadable { path: place(), source }),
    };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        // Its `Display` quotes the line, which may hold a secret.
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        SettingsError::NotToml { path: place(), line, message: error.message().to_owned() }
    })?;
    for (setting, change) in changes {
        apply(&mut document, setting, *change)
            .ok_or_else(|| SettingsError::NotASection { path: place(), section: setting.section() })?;
    }
    let content = document.to_string();
    if content == text {
        return Ok(());
    }
    files::write(path, content.as_bytes(), Some(files::PRIVATE))
        .map_err(|source| SettingsError::Unwritable { path: place(), source })
}

/// The settings cannot be stored. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file exists but cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML at line {line}: {message}")]
    NotToml {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says, without the text.
        message: String,
    },
    /// Something else than a section has the section's name.
    #[error("`{section}` in {path} is not a section")]
    NotASection {
        /// The file.
        path: String,
        /// The section.
        section: &'static str,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Explain for SettingsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } => {
                "make it a file that you can read, or set M4_CONFIG to another".to_owned()
            }
            Self::NotToml { .. } => "correct the file; nothing was changed".to_owned(),
            Self::NotASection { section, .. } => format!("write it as [{section}]; nothing was changed"),
            Self::Unwritable { .. } => {
                "make its folder writable, or set M4_CONFIG to another place".to_owned()
            }
        })
    }

    fn code(&self) -> &'static str {
        codes::IO
    }
}

fn apply(document: &mut DocumentMut, setting: &Setting, change: Option<&str>) -> Option<()> {
    let (section, key) = setting.key.split_once('.')?;
    let Some(text) = change else {
        if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
            table.remove(key);
        }
        return Some(());
    };
    let table = document.entry(section).or_insert_with(|| Item::Table(Table::new())).as_table_like_mut()?;
    match table.get_mut(key).and_then(Item::as_value_mut) {
        // Replacing the value alone keeps the comment behind it.
        Some(old) => {
            let decor = old.decor().clone();
            *old = text.into();
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(key, value(text));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use mcp_server::config::setting::{BACKEND, PROJECT_ID};

    use super::*;

    fn stored(before: &str, changes: &[(&'static Setting, Option<&str>)]) -> Result<String, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, before).unwrap();
        store(&path, changes).map(|()| fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn comments_and_other_settings_stay_as_they_were() {
        let before =
            "# mine\n[oauth2] # locked\nenabled = true # yes\n\n[backend]\nname = 'duckdb' # the engine\n";
        let after =
            stored(before, &[(&BACKEND, Some("bigquery")), (&PROJECT_ID, Some("my-project"))]).unwrap();
        insta::assert_snapshot!(after, @r#"
        # mine
        [oauth2] # locked
        enabled = true # yes

        [backend]
        name = "bigquery" # the engine
        project_id = "my-project"
        "#);
    }

    #[test]
    fn a_removed_setting_is_gone_and_a_missing_one_is_no_error() {
        let after = stored("[backend]\nname = 'a'\nproject_id = 'p'\n", &[(&PROJECT_ID, None)]).unwrap();
        assert_eq!(after, "[backend]\nname = 'a'\n");
        assert_eq!(stored("", &[(&PROJECT_ID, None)]).unwrap(), "");
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        for before in ["[backend", "backend = 1"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            fs::write(&path, before).unwrap();
            assert!(store(&path, &[(&BACKEND, Some("duckdb"))]).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), before);
        }
    }

    #[test]
    fn an_error_quotes_nothing_of_the_file() {
        let error = stored("[oauth2]\ntoken = \"s3cr3t", &[(&BACKEND, Some("duckdb"))]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_whether_new_or_old() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for before in [None, Some(0o644)] {
            let path = folder.path().join("m4/config.toml");
            if let Some(mode) = before {
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            store(&path, &[(&BACKEND, Some(before.map_or("duckdb", |_| "bigquery")))]).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
