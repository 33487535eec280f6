//! The configuration file: read once, refused when others could read its secrets, checked for keys that do not exist.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::issuers;
use super::problem::Problem;
use super::setting::{self, Setting};

/// Reads the file. `Ok(None)`: there is none, which is fine unless `must_exist`.
pub(crate) fn read(path: &Path, must_exist: bool) -> Result<Option<toml::Table>, Vec<Problem>> {
    let problem = |what: String, hint: &str| vec![Problem::in_file(path, "", what).hint(hint)];
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => return Ok(None),
        Err(error) => {
            return Err(problem(format!("cannot be read: {error}"), "create the file or correct M4_CONFIG"));
        }
    };
    let readable = "make it a text file that its owner can read";
    let meta = file.metadata().map_err(|error| problem(format!("cannot be read: {error}"), readable))?;
    if !meta.is_file() {
        return Err(problem("is not a file".to_owned(), readable));
    }
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|error| problem(format!("cannot be read: {error}"), readable))?;
    if text.len() as u64 > LARGEST {
        return Err(problem(format!("is larger than {LARGEST} bytes"), "is this the file you meant?"));
    }
    let table = text.parse::<toml::Table>().map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        // `Display` of this error quotes the line, and the line may hold a secret.
        problem(format!("is not valid TOML at line {line}: {}", error.message()), "correct that line")
    })?;
    let mut problems = unknown_keys(&table, path);
    problems.extend(exposed(&table, &meta, path));
    if problems.is_empty() { Ok(Some(table)) } else { Err(problems) }
}

fn unknown_keys(table: &toml::Table, path: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (section, value) in table {
        let mut keys = setting::ALL.iter().filter(|setting| setting.section() == section).peekable();
        if keys.peek().is_none() {
            let sections = setting::ALL.iter().map(|setting| setting.section());
            problems.push(unknown(&format!("[{section}]"), path, setting::nearest(section, sections)));
            continue;
        }
        let Some(values) = value.as_table() else {
            problems.push(
                Problem::in_file(path, section, "must be a section").hint(format!("write [{section}]")),
            );
            continue;
        };
        let known: Vec<&str> = keys.map(|setting| setting.key).collect();
        for (key, value) in values {
            let full = format!("{section}.{key}");
            if full == ISSUERS {
                problems.extend(unknown_issuer_keys(value, path));
                continue;
            }
            if !known.contains(&full.as_str()) {
                let known = known.iter().copied().chain((section == "oauth2").then_some(ISSUERS));
                problems.push(unknown(&full, path, setting::nearest(&full, known)));
            }
        }
    }
    problems
}

fn unknown_issuer_keys(value: &toml::Value, path: &Path) -> Vec<Problem> {
    let no_tables = |what: &str| {
        let hint = format!("write one [[{ISSUERS}]] table per issuer");
        vec![Problem::in_file(path, ISSUERS, what).hint(hint)]
    };
    let Some(tables) = value.as_array() else { return no_tables("must be tables") };
    if tables.is_empty() {
        return no_tables("names no issuer");
    }
    let known = || issuers::SETTINGS.iter().filter_map(|setting| setting.key.strip_prefix("oauth2."));
    let mut problems = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let place = format!("{ISSUERS}[{}]", index + 1);
        let Some(table) = table.as_table() else {
            problems.extend(no_tables("must be tables"));
            continue;
        };
        for key in table.keys().filter(|key| known().all(|known| known != key.as_str())) {
            let full = format!("oauth2.{key}");
            let hint = if Setting::by_key(&full).is_some() {
                format!("it holds for every issuer: write it under [oauth2], before the first [[{ISSUERS}]]")
            } else {
                setting::nearest(key, known()).map_or_else(
                    || format!("an issuer has {}", known().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean {near}?"),
                )
            };
            let problem = Problem::in_file(path, format!("{place}.{key}"), "is not a setting of an issuer");
            problems.push(problem.hint(hint));
        }
    }
    problems
}

fn unknown(name: &str, path: &Path, nearest: Option<&str>) -> Problem {
    let hint = nearest.map_or_else(
        || "`m4 config show` lists every setting".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    Problem::in_file(path, name, "is not a setting").hint(hint)
}

/// Whether the file holds a secret that others may read, or may be changed by anybody.
#[cfg(unix)]
fn exposed(table: &toml::Table, meta: &Metadata, path: &Path) -> Option<Problem> {
    use std::os::unix::fs::PermissionsExt;
    let mode = meta.permissions().mode();
    let secret = setting::ALL.iter().find(|setting| setting.secret && is_in(setting, table));
    let what = match secret {
        Some(secret) if mode & 0o077 != 0 => format!("holds {} and is open to other users", secret.key),
        _ if mode & 0o002 != 0 => "can be changed by every user".to_owned(),
        _ => return None,
    };
    Some(Problem::in_file(path, "", what).hint("let only its owner read and change it: chmod 600"))
}

#[cfg(not(unix))]
fn exposed(_: &toml::Table, _: &Metadata, _: &Path) -> Option<Problem> {
    None
}

#[cfg(unix)]
fn is_in(setting: &Setting, table: &toml::Table) -> bool {
    let Some((section, key)) = setting.key.split_once('.') else { return false };
    let Some(section) = table.get(section) else { return false };
    let tables = section.get(issuers::KEY).and_then(toml::Value::as_array).into_iter().flatten();
    let mut values = std::iter::once(section).chain(tables).filter_map(|table| table.get(key));
    values.any(|value| value.as_str() != setting.default)
}

const ISSUERS: &str = "oauth2.issuers";

/// A configuration is a page of text; what is larger is something else.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn written(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        (folder, path)
    }

    fn problems(content: &str, mode: u32) -> Vec<Problem> {
        let (_folder, path) = written(content.as_bytes(), mode);
        read(&path, true).err().unwrap_or_default()
    }

    #[test]
    fn a_missing_file_is_a_problem_only_when_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(read(&path, false), Ok(None));
        assert!(read(&path, true).is_err());
        assert!(read(folder.path(), false).is_err(), "a folder is not a missing file");
    }

    #[test]
    fn what_cannot_be_read_as_toml_is_an_error_that_quotes_nothing() {
        let found = problems("[oauth2]\nclient_secret = \"s3cr3t-value\n", 0o600);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("at line 2"), "{}", found[0]);
        assert!(!found[0].to_string().contains("s3cr3t"), "{}", found[0]);
        let (_folder, path) = written(b"[oauth2]\nissuer_url = \"\xff\"", 0o600);
        assert!(read(&path, true).is_err());
    }

    #[test]
    fn keys_that_do_not_exist_come_with_the_nearest_that_does() {
        let found = problems("[oauth2]\nenable = true\n[oauth]\nx = 1\n[backend]\nname = 'duckdb'\n", 0o600);
        let hints: Vec<_> = found.iter().filter_map(|problem| problem.hint.as_deref()).collect();
        assert_eq!(hints, ["did you mean oauth2?", "did you mean oauth2.enabled?"]);
        assert!(!problems("oauth2 = 1", 0o600).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_in_a_file_that_others_can_read_is_refused() {
        let secret = "[oauth2]\nclient_secret = 'x'\n";
        assert!(problems(secret, 0o600).is_empty());
        for mode in [0o640, 0o604, 0o644, 0o660] {
            let found = problems(secret, mode);
            assert!(found[0].hint.as_deref().unwrap().contains("chmod 600"), "{mode:o}");
        }
        assert!(problems("[oauth2]\nenabled = true\n", 0o644).is_empty());
        assert!(!problems("[oauth2]\nenabled = true\n", 0o646).is_empty());
    }
}
