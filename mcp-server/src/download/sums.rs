//! `SHA256SUMS.txt`: what the files are that a dataset's publisher published.

use std::collections::BTreeMap;

use super::path::FilePath;

/// A SHA-256 digest.
pub(super) type Sum = [u8; 32];

/// The digests of a dataset's files.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<FilePath, Sum>);

impl Sums {
    /// Reads lines of `digest path`, as `sha256sum` writes them. Paths that no download would use are passed over; a line
    /// that is none of these, or one that contradicts another, makes the list worthless: `Err` is its number.
    pub(super) fn parse(text: &[u8]) -> Result<Self, usize> {
        let text = String::from_utf8_lossy(text);
        let mut sums = BTreeMap::new();
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end())) {
            if line.is_empty() {
                continue;
            }
            let (digest, path) = line.split_once(' ').ok_or(number)?;
            let digest = digest_of(digest).ok_or(number)?;
            let path = path.trim_start_matches([' ', '*']);
            let Some(path) = FilePath::parse(path.strip_prefix("./").unwrap_or(path)) else { continue };
            if sums.insert(path, digest).is_some_and(|other| other != digest) {
                return Err(number);
            }
        }
        Ok(Self(sums))
    }

    /// The digest of one file.
    pub(super) fn of(&self, path: &FilePath) -> Option<Sum> {
        self.0.get(path).copied()
    }

    /// The data files directly in this folder; `""` is the root.
    pub(super) fn data_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a FilePath> {
        self.0.keys().filter(move |path| path.is_data() && path.folder() == folder)
    }
}

fn digest_of(hex: &str) -> Option<Sum> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut sum = [0; 32];
    for (index, byte) in sum.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[test]
    fn lists_as_they_are_published_are_read() {
        let text = format!(
            "{} LICENSE.txt\r\n{}  hosp/a.csv.gz\n{} *./icu/b.csv\n\n{} ../x.csv\n",
            hex('1'),
            hex('a'),
            hex('B'),
            hex('2')
        );
        let sums = Sums::parse(text.as_bytes()).unwrap();
        let of = |path: &str| sums.of(&FilePath::parse(path).unwrap());
        assert_eq!(of("hosp/a.csv.gz"), Some([0xaa; 32]));
        assert_eq!(of("icu/b.csv"), Some([0xbb; 32]));
        assert_eq!(of("icu/c.csv"), None);
        let names = |folder| sums.data_in(folder).map(FilePath::as_str).collect::<Vec<_>>();
        assert_eq!((names("hosp"), names("")), (vec!["hosp/a.csv.gz"], vec![]));
    }

    #[test]
    fn what_is_no_list_of_sums_is_refused_with_the_line() {
        let good = format!("{} a.csv\n", hex('1'));
        for bad in [
            "<html>log in</html>".to_owned(),
            format!("{} a.csv", "z".repeat(64)),
            format!("{} a.csv", "1".repeat(63)),
            format!("+{} a.csv", "1".repeat(63)),
            format!("{} a.csv", hex('2')),
        ] {
            assert_eq!(Sums::parse(format!("{good}{bad}").as_bytes()).unwrap_err(), 2, "{bad}");
        }
        assert!(Sums::parse(good.repeat(2).as_bytes()).is_ok());
    }
}
