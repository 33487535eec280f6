//! Going on with a file: what is remembered of it beside its part, and what an answer says about its range.

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

/// Which version of a file a part is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    /// The strong entity tag, quotes included.
    #[serde(default)]
    pub(super) etag: Option<String>,
    /// `Last-Modified` as it was sent.
    #[serde(default)]
    pub(super) last_modified: Option<String>,
    /// Bytes of the whole file.
    #[serde(default)]
    pub(super) length: Option<u64>,
}

impl Version {
    /// What an answer says of the file's version. Weak tags promise no equal bytes, so they are not kept.
    pub(super) fn of(headers: &HeaderMap, length: Option<u64>) -> Self {
        Self {
            etag: text(headers, &ETAG).filter(|tag| tag.starts_with('"')).map(str::to_owned),
            last_modified: text(headers, &LAST_MODIFIED).map(str::to_owned),
            length,
        }
    }

    /// The value of `If-Range` that makes a server send the whole file when it has another version now.
    pub(super) fn if_range(&self) -> Option<&str> {
        self.etag.as_deref().or(self.last_modified.as_deref())
    }

    /// Whether an answer can be of the same version, as far as both say.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        same(self.etag.as_ref(), other.etag.as_ref())
            && same(self.last_modified.as_ref(), other.last_modified.as_ref())
            && same(self.length.as_ref(), other.length.as_ref())
    }
}

/// `Content-Range` of a 206 (RFC 9110 §14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The first byte sent.
    pub(super) first: u64,
    /// The last byte sent.
    pub(super) last: u64,
    /// Bytes of the whole file.
    pub(super) length: Option<u64>,
}

impl ContentRange {
    /// The range an answer says it has; `None` for none or nonsense.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let (range, length) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let length = if length == "*" { None } else { Some(number(length)?) };
        (first <= last && length.is_none_or(|length| last < length)).then_some(Self { first, last, length })
    }

    /// Whether these are all bytes from `offset` to the end of the file.
    pub(super) fn is_rest_from(self, offset: u64) -> bool {
        self.first == offset && self.length.is_none_or(|length| self.last + 1 == length)
    }
}

/// The file's length that a 416 tells.
pub(super) fn length_of_unsatisfied(headers: &HeaderMap) -> Option<u64> {
    number(text(headers, &CONTENT_RANGE)?.strip_prefix("bytes */")?)
}

/// A field's value, unless it is there twice or is not plain text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn number(digits: &str) -> Option<u64> {
    let digits = digits.trim();
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(value: &str) -> Option<ContentRange> {
        ContentRange::of(&HeaderMap::from_iter([(CONTENT_RANGE, value.parse().unwrap())]))
    }

    #[test]
    fn a_range_is_taken_only_when_it_makes_sense() {
        assert_eq!(range("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, length: Some(10) }));
        assert_eq!(range("bytes 5-9/*").unwrap().length, None);
        for bad in
            ["", "bytes */10", "bytes 9-5/10", "bytes 5-10/10", "bytes +5-9/10", "lines 5-9/10", "bytes 5-9"]
        {
            assert_eq!(range(bad), None, "{bad}");
        }
        assert!(range("bytes 5-9/10").unwrap().is_rest_from(5));
        assert!(!range("bytes 5-9/10").unwrap().is_rest_from(4));
        assert!(!range("bytes 5-8/10").unwrap().is_rest_from(5));
    }

    #[test]
    fn weak_tags_vouch_for_nothing_and_dates_stand_in() {
        let headers = HeaderMap::from_iter([
            (ETAG, "W/\"1\"".parse().unwrap()),
            (LAST_MODIFIED, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap()),
        ]);
        let version = Version::of(&headers, Some(10));
        assert_eq!(
            (version.etag.as_deref(), version.if_range()),
            (None, Some("Wed, 21 Oct 2026 07:28:00 GMT"))
        );
        let tagged = Version { etag: Some("\"2\"".into()), ..Version::default() };
        assert_eq!(tagged.if_range(), Some("\"2\""));
        assert!(tagged.agrees_with(&version));
        assert!(!tagged.agrees_with(&Version { etag: Some("\"3\"".into()), ..Version::default() }));
        assert!(!version.agrees_with(&Version { length: Some(11), ..Version::default() }));
    }
}
