//! The URI a proof is for, in one spelling: `htu` and the request's URL are compared in this form only.

use std::fmt::{self, Write as _};

use url::Url;

/// An `http` or `https` URI without query and fragment, normalised as RFC 9449 §4.3 asks.
///
/// Syntax-based (RFC 3986 §6.2.2: case of scheme and host, case of percent-encodings, unreserved characters decoded,
/// dot segments removed) and scheme-based (§6.2.3: default port and empty path). Two spellings of one URI are equal; no
/// two different URIs are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetUri(String);

impl TargetUri {
    /// Takes an absolute URI; its query and fragment are dropped.
    ///
    /// Stricter than browsers, because client and server have to read the same text alike: white space, control and
    /// non-ASCII characters, backslashes, user info, a missing or additional slash before the host and `%` without two
    /// hexadecimal digits are refused, not mended.
    pub fn parse(text: &str) -> Result<Self, InvalidTarget> {
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(InvalidTarget::StrangeCharacter);
        }
        let (_, after_scheme) = text.split_once("://").ok_or(InvalidTarget::NotAbsolute)?;
        let authority_end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
        let authority = &after_scheme[..authority_end];
        if authority.is_empty() {
            return Err(InvalidTarget::NotAbsolute);
        }
        if authority.contains('@') {
            return Err(InvalidTarget::HasUser);
        }
        let url = Url::parse(text).map_err(|_| InvalidTarget::NotAbsolute)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidTarget::NotHttp);
        }
        let host = url.host_str().ok_or(InvalidTarget::NotAbsolute)?;
        let mut normal = format!("{}://{host}", url.scheme());
        if let Some(port) = url.port() {
            // Writing to a string cannot fail.
            let _ = write!(normal, ":{port}");
        }
        push_normal_path(&mut normal, url.path())?;
        Ok(Self(normal))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the URI of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// Not an absolute URI with a host.
    #[error("not an absolute URI")]
    NotAbsolute,
    /// Neither `https` nor `http`.
    #[error("not an https or http URI")]
    NotHttp,
    /// A user name or password, be it empty.
    #[error("holds a user name or password")]
    HasUser,
    /// White space, control, non-ASCII or backslash: no URI character (RFC 3986 §2).
    #[error("holds a character that no URI has")]
    StrangeCharacter,
    /// `%` without two hexadecimal digits after it.
    #[error("holds a broken percent-encoding")]
    BrokenEncoding,
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2; dot segments were removed by the URL parser, encoded ones too.
fn push_normal_path(out: &mut String, path: &str) -> Result<(), InvalidTarget> {
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(InvalidTarget::BrokenEncoding);
        };
        match char::from_u32(high * 16 + low) {
            Some(c) if is_unreserved(c) => out.push(c),
            _ => {
                let _ = write!(out, "%{high:X}{low:X}");
            }
        }
    }
    Ok(())
}

/// RFC 3986 §2.3.
fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        TargetUri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn spellings_of_one_uri_are_equal() {
        for (text, expected) in [
            ("https://m4.example/mcp", "https://m4.example/mcp"),
            ("HTTPS://M4.Example/mcp", "https://m4.example/mcp"),
            ("https://m4.example:443/mcp", "https://m4.example/mcp"),
            ("https://m4.example:/mcp", "https://m4.example/mcp"),
            ("http://m4.example:80", "http://m4.example/"),
            ("https://m4.example", "https://m4.example/"),
            ("https://m4.example?a=b", "https://m4.example/"),
            ("https://m4.example/mcp?a=b#c", "https://m4.example/mcp"),
            ("https://m4.example/mcp#c?d", "https://m4.example/mcp"),
            ("https://m4.example/%7euser/%4d4", "https://m4.example/~user/M4"),
            ("https://m4.example/a%2fb", "https://m4.example/a%2Fb"),
            ("https://m4.example/%2561", "https://m4.example/%2561"),
            ("https://m4.example/a/./b/../c", "https://m4.example/a/c"),
            ("https://m4.example/a/%2e%2E/c", "https://m4.example/c"),
            ("http://[::1]:8080/mcp", "http://[::1]:8080/mcp"),
        ] {
            assert_eq!(normal(text), expected, "{text}");
        }
    }

    #[test]
    fn different_uris_stay_different() {
        let base = normal("https://m4.example/mcp");
        for text in [
            "http://m4.example/mcp",
            "https://m4.example:8443/mcp",
            "https://m4.example.evil/mcp",
            "https://m4.example/mcp/",
            "https://m4.example/MCP",
            "https://m4.example//mcp",
            "https://m4.example/mcp%2F",
            "https://m4.example/",
        ] {
            assert_ne!(normal(text), base, "{text}");
        }
    }

    #[test]
    fn what_is_no_http_uri_is_refused_and_not_mended() {
        for (text, error) in [
            ("", InvalidTarget::NotAbsolute),
            ("/mcp", InvalidTarget::NotAbsolute),
            ("https:m4.example/mcp", InvalidTarget::NotAbsolute),
            ("https:///m4.example/mcp", InvalidTarget::NotAbsolute),
            ("ftp://m4.example/mcp", InvalidTarget::NotHttp),
            ("https://user@m4.example/mcp", InvalidTarget::HasUser),
            ("https://@m4.example/mcp", InvalidTarget::HasUser),
            ("https://m4.example/m cp", InvalidTarget::StrangeCharacter),
            ("https://m4.example/mcp\n", InvalidTarget::StrangeCharacter),
            ("https://m4.example\\mcp", InvalidTarget::StrangeCharacter),
            ("https://m4.example/ä", InvalidTarget::StrangeCharacter),
            ("https://m4.example/%", InvalidTarget::BrokenEncoding),
            ("https://m4.example/%4", InvalidTarget::BrokenEncoding),
            ("https://m4.example/%+4", InvalidTarget::BrokenEncoding),
            ("https://m4.example/%zz", InvalidTarget::BrokenEncoding),
        ] {
            assert_eq!(TargetUri::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(
            text in "(?i:https?)://[a-zA-Z0-9.%:\\[\\]-]{1,16}(/[ -~]{0,24})?"
        ) {
            if let Ok(once) = TargetUri::parse(&text) {
                prop_assert_eq!(&TargetUri::parse(once.as_str()).unwrap(), &once);
            }
        }

        #[test]
        fn encoded_paths_normalise_twice_to_the_same(path in "(/|\\.|%[0-9a-fA-F]{2}|[a-z~?#]){0,24}") {
            let once = TargetUri::parse(&format!("https://h/{path}")).unwrap();
            prop_assert_eq!(&TargetUri::parse(once.as_str()).unwrap(), &once);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = TargetUri::parse(&text);
        }
    }
}
