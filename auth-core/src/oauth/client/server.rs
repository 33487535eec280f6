//! An authorization server as a client sees it: its endpoints and what it says it can do (RFC 8414 §2).

use serde::Deserialize;

use super::pkce::PkceSupport;
use super::resource_metadata::sound_scopes;
use crate::json;
use crate::oauth::metadata::{Issuer, MAX_METADATA_BYTES, MetadataError};
use crate::oauth::url::{InvalidUrl, SecureUrl};
use crate::scope::ScopeSet;

/// What a client needs of an authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Its identifier, byte for byte.
    pub issuer: Issuer,
    /// Where a person logs in; absent where only other grants are offered.
    pub authorization_endpoint: Option<SecureUrl>,
    /// Where grants become tokens.
    pub token_endpoint: SecureUrl,
    /// Where a login without a browser on this machine begins (RFC 8628 §4).
    pub device_authorization_endpoint: Option<SecureUrl>,
    /// Where clients register themselves (RFC 7591).
    pub registration_endpoint: Option<SecureUrl>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<SecureUrl>,
    /// Scopes it knows, where it says.
    pub scopes_supported: Option<ScopeSet>,
    /// `token_endpoint_auth_methods_supported`; absent means `client_secret_basic` (RFC 8414 §2).
    pub token_auth_methods: Option<Vec<String>>,
    /// Support for PKCE.
    pub pkce: PkceSupport,
    /// Whether every authorization response carries `iss` (RFC 9207 §3).
    pub iss_advertised: bool,
    /// Whether a URL can be a client id (OAuth Client ID Metadata Document).
    pub client_id_documents: bool,
}

impl AuthorizationServer {
    /// Parses a metadata document of `issuer`, which it must name byte for byte (RFC 8414 §3.3).
    ///
    /// Every endpoint is an `https` URL; loopback only where the issuer itself is on loopback.
    pub fn parse(document: &[u8], issuer: &Issuer) -> Result<Self, ServerMetadataError> {
        if document.len() > MAX_METADATA_BYTES {
            return Err(MetadataError::TooLarge.into());
        }
        let document: Document = json::object(document).ok_or(MetadataError::NotMetadata)?;
        issuer.must_be_named(&document.issuer)?;
        let endpoint = |name, text: Option<String>| {
            text.map(|text| SecureUrl::parse_named_by(&text, issuer.url()))
                .transpose()
                .map_err(|problem| ServerMetadataError::Endpoint { name, problem })
        };
        Ok(Self {
            issuer: issuer.clone(),
            authorization_endpoint: endpoint("authorization_endpoint", document.authorization_endpoint)?,
            token_endpoint: endpoint("token_endpoint", document.token_endpoint)?
                .ok_or(ServerMetadataError::NoTokenEndpoint)?,
            device_authorization_endpoint: endpoint(
                "device_authorization_endpoint",
                document.device_authorization_endpoint,
            )?,
            registration_endpoint: endpoint("registration_endpoint", document.registration_endpoint)?,
            revocation_endpoint: endpoint("revocation_endpoint", document.revocation_endpoint)?,
            scopes_supported: document.scopes_supported.map(|scopes| sound_scopes(&scopes)),
            token_auth_methods: document.token_endpoint_auth_methods_supported,
            pkce: document
                .code_challenge_methods_supported
                .map_or(PkceSupport::NotAdvertised, PkceSupport::Advertised),
            iss_advertised: document.authorization_response_iss_parameter_supported,
            client_id_documents: document.client_id_metadata_document_supported,
        })
    }

    /// A server without metadata, described by configuration: whoever names the endpoints vouches for PKCE.
    pub fn configured(issuer: Issuer, authorization: Option<SecureUrl>, token: SecureUrl) -> Self {
        Self {
            issuer,
            authorization_endpoint: authorization,
            token_endpoint: token,
            device_authorization_endpoint: None,
            registration_endpoint: None,
            revocation_endpoint: None,
            scopes_supported: None,
            token_auth_methods: None,
            pkce: PkceSupport::VouchedFor,
            iss_advertised: false,
            client_id_documents: false,
        }
    }

    /// How a client with a secret authenticates: the first of `client_secret_basic` and `client_secret_post` that the
    /// server lists.
    pub fn secret_method(&self) -> &'static str {
        let lists = |method| {
            self.token_auth_methods
                .as_ref()
                .is_none_or(|methods| methods.iter().any(|listed| listed == method))
        };
        if !lists("client_secret_basic") && lists("client_secret_post") {
            "client_secret_post"
        } else {
            "client_secret_basic"
        }
    }

    /// Whether the server may accept clients that prove nothing: it lists `none`, or lists no methods at all.
    pub fn accepts_public_clients(&self) -> bool {
        self.token_auth_methods.as_ref().is_none_or(|methods| methods.iter().any(|method| method == "none"))
    }
}

/// Metadata a client cannot use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerMetadataError {
    /// It is wrong as a whole, or another issuer's.
    #[error(transparent)]
    Document(#[from] MetadataError),
    /// An endpoint no code or token may be sent to.
    #[error("the {name} in the issuer's metadata {problem}")]
    Endpoint {
        /// The metadata member.
        name: &'static str,
        /// What is wrong with it.
        problem: InvalidUrl,
    },
    /// Nowhere to get a token.
    #[error("the issuer's metadata has no token_endpoint")]
    NoTokenEndpoint,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    registration_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    client_id_metadata_document_supported: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oauth::client::pkce::PkceUnsupported;
    use crate::testing::padded;

    fn parse(changes: Value) -> Result<AuthorizationServer, ServerMetadataError> {
        let mut document = json!({
            "issuer": "https://a.example", "token_endpoint": "https://a.example/token",
            "authorization_endpoint": "https://a.example/authorize",
        });
        let Value::Object(changes) = changes else { panic!() };
        document.as_object_mut().unwrap().extend(changes);
        let issuer = Issuer::parse("https://a.example").unwrap();
        AuthorizationServer::parse(document.to_string().as_bytes(), &issuer)
    }

    #[test]
    fn c04_metadata_of_another_issuer_is_refused_byte_for_byte() {
        for (issuer, error) in [
            ("https://a.example/", MetadataError::WrongIssuerBySlash),
            ("https://A.example", MetadataError::WrongIssuer),
            ("https://a.example:443", MetadataError::WrongIssuer),
            ("https://evil.example", MetadataError::WrongIssuer),
        ] {
            assert_eq!(parse(json!({ "issuer": issuer })), Err(error.into()));
        }
        assert!(parse(json!({})).is_ok());
    }

    #[test]
    fn c18_every_endpoint_is_encrypted_and_elsewhere() {
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "device_authorization_endpoint",
            "registration_endpoint",
            "revocation_endpoint",
        ] {
            for (url, problem) in [
                ("http://a.example/x", InvalidUrl::Insecure),
                ("javascript:alert(1)", InvalidUrl::NotAbsolute),
                ("file:///bin/sh", InvalidUrl::NotHttp),
                ("https://user@a.example", InvalidUrl::HasUser),
                ("http://127.0.0.1/x", InvalidUrl::Loopback),
            ] {
                assert_eq!(parse(json!({ name: url })), Err(ServerMetadataError::Endpoint { name, problem }));
            }
        }
        let local = Issuer::parse("http://127.0.0.1:4444").unwrap();
        let document =
            br#"{"issuer":"http://127.0.0.1:4444","token_endpoint":"http://127.0.0.1:4444/token"}"#;
        assert!(AuthorizationServer::parse(document, &local).is_ok());
    }

    #[test]
    fn c05_support_for_pkce_is_what_the_metadata_says() {
        let methods =
            |methods: Value| parse(json!({ "code_challenge_methods_supported": methods })).unwrap().pkce;
        assert_eq!(parse(json!({})).unwrap().pkce.require_s256(), Err(PkceUnsupported::NotAdvertised));
        assert_eq!(methods(Value::Null), PkceSupport::NotAdvertised);
        assert!(methods(json!(["plain"])).require_s256().is_err());
        assert!(methods(json!(["plain", "S256"])).require_s256().is_ok());
    }

    #[test]
    fn a_secret_is_presented_as_the_server_wants_it() {
        let server =
            |methods: Value| parse(json!({ "token_endpoint_auth_methods_supported": methods })).unwrap();
        for (methods, method, public) in [
            (Value::Null, "client_secret_basic", true),
            (json!(["client_secret_post", "client_secret_basic"]), "client_secret_basic", false),
            (json!(["none", "client_secret_post"]), "client_secret_post", true),
            (json!(["none"]), "client_secret_basic", true),
        ] {
            let server = server(methods);
            assert_eq!((server.secret_method(), server.accepts_public_clients()), (method, public));
        }
    }

    #[test]
    fn metadata_without_a_token_endpoint_is_of_no_use() {
        assert_eq!(parse(json!({ "token_endpoint": null })), Err(ServerMetadataError::NoTokenEndpoint));
        assert_eq!(parse(json!({ "issuer": 7 })), Err(MetadataError::NotMetadata.into()));
        let issuer = Issuer::parse("https://a.example").unwrap();
        let sound = r#"{"issuer":"https://a.example","token_endpoint":"https://a.example/token"}"#;
        let parse = |length| AuthorizationServer::parse(&padded(sound, length), &issuer);
        assert!(parse(256 * 1024).is_ok());
        assert_eq!(parse(256 * 1024 + 1), Err(MetadataError::TooLarge.into()));
    }

    #[test]
    fn what_the_server_says_it_can_do_is_kept() {
        let server = parse(json!({
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": true,
            "scopes_supported": ["openid", "offline_access"],
        }))
        .unwrap();
        assert!(server.iss_advertised && server.client_id_documents);
        assert!(server.scopes_supported.unwrap().contains("offline_access"));
        let plain = parse(json!({})).unwrap();
        assert!(!plain.iss_advertised && !plain.client_id_documents && plain.scopes_supported.is_none());
    }
}
