//! The tools: what they are called, what they take, and the ones that answer at once.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, ErrorData,
    ProgressNotificationParam, Tool,
};
use rmcp::service::{RequestContext, ServiceError};
use serde_json::{Value, json};

use crate::handler::Handler;
use crate::{asking, content, jobs, rounds, schemas};

/// Every tool, in a fixed order. The suite calls the first one without arguments.
pub(crate) fn definitions() -> Vec<Tool> {
    let plain = PLAIN.map(|(name, description)| tool(name, description, schemas::nothing()));
    let taking = [
        tool(
            "test_sampling",
            "Lets the client's model answer",
            schemas::one_text("prompt", "What to ask the model"),
        ),
        tool("test_elicitation", "Asks the user", schemas::one_text("message", "What to tell the user")),
        tool("test_x_mcp_header", "Takes an argument that is also a header", schemas::mirrored_header()),
        tool("greet", "Greets", schemas::one_text("name", "Whom to greet")),
        tool("slow_compute", "Takes as long as it is told to", schemas::computation()),
        tool("json_schema_2020_12_tool", "Takes what a rich schema allows", schemas::keywords()),
    ];
    plain.into_iter().chain(taking).collect()
}

/// Runs a tool.
pub(crate) async fn call(
    handler: &Handler,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let arguments = request.arguments.clone().unwrap_or_default();
    let result = match request.name.as_ref() {
        "test_simple_text" => said("A text."),
        "test_image_content" => CallToolResult::success(vec![content::image()]),
        "test_audio_content" => CallToolResult::success(vec![content::audio()]),
        "test_embedded_resource" => {
            let text = "A text in a resource.";
            CallToolResult::success(vec![content::embedded("test://embedded-resource", "text/plain", text)])
        }
        "test_multiple_content_types" => CallToolResult::success(vec![
            ContentBlock::text("A text, a picture and a resource:"),
            content::image(),
            content::embedded(
                "test://mixed-content-resource",
                "application/json",
                &json!({ "test": "data", "value": 123 }).to_string(),
            ),
        ]),
        "test_error_handling" => CallToolResult::error(vec![ContentBlock::text("This tool always fails.")]),
        "test_tool_with_logging" | "test_logging_tool" => {
            log(handler, context).await.map_err(|error| undelivered(&error))?;
            said("Three messages were logged, if the client wants them.")
        }
        "test_tool_with_progress" => {
            progress(context).await.map_err(|error| undelivered(&error))?;
            said("Progress was told, if the client wants it.")
        }
        "test_trigger_tool_change" => {
            handler.changes.tools();
            said("The list of tools counts as changed.")
        }
        "test_trigger_prompt_change" => {
            handler.changes.prompts();
            said("The list of prompts counts as changed.")
        }
        // A server may also break the stream off and answer on another (SEP-1699); rmcp's handlers cannot.
        "test_reconnection" => {
            tokio::time::sleep(PAUSE).await;
            said("The answer came on the stream of the call.")
        }
        "test_missing_capability" => needs_sampling(context)?,
        "test_streaming_elicitation" => {
            let question = rounds::form("Which word?", "word", "string");
            return match rounds::accepted(request.input_responses.as_ref(), "word", "word") {
                Some(word) => Ok(said(format!("The word is {word}.")).into()),
                None => Ok(rounds::ask(json!({ "word": question }), None)?.into()),
            };
        }
        "test_sampling" => asking::sampling(&arguments, context).await?,
        "test_elicitation" => asking::elicitation(&arguments, context).await?,
        "test_elicitation_sep1034_defaults" => asking::elicitation_defaults(context).await?,
        "test_elicitation_sep1330_enums" => asking::elicitation_choices(context).await?,
        "test_x_mcp_header" | "json_schema_2020_12_tool" => {
            said(format!("The arguments: {}", Value::from(arguments)))
        }
        "greet" => said(format!("Hello, {}!", schemas::text(&arguments, "name")?)),
        name if jobs::NAMES.contains(&name) => return jobs::call(&handler.tasks, &request, context).await,
        name if name.starts_with(rounds::PREFIX) => return rounds::call(&handler.seal, &request, context),
        _ => return Err(ErrorData::invalid_params("Unknown tool", None)),
    };
    Ok(result.into())
}

async fn log(handler: &Handler, context: &RequestContext<RoleServer>) -> Result<(), ServiceError> {
    handler.log.info(context, "begun").await?;
    tokio::time::sleep(PAUSE).await;
    handler.log.info(context, "half way").await?;
    tokio::time::sleep(PAUSE).await;
    handler.log.info(context, "done").await
}

async fn progress(context: &RequestContext<RoleServer>) -> Result<(), ServiceError> {
    for (index, percent) in [0.0, 50.0, 100.0].into_iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, percent).with_total(100.0);
            context.peer.notify_progress(progress).await?;
        }
    }
    Ok(())
}

/// Answers -32021 to a client that does not offer sampling (SEP-2575).
fn needs_sampling(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    #[expect(deprecated, reason = "clients of 2026-07-28 may still offer sampling")]
    let (offered, needed) = (
        context.client_capabilities().is_some_and(|client| client.sampling.is_some()),
        ClientCapabilities::builder().enable_sampling().build(),
    );
    if offered {
        Ok(said("The client offers sampling."))
    } else {
        Err(ErrorData::missing_required_client_capability(needed))
    }
}

fn tool(name: &'static str, description: &'static str, schema: Value) -> Tool {
    let schema = match schema {
        Value::Object(schema) => schema,
        _ => serde_json::Map::new(),
    };
    Tool::new(name, description, schema)
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn undelivered(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

/// Between two notifications, for clients to see them one by one.
const PAUSE: Duration = Duration::from_millis(50);

/// Tools without arguments.
const PLAIN: [(&str, &str); 29] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with a picture"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with a resource"),
    ("test_multiple_content_types", "Answers with a text, a picture and a resource"),
    ("test_error_handling", "Fails"),
    ("test_tool_with_logging", "Logs three messages"),
    ("test_logging_tool", "Logs three messages"),
    ("test_tool_with_progress", "Tells its progress"),
    ("test_trigger_tool_change", "Makes the list of tools count as changed"),
    ("test_trigger_prompt_change", "Makes the list of prompts count as changed"),
    ("test_reconnection", "Answers after a while"),
    ("test_missing_capability", "Needs a client that offers sampling"),
    ("test_streaming_elicitation", "Asks for a word"),
    ("test_elicitation_sep1034_defaults", "Asks with defaults"),
    ("test_elicitation_sep1330_enums", "Asks with choices"),
    ("test_input_required_result_elicitation", "Asks for a name"),
    ("test_input_required_result_sampling", "Asks the client's model"),
    ("test_input_required_result_list_roots", "Asks for the roots"),
    ("test_input_required_result_request_state", "Asks to confirm and remembers it through the client"),
    ("test_input_required_result_tampered_state", "Asks to confirm and refuses altered state"),
    ("test_input_required_result_multiple_inputs", "Asks three things at once"),
    ("test_input_required_result_multi_round", "Asks twice"),
    ("test_input_required_result_capabilities", "Asks what the client can answer"),
    ("failing_job", "Is a task that fails"),
    ("protocol_error_job", "Is a task that breaks"),
    ("confirm_delete", "Is a task that asks to confirm"),
    ("multi_input", "Is a task that asks two things at once"),
    ("test_tool_with_task", "Asks for a name, then is a task"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_first_tool_takes_no_arguments() {
        let tools = definitions();
        let mut names: Vec<_> = tools.iter().map(|tool| tool.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), tools.len());
        assert!(!tools[0].input_schema.contains_key("required"));
    }

    #[test]
    fn every_schema_is_an_object_schema() {
        for tool in definitions() {
            assert_eq!(tool.input_schema.get("type"), Some(&json!("object")), "{}", tool.name);
        }
    }
}
