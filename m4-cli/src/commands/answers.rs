//! The schema of what commands answer with `--json`, made from the types that are printed.

use mcp_server::error::codes;
use mcp_server::tools;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{
    account, auth, backend, config, define_dataset, doctor, download, init, keys, login, migrate,
    remove_dataset, status,
};
use crate::output::envelope::{Envelope, VERSION};

/// Every command that answers in JSON, with the schema of its `data`.
pub fn answers() -> Vec<(&'static str, Value)> {
    vec![
        ("auth check", of::<auth::check::Report>()),
        ("auth keys", of::<auth::keys::Report>()),
        ("auth status", of::<account::status::Report>()),
        ("backend", of::<backend::Report>()),
        ("capabilities", of_tool("capabilities")),
        ("config", of::<config::Report>()),
        ("config check", of::<Vec<config::ClientReport>>()),
        ("config show", of::<Vec<config::show::SettingReport>>()),
        ("define-dataset", of::<define_dataset::Report>()),
        ("describe-table", of_tool("get_table_info")),
        ("doctor", of::<Vec<doctor::finding::Finding>>()),
        ("download", of::<download::Downloaded>()),
        ("init", of::<init::Answer>()),
        ("keys create", of::<keys::create::Report<'_>>()),
        ("keys list", of::<keys::list::Report<'_>>()),
        ("keys revoke", of::<keys::Revoked>()),
        ("list-datasets", of_tool("list_datasets")),
        ("login", of::<Option<login::Report<'_>>>()),
        ("logout", of::<account::logout::Report>()),
        ("migrate", of::<migrate::Report<'_>>()),
        ("query", of_tool("execute_query")),
        ("remove-dataset", of::<remove_dataset::Report>()),
        ("schema", of_tool("get_database_schema")),
        ("status", of::<status::Status>()),
        ("whoami", of::<account::whoami::Report<'_>>()),
    ]
}

/// The schema of every answer, which is published.
pub fn schema() -> Value {
    let mut envelope = of::<Envelope>();
    let mut definitions = match envelope["$defs"].take() {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    };
    if let Some(body) = definitions.get_mut("ErrorBody") {
        let words = codes::ALL.iter().map(|(word, about)| json!({ "const": word, "description": about }));
        body["properties"]["code"]["oneOf"] = words.collect();
    }
    let answers = answers();
    let commands: Vec<&str> =
        std::iter::once("").chain(answers.iter().map(|(command, _)| *command)).collect();
    envelope["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    envelope["title"] = json!("What m4 answers with --json");
    envelope["properties"]["version"] =
        json!({ "const": VERSION, "description": "The version of this envelope." });
    envelope["properties"]["command"]["enum"] = json!(commands);
    envelope["properties"]["data"] =
        json!({ "description": "What it found or did; absent where it did not get that far." });
    let mut rules = vec![json!({
        "if": { "properties": { "ok": { "const": true } } },
        "then": { "required": ["data"], "not": { "required": ["error"] } },
        "else": { "required": ["error"] },
    })];
    for (command, mut data) in answers {
        let name = command.replace(' ', "-");
        settle(&mut data, &name);
        rules.push(json!({
            "if": { "properties": { "command": { "const": command } } },
            "then": { "properties": { "data": { "$ref": format!("#/$defs/{name}") } } },
        }));
        definitions.insert(name, data);
    }
    envelope["allOf"] = json!(rules);
    envelope["$defs"] = Value::Object(definitions);
    envelope
}

fn of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tools::without_rust_formats(&mut schema);
    schema
}

/// The answer of a command that hands on what a tool says.
fn of_tool(name: &str) -> Value {
    let tool = tools::definitions().iter().find(|tool| tool.name == name);
    let schema = tool.and_then(|tool| tool.output_schema.as_deref()).cloned();
    schema.map_or(Value::Bool(true), Value::Object)
}

/// Makes a schema of its own a part of the one that is published: what it refers to is below its name there.
fn settle(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            members.remove("$schema");
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(rest) = target.strip_prefix("#/")
            {
                *target = format!("#/$defs/{name}/{rest}");
            }
            members.values_mut().for_each(|inner| settle(inner, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| settle(inner, name)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use clap::{Command, CommandFactory};

    use super::*;
    use crate::args::Cli;

    fn published() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/m4-cli.schema.json")
    }

    fn with_json(command: &Command, path: &str, found: &mut BTreeSet<String>) {
        if command.get_arguments().any(|argument| argument.get_id() == "json") {
            found.insert(path.to_owned());
        }
        for inner in command.get_subcommands() {
            with_json(inner, format!("{path} {}", inner.get_name()).trim_start(), found);
        }
    }

    #[test]
    fn every_command_that_answers_in_json_has_a_schema() {
        let mut typed = BTreeSet::new();
        with_json(&Cli::command(), "", &mut typed);
        let described: BTreeSet<String> =
            answers().iter().map(|(command, _)| (*command).to_owned()).collect();
        assert_eq!(typed, described);
        assert!(answers().iter().all(|(_, schema)| schema.is_object()));
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let text = std::fs::read_to_string(published()).unwrap_or_default();
        let is = serde_json::from_str::<Value>(&text).unwrap_or_default();
        assert!(is == schema(), "run: cargo test -p m4-cli --lib -- --ignored publish_the_schema");
    }

    #[test]
    fn every_code_is_documented_as_it_is_meant() {
        let page = std::fs::read_to_string(published().with_file_name("../cli.md")).unwrap();
        for (word, about) in codes::ALL {
            assert!(page.contains(&format!("| `{word}` | {about} |")), "docs/cli.md lacks {word}: {about}");
        }
    }

    #[test]
    #[ignore = "writes docs/schemas/m4-cli.schema.json: run it when an answer has changed on purpose"]
    fn publish_the_schema() {
        std::fs::create_dir_all(published().parent().unwrap()).unwrap();
        std::fs::write(published(), format!("{:#}\n", schema())).unwrap();
    }
}
