//! Tools that take their time, as tasks of the extension `io.modelcontextprotocol/tasks` (SEP-2663).

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    CreateTaskResult, ErrorData, InputRequest, JsonObject,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use serde_json::{Value, json};

use crate::rounds;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
enum Job {
    Compute { time: Duration, label: String },
    Fail,
    Break,
    Confirm,
    AskTwice,
    Greet { name: String },
}

/// Starts one of the tools in [`NAMES`].
pub(crate) async fn call(
    tasks: &TaskManager,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let Some(job) = Job::of(request) else {
        let question = rounds::form("What is your name?", "name", "string");
        return Ok(rounds::ask(json!({ "user_name": question }), None)?.into());
    };
    if context.client_capabilities().is_some_and(|client| client.supports_tasks()) {
        let options = TaskOptions::new().with_poll_interval_ms(100);
        let task = tasks.spawn(options, |task| Box::pin(async move { job.run(&task).await }));
        return Ok(CreateTaskResult::new(task).into());
    }
    match job {
        Job::Compute { time, label } => {
            tokio::time::sleep(time).await;
            Ok(said(format!("{label} is computed.")).into())
        }
        // The others are nothing without a task.
        _ => {
            let needed = ClientCapabilities::builder().enable_tasks().build();
            Err(ErrorData::missing_required_client_capability(needed))
        }
    }
}

impl Job {
    /// `None` when the client has to be asked first.
    fn of(request: &CallToolRequestParams) -> Option<Self> {
        let nothing = JsonObject::new();
        let arguments = request.arguments.as_ref().unwrap_or(&nothing);
        Some(match request.name.as_ref() {
            "failing_job" => Self::Fail,
            "protocol_error_job" => Self::Break,
            "confirm_delete" => Self::Confirm,
            "multi_input" => Self::AskTwice,
            "test_tool_with_task" => {
                let name = rounds::accepted(request.input_responses.as_ref(), "user_name", "name")?;
                Self::Greet { name: name.as_str()?.to_owned() }
            }
            _ => {
                let seconds = arguments.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
                let time = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST);
                let label = arguments.get("label").and_then(Value::as_str).unwrap_or("It");
                Self::Compute { time, label: label.to_owned() }
            }
        })
    }

    async fn run(self, task: &TaskContext) -> Result<CallToolResult, TaskExit> {
        match self {
            Self::Compute { time, label } => {
                tokio::select! {
                    () = tokio::time::sleep(time) => Ok(said(format!("{label} is computed."))),
                    () = task.cancelled() => Err(TaskExit::Cancelled),
                }
            }
            Self::Fail => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(CallToolResult::error(vec![ContentBlock::text("This job always fails.")]))
            }
            Self::Break => Err(ErrorData::internal_error("This job always breaks", None).into()),
            Self::Confirm => {
                let answer = task.request_input("confirm", question("Delete it?", "confirm")?).await?;
                Ok(said(format!("The answer: {}", answer["action"].as_str().unwrap_or_default())))
            }
            Self::AskTwice => {
                let (first, second) = (question("Go on?", "go_on")?, question("Are you sure?", "sure")?);
                let (first, second) = tokio::try_join!(
                    task.request_input("first", first),
                    task.request_input("second", second)
                )?;
                let actions = [first, second].map(|answer| answer["action"].clone());
                Ok(said(format!("The answers: {}", json!(actions))))
            }
            Self::Greet { name } => Ok(said(format!("Hello, {name}!"))),
        }
    }
}

fn question(message: &str, property: &str) -> Result<InputRequest, ErrorData> {
    serde_json::from_value(rounds::form(message, property, "boolean"))
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn said(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// The tools of this file.
pub(crate) const NAMES: [&str; 6] = [
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
];

const LONGEST: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &'static str, arguments: &Value) -> Option<Job> {
        let mut request = CallToolRequestParams::new(name);
        request.arguments = arguments.as_object().cloned();
        Job::of(&request)
    }

    #[test]
    fn no_argument_makes_a_computation_panic_or_last_for_ever() {
        for seconds in [json!(-1), json!(1e300), json!("x"), json!(null)] {
            let Some(Job::Compute { time, .. }) = job("slow_compute", &json!({ "seconds": seconds })) else {
                panic!("not a computation")
            };
            assert!(time <= LONGEST);
        }
    }

    #[test]
    fn a_greeting_waits_for_the_name() {
        assert_eq!(job("test_tool_with_task", &json!({})), None);
    }
}
