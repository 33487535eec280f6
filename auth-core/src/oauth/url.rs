//! URLs of issuers and their endpoints: absolute, encrypted, and kept byte for byte.

use std::fmt;

use url::{Host, Url};

/// An absolute `https` URL without user info or fragment; `http` is accepted on loopback hosts only.
///
/// The text stays what was given, because issuers are compared that way (RFC 8414 §3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct SecureUrl {
    text: String,
    url: Url,
}

impl SecureUrl {
    /// Takes the URL of an OAuth endpoint.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        // `Url` forgives white space and backslashes and reads `https:host` as absolute; other programs do not.
        let is_strange = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if text.chars().any(is_strange) || !text.contains("://") {
            return Err(InvalidUrl::NotAbsolute);
        }
        let url = Url::parse(text).map_err(|_| InvalidUrl::NotAbsolute)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::HasUser);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::HasFragment);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(InvalidUrl::Insecure),
            _ => return Err(InvalidUrl::NotHttp),
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// Takes a URL that `teller`, an address elsewhere, named: a server on another machine has no business pointing at
    /// this one, where it could reach what only listens locally.
    pub fn parse_named_by(text: &str, teller: &Url) -> Result<Self, InvalidUrl> {
        let named = Self::parse(text)?;
        if is_loopback(&named.url) && !is_loopback(teller) {
            return Err(InvalidUrl::Loopback);
        }
        Ok(named)
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed form, for making requests.
    pub const fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// What is wrong with a URL; reads after the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// Not an absolute URL.
    #[error("is not an absolute URL")]
    NotAbsolute,
    /// Neither `https` nor `http`.
    #[error("must be an https URL")]
    NotHttp,
    /// `http` to another machine.
    #[error("is not encrypted: http is accepted on this machine only")]
    Insecure,
    /// A user name or password.
    #[error("holds a user name or password")]
    HasUser,
    /// A fragment.
    #[error("holds a fragment")]
    HasFragment,
    /// A query in an issuer identifier.
    #[error("holds a query, which an issuer URL never does (RFC 8414 §2)")]
    HasQuery,
    /// This machine, named by another one.
    #[error("leads to this machine, though another one names it")]
    Loopback,
}

impl InvalidUrl {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::NotAbsolute => "write it in full, beginning with https://",
            Self::NotHttp | Self::Insecure => "use the https:// address",
            Self::HasUser => "leave out what stands before the @",
            Self::HasFragment => "leave out the # and what follows",
            Self::Loopback => "ask whoever runs the other server to publish an address that others can reach",
            Self::HasQuery => "leave out the ? and what follows",
        }
    }
}

/// Whether a URL leads to this machine itself.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_kept_byte_for_byte() {
        for text in [
            "https://your-domain.auth0.com/",
            "https://login.microsoftonline.com/tenant/v2.0",
            "https://keycloak.example:8443/realms/r",
            "https://t.b2clogin.com/keys?p=policy",
            "HTTPS://Example.com",
            "http://127.0.0.1:4444",
            "http://localhost:1/",
            "http://[::1]:8080",
        ] {
            assert_eq!(SecureUrl::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_not_an_encrypted_absolute_url_is_refused() {
        for (text, error) in [
            ("", InvalidUrl::NotAbsolute),
            ("example.com", InvalidUrl::NotAbsolute),
            ("https:example.com", InvalidUrl::NotAbsolute),
            ("https://", InvalidUrl::NotAbsolute),
            (" https://example.com", InvalidUrl::NotAbsolute),
            ("https://example.com\\x", InvalidUrl::NotAbsolute),
            ("https://exa mple.com", InvalidUrl::NotAbsolute),
            ("http://example.com", InvalidUrl::Insecure),
            ("http://localhost.example.com", InvalidUrl::Insecure),
            ("http://10.0.0.1", InvalidUrl::Insecure),
            ("ftp://example.com", InvalidUrl::NotHttp),
            ("file:///etc/passwd", InvalidUrl::NotHttp),
            ("https://user@example.com", InvalidUrl::HasUser),
            ("https://user:pw@example.com", InvalidUrl::HasUser),
            ("https://example.com#", InvalidUrl::HasFragment),
        ] {
            assert_eq!(SecureUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn another_machine_cannot_point_at_this_one() {
        let [far, near] = ["https://a.example", "http://[::1]:1"].map(|url| Url::parse(url).unwrap());
        for text in ["http://127.0.0.1:1/", "https://localhost/", "http://[::1]/"] {
            assert_eq!(SecureUrl::parse_named_by(text, &far), Err(InvalidUrl::Loopback));
            assert!(SecureUrl::parse_named_by(text, &near).is_ok());
        }
        assert!(SecureUrl::parse_named_by("https://b.example", &far).is_ok());
        assert_eq!(SecureUrl::parse_named_by("http://b.example", &near), Err(InvalidUrl::Insecure));
    }

    #[test]
    fn every_hint_says_what_to_write() {
        for (error, what) in [
            (InvalidUrl::NotAbsolute, "https://"),
            (InvalidUrl::NotHttp, "https://"),
            (InvalidUrl::Insecure, "https://"),
            (InvalidUrl::HasUser, "@"),
            (InvalidUrl::HasFragment, "#"),
            (InvalidUrl::HasQuery, "?"),
            (InvalidUrl::Loopback, "other server"),
        ] {
            assert!(error.hint().contains(what), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_url_is_encrypted_or_local(text in "(https?|ftp)://[a-z0-9.@:#?/\\[\\]]{0,24}") {
            if let Ok(accepted) = SecureUrl::parse(&text) {
                prop_assert_eq!(accepted.as_str(), &text);
                prop_assert!(accepted.url().scheme() == "https" || is_loopback(accepted.url()));
                prop_assert!(!accepted.url().authority().contains('@'));
            }
        }
    }
}
