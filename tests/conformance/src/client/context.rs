//! What the suite tells its client: the server's URL, the scenario, the protocol version, and a client's credentials.

use std::sync::Arc;

use auth_core::algorithm::Algorithm;
use auth_core::oauth::client::authorization::RedirectUri;
use auth_core::oauth::client::login::{LoginSettings, LoginTarget};
use auth_core::oauth::client::registration::ClientIdUrl;
use auth_core::oauth::client::resource_metadata::{ResourceRule, ResourceUrl};
use auth_core::oauth::client_auth::ClientAuth;
use auth_core::oauth::client_key::ClientKey;
use auth_core::oauth::metadata::Issuer;
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;
use mcp_server::env::Environment;
use rmcp::ClientLifecycleMode;
use rmcp::model::{JsonObject, ProtocolVersion};
use serde::Deserialize;

use crate::Failure;

/// What there is to do.
pub(crate) struct Context {
    pub(crate) resource: ResourceUrl,
    /// The calls that a scenario names; without any, every tool is called once.
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) version: ProtocolVersion,
    scenario: String,
    given: Given,
}

/// How to come by a token.
pub(crate) enum Tokens {
    Browser(Box<LoginSettings>),
    Credentials(Client),
}

/// A client that has more than a name.
#[derive(Clone)]
pub(crate) enum Client {
    Secret { client_id: String, secret: Secret },
    Key { client_id: String, key: Arc<ClientKey> },
}

/// A call as a scenario names it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToolCall {
    pub(crate) name: String,
    pub(crate) arguments: JsonObject,
}

impl Context {
    pub(crate) fn parse(url: &str, environment: &Environment) -> Result<Self, Failure> {
        let text = |name: &str| environment.get(name).unwrap_or_default();
        let given: Given = match text("MCP_CONFORMANCE_CONTEXT") {
            "" => Given::default(),
            json => serde_json::from_str(json)?,
        };
        let version = text("MCP_CONFORMANCE_PROTOCOL_VERSION");
        let known = ProtocolVersion::KNOWN_VERSIONS.iter().find(|known| known.as_str() == version);
        Ok(Self {
            resource: ResourceUrl::parse(url)?,
            tool_calls: given.tool_calls.clone(),
            scenario: text("MCP_CONFORMANCE_SCENARIO").to_owned(),
            version: known.cloned().ok_or_else(|| format!("unknown protocol version: {version}"))?,
            given,
        })
    }

    /// From 2026-07-28 on there is no handshake.
    pub(crate) fn lifecycle(&self) -> ClientLifecycleMode {
        if self.version.has_initialize() {
            ClientLifecycleMode::Initialize
        } else {
            ClientLifecycleMode::Discover { preferred_versions: vec![self.version.clone()] }
        }
    }

    /// A scenario's client logs in by itself where its name says so, and at a browser else.
    pub(crate) fn tokens(&self) -> Result<Tokens, Failure> {
        if self.scenario.starts_with("auth/client-credentials-") {
            return Ok(Tokens::Credentials(self.given.client()?));
        }
        // The credentials of other grants, which M4 does not have, are no use at a browser.
        let issuer = self.given.issuer.as_deref().map(Issuer::parse).transpose()?;
        let client = match (&issuer, &self.given.client_id, &self.given.client_secret) {
            (Some(_), Some(client_id), Some(secret)) => {
                Some(ClientAuth::Basic { client_id: client_id.clone(), secret: secret.clone() })
            }
            _ => None,
        };
        Ok(Tokens::Browser(Box::new(LoginSettings {
            target: LoginTarget::Resource {
                url: self.resource.clone(),
                challenge: None,
                rule: ResourceRule::Same,
                issuer,
            },
            client,
            registered: Vec::new(),
            client_document: Some(ClientIdUrl::parse(CLIENT_DOCUMENT)?),
            client_name: "M4 conformance client".to_owned(),
            redirect_uri: RedirectUri::parse(REDIRECT_URI)?,
            scope: None::<ScopeSet>,
            resource_parameter: true,
            vouch_for_pkce: false,
            extra: Vec::new(),
            jti: String::new(),
        })))
    }
}

impl Given {
    fn client(&self) -> Result<Client, Failure> {
        let client_id = self.client_id.clone().ok_or("the scenario gives no client_id")?;
        if let Some(secret) = self.client_secret.clone() {
            return Ok(Client::Secret { client_id, secret });
        }
        let pem = self.private_key_pem.as_ref().ok_or("the scenario gives neither a secret nor a key")?;
        let algorithm: Algorithm = self.signing_algorithm.as_deref().unwrap_or("ES256").parse()?;
        Ok(Client::Key { client_id, key: Arc::new(ClientKey::from_pem(pem, algorithm, None)?) })
    }
}

/// `MCP_CONFORMANCE_CONTEXT`.
#[derive(Default, Deserialize)]
struct Given {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    issuer: Option<String>,
    private_key_pem: Option<Secret>,
    signing_algorithm: Option<String>,
    #[serde(rename = "toolCalls", default)]
    tool_calls: Vec<ToolCall>,
}

/// The client ID that the suite expects where a server reads such documents. Nobody publishes it.
const CLIENT_DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// Nobody listens: the answer is taken from the redirect itself.
const REDIRECT_URI: &str = "http://127.0.0.1:8088/callback";

#[cfg(test)]
mod tests {
    use super::*;

    fn context(scenario: &str, json: &str) -> Context {
        let environment = Environment::from_pairs([
            ("MCP_CONFORMANCE_SCENARIO", scenario),
            ("MCP_CONFORMANCE_PROTOCOL_VERSION", "2026-07-28"),
            ("MCP_CONFORMANCE_CONTEXT", json),
        ]);
        Context::parse("http://localhost:1/mcp", &environment).unwrap()
    }

    #[test]
    fn a_registered_client_needs_the_issuer_it_is_registered_with() {
        let json = r#"{"client_id":"a","client_secret":"b","issuer":"http://localhost:2"}"#;
        let Ok(Tokens::Browser(settings)) = context("auth/pre-registration", json).tokens() else { panic!() };
        assert!(matches!(&settings.client, Some(ClientAuth::Basic { client_id, .. }) if client_id == "a"));
        let json = r#"{"client_id":"a","client_secret":"b"}"#;
        let Ok(Tokens::Browser(settings)) = context("auth/other", json).tokens() else { panic!() };
        assert!(settings.client.is_none());
        let Ok(Tokens::Credentials(client)) = context("auth/client-credentials-basic", json).tokens() else {
            panic!()
        };
        assert!(matches!(client, Client::Secret { client_id, .. } if client_id == "a"));
    }

    #[test]
    fn a_version_nobody_knows_is_no_version_to_run_with() {
        let environment = Environment::from_pairs([("MCP_CONFORMANCE_PROTOCOL_VERSION", "1999-01-01")]);
        assert!(Context::parse("http://localhost:1/mcp", &environment).is_err());
    }
}
