//! Using everything that a server offers, because each scenario watches another part of it.

use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, GetPromptRequestParams, Implementation, JsonObject, ProtocolVersion,
    ReadResourceRequestParams, Tool,
};
use rmcp::service::{RequestContext, RunningService, ServiceError};
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};

use crate::context::ToolCall;

/// Lists and calls the tools, or makes the named calls; then lists and reads resources and prompts.
pub(crate) async fn everything(
    service: &RunningService<RoleClient, Answering>,
    named: &[ToolCall],
) -> Result<(), ServiceError> {
    let offered = service.peer_info().map(|info| info.capabilities.clone()).unwrap_or_default();
    if offered.tools.is_some() {
        let tools = service.list_all_tools().await?;
        let calls = if named.is_empty() { one_call_each(&tools) } else { named.to_vec() };
        for ToolCall { name, arguments } in calls {
            let called = service.call_tool(CallToolRequestParams::new(name).with_arguments(arguments)).await;
            match called {
                // Not every scenario's server has the tools that it lists.
                Ok(_) | Err(ServiceError::McpError(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    if offered.resources.is_some() {
        for resource in service.list_all_resources().await? {
            service.read_resource(ReadResourceRequestParams::new(resource.uri.clone())).await?;
        }
    }
    if offered.prompts.is_some() {
        for prompt in service.list_all_prompts().await? {
            service.get_prompt(GetPromptRequestParams::new(prompt.name)).await?;
        }
    }
    Ok(())
}

/// A client that fills in every form it is sent.
pub(crate) struct Answering {
    /// What a handshake asks for.
    pub(crate) version: ProtocolVersion,
}

impl ClientHandler for Answering {
    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { requested_schema, .. } = params else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let schema = serde_json::to_value(requested_schema)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let content = filled_in(&schema, &Value::Null, |_| true);
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(Value::Object(content)))
    }

    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        let client = Implementation::new("conformance-client", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, client).with_protocol_version(self.version.clone())
    }
}

fn one_call_each(tools: &[Tool]) -> Vec<ToolCall> {
    let schemas: Vec<Value> = tools.iter().map(Tool::schema_as_json_value).collect();
    let first = schemas.first().cloned().unwrap_or_default();
    let call = |(tool, schema): (&Tool, &Value)| {
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&name.into()));
        ToolCall { name: tool.name.to_string(), arguments: filled_in(schema, &first, required) }
    };
    tools.iter().zip(&schemas).map(call).collect()
}

/// A value for each such property: its default, else any of its type. An object is asked for by the one scenario that wants
/// another tool's schema back as it came.
fn filled_in(schema: &Value, object: &Value, is_wanted: impl Fn(&str) -> bool) -> JsonObject {
    let no_properties = JsonObject::new();
    let properties = schema["properties"].as_object().unwrap_or(&no_properties);
    let value = |property: &Value| match (property.get("default"), property["type"].as_str()) {
        (Some(default), _) => default.clone(),
        (None, Some("boolean")) => json!(true),
        (None, Some("integer" | "number")) => json!(7),
        (None, Some("array")) => json!([]),
        (None, Some("object")) => object.clone(),
        (None, _) => json!("a text"),
    };
    properties
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, property)| (name.clone(), value(property)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in_with_its_defaults_and_else_with_something_of_the_right_type() {
        let schema = json!({ "properties": {
            "a": { "type": "string", "default": "x" }, "b": { "type": "boolean" }, "c": { "type": "integer" },
        } });
        let all = filled_in(&schema, &Value::Null, |_| true);
        assert_eq!(Value::Object(all), json!({ "a": "x", "b": true, "c": 7 }));
        assert_eq!(filled_in(&schema, &Value::Null, |name| name == "b").len(), 1);
    }

    #[test]
    fn a_tool_is_called_with_what_it_requires_and_another_ones_schema_where_it_takes_an_object() {
        let schema = |text: Value| text.as_object().cloned().unwrap();
        let first = json!({ "type": "object", "properties": { "optional": { "type": "number" } } });
        let echo = json!({
            "type": "object", "properties": { "schema": { "type": "object" } }, "required": ["schema"],
        });
        let tools = [Tool::new("first", "", schema(first.clone())), Tool::new("echo", "", schema(echo))];
        let calls = one_call_each(&tools);
        assert!(calls[0].arguments.is_empty());
        assert_eq!(Value::Object(calls[1].arguments.clone()), json!({ "schema": first }));
    }
}
