//! Paths of this machine, which answers hold only on request: they go into logs, tickets and the contexts of models.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use mcp_server::env::Environment;

/// Whether paths are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// As they are.
    Shown,
    /// As `<path>`.
    Hidden {
        /// Folders that are known, the longest first: a space in one does not end it.
        known: Vec<String>,
    },
}

impl Paths {
    /// Hides them; folders of this user that the environment names are recognised whatever is in their names.
    pub fn hidden_for(env: &Environment) -> Self {
        let of_others = FOLDERS.iter().filter_map(|name| env.os(name));
        let of_m4: Vec<_> = env.names_under("M4_").map(|(_, set_as)| set_as).collect();
        let named = of_others.chain(of_m4.iter().filter_map(|name| env.os(name))).map(PathBuf::from);
        let named = named.filter(|path| path.is_absolute());
        let dirs = env.base_dirs();
        let platform = dirs.into_iter().flat_map(|dirs| [&dirs.home, &dirs.config, &dirs.data]).cloned();
        Self::hidden(named.chain(platform))
    }

    /// Hides them, these folders whatever is in their names.
    pub fn hidden(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let is_folder = |text: &String| text.len() > 1;
        let texts = folders.into_iter().filter_map(|folder| folder.to_str().map(str::to_owned));
        let mut known: Vec<String> =
            texts.map(|text| text.trim_end_matches('/').to_owned()).filter(is_folder).collect();
        known.sort_by_key(|text| std::cmp::Reverse(text.len()));
        known.dedup();
        Self::Hidden { known }
    }

    /// The same, that recognises the paths among these texts too, whatever is in their names.
    #[must_use]
    pub fn knowing<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        match self {
            Self::Shown => Self::Shown,
            Self::Hidden { known } => {
                let more = texts.into_iter().filter(|text| Path::new(text).is_absolute()).map(PathBuf::from);
                Self::hidden(known.iter().map(PathBuf::from).chain(more))
            }
        }
    }

    /// A path, as it may be shown.
    pub fn path(&self, path: &Path) -> String {
        match self {
            Self::Shown => path.display().to_string(),
            Self::Hidden { .. } => PLACEHOLDER.to_owned(),
        }
    }

    /// Text that may hold paths, as it may be shown. Relative paths and URLs stay.
    pub fn in_text(&self, text: &(impl Display + ?Sized)) -> String {
        let text = text.to_string();
        match self {
            Self::Shown => text,
            Self::Hidden { known } => without_paths(&text, known),
        }
    }
}

fn without_paths(text: &str, known: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text, ' ');
    while let Some(first) = rest.chars().next() {
        let length = if begins_after(before) { path_length(rest, before, known) } else { 0 };
        if length > 0 {
            out.push_str(PLACEHOLDER);
            (rest, before) = (&rest[length..], '>');
        } else {
            out.push(first);
            (rest, before) = (&rest[first.len_utf8()..], first);
        }
    }
    out
}

/// Whether a path can begin behind this character: not inside a word, a URL or a relative path.
fn begins_after(before: char) -> bool {
    !before.is_alphanumeric() && !matches!(before, '_' | '/' | '.' | '-' | '<' | '>' | '~' | ')' | ']')
}

/// The bytes of the path at the start of `text`, or 0.
fn path_length(text: &str, before: char, known: &[String]) -> usize {
    let quoted = matches!(before, '"' | '\'' | '`');
    let end_of_word = |from: usize| {
        let ends = |c: char| {
            if quoted { c == before } else { c.is_whitespace() || "\"'`()[]{},;:<>|".contains(c) }
        };
        text[from..].find(ends).map_or(text.len(), |at| from + at)
    };
    let of_known = known.iter().find(|folder| {
        let rest = text.strip_prefix(folder.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-')))
    });
    if let Some(folder) = of_known {
        return trimmed(text, end_of_word(folder.len())).max(folder.len());
    }
    let drive = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && (text[1..].starts_with(":\\") || text[1..].starts_with(":/"))
        && !text[1..].starts_with("://");
    let end = end_of_word(if drive { 2 } else { 0 });
    let candidate = &text[..end];
    let deep = candidate.starts_with('/')
        && !candidate.starts_with("//")
        && candidate.trim_start_matches('/').contains('/');
    let unix = deep || (quoted && candidate.starts_with('/') && candidate.len() > 1);
    let home = candidate.starts_with("~/");
    let share = candidate.starts_with(r"\\");
    let file = candidate.starts_with("file:") && end > 5;
    if drive || unix || home || share || file { trimmed(text, end) } else { 0 }
}

/// Without the full stop of a sentence.
fn trimmed(text: &str, end: usize) -> usize {
    text[..end].trim_end_matches('.').len()
}

/// What stands for a path.
const PLACEHOLDER: &str = "<path>";

const FOLDERS: [&str; 3] = ["HOME", "USERPROFILE", "TMPDIR"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hide(text: &str) -> String {
        Paths::hidden(["/data dir/m4".into(), "/d".into()]).in_text(text)
    }

    #[test]
    fn paths_are_hidden_and_the_rest_stays() {
        for (text, shown) in [
            ("cannot read /home/ann/x.csv", "cannot read <path>"),
            ("/home/ann/x.csv cannot be read: no such file", "<path> cannot be read: no such file"),
            ("'/x' and \"/a b/c d\", `/y/z`.", "'<path>' and \"<path>\", `<path>`."),
            ("in /data dir/m4/databases/a.duckdb.", "in <path>."),
            ("/d is there, /dx/y too, mg/d", "<path> is there, <path> too, mg/d"),
            ("run: m4 init x --src=/home/a/b", "run: m4 init x --src=<path>"),
            ("C:\\Users\\ann\\x and D:/data", "<path> and <path>"),
            (r"on \\server\share\x", "on <path>"),
            ("~/x", "<path>"),
            ("see 'file:///etc/x'", "see '<path>'"),
            ("PATH=/usr/bin/x:/opt/y/z", "PATH=<path>:<path>"),
        ] {
            assert_eq!(hide(text), shown);
        }
        for text in [
            "https://issuer.example/realms/m4 is not the issuer",
            "hosp/patients.csv.gz line 3: 1/2/2020",
            "read/write, and/or, a / b, 5 /6",
            "looked for note/discharge.csv in <path>",
        ] {
            assert_eq!(hide(text), text);
        }
    }

    #[test]
    fn paths_are_shown_to_whoever_asks() {
        assert_eq!(Paths::Shown.in_text("/home/ann/x"), "/home/ann/x");
        assert_eq!(Paths::Shown.path(Path::new("/home/ann")), "/home/ann");
        assert_eq!(Paths::hidden([]).path(Path::new("/home/ann")), "<path>");
    }

    #[test]
    fn what_the_settings_name_is_recognised_with_spaces_and_all() {
        let env =
            Environment::from_pairs([("M4_OAUTH2_TOKEN_FILE", "/my secrets/t"), ("M3_DATA_DIR", "/my data")]);
        let paths = Paths::hidden_for(&env);
        assert_eq!(paths.in_text("/my secrets/t and /my data/x"), "<path> and <path>");
        let paths = paths.knowing(["/a b/c", "no path", "3600"]);
        assert_eq!(paths.in_text("/a b/c 3600 /my data"), "<path> 3600 <path>");
    }

    proptest! {
        #[test]
        fn no_absolute_path_survives(path in "(/[a-z0-9_.-]{1,8}){2,4}", before in "[a-zA-Z ]{0,8}", quote in "['\" (=]") {
            let text = format!("{before}{quote}{path}{quote} x");
            prop_assert!(!hide(&text).contains(&path), "{}", hide(&text));
        }

        #[test]
        fn hiding_in_any_text_does_not_panic(text in any::<String>()) {
            let _ = hide(&text);
        }
    }
}
