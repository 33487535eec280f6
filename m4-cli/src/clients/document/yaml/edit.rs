//! One change in the lines of a YAML text.

use std::ops::Range;

use serde_json::{Map, Value};

use super::super::{Change, NotUnderstood, line_end, line_start};
use super::tree::{self, Entry, Kind, Node};
use super::write::{Layout, fits_in_line, in_line};

/// The text with a change made in it.
pub(in super::super) fn apply(text: &str, change: &Change) -> Result<String, NotUnderstood> {
    let root = tree::parse(text)?;
    let mut lines = Lines { text, layout: Layout { line_end: line_end(text), unit: DEFAULT_UNIT } };
    if let Some(Node { kind: Kind::Mapping { entries, .. }, .. }) = &root {
        lines.layout.unit = entries.iter().find_map(|entry| lines.step(entry)).unwrap_or(DEFAULT_UNIT);
    }
    match (root, change) {
        (Some(root @ Node { kind: Kind::Mapping { .. }, .. }), change) => lines.change(&root, change),
        (_, Change::Insert { key, value, .. }) => Ok(lines.appended(key, value)),
        _ => Err(GONE),
    }
}

struct Lines<'t> {
    text: &'t str,
    layout: Layout,
}

impl Lines<'_> {
    fn change(&self, root: &Node, change: &Change) -> Result<String, NotUnderstood> {
        match change {
            Change::Insert { parent, key, value } => match parent.split_last() {
                None => self.insert(root, None, key, value),
                Some((last, above)) => {
                    let owner = entry_at(root, above, last)?;
                    self.insert(&owner.value, Some(owner), key, value)
                }
            },
            Change::Replace { path, value } => {
                let (key, parent) = path.split_last().ok_or(GONE)?;
                self.replace(entry_at(root, parent, key)?, value)
            }
            Change::Delete { path, .. } => {
                let (key, parent) = path.split_last().ok_or(GONE)?;
                let entry = entry_at(root, parent, key)?;
                let owner = match parent.split_last() {
                    Some((last, above)) => Some(entry_at(root, above, last)?),
                    None => None,
                };
                let siblings = owner.map_or(root, |owner| &owner.value);
                self.delete(siblings, owner, entry)
            }
        }
    }

    /// Into a text with nothing but comments, or an empty document, in it.
    fn appended(&self, key: &str, value: &Value) -> String {
        let line = self.layout.line_end;
        let gap = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { line };
        format!("{}{gap}{}{line}", self.text, self.layout.entry(0, key, value))
    }

    fn insert(
        &self,
        mapping: &Node,
        owner: Option<&Entry>,
        key: &str,
        value: &Value,
    ) -> Result<String, NotUnderstood> {
        let entries = entries(mapping)?;
        let Some(last) = entries.last() else {
            let value = Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
            return match owner {
                Some(owner) => self.replace(owner, &value),
                None => {
                    let Value::Object(mapping_lines) = &value else { return Err(GONE) };
                    Ok(self.spliced(mapping.span.clone(), &self.layout.entries(0, mapping_lines)))
                }
            };
        };
        if is_flow(mapping) {
            return Err(IN_BRACES);
        }
        let column = self.column(last)?;
        let place = self.end_with_comments(column, entry_end(last));
        let line = self.layout.line_end;
        let unit = entries.iter().rev().find_map(|entry| self.step(entry));
        let unit = unit.or_else(|| owner.and_then(|owner| self.step(owner))).unwrap_or(self.layout.unit);
        let lines = Layout { unit, ..self.layout }.entry(column, key, value);
        // A block scalar's span runs up to the start of the line after it.
        if place > 0 && self.text[..place].ends_with('\n') {
            return Ok(self.spliced(place..place, &format!("{lines}{line}")));
        }
        Ok(self.spliced(place..place, &format!("{line}{lines}")))
    }

    fn replace(&self, entry: &Entry, value: &Value) -> Result<String, NotUnderstood> {
        let old = &entry.value;
        if old.has_marks() {
            return Err(MARKED);
        }
        let column = self.column(entry)?;
        let colon = self.colon(entry)?;
        let there = !old.span.is_empty();
        let on_key_line = !there || !self.text[colon..old.span.start].contains('\n');
        if there && on_key_line && fits_in_line(value) {
            return Ok(self.spliced(old.span.clone(), &in_line(value)));
        }
        let written = self.layout.after_colon(column, value);
        let key_line_end = self.end_of_line(colon);
        let mut text = self.text.to_owned();
        if there && on_key_line {
            // What follows the old value in its line is a comment on the key as well.
            let place = self.end_of_line(old.span.end);
            text.insert_str(place, &written);
            let from = self.text[..old.span.start].trim_end_matches(' ').len();
            text.replace_range(from..old.span.end, "");
        } else if there {
            let place = self.end_of_line(old.span.end);
            let place = if self.text[..place].ends_with('\n') { place - 1 } else { place };
            if fits_in_line(value) {
                text.replace_range(key_line_end..place, "");
                text.insert_str(colon + 1, &written);
            } else {
                text.replace_range(key_line_end..place, &written);
            }
        } else if fits_in_line(value) {
            text.insert_str(colon + 1, &written);
        } else {
            text.insert_str(key_line_end, &written);
        }
        Ok(text)
    }

    fn delete(&self, siblings: &Node, owner: Option<&Entry>, entry: &Entry) -> Result<String, NotUnderstood> {
        if is_flow(siblings) {
            return Err(IN_BRACES);
        }
        if entry.value.has_marks() {
            return Err(MARKED);
        }
        let column = self.column(entry)?;
        let start = line_start(self.text, entry.key_span.start);
        let end = self.end_with_comments(column, entry_end(entry));
        let cut = if let Some(newline) =
            self.text[end..].find('\n').filter(|_| !self.text[..end].ends_with('\n'))
        {
            start..end + newline + 1
        } else if self.text[..end].ends_with('\n') {
            start..end
        } else {
            // The last line has no end, and the one before it is to be the last.
            self.text[..start].trim_end_matches('\n').trim_end_matches('\r').len()..end
        };
        let mut text = self.spliced(cut, "");
        if let (Some(owner), [_]) = (owner, entries(siblings)?) {
            text.insert_str(self.colon(owner)? + 1, " {}");
        }
        Ok(text)
    }

    /// How much further in a mapping is than the key it belongs to.
    fn step(&self, entry: &Entry) -> Option<usize> {
        let Kind::Mapping { entries, flow: false } = &entry.value.kind else { return None };
        let column = |entry: &Entry| entry.key_span.start - line_start(self.text, entry.key_span.start);
        column(entries.first()?).checked_sub(column(entry)).filter(|step| *step > 0)
    }

    /// The column of a key, which must be the first thing on its line.
    fn column(&self, entry: &Entry) -> Result<usize, NotUnderstood> {
        let before = &self.text[line_start(self.text, entry.key_span.start)..entry.key_span.start];
        if before.chars().all(|c| c == ' ') { Ok(before.len()) } else { Err(IN_BRACES) }
    }

    fn colon(&self, entry: &Entry) -> Result<usize, NotUnderstood> {
        let rest = &self.text[entry.key_span.end..];
        let colon = entry.key_span.end + rest.len() - rest.trim_start_matches(' ').len();
        if self.text[colon..].starts_with(':') { Ok(colon) } else { Err(GONE) }
    }

    /// Where the line that ends with or after `byte` ends, before its line end.
    fn end_of_line(&self, byte: usize) -> usize {
        if byte > 0 && self.text[..byte].ends_with('\n') {
            return byte;
        }
        let end = self.text[byte..].find('\n').map_or(self.text.len(), |end| byte + end);
        if self.text[byte..end].ends_with('\r') { end - 1 } else { end }
    }

    /// Where the lines of an entry end, whose key is at `column`: the comments after it that are further in are its own.
    fn end_with_comments(&self, column: usize, byte: usize) -> usize {
        let mut end = self.end_of_line(byte);
        loop {
            let rest = &self.text[end..];
            let gap = if self.text[..end].ends_with('\n') {
                0
            } else {
                rest.find('\n').map_or(rest.len(), |at| at + 1)
            };
            let line = rest[gap..].lines().next().unwrap_or_default();
            let indent = line.len() - line.trim_start_matches(' ').len();
            if indent <= column || !line[indent..].starts_with('#') {
                return end;
            }
            end += gap + line.len();
        }
    }

    fn spliced(&self, range: Range<usize>, with: &str) -> String {
        [&self.text[..range.start], with, &self.text[range.end..]].concat()
    }
}

/// The entry that `key` names in the mapping at `parent`, if changing it changes nothing else.
fn entry_at<'a>(root: &'a Node, parent: &[String], key: &str) -> Result<&'a Entry, NotUnderstood> {
    let mapping = parent.iter().try_fold(root, |node, key| find(node, key).map(|entry| &entry.value))?;
    find(mapping, key)
}

fn find<'a>(node: &'a Node, key: &str) -> Result<&'a Entry, NotUnderstood> {
    entries(node)?.iter().find(|entry| entry.key == key).ok_or(GONE)
}

fn entries(node: &Node) -> Result<&[Entry], NotUnderstood> {
    match &node.kind {
        Kind::Mapping { .. } if node.marked => Err(MARKED),
        Kind::Mapping { entries, .. } if entries.iter().any(|entry| entry.key == "<<") => Err(MARKED),
        Kind::Mapping { entries, .. } => Ok(entries),
        _ => Err(GONE),
    }
}

fn is_flow(node: &Node) -> bool {
    matches!(node.kind, Kind::Mapping { flow: true, .. })
}

fn entry_end(entry: &Entry) -> usize {
    if entry.value.span.is_empty() { entry.key_span.end } else { entry.value.span.end }
}

const DEFAULT_UNIT: usize = 2;
const GONE: NotUnderstood = NotUnderstood::CannotBeEdited("what is to be changed is not where it was");
const IN_BRACES: NotUnderstood =
    NotUnderstood::CannotBeEdited("a mapping on the way to the entry is not written in lines of its own");
const MARKED: NotUnderstood =
    NotUnderstood::CannotBeEdited("an anchor, a tag or a merge key (<<) is in the way");
