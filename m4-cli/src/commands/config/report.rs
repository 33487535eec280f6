//! What `m4 config` answers with `--json`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::clients::replace::Written;
use crate::output::Paths;

/// What was printed, written or removed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClientConfig")]
pub(in crate::commands) struct Report {
    /// The client, as it is typed; `null` where the JSON is for any.
    pub(super) client: Option<&'static str>,
    /// What the client calls the server.
    pub(super) server_name: String,
    /// Its file; `null` where nothing was to be written.
    pub(super) file: Option<String>,
    /// What was done.
    pub(super) action: Action,
    /// The copy of the old file; `null` where there is none.
    pub(super) backup: Option<String>,
    /// The entry, without secrets; `null` where it was removed.
    pub(super) entry: Option<Value>,
}

/// What was done with the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    /// It was printed, here.
    Printed,
    /// It was put into the file.
    Written,
    /// It was there already, as it is to be.
    Unchanged,
    /// It was taken out of the file.
    Removed,
    /// There was none to remove.
    Absent,
}

impl Report {
    /// With what writing came to.
    pub(super) fn with(mut self, written: &Written, done: Action, paths: &Paths) -> Self {
        self.action = if *written == Written::Unchanged { Action::Unchanged } else { done };
        if let Written::Replaced(backup) = written {
            self.backup = Some(paths.path(backup));
        }
        self
    }
}

/// An entry with only such paths in it as may be shown.
pub(super) fn with_paths(entry: Value, paths: &Paths) -> Value {
    match entry {
        Value::String(text) => Value::String(paths.in_text(&text)),
        Value::Array(items) => items.into_iter().map(|item| with_paths(item, paths)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, with_paths(value, paths))).collect())
        }
        other => other,
    }
}
