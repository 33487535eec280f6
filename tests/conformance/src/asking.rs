//! Tools that ask the client while they run, as revisions before 2026-07-28 allow: sampling and elicitation.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, ClientResult, ContentBlock, ElicitRequest, ErrorData, JsonObject, ServerRequest,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::schemas;

/// Lets the client's model answer the prompt.
pub(crate) async fn sampling(
    arguments: &JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let prompt = schemas::text(arguments, "prompt")?;
    let offered = context.client_capabilities().is_some_and(|client| client.sampling.is_some());
    if !offered {
        return Ok(failed("The client offers no sampling"));
    }
    let request = json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": 100,
        },
    });
    let request = ServerRequest::CreateMessageRequest(parsed(request)?);
    match context.peer.send_request(request).await {
        Ok(ClientResult::CreateMessageResult(result)) => {
            let answer = serde_json::to_value(&*result).unwrap_or_default();
            Ok(said(format!("The model says: {}", answer["content"]["text"].as_str().unwrap_or_default())))
        }
        Ok(_) => Ok(failed("The client's answer is no sampling result")),
        Err(error) => Ok(failed(format!("The client did not sample: {error}"))),
    }
}

/// Asks the user for a name and an address.
pub(crate) async fn elicitation(
    arguments: &JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let message = schemas::text(arguments, "message")?;
    elicit(message, schemas::contact(), context).await
}

/// Asks with a default for every primitive type (SEP-1034).
pub(crate) async fn elicitation_defaults(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    elicit("Check what is filled in", schemas::defaults(), context).await
}

/// Asks with every way to write a choice (SEP-1330).
pub(crate) async fn elicitation_choices(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    elicit("Choose", schemas::choices(), context).await
}

async fn elicit(
    message: &str,
    schema: Value,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    if context.client_capabilities().is_none_or(|client| client.elicitation.is_none()) {
        return Ok(failed("The client offers no elicitation"));
    }
    let request: ElicitRequest = parsed(json!({
        "method": "elicitation/create",
        "params": { "message": message, "requestedSchema": schema },
    }))?;
    match context.peer.send_request(ServerRequest::ElicitRequest(request)).await {
        Ok(ClientResult::ElicitResult(result)) => {
            let answer = serde_json::to_value(&result).unwrap_or_default();
            let action = answer["action"].as_str().unwrap_or_default();
            Ok(said(format!("The user's action: {action}; content: {}", answer["content"])))
        }
        Ok(_) => Ok(failed("The client's answer is no elicitation result")),
        Err(error) => Ok(failed(format!("The client did not ask: {error}"))),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn failed(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
