//! How a server's entry is written in each client's file, as its documentation says; the pages are listed in `docs/clients.md`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Client;
use crate::failure::Failure;

/// The entry of a server that the client starts, on top of the one that is there. Without a client it is the form that most
/// clients understand.
pub fn stdio(
    client: Option<Client>,
    existing: Option<&Map<String, Value>>,
    command: &Path,
    variables: Map<String, Value>,
) -> Map<String, Value> {
    let mut fields = existing.cloned().unwrap_or_default();
    fields.retain(|key, _| !OF_HTTP.contains(&key.as_str()));
    mark(&mut fields, client, "stdio");
    fields.insert("command".to_owned(), Value::from(command.display().to_string()));
    fields.insert("args".to_owned(), json!([]));
    fields.insert("env".to_owned(), Value::Object(variables));
    fields
}

/// The entry of a server that answers at `url`, on top of the one that is there.
pub fn http(
    client: Option<Client>,
    existing: Option<&Map<String, Value>>,
    url: &str,
) -> Result<Map<String, Value>, Failure> {
    let (kind, key) = match client {
        Some(Client::Claude) => {
            return Err(Failure::usage(
                "Claude Desktop's file has no servers that it reaches over HTTP",
                "add the URL in Claude under Settings, Connectors; or leave --transport http out",
            ));
        }
        Some(Client::Windsurf) => ("", "serverUrl"),
        Some(Client::Gemini) => ("", "httpUrl"),
        Some(Client::Cursor | Client::Codex | Client::Zed) => ("", "url"),
        Some(Client::Cline) => ("streamableHttp", "url"),
        Some(Client::LibreChat) => ("streamable-http", "url"),
        Some(Client::ClaudeCode | Client::VsCode) | None => ("http", "url"),
    };
    let mut fields = existing.cloned().unwrap_or_default();
    fields.retain(|field, _| {
        let field = field.as_str();
        !OF_STDIO.contains(&field) && (field == key || !URLS.contains(&field))
    });
    mark(&mut fields, client, kind);
    fields.insert(key.to_owned(), Value::from(url));
    Ok(fields)
}

/// Where the entry's server answers, if the client does not start it.
pub fn url(fields: &Map<String, Value>) -> Option<&str> {
    URLS.iter().find_map(|key| fields.get(*key)).and_then(Value::as_str)
}

/// The program the entry starts.
pub fn command(fields: &Map<String, Value>) -> Option<&str> {
    let command = fields.get("command")?;
    // Zed's entries before 2025 have all of it under `command`.
    command.as_str().or_else(|| command.get("path")?.as_str())
}

/// The folder that the server is to be started in, where there is no such folder, so that it will not start.
pub fn missing_folder(fields: &Map<String, Value>) -> Option<&str> {
    let folder = fields.get("cwd").and_then(Value::as_str)?;
    let path = Path::new(folder);
    (path.is_absolute() && !path.is_dir()).then_some(folder)
}

/// The entry's variables, where they are texts under names.
pub fn variables(fields: &Map<String, Value>) -> Result<Map<String, Value>, NotVariables> {
    let nested = || fields.get("command").and_then(|command| command.get("env"));
    match fields.get("env").or_else(nested) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(variables)) if variables.values().all(Value::is_string) => Ok(variables.clone()),
        Some(_) => Err(NotVariables),
    }
}

/// The entry's variables are something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotVariables;

/// Says how the server is reached where the client wants that said; an entry that says it already is corrected.
fn mark(fields: &mut Map<String, Value>, client: Option<Client>, kind: &str) {
    match client {
        // What Zed's releases of 2025 want; later ones do not mind it.
        Some(Client::Zed) => {
            fields.insert("source".to_owned(), Value::from("custom"));
        }
        Some(Client::ClaudeCode | Client::Cursor | Client::VsCode | Client::LibreChat)
            if !kind.is_empty() =>
        {
            fields.insert("type".to_owned(), Value::from(kind));
        }
        _ if !kind.is_empty() && (kind != "stdio" || fields.contains_key("type")) => {
            fields.insert("type".to_owned(), Value::from(kind));
        }
        _ if kind.is_empty() => {
            fields.remove("type");
        }
        _ => {}
    }
    fields.remove("transportType");
}

const URLS: [&str; 3] = ["url", "httpUrl", "serverUrl"];

/// What an entry of a server that the client starts has no use for; Codex refuses its whole file over some of it.
const OF_HTTP: [&str; 10] = [
    "url",
    "httpUrl",
    "serverUrl",
    "headers",
    "http_headers",
    "env_http_headers",
    "bearer_token_env_var",
    "requiresOAuth",
    "oauth",
    "authProviderType",
];

/// What an entry of a server that runs elsewhere has no use for.
const OF_STDIO: [&str; 6] = ["command", "args", "env", "cwd", "envFile", "env_vars"];

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_client_gets_its_own_form() {
        let variables = object(json!({ "M4_DATA_DIR": "/d" }));
        let mut forms = String::new();
        for client in std::iter::once(None).chain(Client::ALL.map(Some)) {
            let started = stdio(client, None, Path::new("/bin/m4-mcp-server"), variables.clone());
            let reached = http(client, None, "https://m4.example/mcp");
            let name = client.map_or("any", Client::name);
            let reached = match reached {
                Ok(fields) => Value::Object(fields).to_string(),
                Err(failure) => failure.error().unwrap().to_string(),
            };
            forms.push_str(
                &[name, "\n  ", &Value::Object(started).to_string(), "\n  ", &reached, "\n"].concat(),
            );
        }
        insta::assert_snapshot!("forms", forms);
    }

    #[test]
    fn another_transport_leaves_nothing_of_the_first_and_keeps_the_rest() {
        for client in Client::ALL.into_iter().filter(|client| *client != Client::Claude) {
            let first = stdio(Some(client), None, Path::new("/m4"), object(json!({ "A": "b" })));
            let mut kept = first.clone();
            kept.insert("disabled".to_owned(), json!(true));
            let there = http(Some(client), Some(&kept), "https://m4.example/mcp").unwrap();
            assert_eq!(url(&there), Some("https://m4.example/mcp"));
            assert!(command(&there).is_none() && !there.contains_key("env"), "{client:?}");
            assert_eq!(there["disabled"], true);
            let back = stdio(Some(client), Some(&there), Path::new("/m4"), object(json!({ "A": "b" })));
            assert_eq!((url(&back), command(&back)), (None, Some("/m4")));
            assert!(back.get("type").is_none_or(|kind| kind == "stdio"), "{client:?}");
            assert_eq!((&back["disabled"], variables(&back)), (&json!(true), variables(&first)));
        }
    }

    #[test]
    fn an_entry_of_an_old_zed_is_understood() {
        let old = object(json!({ "command": { "path": "/m4", "args": [], "env": { "A": "b" } } }));
        assert_eq!(command(&old), Some("/m4"));
        assert_eq!(variables(&old), Ok(object(json!({ "A": "b" }))));
        assert_eq!(variables(&object(json!({ "env": { "A": 1 } }))), Err(NotVariables));
    }
}
