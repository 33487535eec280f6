//! Which client this is at an authorization server: configured, described by a document of its own, or registered on the
//! spot (RFC 7591, OAuth Client ID Metadata Document).

use serde::{Deserialize, Serialize};

use super::authorization::RedirectUri;
use super::redirect::ProviderError;
use super::server::AuthorizationServer;
use super::token_response::{MAX_TOKEN_RESPONSE_BYTES, refusal};
use crate::json;
use crate::oauth::client_auth::{AuthenticatedForm, ClientAuth};
use crate::oauth::url::{InvalidUrl, SecureUrl};
use crate::scope::ScopeSet;
use crate::secret::Secret;
use crate::time::UnixTime;

/// How to come by a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientChoice<'a> {
    /// The configured one.
    Configured(&'a str),
    /// The URL of the client's own document, which the server fetches.
    Document(&'a ClientIdUrl),
    /// One to be registered here, or registered here before **for this issuer and resource**.
    Register(&'a SecureUrl),
    /// None: a person has to name one.
    Ask,
}

impl<'a> ClientChoice<'a> {
    /// The order of MCP authorization: what is configured, else the document where the server can read it, else
    /// registration where the server offers it.
    pub fn new(
        configured: Option<&'a str>,
        document: Option<&'a ClientIdUrl>,
        server: &'a AuthorizationServer,
    ) -> Self {
        let document = document.filter(|_| server.client_id_documents);
        match (configured, document, &server.registration_endpoint) {
            (Some(client_id), _, _) => Self::Configured(client_id),
            (None, Some(url), _) => Self::Document(url),
            (None, None, Some(endpoint)) => Self::Register(endpoint),
            (None, None, None) => Self::Ask,
        }
    }
}

/// A client id that is the `https` URL of the client's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdUrl(SecureUrl);

impl ClientIdUrl {
    /// Takes an `https` URL with a path. What such a URL cannot be for other programs either is refused here: dot segments
    /// and anything that is written otherwise than it parses.
    pub fn parse(text: &str) -> Result<Self, InvalidClientIdUrl> {
        let url = SecureUrl::parse(text)?;
        let is_document = url.url().scheme() == "https" && url.url().path().len() > 1;
        let is_plain = url.url().as_str() == text;
        if is_document && is_plain { Ok(Self(url)) } else { Err(InvalidClientIdUrl::NotADocument) }
    }

    /// The client id.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// A URL that cannot be a client id; reads after the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientIdUrl {
    /// No sound URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// Not in the form that client ids have.
    #[error("must be an https URL with a path, written as it is requested")]
    NotADocument,
}

/// What a client says about itself (RFC 7591 §2). Serialises to the body of a registration request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientMetadata {
    /// The client's own id, in a Client ID Metadata Document only.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    client_name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
    application_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

impl ClientMetadata {
    /// A program on a person's own machine: no secret, a loopback callback, logins that can be renewed. `native` is said
    /// because the default, `web`, forbids loopback callbacks (OpenID Connect Registration §2).
    pub fn native(client_name: impl Into<String>, redirect_uris: &[RedirectUri], scope: &ScopeSet) -> Self {
        Self {
            client_id: None,
            client_name: client_name.into(),
            redirect_uris: redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: vec!["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: "none",
            application_type: "native",
            scope: scope.joined(),
        }
    }

    /// For a server that lists methods of authentication and not `none`, so that a secret will be part of the answer.
    #[must_use]
    pub fn for_server(mut self, server: &AuthorizationServer) -> Self {
        if !server.accepts_public_clients() {
            self.token_endpoint_auth_method = server.secret_method();
        }
        if server.device_authorization_endpoint.is_some() {
            self.grant_types.push("urn:ietf:params:oauth:grant-type:device_code");
        }
        self
    }

    /// The document to publish at `client_id`.
    #[must_use]
    pub fn document(mut self, client_id: &ClientIdUrl) -> Self {
        self.client_id = Some(client_id.as_str().to_owned());
        self
    }

    /// The JSON to POST to the registration endpoint, or to publish.
    pub fn json(&self) -> String {
        // Texts and lists of texts always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A client the server knows from now on. Good for one issuer and one resource only.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its id.
    pub client_id: String,
    /// Its secret, if the server insisted on one.
    pub client_secret: Option<Secret>,
    /// How the secret is presented.
    pub auth_method: Option<String>,
    /// When the secret ends; `None` when it never does.
    pub secret_expires_at: Option<UnixTime>,
}

impl Registration {
    /// Reads the registration endpoint's answer (RFC 7591 §3.2).
    pub fn parse(status: u16, body: &[u8]) -> Result<Self, RegistrationError> {
        if body.len() > MAX_TOKEN_RESPONSE_BYTES {
            return Err(RegistrationError::NotAnAnswer);
        }
        let nothing_secret = AuthenticatedForm { authorization: None, body: Secret::default() };
        if let Some(refusal) = refusal(body, &nothing_secret) {
            return Err(RegistrationError::Refused(refusal));
        }
        if !matches!(status, 200 | 201) {
            return Err(RegistrationError::Status { status });
        }
        let document: Document = json::object(body).ok_or(RegistrationError::NotAnAnswer)?;
        // RFC 6749 appendix A.1.
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !is_id(&document.client_id) {
            return Err(RegistrationError::NotAnAnswer);
        }
        Ok(Self {
            client_id: document.client_id,
            client_secret: document.client_secret.filter(|secret| !secret.is_empty()),
            auth_method: document.token_endpoint_auth_method,
            secret_expires_at: document.client_secret_expires_at.filter(|at| *at != 0).map(UnixTime),
        })
    }

    /// How to authenticate at `server`: as the registration says, else as a client with or without secret does there.
    ///
    /// `None` where the server wants a method that needs more than it gave.
    pub fn client_auth(&self, server: &AuthorizationServer) -> Option<ClientAuth> {
        let client_id = self.client_id.clone();
        let method = self.auth_method.as_deref();
        match (&self.client_secret, method.unwrap_or_else(|| server.secret_method())) {
            (_, "none") => Some(ClientAuth::Public { client_id }),
            (None, _) if method.is_none() => Some(ClientAuth::Public { client_id }),
            (Some(secret), "client_secret_basic") => {
                Some(ClientAuth::Basic { client_id, secret: secret.clone() })
            }
            (Some(secret), "client_secret_post") => {
                Some(ClientAuth::Post { client_id, secret: secret.clone() })
            }
            _ => None,
        }
    }
}

/// Why there is no registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// The server says no (RFC 7591 §3.2.2).
    #[error("the authorization server refused to register this client: {0}")]
    Refused(ProviderError),
    /// It failed without saying why in the way of the RFC.
    #[error("the registration endpoint answered with status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// Not what it has to be, or far too large.
    #[error("the registration endpoint's answer is not what it has to be")]
    NotAnAnswer,
}

impl RegistrationError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "register a native client with the authorization server by hand and name it with --client-id"
    }
}

#[derive(Deserialize)]
struct Document {
    client_id: String,
    client_secret: Option<Secret>,
    client_secret_expires_at: Option<i64>,
    token_endpoint_auth_method: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::oauth::metadata::Issuer;
    use crate::testing::padded;

    fn server() -> AuthorizationServer {
        let issuer = Issuer::parse("https://as.example").unwrap();
        AuthorizationServer::configured(issuer, None, SecureUrl::parse("https://as.example/token").unwrap())
    }

    #[test]
    fn c09_configured_then_document_then_registration_then_a_question() {
        let document = ClientIdUrl::parse("https://m4.example/client.json").unwrap();
        let endpoint = SecureUrl::parse("https://as.example/register").unwrap();
        let all = AuthorizationServer {
            client_id_documents: true,
            registration_endpoint: Some(endpoint.clone()),
            ..server()
        };
        let choose = ClientChoice::new;
        assert_eq!(choose(Some("m4"), Some(&document), &all), ClientChoice::Configured("m4"));
        assert_eq!(choose(None, Some(&document), &all), ClientChoice::Document(&document));
        assert_eq!(choose(None, None, &all), ClientChoice::Register(&endpoint));
        let silent = AuthorizationServer { client_id_documents: false, ..all.clone() };
        assert_eq!(choose(None, Some(&document), &silent), ClientChoice::Register(&endpoint));
        assert_eq!(choose(None, Some(&document), &server()), ClientChoice::Ask);
    }

    #[test]
    fn c09_a_client_id_url_is_one_that_everybody_reads_alike() {
        assert!(ClientIdUrl::parse("https://m4.example/client.json").is_ok());
        for text in [
            "https://m4.example",
            "https://m4.example/",
            "https://m4.example/a/../client.json",
            "https://M4.example/client.json",
            "http://127.0.0.1/client.json",
            "https://m4.example/c#x",
        ] {
            assert!(ClientIdUrl::parse(text).is_err(), "{text}");
        }
    }

    fn metadata() -> ClientMetadata {
        let uri = RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap();
        ClientMetadata::native("M4", &[uri], &ScopeSet::parse("b a").unwrap())
    }

    fn value(metadata: &ClientMetadata) -> Value {
        serde_json::from_str(&metadata.json()).unwrap()
    }

    #[test]
    fn c11_a_native_client_without_secret_is_registered() {
        assert_eq!(
            value(&metadata().for_server(&server())),
            json!({
                "client_name": "M4", "redirect_uris": ["http://127.0.0.1:8088/callback"],
                "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
                "token_endpoint_auth_method": "none", "application_type": "native", "scope": "a b",
            })
        );
        let id = ClientIdUrl::parse("https://m4.example/client.json").unwrap();
        assert_eq!(value(&metadata().document(&id))["client_id"], "https://m4.example/client.json");
    }

    #[test]
    fn c11_a_server_that_wants_secrets_is_asked_for_one() {
        let server = AuthorizationServer {
            token_auth_methods: Some(vec!["client_secret_post".into()]),
            device_authorization_endpoint: SecureUrl::parse("https://as.example/device").ok(),
            ..server()
        };
        let value = value(&metadata().for_server(&server));
        assert_eq!(value["token_endpoint_auth_method"], "client_secret_post");
        assert_eq!(value["grant_types"][2], "urn:ietf:params:oauth:grant-type:device_code");
    }

    #[test]
    fn a_registered_client_authenticates_as_it_was_told() {
        let listing = |methods: &[&str]| AuthorizationServer {
            token_auth_methods: Some(methods.iter().map(|&method| method.to_owned()).collect()),
            ..server()
        };
        let auth = |secret: Option<&str>, method: Option<&str>, server: &AuthorizationServer| {
            let body =
                json!({ "client_id": "x", "client_secret": secret, "token_endpoint_auth_method": method });
            let registration = Registration::parse(201, body.to_string().as_bytes()).unwrap();
            registration.client_auth(server).map(|auth| auth.method())
        };
        for (secret, method, server, expected) in [
            (None, Some("none"), server(), Some("none")),
            (None, None, server(), Some("none")),
            (Some("s"), Some("none"), server(), Some("none")),
            (Some("s"), None, server(), Some("client_secret_basic")),
            (Some("s"), None, listing(&["client_secret_post"]), Some("client_secret_post")),
            (Some("s"), Some("client_secret_post"), server(), Some("client_secret_post")),
            (Some("s"), Some("client_secret_basic"), listing(&["none"]), Some("client_secret_basic")),
            (None, Some("client_secret_basic"), server(), None),
            (Some("s"), Some("private_key_jwt"), server(), None),
        ] {
            assert_eq!(auth(secret, method, &server), expected, "{secret:?} {method:?}");
        }
    }

    #[test]
    fn the_answer_is_read_or_refused() {
        let parse = |status, body: Value| Registration::parse(status, body.to_string().as_bytes());
        let read =
            parse(200, json!({ "client_id": "x", "client_secret": "s3cr3t", "client_secret_expires_at": 9 }));
        let read = read.unwrap();
        assert_eq!(read.secret_expires_at, Some(UnixTime(9)));
        assert!(!format!("{read:?}").contains("s3cr3t"));
        let forever = parse(201, json!({ "client_id": "x", "client_secret_expires_at": 0 })).unwrap();
        assert_eq!(forever.secret_expires_at, None);
        let refused = parse(400, json!({ "error": "invalid_redirect_uri", "error_description": "\u{7}no" }));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the authorization server refused to register this client: `invalid_redirect_uri` (`\\u{7}no`)"
        );
        assert_eq!(parse(403, json!({})).unwrap_err(), RegistrationError::Status { status: 403 });
        for client_id in ["", "a\r\nb", "é"] {
            assert_eq!(
                parse(201, json!({ "client_id": client_id })).unwrap_err(),
                RegistrationError::NotAnAnswer
            );
        }
        let sound = r#"{"client_id":"c"}"#;
        assert!(Registration::parse(201, &padded(sound, 128 * 1024)).is_ok());
        let large = Registration::parse(201, &padded(sound, 128 * 1024 + 1));
        assert_eq!(large.unwrap_err(), RegistrationError::NotAnAnswer);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in 100..600_u16, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Registration::parse(status, &body);
        }
    }
}
