//! The resources: texts, a picture, one that is watched, and a template.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceTemplate};
use serde_json::json;

use crate::content::{image_resource, text_resource};

/// The resources that have an address of their own.
pub(crate) fn definitions() -> Vec<Resource> {
    let resource = |uri: &str, name: &str, mime_type: &str, description: &str| {
        let mut resource = Resource::new(uri, name);
        resource.description = Some(description.to_owned());
        resource.mime_type = Some(mime_type.to_owned());
        resource
    };
    vec![
        resource(TEXT, "Text", "text/plain", "A text that never changes"),
        resource(BINARY, "Picture", "image/png", "One red pixel"),
        resource(WATCHED, "Watched", "text/plain", "A text that can be subscribed to"),
    ]
}

/// The families of resources.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let mut template = ResourceTemplate::new(format!("{TEMPLATE_START}{{id}}{TEMPLATE_END}"), "Record");
    template.description = Some("The record with this id".to_owned());
    template.mime_type = Some("application/json".to_owned());
    vec![template]
}

/// The contents of a resource.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        TEXT => text_resource(uri, "text/plain", "A text that stays as it is."),
        BINARY => image_resource(uri),
        WATCHED => text_resource(uri, "text/plain", "A text worth watching."),
        _ => {
            let id = template_id(uri).ok_or_else(|| {
                ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))
            })?;
            let record = json!({ "id": id, "templateTest": true, "data": format!("The record of {id}") });
            text_resource(uri, "application/json", &record.to_string())
        }
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

fn template_id(uri: &str) -> Option<&str> {
    let id = uri.strip_prefix(TEMPLATE_START)?.strip_suffix(TEMPLATE_END)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";
const TEMPLATE_START: &str = "test://template/";
const TEMPLATE_END: &str = "/data";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_resource_can_be_read_and_no_other() {
        for resource in definitions() {
            assert_eq!(read(&resource.uri).unwrap().contents.len(), 1, "{}", resource.uri);
        }
        for unknown in ["test://other", "test://template//data", "test://template/1/2/data", ""] {
            assert_eq!(read(unknown).unwrap_err().data, Some(json!({ "uri": unknown })));
        }
    }

    #[test]
    fn a_record_holds_the_id_of_its_address() {
        let result = serde_json::to_string(&read("test://template/123/data").unwrap()).unwrap();
        assert!(result.contains("The record of 123"), "{result}");
    }
}
