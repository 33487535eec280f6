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
            insert(item_at(&mut document, parent)?, key, value, position)?;
        }
        Change::Replace { path, value } => replace(&mut document, path, value)?,
        Change::Delete { path } => {
            let (key, parent) = path.split_last().ok_or(GONE)?;
            table_at(&mut document, parent)?.remove(key).ok_or(GONE)?;
        }
    }
    Ok(with_line_ends_of(text, &before, &document.to_string()))
}

fn refused(text: &str, error: &TomlError) -> NotUnderstood {
    let message = error.message();
    if message.contains("recursion limit") {
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

fn table_at<'a>(
    document: &'a mut DocumentMut,
    path: &[String],
) -> Result<&'a mut dyn TableLike, NotUnderstood> {
    item_at(document, path)?.as_table_like_mut().ok_or(GONE)
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
    parent.as_table_like_mut().ok_or(GONE)?.insert(key, item);
    Ok(())
}

fn replace(document: &mut DocumentMut, path: &[String], value: &Value) -> Result<(), NotUnderstood> {
    let (key, parent) = path.split_last().ok_or(GONE)?;
    let table = table_at(document, parent)?;
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

/// `after` with the line ends that `text` has: `toml_edit` writes both texts with line feeds alone. The lines that `before`
/// and `after` begin and end with alike are taken from `text` as they are, those between end like its first line.
fn with_line_ends_of(text: &str, before: &str, after: &str) -> String {
    if !text.contains('\r') {
        return after.to_owned();
    }
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<_>>();
    let (original, old, new) = (lines(text), lines(before), lines(after));
    if original.len() != old.len() {
        return after.replace('\n', line_end(text));
    }
    let same = |(old, new): &(&&str, &&str)| old == new;
    let head = old.iter().zip(&new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    let mut whole = original[..head].concat();
    whole.push_str(&new[head..new.len() - tail].concat().replace('\n', line_end(text)));
    whole.push_str(&original[original.len() - tail..].concat());
    whole
}

const NAME: &str = "TOML";
const GONE: NotUnderstood = NotUnderstood::CannotBeEdited("what is to be changed is not where it was");
