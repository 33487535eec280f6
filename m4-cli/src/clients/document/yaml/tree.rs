//! What a YAML text says and where it says it.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::super::{DEEPEST, NotUnderstood, position};
use super::NAME;

/// A part of the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// From its first to its last byte, without comments and line ends after it.
    pub(super) span: Range<usize>,
    /// It has an anchor or a tag, which stand before its span.
    pub(super) marked: bool,
}

/// What a part of the text is.
#[derive(Debug)]
pub(super) enum Kind {
    /// `*name`, which is not followed.
    Alias(String),
    Scalar(Value),
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        flow: bool,
    },
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// The same as JSON.
    pub(super) fn value(&self) -> Value {
        match &self.kind {
            Kind::Alias(name) => Value::from(name.as_str()),
            Kind::Scalar(value) => value.clone(),
            Kind::Sequence(items) => items.iter().map(Self::value).collect(),
            Kind::Mapping { entries, .. } => {
                let entries = entries.iter().map(|entry| (entry.key.clone(), entry.value.value()));
                Value::Object(entries.collect())
            }
        }
    }

    /// Whether anything in it has an anchor or a tag.
    pub(super) fn has_marks(&self) -> bool {
        self.marked
            || match &self.kind {
                Kind::Alias(_) | Kind::Scalar(_) => false,
                Kind::Sequence(items) => items.iter().any(Self::has_marks),
                Kind::Mapping { entries, .. } => entries.iter().any(|entry| entry.value.has_marks()),
            }
    }
}

/// Reads a text of one document; `None` where there is none.
pub(super) fn parse(text: &str) -> Result<Option<Node>, NotUnderstood> {
    let bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
    let mut reader = Reader { text, bytes, parser: Parser::new_from_str(text) };
    let mut root = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(root),
            (Event::DocumentStart(_), _) if root.is_some() => {
                return Err(NotUnderstood::CannotBeEdited("it has several documents"));
            }
            (Event::DocumentStart(_), _) => {
                let (event, span) = reader.next()?;
                root = Some(reader.node(event, span, 0)?);
            }
            _ => {}
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Where each character starts, because the parser counts in characters.
    bytes: Vec<usize>,
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), NotUnderstood> {
        match self.parser.next_event() {
            Some(event) => event.map_err(|error| self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> NotUnderstood {
        let (line, column) = position(self.text, self.byte(error.marker()));
        NotUnderstood::Syntax { format: NAME, line, column }
    }

    fn byte(&self, marker: &Marker) -> usize {
        self.bytes.get(marker.index()).copied().unwrap_or(self.text.len())
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, NotUnderstood> {
        if depth > DEEPEST {
            return Err(NotUnderstood::TooDeep);
        }
        let start = self.byte(&span.start);
        match event {
            Event::Alias(_) => {
                let span = start..self.byte(&span.end);
                let name = self.text[span.clone()].trim_end().to_owned();
                Ok(Node { kind: Kind::Alias(name), span, marked: false })
            }
            Event::Scalar(text, style, anchor, tag) => {
                let marked = anchor != 0 || tag.is_some();
                let kind = Kind::Scalar(scalar(&text, style, tag.as_deref()));
                Ok(Node { kind, span: start..self.byte(&span.end), marked })
            }
            Event::SequenceStart(anchor, tag) => self.sequence(start, anchor != 0 || tag.is_some(), depth),
            Event::MappingStart(anchor, tag) => self.mapping(start, anchor != 0 || tag.is_some(), depth),
            _ => Err(NotUnderstood::CannotBeEdited("it has a part that is not understood")),
        }
    }

    fn sequence(&mut self, start: usize, marked: bool, depth: usize) -> Result<Node, NotUnderstood> {
        let flow = self.text[start..].starts_with('[');
        let (mut items, mut end): (Vec<Node>, _) = (Vec::new(), start);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let end = if flow { self.byte(&span.end) } else { end };
                return Ok(Node { kind: Kind::Sequence(items), span: start..end, marked });
            }
            let item = self.node(event, span, depth + 1)?;
            end = item.span.end;
            items.push(item);
        }
    }

    fn mapping(&mut self, start: usize, marked: bool, depth: usize) -> Result<Node, NotUnderstood> {
        let flow = self.text[start..].starts_with('{');
        let (mut entries, mut end): (Vec<Entry>, _) = (Vec::new(), start);
        let mut seen = Map::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                let end = if flow { self.byte(&span.end) } else { end };
                return Ok(Node { kind: Kind::Mapping { entries, flow }, span: start..end, marked });
            }
            let key_span = self.byte(&span.start)..self.byte(&span.end);
            let Event::Scalar(key, ..) = event else {
                return Err(NotUnderstood::CannotBeEdited("it has a key that is not a word"));
            };
            if seen.insert(key.to_string(), Value::Null).is_some() {
                let (line, column) = position(self.text, key_span.start);
                return Err(NotUnderstood::RepeatedKey { line, column });
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            // A value that is not there stands where the next thing does.
            end = if value.span.is_empty() { key_span.end } else { value.span.end };
            entries.push(Entry { key: key.into_owned(), key_span, value });
        }
    }
}

/// A scalar by YAML's core schema (1.2.2, 10.3.2).
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::from(text), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits_of(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits_of(digits, 8);
    }
    let starts = text.trim_start_matches(['+', '-', '.']);
    let shape = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if !starts.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(shape) {
        return None;
    }
    let whole = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = whole.parse::<i64>() {
        return Some(Number::from(number));
    }
    whole.parse::<u64>().map(Number::from).ok().or_else(|| Number::from_f64(whole.parse().ok()?))
}

fn digits_of(digits: &str, radix: u32) -> Option<Number> {
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    plain.then(|| u64::from_str_radix(digits, radix).ok()).flatten().map(Number::from)
}
