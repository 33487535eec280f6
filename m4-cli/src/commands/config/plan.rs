//! What writing a client's file would change, known before anything is written.

use std::path::Path;
use std::time::SystemTime;

use mcp_server::env::Environment;
use serde_json::Value;

use super::server_name;
use crate::args::ServerArgs;
use crate::clients::document::Document;
use crate::clients::entry::{self, Entry};
use crate::clients::file::ClientFile;
use crate::clients::replace::{ReplaceError, Replacement, Turn, Written};
use crate::clients::{Client, shape};
use crate::failure::Failure;

/// A client's file before and after.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Plan {
    client: Client,
    name: String,
    entry: Entry,
    before: Option<String>,
    replacement: Replacement,
}

/// Reads the client's file at `path` and works out what it would be with the entry that `args` ask for.
pub(in crate::commands) fn plan(
    client: Client,
    path: &Path,
    args: &ServerArgs,
    env: &Environment,
) -> Result<Plan, Failure> {
    plan_for(client, path, &super::server(env)?, args, env)
}

/// The same, for a server's program that is known.
pub(super) fn plan_for(
    client: Client,
    path: &Path,
    server: &Path,
    args: &ServerArgs,
    env: &Environment,
) -> Result<Plan, Failure> {
    let name = server_name(args)?;
    let file = ClientFile::read(client, path)?;
    let entry = Entry::new(Some(client), file.entry(name)?.as_ref(), server, args, env)?;
    let before = file.text().map(str::to_owned);
    let replacement = file.with_entry(name, entry.fields())?;
    Ok(Plan { client, name: name.to_owned(), entry, before, replacement })
}

impl Plan {
    /// The file's text; `None` where there is no file. It may hold secrets of other servers.
    pub(in crate::commands) fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// The text that would be written. It may hold secrets of other servers.
    pub(in crate::commands) fn after(&self) -> &str {
        &self.replacement.content
    }

    /// The file.
    pub(in crate::commands) fn path(&self) -> &Path {
        &self.replacement.path
    }

    /// The entry as it may be shown, in the client's own format and under the client's own key.
    pub(in crate::commands) fn shown(&self) -> Result<String, Failure> {
        let mut document = Document::parse(self.client.format(), "")?;
        document.set(&[self.client.servers_key(), &self.name], &self.entry())?;
        Ok(document.text())
    }

    /// The entry as it may be shown.
    pub(in crate::commands) fn entry(&self) -> Value {
        self.entry.shown()
    }

    /// What the user still has to do so that calls are let in.
    pub(in crate::commands) fn advice(&self) -> Option<&'static str> {
        self.entry.advice()
    }

    /// What in the entry was kept though it should not be there.
    pub(in crate::commands) fn warnings(&self) -> Vec<String> {
        let name = &self.name;
        let mut warnings: Vec<_> = entry::secrets(self.entry.fields())
            .into_iter()
            .map(|secret| {
                format!(
                    "{secret} is in the entry `{name}` and was kept: other programs and people can read this file. \
                     Log in with `m4 login`, then delete it there and in the copies of the file"
                )
            })
            .collect();
        if let Some(folder) = shape::missing_folder(self.entry.fields()) {
            warnings.push(format!(
                "`cwd` of the entry `{name}` is {folder}, which is no folder, so the server will not start: delete it there"
            ));
        }
        warnings
    }

    /// Writes it, unless the file changed meanwhile, keeping the old file under the time `now`.
    pub(in crate::commands) fn write(self, now: SystemTime) -> Result<Written, Failure> {
        let turn = Turn::wait(self.path())?;
        Ok(self.write_in(&turn, now)?)
    }

    /// The same, in a turn that was waited for before the file was read.
    pub(super) fn write_in(self, turn: &Turn, now: SystemTime) -> Result<Written, ReplaceError> {
        self.replacement.write(turn, now)
    }
}
