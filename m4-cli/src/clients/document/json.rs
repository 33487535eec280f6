//! JSON with comments and trailing commas, changed by cutting and pasting in the text.

use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Number, Value};

use super::{Change, DEEPEST, NotUnderstood, line_end, line_indent, line_start, position};

/// What the text says.
pub(super) fn read(text: &str) -> Result<Value, NotUnderstood> {
    match parse(text)? {
        None => Ok(Value::Object(Map::new())),
        Some(node @ Node::Object(_)) => to_value(text, &node, 0),
        // A value that is not even well-formed is said to be that rather than to be of the wrong kind.
        Some(node) => to_value(text, &node, 0).and(Err(NotUnderstood::NotAMapping(NAME))),
    }
}

/// The text with a change made in it.
pub(super) fn apply(text: &str, change: &Change) -> Result<String, NotUnderstood> {
    let Some(Node::Object(root)) = parse(text)? else { return in_empty(text, change) };
    let layout = Layout::of(text, &root);
    match change {
        Change::Insert { parent, key, value } => {
            let object = object_at(&root, parent)?;
            Ok(layout.insert(object, key, value))
        }
        Change::Replace { path, value } => {
            let property = property_at(&root, path)?;
            let range = property.value.range();
            let written = if layout.begins_line(property.range.start) {
                layout.pretty(value, line_indent(text, range.start))
            } else {
                compact(value)
            };
            Ok(splice(text, [(range.start..range.end, written)]))
        }
        Change::Delete { path, .. } => {
            let (key, parent) = path.split_last().ok_or(GONE)?;
            let object = object_at(&root, parent)?;
            let index =
                object.properties.iter().position(|property| property.name.as_str() == key).ok_or(GONE)?;
            Ok(layout.delete(object, index))
        }
    }
}

fn parse(text: &str) -> Result<Option<Node<'_>>, NotUnderstood> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    parse_to_ast(text, &CollectOptions::default(), &options).map(|parsed| parsed.value).map_err(|error| {
        match error.kind() {
            ParseErrorKind::NestingDepthExceeded => NotUnderstood::TooDeep,
            _ => syntax(text, error.range().start),
        }
    })
}

fn syntax(text: &str, byte: usize) -> NotUnderstood {
    let (line, column) = position(text, byte);
    NotUnderstood::Syntax { format: NAME, line, column }
}

fn to_value(text: &str, node: &Node<'_>, depth: usize) -> Result<Value, NotUnderstood> {
    if depth > DEEPEST {
        return Err(NotUnderstood::TooDeep);
    }
    Ok(match node {
        Node::NullKeyword(_) => Value::Null,
        Node::BooleanLit(literal) => Value::Bool(literal.value),
        Node::StringLit(literal) => {
            refuse_control_characters(text, &literal.range)?;
            Value::String(literal.value.clone().into_owned())
        }
        Node::NumberLit(literal) => {
            let number: Result<Number, _> = serde_json::from_str(literal.value);
            Value::Number(number.map_err(|_| syntax(text, literal.range.start))?)
        }
        Node::Array(array) => {
            let items = array.elements.iter().map(|item| to_value(text, item, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Node::Object(object) => {
            let mut mapping = Map::new();
            for property in &object.properties {
                refuse_control_characters(text, &property.name.range())?;
                let value = to_value(text, &property.value, depth + 1)?;
                if mapping.insert(property.name.as_str().to_owned(), value).is_some() {
                    let (line, column) = position(text, property.range.start);
                    return Err(NotUnderstood::RepeatedKey { line, column });
                }
            }
            Value::Object(mapping)
        }
    })
}

/// The parser takes a string that runs over a line's end, which is mostly one whose end was forgotten.
fn refuse_control_characters(text: &str, literal: &jsonc_parser::common::Range) -> Result<(), NotUnderstood> {
    match text[literal.start..literal.end].find(|c| c < ' ') {
        Some(at) => Err(syntax(text, literal.start + at)),
        None => Ok(()),
    }
}

fn object_at<'a, 't>(root: &'a Object<'t>, path: &[String]) -> Result<&'a Object<'t>, NotUnderstood> {
    path.iter().try_fold(root, |object, key| object.get_object(key).ok_or(GONE))
}

fn property_at<'a, 't>(root: &'a Object<'t>, path: &[String]) -> Result<&'a ObjectProp<'t>, NotUnderstood> {
    let (key, parent) = path.split_last().ok_or(GONE)?;
    object_at(root, parent)?.get(key).ok_or(GONE)
}

/// A text without a value in it gets one after its comments.
fn in_empty(text: &str, change: &Change) -> Result<String, NotUnderstood> {
    let Change::Insert { key, value, .. } = change else { return Err(GONE) };
    let object = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
    let layout = Layout { text, line_end: line_end(text), unit: DEFAULT_INDENT };
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { layout.line_end };
    Ok(format!("{text}{gap}{}{}", layout.pretty(&object, ""), layout.line_end))
}

/// How a text is laid out.
struct Layout<'t> {
    text: &'t str,
    line_end: &'static str,
    /// One step of indentation.
    unit: &'t str,
}

impl<'t> Layout<'t> {
    fn of(text: &'t str, root: &Object<'_>) -> Self {
        let indents = root.properties.iter().map(|property| line_indent(text, property.range.start));
        let unit = indents.into_iter().find(|indent| !indent.is_empty());
        let unit =
            unit.or_else(|| text.lines().map(|line| line_indent(line, 0)).find(|indent| !indent.is_empty()));
        Self { text, line_end: line_end(text), unit: unit.unwrap_or(DEFAULT_INDENT) }
    }

    fn insert(&self, object: &Object<'_>, key: &str, value: &Value) -> String {
        let close = object.range.end - 1;
        let (Some(first), Some(last)) = (object.properties.first(), object.properties.last()) else {
            return self.insert_first(object, key, value);
        };
        let comma = find_comma(self.text, last.range.end, close);
        if !self.begins_line(first.range.start) {
            let property = format!("{}: {}", quoted(key), compact(value));
            return match comma {
                Some(comma) => splice(self.text, [(comma + 1..comma + 1, format!(" {property},"))]),
                None => splice(self.text, [(last.range.end..last.range.end, format!(", {property}"))]),
            };
        }
        let indent = line_indent(self.text, first.range.start);
        let property = format!("{}{indent}{}: {}", self.line_end, quoted(key), self.pretty(value, indent));
        let after = comma.map_or(last.range.end, |comma| comma + 1);
        let place = line_tail(self.text, after).unwrap_or(after);
        match comma {
            Some(_) => splice(self.text, [(place..place, format!("{property},"))]),
            None => splice(self.text, [(after..after, ",".to_owned()), (place..place, property)]),
        }
    }

    /// Into an object that has nothing but space and comments in it.
    fn insert_first(&self, object: &Object<'_>, key: &str, value: &Value) -> String {
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let kept = open + self.text[open..close].trim_end().len();
        let outer = line_indent(self.text, object.range.start);
        let indent = format!("{outer}{}", self.unit);
        let (key, value) = (quoted(key), self.pretty(value, &indent));
        let line = self.line_end;
        splice(self.text, [(kept..close, format!("{line}{indent}{key}: {value}{line}{outer}"))])
    }

    fn delete(&self, object: &Object<'_>, index: usize) -> String {
        let text = self.text;
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let property = &object.properties[index].range;
        let comma = find_comma(text, property.end, close);
        let end = comma.map_or(property.end, |comma| comma + 1);
        if text[open..property.start].trim().is_empty() && text[end..close].trim().is_empty() {
            return splice(text, [(open..close, String::new())]);
        }
        let lines = self.begins_line(property.start).then(|| line_tail(text, end)).flatten();
        let before = index.checked_sub(1).map(|before| object.properties[before].range.end);
        let comma_before = before.and_then(|before| find_comma(text, before, property.start));
        // The last one takes the comma before it along, because the text need not allow a trailing one.
        let superfluous = comma_before.filter(|_| comma.is_none());
        let cut = match lines {
            Some(tail) => self.whole_lines(property.start, tail),
            None if superfluous.is_some_and(|comma| text[comma + 1..property.start].trim().is_empty()) => {
                superfluous.unwrap_or(property.start)..end
            }
            None if index + 1 == object.properties.len() => {
                text[..property.start].trim_end_matches([' ', '\t']).len()..end
            }
            None => property.start..end + spaces(&text[end..]),
        };
        match superfluous {
            Some(comma) if comma < cut.start => {
                splice(text, [(comma..comma + 1, String::new()), (cut, String::new())])
            }
            _ => splice(text, [(cut, String::new())]),
        }
    }

    /// From the end of the line before to the end of the last line; with the first line of a text, its own end.
    fn whole_lines(&self, start: usize, tail: usize) -> Range<usize> {
        match self.text[..start].rfind('\n') {
            Some(newline) if self.text[..newline].ends_with('\r') => newline - 1..tail,
            Some(newline) => newline..tail,
            None => start..tail,
        }
    }

    fn begins_line(&self, byte: usize) -> bool {
        self.text[line_start(self.text, byte)..byte].trim().is_empty()
    }

    fn pretty(&self, value: &Value, indent: &str) -> String {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.unit.as_bytes());
        if value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).is_err() {
            return compact(value);
        }
        // Inside strings JSON escapes line ends, so these are all layout.
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.line_end))
    }
}

/// In one line, with a space after each comma and colon.
fn compact(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        Value::Object(mapping) => {
            let entries = mapping.iter().map(|(key, value)| format!("{}: {}", quoted(key), compact(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn quoted(key: &str) -> String {
    Value::from(key).to_string()
}

/// The comma between `from` and `to`, where nothing else but space and comments may be.
fn find_comma(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    while at < to {
        let rest = &text[at..to];
        if rest.starts_with(',') {
            return Some(at);
        }
        at += comment(rest).or_else(|| rest.chars().next().map(char::len_utf8))?;
    }
    None
}

/// The length of the comment a text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        let end = text.find('\n').unwrap_or(text.len());
        return Some(text[..end].trim_end_matches('\r').len());
    }
    let body = text.strip_prefix("/*")?;
    body.find("*/").map(|end| end + 4)
}

/// Where the line ends, if there is nothing but space and comments until then.
fn line_tail(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = &text[at..];
        if rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n") {
            return Some(at);
        }
        let step = comment(rest).filter(|length| !rest[..*length].contains('\n')).unwrap_or(spaces(rest));
        if step == 0 {
            return None;
        }
        at += step;
    }
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// The text with pieces of it replaced, which are in order.
fn splice<const N: usize>(text: &str, pieces: [(Range<usize>, String); N]) -> String {
    let mut spliced = String::with_capacity(text.len());
    let mut from = 0;
    for (range, with) in pieces {
        spliced.push_str(&text[from..range.start]);
        spliced.push_str(&with);
        from = range.end;
    }
    spliced.push_str(&text[from..]);
    spliced
}

const NAME: &str = "JSON";
const DEFAULT_INDENT: &str = "  ";
const GONE: NotUnderstood = NotUnderstood::CannotBeEdited("what is to be changed is not where it was");
