//! YAML, changed in the lines of the entry.
//!
//! No crate edits every YAML text without touching the rest of it, so [`tree`] reads where things stand, [`edit`] replaces
//! those lines and [`write`] writes new ones. Anchors, aliases, tags and merge keys are left alone: a change that would have
//! to go through one is refused.

mod edit;
mod tree;
mod write;

use serde_json::{Map, Value};

pub(super) use edit::apply;
use tree::{Kind, Node};

use super::NotUnderstood;

/// What the text says.
pub(super) fn read(text: &str) -> Result<Value, NotUnderstood> {
    match tree::parse(text)? {
        None | Some(Node { kind: Kind::Scalar(Value::Null), .. }) => Ok(Value::Object(Map::new())),
        Some(node @ Node { kind: Kind::Mapping { .. }, .. }) => Ok(node.value()),
        Some(_) => Err(NotUnderstood::NotAMapping(NAME)),
    }
}

const NAME: &str = "YAML";
