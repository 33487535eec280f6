//! The resources: answers of tools that take no arguments, under a URI.
//!
//! Reading one is a call of the tool of the same name, so the gate asks for the same scopes, counts and records the same.

use rmcp::model::{CacheScope, ReadResourceResult, Resource, ResourceContents};

use super::{Call, Output, capabilities, whoami};

/// Every resource.
pub fn definitions() -> Vec<Resource> {
    vec![
        resource(CAPABILITIES, capabilities::NAME, "Capabilities", "What this server can do."),
        resource(WHOAMI, whoami::NAME, "Who am I", "What this server sees of its caller. Never the token."),
    ]
}

/// The call that reads a resource, if there is one of this URI.
pub fn call(uri: &str) -> Option<Call> {
    match uri {
        CAPABILITIES => Some(Call::Capabilities),
        WHOAMI => Some(Call::Whoami),
        _ => None,
    }
}

/// A tool's answer as a resource. Nobody may keep it: it is this caller's, and as of now.
pub fn contents(uri: &str, output: &Output) -> ReadResourceResult {
    let text = ResourceContents::text(output.structured.to_string(), uri).with_mime_type(JSON);
    ReadResourceResult::new(vec![text]).with_cache_scope(CacheScope::Private).with_ttl_ms(0)
}

fn resource(uri: &str, name: &str, title: &str, description: &str) -> Resource {
    Resource::new(uri, name).with_title(title).with_description(description).with_mime_type(JSON)
}

const CAPABILITIES: &str = "m4://capabilities";
const WHOAMI: &str = "m4://whoami";
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_read_through_the_tool_of_its_name() {
        for resource in definitions() {
            assert_eq!(call(&resource.uri).unwrap().tool(), resource.name);
            assert_eq!(resource.uri, format!("m4://{}", resource.name));
        }
        for uri in ["", "m4://", "m4://whoami/", "M4://whoami", "m4://execute_query", "file:///etc/passwd"] {
            assert!(call(uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn what_one_caller_read_is_kept_for_nobody() {
        let output = Output { text: String::new(), structured: serde_json::json!({ "a": 1 }), rows: None };
        let result = serde_json::to_value(contents(WHOAMI, &output)).unwrap();
        assert_eq!((&result["cacheScope"], &result["ttlMs"]), (&"private".into(), &0.into()));
        assert_eq!(result["contents"][0]["text"], r#"{"a":1}"#);
    }
}
