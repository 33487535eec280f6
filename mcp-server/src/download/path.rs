//! Names of files to download: parsed once, so that no text of a server's chooses where it is written.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// A file of a dataset by its path below the listing: `hosp/admissions.csv.gz`.
///
/// Every part is 1 to 128 ASCII letters, digits, `.`, `_` and `-`, and begins with a letter, a digit or `_`. So no part can be
/// `..`, be absolute, hold a separator of any system, or mean something in a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FilePath(String);

impl FilePath {
    /// Takes a path as `SHA256SUMS.txt` and definitions write it; `None` for anything that is not plainly below the root.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = text.split('/');
        (parts.clone().count() <= DEEPEST && parts.into_iter().all(is_plain)).then(|| Self(text.to_owned()))
    }

    /// The file called `name` in this folder.
    pub(super) fn join(&self, name: &str) -> Option<Self> {
        Self::parse(&format!("{}/{name}", self.0))
    }

    /// The path as text, with `/` between its parts.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it is in; `""` where that is the root.
    pub(super) fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Whether it holds rows.
    pub(super) fn is_data(&self) -> bool {
        is_data(&self.0)
    }

    /// Where it is on this machine.
    pub(super) fn under(&self, root: &Path) -> PathBuf {
        self.0.split('/').fold(root.to_owned(), |path, part| path.join(part))
    }

    /// Its address below a URL that ends in `/`.
    pub(super) fn at(&self, base: &Url) -> Url {
        // Nothing in a plain part is special in a URL, so this is the base with the path appended.
        base.join(&self.0).unwrap_or_else(|_| base.clone())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a file of this name holds rows that `ingest` reads.
pub(super) fn is_data(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    DATA.iter().any(|end| name.ends_with(end))
}

/// Whether this can be one file's or one folder's name.
pub(super) fn is_plain(part: &str) -> bool {
    let starts_well = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let clean = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    starts_well && clean && part.len() <= LONGEST && !part.ends_with('.')
}

const DATA: [&str; 2] = [".csv.gz", ".csv"];
const LONGEST: usize = 128;
const DEEPEST: usize = 4;

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn published_names_are_taken_and_nothing_that_could_leave_the_folder() {
        for good in ["patient.csv.gz", "hosp/admissions.csv.gz", "note/discharge_detail.csv", "a/b/c/d.csv"] {
            assert!(FilePath::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "/",
            "..",
            "../x.csv",
            "hosp/../../x.csv",
            "/etc/passwd",
            "hosp//x.csv",
            "./x.csv",
            ".ssh/x.csv",
            "C:\\x.csv",
            "c:x.csv",
            "a\\..\\x.csv",
            "%2e%2e/x.csv",
            "x.csv?y",
            "x y.csv",
            "x\0.csv",
            "x.",
            "-x.csv",
            "a/b/c/d/e.csv",
            "\u{202e}vsc.x",
            "x.csv/",
        ] {
            assert!(FilePath::parse(bad).is_none(), "{bad:?}");
        }
        assert!(FilePath::parse(&format!("{}.csv", "x".repeat(200))).is_none());
    }

    proptest! {
        #[test]
        fn whatever_parses_stays_below_its_root(text in "[a-zA-Z0-9._/\\\\%:~-]{0,40}|.{0,20}") {
            if let Some(path) = FilePath::parse(&text) {
                let full = path.under(Path::new("/root"));
                let rest = full.strip_prefix("/root").unwrap();
                prop_assert!(rest.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(rest.to_str().unwrap().replace('\\', "/"), text.clone());
                let base = Url::parse("https://h.example/files/x/").unwrap();
                let url = path.at(&base);
                let expected = format!("https://h.example/files/x/{text}");
                prop_assert_eq!(url.as_str(), expected.as_str());
            }
        }
    }
}
