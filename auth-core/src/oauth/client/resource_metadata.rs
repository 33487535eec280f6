//! What a client learns from a protected resource about itself (RFC 9728): where to look, what to believe.

use std::fmt;

use serde::Deserialize;
use url::Url;

use super::www_authenticate::TokenChallenge;
use crate::json;
use crate::oauth::metadata::{Issuer, MAX_METADATA_BYTES};
use crate::oauth::resource_metadata::well_known_path;
use crate::oauth::url::{InvalidUrl, SecureUrl};
use crate::scope::ScopeSet;

/// The URL of a protected resource, such as an MCP server, as a person or a program named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUrl(SecureUrl);

impl ResourceUrl {
    /// Takes a URL as [`SecureUrl`] does.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        SecureUrl::parse(text).map(Self)
    }

    /// The URL as given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL for making requests.
    pub const fn url(&self) -> &Url {
        self.0.url()
    }

    /// One text for all spellings of the same resource: scheme and host in lower case, no default port, no slash at the
    /// end (MCP authorization, "Canonical Server URI").
    pub fn canonical(&self) -> String {
        canonical(self.url())
    }

    /// Where the metadata may be, in the order to ask: what the challenge says, the well-known name before the
    /// resource's path (RFC 9728 §3.1), the well-known name alone.
    ///
    /// Fails when the challenge names a URL that no client may follow; that is never worth a guess.
    pub fn metadata_places(
        &self,
        challenge: Option<&TokenChallenge>,
    ) -> Result<Vec<MetadataPlace>, InvalidUrl> {
        let mut places = Vec::new();
        if let Some(text) = challenge.and_then(|challenge| challenge.resource_metadata.as_deref()) {
            places.push(MetadataPlace::Challenge(SecureUrl::parse_named_by(text, self.url())?.url().clone()));
        }
        let mut inserted = self.url().clone();
        inserted.set_path(&well_known_path(self.url().path().trim_end_matches('/')));
        let mut root = self.url().clone();
        root.set_path(&well_known_path("/"));
        root.set_query(None);
        let is_root = inserted == root;
        places.push(MetadataPlace::Path(inserted));
        if !is_root {
            places.push(MetadataPlace::Root(root));
        }
        Ok(places)
    }

    fn origin(&self) -> String {
        let mut url = self.url().clone();
        url.set_path("/");
        url.set_query(None);
        canonical(&url)
    }
}

impl fmt::Display for ResourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place where protected resource metadata may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataPlace {
    /// Named by `resource_metadata` in a challenge.
    Challenge(Url),
    /// The well-known place of the resource itself.
    Path(Url),
    /// The well-known place of the whole host.
    Root(Url),
}

impl MetadataPlace {
    /// Where to send the request.
    pub const fn url(&self) -> &Url {
        match self {
            Self::Challenge(url) | Self::Path(url) | Self::Root(url) => url,
        }
    }
}

/// Which `resource` a document may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResourceRule {
    /// The one asked for (RFC 9728 §3.3), and the host itself for what the host's own well-known place holds.
    #[default]
    Same,
    /// Also one that the asked one lies under, on the same host, wherever the document was found. Some MCP servers call
    /// themselves by their host alone and say so from everywhere; then a token for one path is good for all paths, so this
    /// is for hosts that are one server.
    SameOrParent,
}

/// Protected resource metadata that was checked (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedResource {
    /// The resource's identifier byte for byte, for the `resource` parameter (RFC 8707 §2).
    pub resource: String,
    /// Its issuers, in order; never empty.
    pub authorization_servers: Vec<Issuer>,
    /// Scopes its calls can need, where it says.
    pub scopes_supported: Option<ScopeSet>,
    /// Whether every token has to be bound to a key.
    pub dpop_required: bool,
}

impl AdvertisedResource {
    /// Reads the document found at `place` about `asked`.
    ///
    /// Issuers that are no acceptable URL are left out; if none remains, the document is of no use.
    pub fn parse(
        document: &[u8],
        place: &MetadataPlace,
        asked: &ResourceUrl,
        rule: ResourceRule,
    ) -> Result<Self, ResourceMetadataError> {
        if document.len() > MAX_METADATA_BYTES {
            return Err(ResourceMetadataError::TooLarge);
        }
        let document: Document = json::object(document).ok_or(ResourceMetadataError::NotMetadata)?;
        if !names(&document.resource, place, asked, rule) {
            return Err(ResourceMetadataError::WrongResource { asked: asked.as_str().to_owned() });
        }
        let authorization_servers: Vec<Issuer> = document
            .authorization_servers
            .iter()
            .filter(|text| SecureUrl::parse_named_by(text, asked.url()).is_ok())
            .filter_map(|text| Issuer::parse(text).ok())
            .collect();
        if authorization_servers.is_empty() {
            return Err(ResourceMetadataError::NoIssuer);
        }
        let scopes = document.scopes_supported.filter(|scopes| !scopes.is_empty());
        Ok(Self {
            resource: document.resource,
            authorization_servers,
            scopes_supported: scopes.map(|scopes| sound_scopes(&scopes)),
            dpop_required: document.dpop_bound_access_tokens_required,
        })
    }
}

/// Protected resource metadata that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceMetadataError {
    /// More than [`MAX_METADATA_BYTES`].
    #[error("the server's resource metadata is larger than {MAX_METADATA_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or without `resource`.
    #[error("the server's resource metadata is not the JSON it has to be")]
    NotMetadata,
    /// It is about another resource: whoever follows it may send this server tokens meant for that one.
    #[error("the server's resource metadata is about another resource than {asked}")]
    WrongResource {
        /// The resource that was asked for.
        asked: String,
    },
    /// It names no issuer with an acceptable URL.
    #[error("the server's resource metadata names no usable authorization server")]
    NoIssuer,
}

/// Scopes that a request can carry; foreign lists may hold anything.
pub(super) fn sound_scopes(scopes: &[String]) -> ScopeSet {
    let is_sound = |scope: &&str| !scope.is_empty() && scope.bytes().all(crate::scope::is_scope_byte);
    scopes.iter().map(String::as_str).filter(is_sound).collect()
}

fn names(found: &str, place: &MetadataPlace, asked: &ResourceUrl, rule: ResourceRule) -> bool {
    let Ok(found) = ResourceUrl::parse(found) else { return false };
    let (found_text, asked_text) = (found.canonical(), asked.canonical());
    if found_text == asked_text {
        return true;
    }
    match rule {
        ResourceRule::Same => matches!(place, MetadataPlace::Root(_)) && found_text == asked.origin(),
        ResourceRule::SameOrParent => {
            let is_under = |rest: &str| rest.starts_with(['/', '?']);
            found.url().query().is_none() && asked_text.strip_prefix(&found_text).is_some_and(is_under)
        }
    }
}

fn canonical(url: &Url) -> String {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    let text = String::from(url);
    // `Url` writes the slash of an empty path, which is not in the canonical form.
    match text.split_once('?') {
        Some(_) => text,
        None => text.trim_end_matches('/').to_owned(),
    }
}

#[derive(Deserialize)]
struct Document {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    scopes_supported: Option<Vec<String>>,
    #[serde(default)]
    dpop_bound_access_tokens_required: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testing::padded;

    fn asked(text: &str) -> ResourceUrl {
        ResourceUrl::parse(text).unwrap()
    }

    fn places(resource: &str, header: Option<&str>) -> Result<Vec<String>, InvalidUrl> {
        let challenge =
            TokenChallenge { resource_metadata: header.map(str::to_owned), ..TokenChallenge::default() };
        let places = asked(resource).metadata_places(Some(&challenge))?;
        Ok(places.iter().map(|place| place.url().as_str().to_owned()).collect())
    }

    #[test]
    fn c01_header_then_path_then_root() {
        assert_eq!(
            places("https://m.example/public/mcp/", Some("https://m.example/custom.json")).unwrap(),
            [
                "https://m.example/custom.json",
                "https://m.example/.well-known/oauth-protected-resource/public/mcp",
                "https://m.example/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(
            places("https://m.example/mcp?tenant=1", None).unwrap(),
            [
                "https://m.example/.well-known/oauth-protected-resource/mcp?tenant=1",
                "https://m.example/.well-known/oauth-protected-resource",
            ]
        );
        for root in ["https://m.example", "https://m.example/"] {
            let places = places(root, None).unwrap();
            assert_eq!(places, ["https://m.example/.well-known/oauth-protected-resource"]);
        }
    }

    #[test]
    fn c01_a_header_that_points_at_this_machine_or_at_no_encrypted_place_is_not_followed() {
        assert_eq!(places("https://m.example", Some("http://127.0.0.1/x")), Err(InvalidUrl::Loopback));
        assert_eq!(places("https://m.example", Some("http://m.example/x")), Err(InvalidUrl::Insecure));
        assert_eq!(places("https://m.example", Some("file:///etc/passwd")), Err(InvalidUrl::NotHttp));
        assert_eq!(places("http://127.0.0.1:1/mcp", Some("http://127.0.0.1:1/x")).unwrap().len(), 3);
    }

    fn parse(
        resource: &str,
        place: usize,
        rule: ResourceRule,
    ) -> Result<AdvertisedResource, ResourceMetadataError> {
        let asked = asked("https://m.example/a/mcp");
        let header = TokenChallenge {
            resource_metadata: Some("https://m.example/custom".into()),
            ..TokenChallenge::default()
        };
        let place = asked.metadata_places(Some(&header)).unwrap().remove(place);
        let document = json!({ "resource": resource, "authorization_servers": ["https://as.example"] });
        AdvertisedResource::parse(document.to_string().as_bytes(), &place, &asked, rule)
    }

    #[test]
    fn c01_metadata_about_another_resource_is_refused() {
        let accepted = |resource: &str, rule| [0, 1, 2].map(|place| parse(resource, place, rule).is_ok());
        for same in ["https://m.example/a/mcp", "https://m.example/a/mcp/", "HTTPS://M.example:443/a/mcp"] {
            assert_eq!(accepted(same, ResourceRule::Same), [true; 3], "{same}");
        }
        assert_eq!(accepted("https://m.example", ResourceRule::Same), [false, false, true]);
        for parent in ["https://m.example/", "https://m.example/a"] {
            assert_eq!(accepted(parent, ResourceRule::SameOrParent), [true; 3], "{parent}");
        }
        for other in [
            "https://evil.example/a/mcp",
            "https://m.example/a/mcp2",
            "https://m.example/a/m",
            "https://m.example/b",
            "https://m.example:8443/a/mcp",
            "https://m.example/a/mcp?x",
            "https://m.example/a?",
            "https://m.example.evil.example/a/mcp",
            "http://m.example/a/mcp",
            "",
        ] {
            assert_eq!(accepted(other, ResourceRule::Same), [false; 3], "{other}");
            assert_eq!(accepted(other, ResourceRule::SameOrParent), [false; 3], "{other}");
        }
        let error = parse("https://evil.example/\u{1b}", 0, ResourceRule::Same).unwrap_err().to_string();
        assert!(!error.contains("evil"), "{error}");
    }

    #[test]
    fn what_is_no_issuer_is_left_out_and_the_rest_kept_byte_for_byte() {
        let asked = asked("https://m.example/mcp");
        let place = asked.metadata_places(None).unwrap().remove(0);
        let parse = |document: &str| {
            AdvertisedResource::parse(document.as_bytes(), &place, &asked, ResourceRule::Same)
        };
        let found = parse(
            r#"{"resource":"https://m.example/mcp","scopes_supported":["b","a","a b",""],
                "authorization_servers":["http://as.example","http://127.0.0.1","https://as.example/","https://b.example"],
                "dpop_bound_access_tokens_required":true}"#,
        )
        .unwrap();
        let issuers: Vec<&str> = found.authorization_servers.iter().map(Issuer::as_str).collect();
        assert_eq!(issuers, ["https://as.example/", "https://b.example"]);
        assert_eq!(found.scopes_supported, ScopeSet::parse("a b").ok());
        assert!(found.dpop_required);
        let none = r#"{"resource":"https://m.example/mcp","authorization_servers":["ftp://x"]}"#;
        assert_eq!(parse(none), Err(ResourceMetadataError::NoIssuer));
        assert_eq!(parse(r#"{"resource":"https://m.example/mcp"}"#), Err(ResourceMetadataError::NoIssuer));
        assert_eq!(parse("<html>"), Err(ResourceMetadataError::NotMetadata));
        let sound = r#"{"resource":"https://m.example/mcp","authorization_servers":["https://b.example"]}"#;
        let padded = |length| parse(str::from_utf8(&padded(sound, length)).unwrap());
        assert!(padded(256 * 1024).is_ok());
        assert_eq!(padded(256 * 1024 + 1), Err(ResourceMetadataError::TooLarge));
    }

    #[test]
    fn all_spellings_of_a_resource_are_one() {
        for (text, canonical) in [
            ("https://M.Example", "https://m.example"),
            ("https://m.example:443/", "https://m.example"),
            ("https://m.example/mcp/", "https://m.example/mcp"),
            ("https://m.example/Mcp?a=B", "https://m.example/Mcp?a=B"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ] {
            let url = asked(text);
            assert_eq!((url.canonical().as_str(), url.to_string().as_str()), (canonical, url.as_str()));
        }
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic_or_names_another_host(resource in "(https://(m|e)\\.example)?[a-z/?.:@]{0,12}") {
            let asked = asked("https://m.example/mcp");
            for place in asked.metadata_places(None).unwrap() {
                let document = json!({ "resource": resource, "authorization_servers": ["https://as.example"] });
                let parsed = AdvertisedResource::parse(
                    document.to_string().as_bytes(), &place, &asked, ResourceRule::SameOrParent,
                );
                if let Ok(parsed) = parsed {
                    let url = Url::parse(&parsed.resource).unwrap();
                    prop_assert_eq!(url.host_str(), Some("m.example"));
                }
            }
        }
    }
}
