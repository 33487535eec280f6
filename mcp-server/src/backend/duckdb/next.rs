//! Where a result that was cut goes on: after the last row shown, by the columns that the query orders by.

use std::fmt::Write as _;

use crate::backend::result::{Column, Continuation};
use crate::backend::value::Value;
use crate::sql::{ColumnRef, Direction, OrderKey};

/// The columns by which the rows are ordered, as places; `None` where the result does not hold them all, or where the
/// order cannot be said in one comparison.
pub(super) fn ordered_by(order: &[OrderKey], columns: &[Column]) -> Option<Vec<usize>> {
    let ascending = order.iter().all(|key| key.direction == Direction::Ascending);
    if order.is_empty() || !(ascending || order.len() == 1) {
        return None;
    }
    order.iter().map(|key| place(&key.column, columns)).collect()
}

fn place(key: &ColumnRef, columns: &[Column]) -> Option<usize> {
    let named = |name: &str| {
        let mut places = (0..columns.len()).filter(|&place| columns[place].name.eq_ignore_ascii_case(name));
        places.next().filter(|_| places.next().is_none())
    };
    match key {
        ColumnRef::Name(name) => named(name),
        // A column is named in what follows, so its name has to be one of its own.
        ColumnRef::Place(place) => named(&columns.get(place.checked_sub(1)?)?.name),
    }
}

/// Where the rows after `last` begin; `None` where `next` equals it in all that the order goes by, so that a comparison
/// would skip it, or where a value cannot be written down.
pub(super) fn after(
    order: &[OrderKey],
    places: &[usize],
    columns: &[Column],
    last: &[Value],
    next: &[Value],
) -> Option<Continuation> {
    if places.iter().zip(next).all(|(&place, next)| last[place] == *next) {
        return None;
    }
    let (mut names, mut values) = (String::new(), String::new());
    for &place in places {
        let separator = if names.is_empty() { "" } else { ", " };
        let _ = write!(names, "{separator}{}", identifier(&columns[place].name));
        let _ = write!(values, "{separator}{}", literal(&last[place], &columns[place].type_name)?);
    }
    if order.iter().any(|key| key.direction == Direction::Descending) {
        if places.iter().any(|&place| last[place] == Value::Null) {
            return None;
        }
        // Nulls come last, and compare with nothing.
        let condition = format!("({names} < {values} OR {names} IS NULL)");
        return Some(Continuation { condition, order: format!("{names} DESC") });
    }
    // In rows a null is greater than every value, as it is in the order.
    Some(Continuation { condition: format!("row({names}) > row({values})"), order: names })
}

fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && name.contains('_');
    // A name with an underscore is no keyword of the engine's that would need quotes.
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A value as SQL writes it, so that it comes back as the same one.
fn literal(value: &Value, type_name: &str) -> Option<String> {
    match value {
        Value::Null => Some(format!("NULL::{type_name}")),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) if value.is_finite() => Some(format!("'{value:?}'::{type_name}")),
        Value::Decimal(digits) if type_name.starts_with("DECIMAL") => Some(digits.clone()),
        Value::Text(text) if text.len() <= LONGEST => {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            match type_name {
                "VARCHAR" => Some(quoted),
                "DATE"
                | "TIME"
                | "TIMESTAMP"
                | "TIMESTAMP_S"
                | "TIMESTAMP_MS"
                | "TIMESTAMP_NS"
                | "TIMESTAMP WITH TIME ZONE"
                | "UUID" => Some(format!("{quoted}::{type_name}")),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Bytes of a text in a condition: longer ones are no keys.
const LONGEST: usize = 200;
