//! Which client, and what its file says of M4 already.

use std::path::{Path, PathBuf};

use mcp_server::env::Environment;
use serde_json::{Map, Value};

use super::Guide;
use crate::clients::Client;
use crate::clients::document::Document;
use crate::clients::file::ClientFile;
use crate::clients::shape;
use crate::failure::Failure;

/// A client and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Place {
    /// The client.
    pub(in crate::commands) client: Client,
    /// Its file, which need not exist.
    pub(in crate::commands) path: PathBuf,
}

/// Asks which client to set up: those that are on this machine come first. `None` is any other client.
pub(in crate::commands) fn choose(guide: &mut Guide<'_>) -> Result<Option<Place>, Failure> {
    let found = found(guide.env);
    let rest = Client::ALL.into_iter().filter(|client| !found.iter().any(|place| place.client == *client));
    let is_any_found = !found.is_empty();
    let mut choices: Vec<(String, Option<Client>)> = found
        .iter()
        .map(|place| (format!("{} ({})", place.client.title(), place.path.display()), Some(place.client)))
        .collect();
    choices.extend(rest.map(|client| (format!("{}, not found here", client.title()), Some(client))));
    choices.push(("another one: print the JSON to paste in".to_owned(), None));
    let usual = if is_any_found { 0 } else { choices.len() - 1 };
    let Some(client) = *guide.choose("Which client?", &choices, usual)? else { return Ok(None) };
    let path = match client.path(guide.env, None) {
        Some(path) => path,
        None => {
            let folder = guide.line(&format!("Folder of {}", client.title()), None, |text| {
                if Path::new(text).is_dir() { Ok(()) } else { Err(format!("{text} is not a folder")) }
            })?;
            client.path(guide.env, Some(Path::new(&folder))).ok_or_else(|| {
                Failure::mendable(
                    "there is no place for the client's file",
                    "m4 config --output FILE writes one",
                )
            })?
        }
    };
    Ok(Some(Place { client, path }))
}

/// The clients that are on this machine: those with a file or a folder of their own, or with a program on `PATH`.
pub(in crate::commands) fn found(env: &Environment) -> Vec<Place> {
    let home = env.base_dirs().map(|dirs| dirs.home.clone());
    let places = Client::users_files(env).map(|(client, path)| Place { client, path });
    let is_here = |place: &Place| {
        let folder = place.path.parent().filter(|folder| Some(*folder) != home.as_deref());
        place.path.is_file()
            || folder.is_some_and(Path::is_dir)
            || program(place.client).is_some_and(|program| env.find_program(program).is_some())
    };
    places.filter(is_here).collect()
}

/// The variables of the entry called `name` in a client's file; empty where there is none, or none that is understood.
pub(in crate::commands) fn variables(place: &Place, name: &str) -> Map<String, Value> {
    let entry = ClientFile::read(place.client, &place.path).and_then(|file| file.entry(name));
    entry.ok().flatten().and_then(|entry| shape::variables(&entry).ok()).unwrap_or_default()
}

/// The entry called `name` in the text of a client's file.
pub(in crate::commands) fn entry(client: Client, text: &str, name: &str) -> Option<Map<String, Value>> {
    let document = Document::parse(client.format(), text).ok()?;
    match document.value(&[client.servers_key(), name]) {
        Some(Value::Object(entry)) => Some(entry),
        _ => None,
    }
}

/// The program that is called like the client, where it has one.
const fn program(client: Client) -> Option<&'static str> {
    match client {
        Client::ClaudeCode => Some("claude"),
        Client::Cursor => Some("cursor"),
        Client::VsCode => Some("code"),
        Client::Windsurf => Some("windsurf"),
        Client::Codex => Some("codex"),
        Client::Gemini => Some("gemini"),
        Client::Zed => Some("zed"),
        Client::Claude | Client::Cline | Client::LibreChat => None,
    }
}
