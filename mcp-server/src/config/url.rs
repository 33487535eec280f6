//! URLs of an issuer: encrypted, absolute, and kept byte for byte.

use std::fmt;

use url::{Host, Url};

use super::parse::Invalid;

/// An absolute `https` URL without user info or fragment; `http` is accepted on loopback hosts only.
///
/// The text is what was configured, byte for byte, because issuers are compared that way (RFC 8414 §3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct SecureUrl {
    text: String,
    url: Url,
}

impl SecureUrl {
    /// The text as configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed form, for making requests.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(Invalid::new("is not a URL: it holds white space or a backslash"));
        }
        // `Url` would read `https:host` as an absolute URL.
        if !text.contains("://") {
            return Err(
                Invalid::new("is not an absolute URL").hint("write it in full, beginning with https://")
            );
        }
        let url = Url::parse(text).map_err(|error| Invalid::new(format!("is not a URL: {error}")))?;
        if url.username() != "" || url.password().is_some() {
            return Err(
                Invalid::new("holds a user name or password").hint("leave out what stands before the @")
            );
        }
        if url.fragment().is_some() {
            return Err(Invalid::new("holds a fragment").hint("leave out the # and what follows"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(Invalid::new("is not encrypted: http is accepted on this machine only")
                    .hint("use the https:// address"));
            }
            _ => return Err(Invalid::new("must be an https URL")),
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// An issuer identifier, which has no query either (RFC 8414 §2).
    pub(crate) fn parse_issuer(text: &str) -> Result<Self, Invalid> {
        let issuer = Self::parse(text)?;
        if issuer.url.query().is_some() {
            return Err(Invalid::new("holds a query, which an issuer URL never does (RFC 8414 §2)")
                .hint("leave out the ? and what follows"));
        }
        Ok(issuer)
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

fn is_loopback(url: &Url) -> bool {
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
    fn issuers_of_real_providers_are_kept_byte_for_byte() {
        for text in [
            "https://your-domain.auth0.com/",
            "https://your-domain.okta.com/oauth2/default",
            "https://login.microsoftonline.com/tenant/v2.0",
            "https://keycloak.example:8443/realms/r",
            "HTTPS://Example.com",
            "http://127.0.0.1:4444",
            "http://localhost:1/",
            "http://[::1]:8080",
        ] {
            assert_eq!(SecureUrl::parse_issuer(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_cannot_be_an_issuer_is_refused() {
        for text in [
            "",
            "example.com",
            "https:example.com",
            "https://",
            "http://example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://example.com",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://example.com?x=1",
            "https://example.com?",
            "https://example.com#",
            "https://example.com#x",
            " https://example.com",
            "https://example.com\\x",
            "https://exa mple.com",
            "file:///etc/passwd",
        ] {
            assert!(SecureUrl::parse_issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_endpoint_may_have_a_query() {
        assert!(SecureUrl::parse("https://t.b2clogin.com/keys?p=policy").is_ok());
    }

    proptest! {
        #[test]
        fn an_accepted_url_is_encrypted_or_local(text in "(https?|ftp)://[a-z0-9.@:#?/\\[\\]]{0,24}") {
            if let Ok(accepted) = SecureUrl::parse(&text) {
                prop_assert_eq!(accepted.as_str(), &text);
                prop_assert!(accepted.url().scheme() == "https" || is_loopback(accepted.url()));
                prop_assert!(!text.contains('@') || !accepted.url().authority().contains('@'));
            }
        }
    }
}
