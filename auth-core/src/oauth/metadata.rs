//! Authorization server metadata: where to look for it and what to take from it (RFC 8414, OpenID Connect Discovery).

use std::fmt;

use serde::Deserialize;
use url::Url;

use super::url::{InvalidUrl, SecureUrl};
use crate::json;

/// Largest metadata document accepted, in bytes.
pub const MAX_METADATA_BYTES: usize = 256 * 1024;

/// An issuer identifier (RFC 8414 §2), kept byte for byte because tokens are compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(SecureUrl);

impl Issuer {
    /// Takes a URL as [`SecureUrl`] does, without query.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let url = SecureUrl::parse(text)?;
        if url.url().query().is_some() {
            return Err(InvalidUrl::HasQuery);
        }
        Ok(Self(url))
    }

    /// The identifier as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Where its metadata may be, in the order to ask: RFC 8414 §3.1, then OpenID Connect with the well-known part
    /// before the issuer's path, then after it.
    pub fn metadata_urls(&self) -> Vec<Url> {
        let path = self.path();
        let mut paths = vec![
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            paths.push(format!("{path}/.well-known/openid-configuration"));
        }
        paths.iter().map(|path| self.with_path(path)).collect()
    }

    /// Where keys are when no metadata says so.
    pub fn fallback_jwks_url(&self) -> Url {
        self.with_path(&format!("{}/.well-known/jwks.json", self.path()))
    }

    /// The identifier as a URL.
    pub const fn url(&self) -> &Url {
        self.0.url()
    }

    /// Whether the issuer runs on this machine.
    pub fn is_loopback(&self) -> bool {
        super::url::is_loopback(self.0.url())
    }

    /// Metadata counts only when it names the issuer that was asked, byte for byte (RFC 8414 §3.3).
    pub(crate) fn must_be_named(&self, found: &str) -> Result<(), MetadataError> {
        if found == self.as_str() {
            Ok(())
        } else if differ_by_trailing_slash(found, self.as_str()) {
            Err(MetadataError::WrongIssuerBySlash)
        } else {
            Err(MetadataError::WrongIssuer)
        }
    }

    fn path(&self) -> &str {
        self.0.url().path().trim_end_matches('/')
    }

    fn with_path(&self, path: &str) -> Url {
        let mut url = self.0.url().clone();
        url.set_path(path);
        url
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a resource server needs of an issuer's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where the issuer's keys are.
    pub jwks_uri: SecureUrl,
}

impl Metadata {
    /// Parses a metadata document of `issuer`.
    ///
    /// Its `issuer` must be the one asked for, byte for byte (RFC 8414 §3.3): otherwise one server could speak for
    /// another.
    pub fn parse(document: &[u8], issuer: &Issuer) -> Result<Self, MetadataError> {
        if document.len() > MAX_METADATA_BYTES {
            return Err(MetadataError::TooLarge);
        }
        let document: Document = json::object(document).ok_or(MetadataError::NotMetadata)?;
        issuer.must_be_named(&document.issuer)?;
        let jwks_uri = document.jwks_uri.ok_or(MetadataError::NoJwksUri)?;
        Ok(Self { jwks_uri: SecureUrl::parse(&jwks_uri).map_err(MetadataError::JwksUri)? })
    }
}

/// A metadata document that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// More than [`MAX_METADATA_BYTES`].
    #[error("the issuer's metadata is larger than {MAX_METADATA_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or without `issuer`.
    #[error("the issuer's metadata is not the JSON it has to be")]
    NotMetadata,
    /// It names another issuer.
    #[error("the metadata names another issuer than the configured one")]
    WrongIssuer,
    /// It names the issuer with a trailing slash that the configured one lacks, or the other way round.
    #[error("the metadata names the issuer with a trailing slash more or less than the configured one")]
    WrongIssuerBySlash,
    /// It does not say where the keys are.
    #[error("the issuer's metadata has no jwks_uri")]
    NoJwksUri,
    /// It says so badly.
    #[error("the jwks_uri in the issuer's metadata {0}")]
    JwksUri(InvalidUrl),
}

/// Whether two issuers are the same but for slashes at the end: the commonest of all configuration mistakes.
pub(crate) fn differ_by_trailing_slash(a: &str, b: &str) -> bool {
    a != b && a.trim_end_matches('/') == b.trim_end_matches('/')
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(issuer: &str) -> Vec<String> {
        Issuer::parse(issuer).unwrap().metadata_urls().into_iter().map(String::from).collect()
    }

    #[test]
    fn metadata_is_looked_for_in_the_order_of_the_specifications() {
        assert_eq!(
            urls("https://a.example/"),
            [
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            urls("https://a.example/realms/r"),
            [
                "https://a.example/.well-known/oauth-authorization-server/realms/r",
                "https://a.example/.well-known/openid-configuration/realms/r",
                "https://a.example/realms/r/.well-known/openid-configuration",
            ]
        );
        let issuer = Issuer::parse("https://a.example/realms/r").unwrap();
        assert_eq!(issuer.fallback_jwks_url().as_str(), "https://a.example/realms/r/.well-known/jwks.json");
    }

    #[test]
    fn an_issuer_is_kept_byte_for_byte() {
        for text in ["https://A.example", "https://a.example/", "https://a.example:443/x"] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn an_issuer_of_this_machine_is_known_by_its_host() {
        let is_local = |text: &str| Issuer::parse(text).unwrap().is_loopback();
        assert!(
            is_local("http://127.0.0.1:4444") && is_local("http://localhost/x") && is_local("https://[::1]")
        );
        assert!(!is_local("https://issuer.example") && !is_local("https://127.0.0.1.example"));
    }

    #[test]
    fn an_issuer_has_no_query() {
        assert_eq!(Issuer::parse("https://a.example/?q"), Err(InvalidUrl::HasQuery));
        assert_eq!(Issuer::parse("https://a.example?"), Err(InvalidUrl::HasQuery));
    }

    #[test]
    fn metadata_must_name_the_issuer_that_was_asked() {
        let issuer = Issuer::parse("https://a.example").unwrap();
        let parse = |text: &str| Metadata::parse(text.as_bytes(), &issuer);
        assert_eq!(
            parse(r#"{"issuer":"https://a.example","jwks_uri":"https://keys.example/k"}"#)
                .unwrap()
                .jwks_uri
                .as_str(),
            "https://keys.example/k"
        );
        assert_eq!(
            parse(r#"{"issuer":"https://a.example/","jwks_uri":"https://a.example/k"}"#),
            Err(MetadataError::WrongIssuerBySlash)
        );
        assert_eq!(parse(r#"{"issuer":"https://a.example"}"#), Err(MetadataError::NoJwksUri));
        assert_eq!(
            parse(r#"{"issuer":"https://a.example","jwks_uri":"http://10.0.0.1/k"}"#),
            Err(MetadataError::JwksUri(InvalidUrl::Insecure))
        );
        assert_eq!(
            parse(r#"{"issuer":"https://b.example","jwks_uri":"https://a.example/k"}"#),
            Err(MetadataError::WrongIssuer)
        );
        assert_eq!(parse("<html>"), Err(MetadataError::NotMetadata));
    }

    #[test]
    fn the_largest_metadata_has_262144_bytes() {
        let issuer = Issuer::parse("https://a.example").unwrap();
        let text = r#"{"issuer":"https://a.example","jwks_uri":"https://a.example/k"}"#;
        let padded = |bytes: usize| [text.as_bytes(), &vec![b' '; bytes - text.len()]].concat();
        assert!(Metadata::parse(&padded(262_144), &issuer).is_ok());
        assert_eq!(Metadata::parse(&padded(262_145), &issuer), Err(MetadataError::TooLarge));
        assert_eq!(issuer.to_string(), "https://a.example");
    }
}
