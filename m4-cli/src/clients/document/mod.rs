//! A client's configuration file, edited in its own format: what is not changed stays byte for byte.
//!
//! Each format (JSON, TOML, YAML) reads a text into one JSON value and makes three changes in the text: put a
//! key into a mapping, replace a value, delete a key. This module finds the fewest such changes and gives a new text out
//! only after it was read again and held exactly the old value with the change applied.

mod json;
mod toml;
mod yaml;

use mcp_server::error::Explain;
use serde_json::{Map, Value};

/// How a configuration file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, in which comments and trailing commas are understood and kept.
    Json,
    /// TOML 1.1.
    Toml,
    /// YAML 1.2, one document.
    Yaml,
}

/// A configuration file's text and what it says.
#[derive(Debug, Clone)]
pub struct Document {
    format: Format,
    byte_order_mark: bool,
    /// Without the byte order mark.
    text: String,
    /// Always a mapping.
    value: Value,
}

impl Document {
    /// Reads a text; one with nothing but comments in it counts as an empty mapping.
    pub fn parse(format: Format, text: &str) -> Result<Self, NotUnderstood> {
        if text.len() > MOST_BYTES {
            return Err(NotUnderstood::TooLarge);
        }
        let (byte_order_mark, text) = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let value = read(format, text)?;
        Ok(Self { format, byte_order_mark, text: text.to_owned(), value })
    }

    /// What is at a path of keys, as JSON.
    ///
    /// What JSON has no word for is a string: dates and infinite numbers of TOML and YAML, and YAML's aliases (`*name`), which
    /// are not followed.
    pub fn value(&self, path: &[&str]) -> Option<Value> {
        at(&self.value, path).cloned()
    }

    /// Makes the value at `path` equal to `value`, with mappings on the way to it where there are none.
    ///
    /// Where both are mappings, only keys that differ are touched, and those that `value` has not are deleted. A list that
    /// differs is written anew, and comments inside it are lost. After an error the document is as it was.
    pub fn set(&mut self, path: &[&str], value: &Value) -> Result<(), NotUnderstood> {
        let mut changes = Vec::new();
        find_changes(self.format, &self.value, path, value, &mut changes)?;
        if changes.is_empty() {
            return Ok(());
        }
        let mut expected = self.value.clone();
        put(&mut expected, path, value);
        self.apply(&changes, &[expected])
    }

    /// Deletes the key at the end of `path` with the comments inside its value; `false` where there is none.
    pub fn remove(&mut self, path: &[&str]) -> Result<bool, NotUnderstood> {
        let Some((key, parent)) = path.split_last() else { return Ok(false) };
        let mut expected = self.value.clone();
        let mapping = at_mut(&mut expected, parent).and_then(Value::as_object_mut);
        if mapping.and_then(|mapping| mapping.shift_remove(*key)).is_none() {
            return Ok(false);
        }
        let mut acceptable = vec![expected];
        if self.format == Format::Toml {
            acceptable.extend(without_emptied(&acceptable[0], parent));
        }
        self.apply(&[Change::Delete { path: owned(path), keeps_parent: false }], &acceptable)?;
        Ok(true)
    }

    /// The text, byte for byte as read where nothing was changed.
    pub fn text(&self) -> String {
        if self.byte_order_mark { format!("{BYTE_ORDER_MARK}{}", self.text) } else { self.text.clone() }
    }

    fn apply(&mut self, changes: &[Change], acceptable: &[Value]) -> Result<(), NotUnderstood> {
        let mut text = self.text.clone();
        for change in changes {
            text = match self.format {
                Format::Json => json::apply(&text, change),
                Format::Toml => toml::apply(&text, change),
                Format::Yaml => yaml::apply(&text, change),
            }
            .map_err(NotUnderstood::of_a_change)?;
        }
        if text.len() > MOST_BYTES {
            return Err(NotUnderstood::TooLarge);
        }
        match read(self.format, &text) {
            Ok(value) if acceptable.contains(&value) => {
                (self.text, self.value) = (text, value);
                Ok(())
            }
            _ => Err(NotUnderstood::CannotBeEdited(NOT_READ_BACK)),
        }
    }
}

/// The text is not understood, or cannot be changed safely. Says where, never what, because such files hold keys and tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// More than any client's configuration.
    #[error("it is larger than 16 MiB")]
    TooLarge,
    /// Nested deeper than any client's configuration.
    #[error("it is nested more than 128 deep, or 80 in TOML")]
    TooDeep,
    /// The format's grammar forbids it.
    #[error("it is not {format} at line {line}, column {column}")]
    Syntax {
        /// What it should be.
        format: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
    },
    /// A key stands twice in one mapping, and only one of the two could be kept.
    #[error("it names a key twice in one mapping, at line {line}, column {column}")]
    RepeatedKey {
        /// Where the second one is, counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
    },
    /// The whole text is something else than a mapping.
    #[error("it is {0}, but not a mapping of keys to values")]
    NotAMapping(&'static str),
    /// A value stands where a mapping has to be.
    #[error("`{0}` in it is not a mapping of keys to values")]
    InTheWay(String),
    /// It is written in a way that is read, but not changed, without risk to the rest.
    #[error("it cannot be changed without risk to the rest of it: {0}")]
    CannotBeEdited(&'static str),
    /// The new value has no form in this format.
    #[error("{format} cannot hold {what}")]
    NoSuchValue {
        /// The format.
        format: &'static str,
        /// What it has no form for.
        what: &'static str,
    },
}

impl NotUnderstood {
    /// The text was understood when it was read, so a place that is not is one in a text half changed.
    fn of_a_change(self) -> Self {
        match self {
            Self::CannotBeEdited(_) | Self::NoSuchValue { .. } | Self::InTheWay(_) => self,
            _ => Self::CannotBeEdited(NOT_READ_BACK),
        }
    }
}

impl Explain for NotUnderstood {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::TooLarge | Self::TooDeep => {
                "check that this is the client's configuration; nothing was changed"
            }
            Self::Syntax { .. } | Self::NotAMapping(_) => {
                "correct the file there, or print the entry with `m4 config` and paste it in; nothing was changed"
            }
            Self::RepeatedKey { .. } => "delete one of the two, or rename it; nothing was changed",
            Self::InTheWay(_) => "make it a mapping, or delete it; nothing was changed",
            Self::CannotBeEdited(_) | Self::NoSuchValue { .. } => {
                "print the entry with `m4 config` and put it into the file by hand; nothing was changed"
            }
        };
        Some(hint.to_owned())
    }
}

/// One change of a text. Paths lead through mappings that are there.
#[derive(Debug)]
enum Change {
    /// Puts a key that is not there into the mapping `parent`.
    Insert { parent: Vec<String>, key: String, value: Value },
    /// Replaces the value of a key that is there.
    Replace { path: Vec<String>, value: Value },
    /// Deletes a key that is there. `keeps_parent` where the mapping it was in has to be there even when it is empty now.
    Delete { path: Vec<String>, keeps_parent: bool },
}

fn read(format: Format, text: &str) -> Result<Value, NotUnderstood> {
    match format {
        Format::Json => json::read(text),
        Format::Toml => toml::read(text),
        Format::Yaml => yaml::read(text),
    }
}

/// The changes that bring `new` to `path` in `old`.
fn find_changes(
    format: Format,
    old: &Value,
    path: &[&str],
    new: &Value,
    changes: &mut Vec<Change>,
) -> Result<(), NotUnderstood> {
    let mut here = old;
    for (depth, key) in path.iter().enumerate() {
        let Value::Object(mapping) = here else {
            // A YAML key with nothing after it is how people begin a mapping.
            if here.is_null() && format == Format::Yaml && depth > 0 {
                let value = nested(&path[depth..], new);
                changes.push(Change::Replace { path: owned(&path[..depth]), value });
                return Ok(());
            }
            return Err(NotUnderstood::InTheWay(path[..depth].join(".")));
        };
        let Some(next) = mapping.get(*key) else {
            let value = nested(&path[depth + 1..], new);
            changes.push(Change::Insert { parent: owned(&path[..depth]), key: (*key).to_owned(), value });
            return Ok(());
        };
        here = next;
    }
    differences(here, new, &owned(path), changes);
    Ok(())
}

fn differences(old: &Value, new: &Value, path: &[String], changes: &mut Vec<Change>) {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        if old != new {
            changes.push(Change::Replace { path: path.to_owned(), value: new.clone() });
        }
        return;
    };
    let below = |key: &String| [path, std::slice::from_ref(key)].concat();
    for (key, value) in after {
        match before.get(key) {
            Some(old) => differences(old, value, &below(key), changes),
            None => changes.push(Change::Insert {
                parent: path.to_owned(),
                key: key.clone(),
                value: value.clone(),
            }),
        }
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    changes.extend(gone.map(|key| Change::Delete { path: below(key), keeps_parent: true }));
}

/// `value` inside the mappings that `keys` name.
fn nested(keys: &[&str], value: &Value) -> Value {
    keys.iter()
        .rev()
        .fold(value.clone(), |inner, key| Value::Object(Map::from_iter([((*key).to_owned(), inner)])))
}

fn put(root: &mut Value, path: &[&str], value: &Value) {
    let mut here = root;
    for key in path {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        let Value::Object(mapping) = here else { return };
        here = mapping.entry(*key).or_insert(Value::Null);
    }
    *here = value.clone();
}

/// `value` without the mappings on the way to `path` that have nothing in them: a TOML table that only its sections named
/// goes with the last of them.
fn without_emptied(value: &Value, path: &[&str]) -> Vec<Value> {
    let mut steps = Vec::new();
    let mut here = value.clone();
    for depth in (1..=path.len()).rev() {
        if at(&here, &path[..depth]).is_none_or(|mapping| *mapping != Value::Object(Map::new())) {
            break;
        }
        let parent = at_mut(&mut here, &path[..depth - 1]).and_then(Value::as_object_mut);
        parent.and_then(|mapping| mapping.shift_remove(path[depth - 1]));
        steps.push(here.clone());
    }
    steps
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |here, key| here.as_object()?.get(*key))
}

fn at_mut<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |here, key| here.as_object_mut()?.get_mut(*key))
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|key| (*key).to_owned()).collect()
}

/// The line and column of a byte, both counted from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The white space at the start of the line that `byte` is on.
fn line_indent(text: &str, byte: usize) -> &str {
    let line = &text[line_start(text, byte)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn line_start(text: &str, byte: usize) -> usize {
    text[..byte].rfind('\n').map_or(0, |end| end + 1)
}

/// The way the text ends its lines.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(end) if text[..end].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';
/// Largest text that is read: more than any client's configuration.
pub(super) const MOST_BYTES: usize = 16 << 20;
const DEEPEST: usize = 128;
const NOT_READ_BACK: &str = "the changed text would not say what it should";

#[cfg(test)]
mod tests;
