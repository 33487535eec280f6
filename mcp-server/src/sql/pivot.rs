//! Lets a `PIVOT` without an `IN` list be checked.
//!
//! The engine finds the columns of such a pivot by running a `SELECT DISTINCT` first, so its parser makes two statements
//! of it and gives no tree. With an `IN` list it gives one. So the statement is checked *as if* each element that lacks a
//! list had `IN ('marker')`:
//!
//! - the parser must take that variant for one query, and its tree must show the marker as a pivot's only value exactly
//!   as often as it was put in, so each insertion stands where the grammar has an optional `IN` list;
//! - each insertion ends where a token certainly ends, so without it the other tokens stay as they are.
//!
//! Then variant and original differ in nothing but those lists, and the variant's tree holds all that the original reads.

use std::fmt::Write as _;
use std::ops::Range;

use super::lexer::{Kind, Token};

/// A statement with its pivots completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) sql: String,
    /// How many lists were put in; at least one.
    pub(super) markers: usize,
}

/// The value in the lists that are put in.
pub(super) const MARKER: &str = "m4-pivot-marker-5d0c1e";

/// Completes the pivots of `sql`, or `None` if there is none to complete or no safe way to.
pub(super) fn complete(sql: &str, tokens: &[Token]) -> Option<Variant> {
    if sql.contains(MARKER) {
        return None;
    }
    let mut ends: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.is_word(sql, "PIVOT") || token.is_word(sql, "PIVOT_WIDER") {
            let Some(elements) = elements(sql, tokens, index + 1) else { continue };
            for element in split(tokens, elements) {
                let element = &tokens[element];
                if !top_level(element).any(|token| token.is_word(sql, "IN")) {
                    ends.push(element.last()?.span.end);
                }
            }
        }
    }
    ends.sort_unstable();
    ends.dedup();
    let certain = |&end: &usize| {
        matches!(sql.as_bytes().get(end), None | Some(b' ' | b'\t' | b'\n' | b'\r' | b',' | b')' | b';'))
    };
    if ends.is_empty() || !ends.iter().all(certain) {
        return None;
    }
    let mut variant = String::with_capacity(sql.len() + ends.len() * 40);
    let mut from = 0;
    for &end in &ends {
        variant.push_str(&sql[from..end]);
        let _ = write!(variant, " IN ('{MARKER}')");
        from = end;
    }
    variant.push_str(&sql[from..]);
    Some(Variant { sql: variant, markers: ends.len() })
}

/// The tokens after the last `ON` of the pivot whose source starts at `start`, up to what ends the list.
fn elements(sql: &str, tokens: &[Token], start: usize) -> Option<Range<usize>> {
    let (mut depth, mut on) = (0usize, None);
    let mut index = start;
    while let Some(token) = tokens.get(index) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => break,
            Kind::Close => depth -= 1,
            Kind::Semicolon => break,
            Kind::Word if depth == 0 => {
                if token.is_word(sql, "ON") {
                    on = Some(index + 1);
                } else if on.is_some() && AFTER_ELEMENTS.iter().any(|word| token.is_word(sql, word)) {
                    break;
                }
            }
            _ => {}
        }
        index += 1;
    }
    on.filter(|on| *on < index).map(|on| on..index)
}

/// Cuts a range of tokens at the commas outside brackets.
fn split(tokens: &[Token], range: Range<usize>) -> Vec<Range<usize>> {
    let (mut depth, mut from, mut out) = (0usize, range.start, Vec::new());
    for index in range.clone() {
        match tokens[index].kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 0 => {
                out.push(from..index);
                from = index + 1;
            }
            _ => {}
        }
    }
    out.push(from..range.end);
    out
}

fn top_level(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let mut depth = 0usize;
    tokens.iter().filter(move |token| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

const AFTER_ELEMENTS: &[&str] = &[
    "USING",
    "GROUP",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WHERE",
    "HAVING",
    "QUALIFY",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::tokens;

    fn completed(sql: &str) -> Option<String> {
        complete(sql, &tokens(sql).unwrap())
            .map(|variant| variant.sql.replace(&format!(" IN ('{MARKER}')"), "@"))
    }

    #[test]
    fn each_element_without_a_list_gets_one() {
        assert_eq!(completed("PIVOT t ON a USING sum(b)").unwrap(), "PIVOT t ON a@ USING sum(b)");
        assert_eq!(
            completed("PIVOT t ON a, f(b, c), d IN (1) GROUP BY e").unwrap(),
            "PIVOT t ON a@, f(b, c)@, d IN (1) GROUP BY e"
        );
        assert_eq!(completed("FROM (PIVOT t ON a) x;").unwrap(), "FROM (PIVOT t ON a@) x;");
        assert_eq!(
            completed("PIVOT t JOIN s ON t.k = s.k ON a").unwrap(),
            "PIVOT t JOIN s ON t.k = s.k ON a@"
        );
        assert_eq!(
            completed("WITH p AS (PIVOT t ON 'x ON y' -- ON z\n) FROM p").unwrap(),
            "WITH p AS (PIVOT t ON 'x ON y'@ -- ON z\n) FROM p"
        );
    }

    #[test]
    fn what_has_no_place_for_a_list_is_left() {
        for sql in [
            "SELECT 1",
            "PIVOT t ON a IN (1)",
            "PIVOT t USING sum(b)",
            "PIVOT t ON",
            "PIVOT t ON a, USING b",
            "PIVOT t ON a/**/USING b",
        ] {
            assert_eq!(completed(sql), None, "{sql}");
        }
        assert_eq!(completed(&format!("PIVOT t ON a USING f('{MARKER}')")), None);
    }
}
