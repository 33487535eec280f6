//! Values as lines of YAML.

use serde_json::{Map, Value};

/// How new lines are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) line_end: &'static str,
    /// One step of indentation, in spaces.
    pub(super) unit: usize,
}

impl Layout {
    /// `key: value` in lines that start at `column`, without a line end after the last.
    pub(super) fn entry(self, column: usize, key: &str, value: &Value) -> String {
        format!("{}{}:{}", " ".repeat(column), text(key), self.after_colon(column, value))
    }

    /// What stands after the colon of a key at `column`.
    pub(super) fn after_colon(self, column: usize, value: &Value) -> String {
        match value {
            Value::Object(mapping) if !mapping.is_empty() => {
                format!("{}{}", self.line_end, self.entries(column + self.unit, mapping))
            }
            Value::Array(items) if !items.is_empty() => {
                let indent = " ".repeat(column + self.unit);
                let lines = items.iter().map(|item| format!("{}{indent}- {}", self.line_end, in_line(item)));
                lines.collect()
            }
            value => format!(" {}", in_line(value)),
        }
    }

    /// Each key of a mapping in lines that start at `column`.
    pub(super) fn entries(self, column: usize, mapping: &Map<String, Value>) -> String {
        let entries = mapping.iter().map(|(key, value)| self.entry(column, key, value));
        entries.collect::<Vec<_>>().join(self.line_end)
    }
}

/// Whether a value is written on the line of its key.
pub(super) fn fits_in_line(value: &Value) -> bool {
    match value {
        Value::Object(mapping) => mapping.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// A value in one line, mappings and lists in braces and brackets.
pub(super) fn in_line(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => format!("[{}]", items.iter().map(in_line).collect::<Vec<_>>().join(", ")),
        Value::Object(mapping) => {
            let entries = mapping.iter().map(|(key, value)| format!("{}: {}", text(key), in_line(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// Plain where no reader, of YAML 1.1 or 1.2, could take it for anything else than this text; quoted otherwise.
fn text(text: &str) -> String {
    let first = |c: char| c.is_ascii_alphabetic() || c == '/';
    let all = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '+');
    let plain = text.starts_with(first) && text.chars().all(all) && !text.ends_with(':');
    if plain && !RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return text.to_owned();
    }
    let quoted = Value::from(text).to_string();
    // JSON leaves these as they are, YAML does not allow them or takes them for line ends.
    let unprintable = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let escaped = |c: char| match c {
        c if unprintable(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    quoted.chars().map(escaped).collect::<Vec<_>>().concat()
}

const RESERVED: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
