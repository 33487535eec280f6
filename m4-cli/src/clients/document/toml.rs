//! TOML, changed by `toml_edit`, which keeps comments, order and spelling, but not the way lines end.

use serde_json::{Map, Number, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, Value as Node};

use super::{Change, DEEPEST, NotUnderstood, line_end, position};

/// What the text says. Dates and numbers that JSON has no word for are strings.
pub(super) fn read(text: &str) -> Result<Value, NotUnderstood> {
    let document = toml_edit::Document::parse(text).map_err(|error| refused(text, &error))?;
    table_value(document.as_table(), 0)
}

/// The text with a change made in it.
pub(super) fn apply(text: &str, change: &Change) -> Result<String, NotUnderstood> {
    let mut document: DocumentMut = text.parse().map_err(|error| refused(text, &error))?;
    let before = document.to_string();
    match change {
        Change::Insert { parent, key, value } => {
            let position = last_position(document.as_item(), parent);
            let at_end = position.is_none() || position == last_position(document.as_item(), &[]);
            insert(item_at(&mut document, parent)?, key, value, position)?;
            if at_end {
                after_last_comments(&mut document, parent, key);
            }
        }
        Change::Replace { path, value } => replace(&mut document, path, value)?,
        Change::Delete { path, keeps_parent } => {
            let (key, parent) = path.split_last().ok_or(GONE)?;
            let parent = item_at(&mut document, parent)?;
            remove(parent, key)?;
            if *keeps_parent {
                show_empty(parent);
            }
            let after = document.to_string();
            return Ok(laid_out_like(text, &before, &with_comments_of(&before, &after)));
        }
    }
    Ok(laid_out_like(text, &before, &document.to_string()))
}

fn refused(text: &str, error: &TomlError) -> NotUnderstood {
    let message = error.message();
    if ["recursion limit", "cannot recurse"].iter().any(|words| message.contains(words)) {
        return NotUnderstood::TooDeep;
    }
    let (line, column) = position(text, error.span().map_or(0, |span| span.start));
    if message.contains("duplicate key") {
        NotUnderstood::RepeatedKey { line, column }
    } else {
        NotUnderstood::Syntax { format: NAME, line, column }
    }
}

fn table_value(table: &dyn TableLike, depth: usize) -> Result<Value, NotUnderstood> {
    let entries = table.iter().map(|(key, item)| Ok((key.to_owned(), item_value(item, depth + 1)?)));
    Ok(Value::Object(entries.collect::<Result<Map<_, _>, NotUnderstood>>()?))
}

fn item_value(item: &Item, depth: usize) -> Result<Value, NotUnderstood> {
    if depth > DEEPEST {
        return Err(NotUnderstood::TooDeep);
    }
    match item {
        Item::None => Ok(Value::Null),
        Item::Value(node) => node_value(node, depth),
        Item::Table(table) => table_value(table, depth),
        Item::ArrayOfTables(tables) => {
            let tables = tables.iter().map(|table| table_value(table, depth + 1));
            Ok(Value::Array(tables.collect::<Result<_, _>>()?))
        }
    }
}

fn node_value(node: &Node, depth: usize) -> Result<Value, NotUnderstood> {
    if depth > DEEPEST {
        return Err(NotUnderstood::TooDeep);
    }
    Ok(match node {
        Node::String(text) => Value::from(text.value().as_str()),
        Node::Integer(number) => Value::from(*number.value()),
        Node::Boolean(truth) => Value::from(*truth.value()),
        Node::Datetime(time) => Value::from(time.value().to_string()),
        Node::Float(number) => match Number::from_f64(*number.value()) {
            Some(number) => Value::Number(number),
            None => Value::from(number.value().to_string()),
        },
        Node::Array(items) => {
            let items = items.iter().map(|item| node_value(item, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Node::InlineTable(table) => table_value(table, depth)?,
    })
}

fn item_at<'a>(document: &'a mut DocumentMut, path: &[String]) -> Result<&'a mut Item, NotUnderstood> {
    path.iter().try_fold(document.as_item_mut(), |item, key| item.get_mut(key.as_str())).ok_or(GONE)
}

/// Where the last section below `path` stands, so that a new one can be put right after it.
fn last_position(root: &Item, path: &[String]) -> Option<isize> {
    fn last(item: &Item) -> Option<isize> {
        match item {
            Item::Table(table) => {
                let below = table.iter().filter_map(|(_, item)| last(item)).max();
                below.max(table.position())
            }
            Item::ArrayOfTables(tables) => {
                tables.iter().filter_map(|table| last(&Item::Table(table.clone()))).max()
            }
            _ => None,
        }
    }
    path.iter().try_fold(root, |item, key| item.get(key.as_str())).and_then(last)
}

/// A mapping becomes a section of its own where sections are what is used.
fn insert(parent: &mut Item, key: &str, value: &Value, position: Option<isize>) -> Result<(), NotUnderstood> {
    let sections = parent.as_table().is_some_and(|table| !table.is_dotted());
    let item = match value {
        Value::Object(mapping) if sections => Item::Table(section(mapping, position)?),
        value => Item::Value(inline(value)?),
    };
    match (parent, item) {
        (Item::Value(Node::InlineTable(table)), Item::Value(mut node)) => {
            // The space before the brace stays the last one's.
            if let Some((_, last)) = table.iter_mut().last() {
                let space = last.decor().suffix().cloned().unwrap_or_default();
                last.decor_mut().set_suffix("");
                node.decor_mut().set_prefix(" ");
                node.decor_mut().set_suffix(space);
            }
            table.insert(key, node);
        }
        (parent, item) => {
            parent.as_table_like_mut().ok_or(GONE)?.insert(key, item);
        }
    }
    Ok(())
}

fn remove(parent: &mut Item, key: &str) -> Result<(), NotUnderstood> {
    let removed = parent.as_table_like_mut().and_then(|table| table.remove(key)).ok_or(GONE)?;
    if let (Item::Value(Node::InlineTable(table)), Item::Value(removed)) = (parent, removed)
        && let Some((_, last)) = table.iter_mut().last()
        && let Some(space) = removed.decor().suffix()
        && last.decor().suffix().is_none_or(|suffix| suffix.as_str() == Some(""))
    {
        last.decor_mut().set_suffix(space.clone());
    }
    Ok(())
}

/// A table that only its sections or dotted keys named is there no longer without them, unless it gets a header or braces.
fn show_empty(item: &mut Item) {
    match item {
        Item::Table(table) if table.is_empty() && table.is_dotted() => {
            *item = Item::Value(Node::InlineTable(InlineTable::new()));
        }
        Item::Table(table) if table.is_empty() => table.set_implicit(false),
        Item::Value(Node::InlineTable(table)) if table.is_empty() => table.set_dotted(false),
        _ => {}
    }
}

/// Puts a section that is the last one after the comments that end the text, rather than between them and what they are about.
fn after_last_comments(document: &mut DocumentMut, parent: &[String], key: &str) {
    let comments = document.trailing().as_str().unwrap_or_default().to_owned();
    if comments.trim().is_empty() {
        return;
    }
    let item = parent.iter().try_fold(document.as_item_mut(), |item, key| item.get_mut(key.as_str()));
    let mut section = item.and_then(|parent| parent.get_mut(key)).and_then(Item::as_table_mut);
    while let Some(table) = section {
        if !table.is_implicit() {
            let gap = if comments.ends_with('\n') { "\n" } else { "\n\n" };
            table.decor_mut().set_prefix(format!("{comments}{gap}"));
            document.set_trailing("");
            return;
        }
        section = table.iter_mut().next().and_then(|(_, item)| item.as_table_mut());
    }
}

fn replace(document: &mut DocumentMut, path: &[String], value: &Value) -> Result<(), NotUnderstood> {
    let (key, parent) = path.split_last().ok_or(GONE)?;
    let table = item_at(document, parent)?.as_table_like_mut().ok_or(GONE)?;
    let item = table.get_mut(key).ok_or(GONE)?;
    let mut node = inline(value)?;
    match item {
        Item::Value(old) => {
            *node.decor_mut() = old.decor().clone();
            *old = node;
        }
        // A section, or several, cannot become a value where it stands.
        _ => {
            table.remove(key);
            table.insert(key, Item::Value(node));
        }
    }
    Ok(())
}

/// A mapping as `[section]`s: its plain values first, its mappings as sections of their own.
fn section(mapping: &Map<String, Value>, position: Option<isize>) -> Result<Table, NotUnderstood> {
    let mut table = Table::new();
    table.set_position(position);
    let has_values = mapping.is_empty() || mapping.values().any(|value| !is_section(value));
    table.set_implicit(!has_values);
    for (key, value) in mapping {
        let item = match value {
            Value::Object(inner) if is_section(value) => Item::Table(section(inner, position)?),
            value => Item::Value(inline(value)?),
        };
        table.insert(key, item);
    }
    Ok(table)
}

/// An empty mapping reads better as `{}`.
fn is_section(value: &Value) -> bool {
    value.as_object().is_some_and(|mapping| !mapping.is_empty())
}

fn inline(value: &Value) -> Result<Node, NotUnderstood> {
    Ok(match value {
        Value::Null => return Err(NotUnderstood::NoSuchValue { format: NAME, what: "null" }),
        Value::Bool(truth) => Node::from(*truth),
        Value::String(text) => Node::from(text.as_str()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Node::from(number),
            (None, Some(float)) if number.is_f64() => Node::from(float),
            _ => return Err(NotUnderstood::NoSuchValue { format: NAME, what: "a number that large" }),
        },
        Value::Array(items) => {
            let items = items.iter().map(inline).collect::<Result<Array, _>>()?;
            Node::Array(items)
        }
        Value::Object(mapping) => {
            let mut table = InlineTable::new();
            for (key, value) in mapping {
                table.insert(key, inline(value)?);
            }
            Node::InlineTable(table)
        }
    })
}

/// `after`, from which something was deleted together with the comments before it, with those of them that a blank line
/// parts from what was deleted.
fn with_comments_of(before: &str, after: &str) -> String {
    let (old, new) = (lines(before), lines(after));
    let (head, tail) = alike(&old, &new);
    if head + tail != new.len() {
        return after.to_owned();
    }
    let cut = &old[head..old.len() - tail];
    let is_blank = |line: &str| line.trim().is_empty();
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let run = cut.iter().take_while(|line| is_blank(line) || is_comment(line)).count();
    let Some(kept) = (1..run).rev().find(|at| is_blank(cut[*at]) && is_comment(cut[*at - 1])) else {
        return after.to_owned();
    };
    let parted = new.len() == head || is_blank(new[head]);
    let kept = if parted { kept } else { kept + 1 };
    [&new[..head], &cut[..kept], &new[head..]].concat().concat()
}

/// `after` with the line ends that `text` has, and a last one only where it has: `toml_edit` writes both texts with a line
/// feed at the end of each line. The lines that `before` and `after` begin and end with alike are taken from `text` as they
/// are, those between end like its first line.
fn laid_out_like(text: &str, before: &str, after: &str) -> String {
    let mut whole = after.to_owned();
    if text.contains('\r') {
        let end = if text.ends_with('\n') || !before.ends_with('\n') { "" } else { line_end(text) };
        let ended = format!("{text}{end}");
        let (original, old, new) = (lines(&ended), lines(before), lines(after));
        if original.len() != old.len() {
            return after.replace('\n', line_end(text));
        }
        let (head, tail) = alike(&old, &new);
        let between = new[head..new.len() - tail].concat().replace('\n', line_end(text));
        whole = original[..head].concat() + &between + &original[original.len() - tail..].concat();
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let shorter = whole.strip_suffix('\n').unwrap_or(&whole);
        whole = shorter.strip_suffix('\r').unwrap_or(shorter).to_owned();
    }
    whole
}

/// How many lines two texts begin and end with alike.
fn alike(old: &[&str], new: &[&str]) -> (usize, usize) {
    let same = |(old, new): &(&&str, &&str)| old == new;
    let head = old.iter().zip(new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    (head, tail)
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

const NAME: &str = "TOML";
const GONE: NotUnderstood = NotUnderstood::CannotBeEdited("what is to be changed is not where it was");
