//! Tools that need the client's input before they can answer (SEP-2322): they ask, and the client calls again.
//!
//! Nothing is kept between the calls. What a later call has to know goes through the client, sealed.

use std::io;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, ErrorData,
    InputRequiredResult, InputResponses, RequestStateCodec, SealOptions,
};
use rmcp::service::RequestContext;
use serde_json::{Map, Value, json};

/// Runs one of these tools, all of whose names begin with [`PREFIX`].
pub(crate) fn call(
    seal: &Seal,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let tool = request.name.as_ref();
    let state = request.request_state.as_deref().map(|sealed| seal.open(tool, sealed)).transpose()?;
    let round = Round { seal, tool, answers: request.input_responses.as_ref(), state };
    match tool.strip_prefix(PREFIX).unwrap_or_default() {
        "elicitation" => round.elicitation(),
        "sampling" => round.sampling(),
        "list_roots" => round.list_roots(),
        "request_state" | "tampered_state" => round.confirmation(),
        "multiple_inputs" => round.multiple_inputs(),
        "multi_round" => round.multi_round(),
        "capabilities" => round.capabilities(&context.client_capabilities().unwrap_or_default()),
        _ => Err(ErrorData::invalid_params("Unknown tool", None)),
    }
}

/// An elicitation with one required property.
pub(crate) fn form(message: &str, property: &str, kind: &str) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": { property: { "type": kind } },
                "required": [property],
            },
        },
    })
}

/// The property that the user gave, when the answer with this key accepts.
pub(crate) fn accepted<'a>(
    answers: Option<&'a InputResponses>,
    key: &str,
    property: &str,
) -> Option<&'a Value> {
    let answer = answers?.get(key)?;
    (answer.get("action")? == "accept").then(|| answer.get("content")?.get(property)).flatten()
}

/// Asks for input instead of answering.
pub(crate) fn ask(questions: Value, state: Option<String>) -> Result<InputRequiredResult, ErrorData> {
    let questions = serde_json::from_value(questions)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(InputRequiredResult::new(Some(questions), state))
}

/// Seals what goes through the client, with a key of this process.
pub(crate) struct Seal(RequestStateCodec);

impl Seal {
    pub(crate) fn random() -> io::Result<Self> {
        let mut key = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self(RequestStateCodec::try_new(key).map_err(io::Error::other)?))
    }

    /// Bound to the tool, so that one tool's state is nothing to another.
    fn close(&self, tool: &str, state: &str) -> String {
        self.0.seal_with(state.as_bytes(), &SealOptions::new().associated_data(tool.as_bytes()))
    }

    /// The client may have sent anything.
    fn open(&self, tool: &str, sealed: &str) -> Result<String, ErrorData> {
        let refused = || ErrorData::invalid_params("requestState was not made here for this tool", None);
        let state = self.0.open_with(sealed, tool.as_bytes()).map_err(|_| refused())?;
        String::from_utf8(state).map_err(|_| refused())
    }
}

/// What one of the calls brought.
struct Round<'a> {
    seal: &'a Seal,
    tool: &'a str,
    answers: Option<&'a InputResponses>,
    /// As it was sealed.
    state: Option<String>,
}

impl Round<'_> {
    fn elicitation(&self) -> Result<CallToolResponse, ErrorData> {
        match self.text("user_name", "name") {
            Some(name) => Ok(said(format!("Hello, {name}!"))),
            None => Ok(ask(json!({ "user_name": ask_name() }), None)?.into()),
        }
    }

    fn sampling(&self) -> Result<CallToolResponse, ErrorData> {
        match self.sampled("capital_question") {
            Some(text) => Ok(said(format!("The model says: {text}"))),
            None => {
                let question = sample("What is the capital of France?", 100);
                Ok(ask(json!({ "capital_question": question }), None)?.into())
            }
        }
    }

    fn list_roots(&self) -> Result<CallToolResponse, ErrorData> {
        match self.roots("client_roots") {
            Some(roots) => Ok(said(format!("The roots are: {}", roots.join(", ")))),
            None => Ok(ask(json!({ "client_roots": ask_roots() }), None)?.into()),
        }
    }

    fn confirmation(&self) -> Result<CallToolResponse, ErrorData> {
        let confirmed = accepted(self.answers, "confirm", "ok") == Some(&Value::Bool(true));
        match self.state.as_deref() {
            Some(WAITING) if confirmed => Ok(said("state-ok")),
            _ => self.ask(&json!({ "confirm": form("Go on?", "ok", "boolean") }), WAITING),
        }
    }

    fn multiple_inputs(&self) -> Result<CallToolResponse, ErrorData> {
        let answers = (self.text("user_name", "name"), self.sampled("greeting"), self.roots("client_roots"));
        match (self.state.as_deref(), answers) {
            (Some(WAITING), (Some(name), Some(greeting), Some(roots))) => {
                Ok(said(format!("{greeting} {name} has {} roots.", roots.len())))
            }
            _ => self.ask(
                &json!({
                    "user_name": ask_name(),
                    "greeting": sample("Write a greeting", 50),
                    "client_roots": ask_roots(),
                }),
                WAITING,
            ),
        }
    }

    fn multi_round(&self) -> Result<CallToolResponse, ErrorData> {
        let state = self.state.as_deref().unwrap_or_default();
        if let Some(name) = state.strip_prefix(NAMED) {
            return match self.text("step2", "color") {
                Some(color) => Ok(said(format!("{name} likes {color}."))),
                None => self.ask_color(state),
            };
        }
        match self.text("step1", "name") {
            Some(name) if state == WAITING => self.ask_color(&format!("{NAMED}{name}")),
            _ => {
                let question = form("Step 1: what is your name?", "name", "string");
                self.ask(&json!({ "step1": question }), WAITING)
            }
        }
    }

    fn ask_color(&self, state: &str) -> Result<CallToolResponse, ErrorData> {
        let question = form("Step 2: which colour do you like?", "color", "string");
        self.ask(&json!({ "step2": question }), state)
    }

    /// Asks only for what the client says it can do.
    fn capabilities(&self, client: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
        let offers = [
            (client.elicitation.is_some(), "user_name", ask_name()),
            (client.sampling.is_some(), "greeting", sample("Write a greeting", 50)),
            (client.roots.is_some(), "client_roots", ask_roots()),
        ];
        let questions: Map<String, Value> = offers
            .into_iter()
            .filter(|(offered, ..)| *offered)
            .map(|(_, key, question)| (key.to_owned(), question))
            .collect();
        let open = questions.keys().any(|key| !self.answers.is_some_and(|answers| answers.contains_key(key)));
        if open { Ok(ask(questions.into(), None)?.into()) } else { Ok(said("There is nothing left to ask.")) }
    }

    fn ask(&self, questions: &Value, state: &str) -> Result<CallToolResponse, ErrorData> {
        Ok(ask(questions.clone(), Some(self.seal.close(self.tool, state)))?.into())
    }

    fn text(&self, key: &str, property: &str) -> Option<&str> {
        accepted(self.answers, key, property)?.as_str()
    }

    fn sampled(&self, key: &str) -> Option<&str> {
        self.answers?.get(key)?.get("content")?.get("text")?.as_str()
    }

    fn roots(&self, key: &str) -> Option<Vec<&str>> {
        self.answers?
            .get(key)?
            .get("roots")?
            .as_array()?
            .iter()
            .map(|root| root.get("uri")?.as_str())
            .collect()
    }
}

fn said(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn ask_name() -> Value {
    form("What is your name?", "name", "string")
}

fn ask_roots() -> Value {
    json!({ "method": "roots/list" })
}

fn sample(prompt: &str, max_tokens: u32) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
            "maxTokens": max_tokens,
        },
    })
}

/// How the names of these tools begin.
pub(crate) const PREFIX: &str = "test_input_required_result_";

/// State: nothing is known yet.
const WAITING: &str = "waiting";

/// State: what follows is the user's name.
const NAMED: &str = "named:";

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(value: Value) -> InputResponses {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_an_accepting_answer_of_the_right_shape_counts() {
        let given = answers(json!({ "a": { "action": "accept", "content": { "name": "Ann" } } }));
        assert_eq!(accepted(Some(&given), "a", "name"), Some(&json!("Ann")));
        for wrong in [
            json!({ "a": { "action": "decline", "content": { "name": "Ann" } } }),
            json!({ "a": { "action": "accept" } }),
            json!({ "a": 12345 }),
            json!({ "b": { "action": "accept", "content": { "name": "Ann" } } }),
        ] {
            assert_eq!(accepted(Some(&answers(wrong.clone())), "a", "name"), None, "{wrong}");
        }
        assert_eq!(accepted(None, "a", "name"), None);
    }

    #[test]
    fn state_is_refused_when_altered_made_elsewhere_or_made_for_another_tool() {
        let seal = Seal::random().unwrap();
        let sealed = seal.close("tool", "state");
        assert_eq!(seal.open("tool", &sealed).unwrap(), "state");
        assert!(seal.open("tool", &format!("{sealed}x")).is_err());
        assert!(seal.open("other", &sealed).is_err());
        assert!(Seal::random().unwrap().open("tool", &sealed).is_err());
        assert!(seal.open("tool", "").is_err());
    }
}
