//! What a resource server says about itself (RFC 9728): where its tokens come from and what they may hold.

use serde::Serialize;

use super::challenge::is_for_resources;
use crate::algorithm::Algorithm;

/// Protected resource metadata (RFC 9728 §2). Serialises to the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceMetadata {
    /// The resource's identifier: the canonical URL clients use.
    pub resource: String,
    /// The issuers, byte for byte as they name themselves: clients compare.
    pub authorization_servers: Vec<String>,
    /// Scopes that calls can need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// How a token may be sent (RFC 6750 §2); in the header only.
    pub bearer_methods_supported: [&'static str; 1],
    /// A name for people.
    pub resource_name: String,
    /// Algorithms of DPoP proofs, where they are accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<&'static str>,
    /// Whether every token has to be bound to a key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens_required: bool,
}

impl ResourceMetadata {
    /// The metadata of a resource; tokens come in the `Authorization` header alone.
    pub fn new<'a>(
        resource: impl Into<String>,
        issuers: impl IntoIterator<Item = String>,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut scopes: Vec<String> =
            scopes.into_iter().filter(|scope| is_for_resources(scope)).map(str::to_owned).collect();
        scopes.sort();
        scopes.dedup();
        Self {
            resource: resource.into(),
            authorization_servers: issuers.into_iter().collect(),
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            resource_name: "M4".to_owned(),
            dpop_signing_alg_values_supported: Vec::new(),
            dpop_bound_access_tokens_required: false,
        }
    }

    /// Says that DPoP proofs are accepted, or that they are required.
    #[must_use]
    pub fn with_dpop(mut self, algorithms: &[Algorithm], required: bool) -> Self {
        self.dpop_signing_alg_values_supported =
            algorithms.iter().map(|algorithm| algorithm.name()).collect();
        self.dpop_bound_access_tokens_required = required;
        self
    }
}

/// Where the metadata of the resource at `path` is found (RFC 9728 §3.1): the well-known name goes before the path.
pub fn well_known_path(path: &str) -> String {
    format!("{WELL_KNOWN}{}", if path == "/" { "" } else { path })
}

/// The path under which any host may say what it protects.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn issuers_are_published_byte_for_byte_and_scopes_sorted_without_offline_access() {
        let metadata = ResourceMetadata::new(
            "https://m4.example/mcp",
            ["https://b.example/".to_owned(), "https://a.example".to_owned()],
            ["read:notes", "offline_access", "read:mimic-data", "read:notes"],
        );
        assert_eq!(
            serde_json::to_value(&metadata).unwrap(),
            json!({
                "resource": "https://m4.example/mcp",
                "authorization_servers": ["https://b.example/", "https://a.example"],
                "scopes_supported": ["read:mimic-data", "read:notes"],
                "bearer_methods_supported": ["header"],
                "resource_name": "M4",
            })
        );
    }

    #[test]
    fn dpop_is_announced_where_it_is_accepted_and_where_it_is_required() {
        let plain = ResourceMetadata::new("https://m4.example/mcp", [], []);
        let json =
            |required| serde_json::to_value(plain.clone().with_dpop(&[Algorithm::ES256], required)).unwrap();
        assert_eq!(json(false)["dpop_signing_alg_values_supported"], json!(["ES256"]));
        assert_eq!(json(false).get("dpop_bound_access_tokens_required"), None);
        assert_eq!(json(true)["dpop_bound_access_tokens_required"], true);
    }

    #[test]
    fn the_well_known_name_goes_before_the_path() {
        assert_eq!(well_known_path("/mcp"), "/.well-known/oauth-protected-resource/mcp");
        assert_eq!(well_known_path("/"), "/.well-known/oauth-protected-resource");
    }
}
