//! The prompts, and what completes their arguments.

use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, ErrorData, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, Prompt, PromptArgument, PromptMessage, Reference, Role,
};
use serde_json::{Value, json};

use crate::{content, rounds};

/// Every prompt, in a fixed order.
pub(crate) fn definitions() -> Vec<Prompt> {
    let argument = |name: &str, description: &str| {
        PromptArgument::new(name).with_description(description).with_required(true)
    };
    vec![
        Prompt::new(SIMPLE, Some("One message"), None),
        Prompt::new(
            WITH_ARGUMENTS,
            Some("One message that holds both arguments"),
            Some(vec![argument("arg1", "The first word"), argument("arg2", "The second word")]),
        ),
        Prompt::new(
            WITH_RESOURCE,
            Some("A message that embeds a resource"),
            Some(vec![argument("resourceUri", "The address of the resource")]),
        ),
        Prompt::new(WITH_IMAGE, Some("A message with a picture"), None),
        Prompt::new(ASKS_FIRST, Some("A prompt that asks for its context first"), None),
    ]
}

/// A prompt's messages.
pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let messages = match request.name.as_str() {
        SIMPLE => vec![text("This prompt has one message and no arguments.")],
        WITH_ARGUMENTS => {
            let (first, second) = (argument(request, "arg1")?, argument(request, "arg2")?);
            vec![text(format!("The first word is '{first}', the second '{second}'."))]
        }
        WITH_RESOURCE => {
            let uri = argument(request, "resourceUri")?;
            let resource = content::embedded(uri, "text/plain", "A text that came with the prompt.");
            vec![PromptMessage::new(Role::User, resource), text("Sum up the text above.")]
        }
        WITH_IMAGE => {
            vec![PromptMessage::new(Role::User, content::image()), text("Describe the picture above.")]
        }
        ASKS_FIRST => {
            let answers = request.input_responses.as_ref();
            let Some(context) = rounds::accepted(answers, "user_context", "context") else {
                let question = rounds::form("Which context is the prompt for?", "context", "string");
                return Ok(rounds::ask(json!({ "user_context": question }), None)?.into());
            };
            vec![text(format!("The context is: {}", context.as_str().unwrap_or_default()))]
        }
        _ => return Err(ErrorData::invalid_params("Unknown prompt", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

/// The words that go on from what is typed.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let Reference::Prompt(prompt) = &request.r#ref else {
        return Ok(CompleteResult::new(CompletionInfo::default()));
    };
    if !definitions().iter().any(|known| known.name == prompt.name) {
        return Err(ErrorData::invalid_params("Unknown prompt", None));
    }
    let typed = request.argument.value.as_str();
    let words = WORDS.iter().filter(|word| word.starts_with(typed)).map(|word| (*word).to_owned()).collect();
    let found =
        CompletionInfo::with_all_values(words).map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(CompleteResult::new(found))
}

fn text(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new(Role::User, ContentBlock::text(text))
}

fn argument<'a>(request: &'a GetPromptRequestParams, name: &str) -> Result<&'a str, ErrorData> {
    let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name));
    value
        .and_then(Value::as_str)
        .ok_or_else(|| ErrorData::invalid_params(format!("The argument {name} is missing"), None))
}

const SIMPLE: &str = "test_simple_prompt";
const WITH_ARGUMENTS: &str = "test_prompt_with_arguments";
const WITH_RESOURCE: &str = "test_prompt_with_embedded_resource";
const WITH_IMAGE: &str = "test_prompt_with_image";
const ASKS_FIRST: &str = "test_input_required_result_prompt";

const WORDS: [&str; 4] = ["tell", "test", "tested", "word"];
