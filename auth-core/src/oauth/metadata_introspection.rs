//! What an issuer's metadata says about introspection (RFC 8414 §2).

use serde::Deserialize;

use super::metadata::{Issuer, MAX_METADATA_BYTES, MetadataError};
use super::url::{InvalidUrl, SecureUrl};

/// Where an issuer answers questions about its tokens, and how it wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionMetadata {
    /// `introspection_endpoint`.
    pub endpoint: SecureUrl,
    /// `introspection_endpoint_auth_methods_supported`; empty when the issuer does not say, and then it is for the
    /// operator to know.
    pub auth_methods: Vec<String>,
}

impl IntrospectionMetadata {
    /// Parses a metadata document of `issuer`; `None` when the issuer has no introspection endpoint.
    ///
    /// The document's `issuer` must be the one asked for, byte for byte (RFC 8414 §3.3).
    pub fn parse(document: &[u8], issuer: &Issuer) -> Result<Option<Self>, IntrospectionMetadataError> {
        if document.len() > MAX_METADATA_BYTES {
            return Err(MetadataError::TooLarge.into());
        }
        let document: Document = serde_json::from_slice(document).map_err(|_| MetadataError::NotMetadata)?;
        if document.issuer != issuer.as_str() {
            return Err(MetadataError::WrongIssuer.into());
        }
        let Some(endpoint) = document.introspection_endpoint else { return Ok(None) };
        let auth_methods = document.introspection_endpoint_auth_methods_supported.unwrap_or_default();
        Ok(Some(Self { endpoint: SecureUrl::parse(&endpoint)?, auth_methods }))
    }

    /// Whether the issuer may accept this method: it lists it, or lists nothing.
    pub fn accepts(&self, method: &str) -> bool {
        self.auth_methods.is_empty() || self.auth_methods.iter().any(|listed| listed == method)
    }
}

/// A metadata document that cannot be used for introspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionMetadataError {
    /// It is wrong as a whole.
    #[error(transparent)]
    Document(#[from] MetadataError),
    /// Its endpoint is not one a token may be sent to.
    #[error("the introspection_endpoint in the issuer's metadata {0}")]
    Endpoint(#[from] InvalidUrl),
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    introspection_endpoint: Option<String>,
    introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::padded;

    fn parse(text: &str) -> Result<Option<IntrospectionMetadata>, IntrospectionMetadataError> {
        IntrospectionMetadata::parse(text.as_bytes(), &Issuer::parse("https://a.example").unwrap())
    }

    #[test]
    fn endpoint_and_methods_are_taken_from_the_document() {
        let metadata = parse(
            r#"{"issuer":"https://a.example","introspection_endpoint":"https://a.example/introspect",
                "introspection_endpoint_auth_methods_supported":["client_secret_basic","private_key_jwt"]}"#,
        )
        .unwrap()
        .unwrap();
        assert_eq!(metadata.endpoint.as_str(), "https://a.example/introspect");
        assert!(metadata.accepts("private_key_jwt") && !metadata.accepts("client_secret_post"));
    }

    #[test]
    fn an_issuer_that_lists_no_methods_may_accept_any() {
        let text = r#"{"issuer":"https://a.example","introspection_endpoint":"https://a.example/i"}"#;
        assert!(parse(text).unwrap().unwrap().accepts("client_secret_post"));
        assert_eq!(parse(r#"{"issuer":"https://a.example"}"#), Ok(None));
    }

    #[test]
    fn tokens_go_to_no_other_issuers_and_no_open_endpoint() {
        let foreign = r#"{"issuer":"https://b.example","introspection_endpoint":"https://b.example/i"}"#;
        assert_eq!(parse(foreign), Err(MetadataError::WrongIssuer.into()));
        let open = r#"{"issuer":"https://a.example","introspection_endpoint":"http://a.example/i"}"#;
        assert_eq!(parse(open), Err(InvalidUrl::Insecure.into()));
        assert_eq!(parse("<html>"), Err(MetadataError::NotMetadata.into()));
        let parse = |length| {
            let document = padded(r#"{"issuer":"https://a.example"}"#, length);
            IntrospectionMetadata::parse(&document, &Issuer::parse("https://a.example").unwrap())
        };
        assert_eq!(parse(256 * 1024), Ok(None));
        assert_eq!(parse(256 * 1024 + 1), Err(MetadataError::TooLarge.into()));
    }
}
