//! TOML, changed by `toml_edit`, which keeps comments, order and spelling.

use serde_json::Value;

use super::{Change, NotUnderstood};

pub(super) fn read(_: &str) -> Result<Value, NotUnderstood> {
    Err(NotUnderstood::CannotBeEdited("TOML comes in the next commit"))
}

pub(super) fn apply(_: &str, _: &Change) -> Result<String, NotUnderstood> {
    Err(NotUnderstood::CannotBeEdited("TOML comes in the next commit"))
}
