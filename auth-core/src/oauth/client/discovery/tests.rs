//! Discovery against a web of documents: which places are asked, in which order, and when it stops.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::oauth::metadata::MetadataError;

const MCP: &str = "https://m.example/mcp";
const PRM: &str = "https://m.example/.well-known/oauth-protected-resource";

/// Documents by URL; everything else answers 404.
#[derive(Default)]
struct Web {
    documents: BTreeMap<String, (u16, String)>,
    asked: Vec<String>,
}

impl Web {
    fn with(mut self, url: &str, status: u16, body: &impl ToString) -> Self {
        self.documents.insert(url.to_owned(), (status, body.to_string()));
        self
    }

    fn resource(self, url: &str, resource: &str, issuer: &str) -> Self {
        self.with(url, 200, &json!({ "resource": resource, "authorization_servers": [issuer] }))
    }

    fn issuer(self, url: &str, issuer: &str) -> Self {
        self.with(url, 200, &json!({ "issuer": issuer, "token_endpoint": "https://as.example/token" }))
    }

    fn run(&mut self, mut discovery: Discovery) -> Result<AuthorizationServer, DiscoveryError> {
        for _ in 0..10 {
            let url = match discovery.poll() {
                DiscoveryStep::Fetch(url) => url.as_str().to_owned(),
                DiscoveryStep::Found { server, .. } => return Ok(server.clone()),
                DiscoveryStep::Failed(error) => return Err(error.clone()),
            };
            let (status, body) = self.documents.get(&url).cloned().unwrap_or((404, "<html>".into()));
            self.asked.push(url);
            discovery.handle(Fetched::Answer { status, body: body.as_bytes() });
        }
        panic!("never ends: {:?}", self.asked);
    }
}

fn of_resource(header: Option<&str>) -> Discovery {
    let challenge =
        header.map(|url| TokenChallenge { resource_metadata: Some(url.into()), ..TokenChallenge::default() });
    let asked = ResourceUrl::parse(MCP).unwrap();
    Discovery::of_resource(asked, challenge.as_ref(), ResourceRule::Same, None)
}

#[test]
fn c01_c03_every_place_is_asked_in_order_until_one_answers() {
    let mut web = Web::default()
        .resource(PRM, "https://m.example", "https://as.example/t")
        .issuer("https://as.example/t/.well-known/openid-configuration", "https://as.example/t");
    let server = web.run(of_resource(Some("https://m.example/custom"))).unwrap();
    assert_eq!(server.issuer.as_str(), "https://as.example/t");
    assert_eq!(
        web.asked,
        [
            "https://m.example/custom",
            "https://m.example/.well-known/oauth-protected-resource/mcp",
            PRM,
            "https://as.example/.well-known/oauth-authorization-server/t",
            "https://as.example/.well-known/openid-configuration/t",
            "https://as.example/t/.well-known/openid-configuration",
        ]
    );
}

#[test]
fn c01_what_the_challenge_names_is_asked_first_and_suffices() {
    let mut web = Web::default()
        .resource("https://m.example/custom", MCP, "https://as.example")
        .issuer("https://as.example/.well-known/oauth-authorization-server", "https://as.example");
    web.run(of_resource(Some("https://m.example/custom"))).unwrap();
    assert_eq!(web.asked.len(), 2);
    let local = web.run(of_resource(Some("http://localhost/custom"))).unwrap_err();
    assert_eq!(local, DiscoveryError::ChallengeUrl(InvalidUrl::Loopback));
}

#[test]
fn c01_a_document_about_another_resource_ends_it() {
    let mut web = Web::default()
        .resource(&format!("{PRM}/mcp"), "https://evil.example/mcp", "https://as.example")
        .resource(PRM, MCP, "https://as.example");
    let error = web.run(of_resource(None)).unwrap_err();
    assert!(matches!(error, DiscoveryError::Resource(ResourceMetadataError::WrongResource { .. })));
    assert_eq!(web.asked.len(), 1);
}

#[test]
fn c04_a_document_of_another_issuer_ends_it() {
    let mut web = Web::default()
        .issuer("https://as.example/.well-known/oauth-authorization-server", "https://as.example/")
        .issuer("https://as.example/.well-known/openid-configuration", "https://as.example");
    let error = web.run(Discovery::of_issuer(Issuer::parse("https://as.example").unwrap())).unwrap_err();
    assert_eq!(error, ServerMetadataError::from(MetadataError::WrongIssuerBySlash).into());
    assert_eq!(web.asked.len(), 1);
    assert!(error.hint().contains("slash"));
}

#[test]
fn the_configured_issuer_must_be_one_of_the_resources() {
    let mut web = Web::default()
        .with(
            &format!("{PRM}/mcp"),
            200,
            &json!({ "resource": MCP, "authorization_servers": ["https://first.example", "https://as.example"] }),
        )
        .issuer("https://as.example/.well-known/oauth-authorization-server", "https://as.example");
    let preferring = |issuer: &str| {
        let asked = ResourceUrl::parse(MCP).unwrap();
        Discovery::of_resource(asked, None, ResourceRule::Same, Issuer::parse(issuer).ok())
    };
    assert_eq!(web.run(preferring("https://as.example")).unwrap().issuer.as_str(), "https://as.example");
    assert_eq!(web.run(preferring("https://as.example/")), Err(DiscoveryError::OtherIssuer));
}

#[test]
fn a_server_that_is_down_or_answers_nonsense_is_said_so_at_once() {
    let down = |status, body: &str| {
        let mut web = Web::default().with(&format!("{PRM}/mcp"), status, &body);
        let error = web.run(of_resource(None)).unwrap_err();
        assert_eq!(web.asked.len(), 1);
        error
    };
    assert_eq!(down(503, ""), DiscoveryError::Status { status: 503 });
    assert_eq!(down(200, "<html>"), ResourceMetadataError::NotMetadata.into());
    let mut discovery = of_resource(None);
    discovery.handle(Fetched::Unreachable);
    assert!(matches!(discovery.poll(), DiscoveryStep::Failed(DiscoveryError::Unreachable)));
}

#[test]
fn a_redirect_is_no_document_and_nowhere_is_an_error() {
    let mut web = Web::default().with(&format!("{PRM}/mcp"), 302, &"");
    assert_eq!(web.run(of_resource(None)), Err(DiscoveryError::NoResourceMetadata));
    assert_eq!(web.asked.len(), 2);
    let issuer = Issuer::parse("https://as.example").unwrap();
    let error = web.run(Discovery::of_issuer(issuer.clone())).unwrap_err();
    assert_eq!(error, DiscoveryError::NoServerMetadata { issuer });
}

proptest! {
    #[test]
    fn whatever_comes_back_it_ends_and_stays_ended(
        answers in proptest::collection::vec((100..600_u16, "(<html>|\\{\\}|\\{\"resource\":\"https://m.example/mcp\"\\})"), 8),
    ) {
        let mut discovery = of_resource(Some("https://m.example/custom"));
        for (status, body) in &answers {
            discovery.handle(Fetched::Answer { status: *status, body: body.as_bytes() });
        }
        prop_assert!(matches!(discovery.poll(), DiscoveryStep::Failed(_)));
        let before = format!("{discovery:?}");
        discovery.handle(Fetched::Unreachable);
        prop_assert_eq!(before, format!("{discovery:?}"));
    }
}
