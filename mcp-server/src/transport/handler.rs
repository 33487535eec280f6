//! MCP requests to tool calls and back, whatever the transport.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use crate::gate::Granted;
use crate::tools::{self, BadCall, Call, CallError, Output, Permit, Toolbox, resources};

/// Serves the tools to one client.
#[derive(Clone)]
pub(super) struct Handler {
    toolbox: Arc<ArcSwap<Toolbox>>,
    callers: Callers,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
enum Callers {
    /// Whoever started this process, with the token that the settings name.
    Starter,
    /// Whoever the gate admitted before the request came here. A request without its proof is refused.
    OfRequests,
}

impl Handler {
    /// For a transport whose one client started this process.
    pub(super) fn for_the_starter(toolbox: Toolbox) -> Self {
        Self { toolbox: Arc::new(ArcSwap::from_pointee(toolbox)), callers: Callers::Starter }
    }

    /// For a transport whose requests come with the gate's proof.
    pub(super) fn for_requests(toolbox: Arc<ArcSwap<Toolbox>>) -> Self {
        Self { toolbox, callers: Callers::OfRequests }
    }

    /// Runs a call to its end, or until the client cancels it: dropping it then stops its query.
    async fn run(
        &self,
        call: &Call,
        context: &RequestContext<RoleServer>,
    ) -> Result<Result<Output, CallError>, ErrorData> {
        let toolbox = self.toolbox.load_full();
        let answered = async {
            let permit = match self.callers {
                Callers::Starter => Permit::Token(toolbox.own_credential().await),
                Callers::OfRequests => context
                    .extensions
                    .get::<http::request::Parts>()
                    .and_then(|parts| parts.extensions.get::<Granted>())
                    .map_or(Permit::None, |granted| Permit::Granted(granted.clone())),
            };
            toolbox.call(permit, call).await
        };
        tokio::select! {
            outcome = answered => Ok(outcome),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("The call was cancelled", None)),
            never = report_progress(context) => match never {},
        }
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_resources().build())
            .with_server_info(Implementation::new("m4", env!("CARGO_PKG_VERSION")).with_title("M4"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::definitions().to_vec()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::definitions().iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = match Call::parse(&request.name, request.arguments) {
            Ok(call) => call,
            Err(BadCall::UnknownTool) => return Err(ErrorData::invalid_params("Unknown tool", None)),
            Err(error @ BadCall::Arguments { .. }) => return Ok(failed(format!("Error: {error}")).into()),
        };
        Ok(match self.run(&call, &context).await? {
            Ok(output) => succeeded(output),
            Err(error) => failed(error.for_callers()),
        }
        .into())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::definitions()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some(call) = resources::call(&request.uri) else {
            let which = serde_json::json!({ "uri": request.uri });
            return Err(ErrorData::resource_not_found("Resource not found", Some(which)));
        };
        match self.run(&call, &context).await? {
            Ok(output) => Ok(resources::contents(&request.uri, &output).into()),
            // A resource has no result that is marked as an error, so a refusal is an error of the protocol.
            Err(error) => Err(ErrorData::invalid_request(error.for_callers(), None)),
        }
    }

    // rmcp answers this with an empty list although prompts are not declared; a client had better know there are none.
    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }
}

const INSTRUCTIONS: &str = "Clinical databases in SQL. Call get_database_schema, then get_table_info for the tables you \
    need, then execute_query. Name a dataset where several are set up.";

/// Tells a client that asked for it how long its call has been running, every second.
async fn report_progress(context: &RequestContext<RoleServer>) -> std::convert::Infallible {
    let Some(token) = context.meta.get_progress_token() else { return std::future::pending().await };
    let mut seconds = 0_u32;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
        let progress = ProgressNotificationParam::new(token.clone(), seconds.into())
            .with_message(format!("running for {seconds} s"));
        // A client that is gone will cancel the call; nothing else to do here.
        let _ = context.peer.notify_progress(progress).await;
    }
}

fn succeeded(output: Output) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(output.text)]);
    result.structured_content = Some(output.structured);
    result
}

fn failed(text: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}
