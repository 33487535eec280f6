//! A result as compact text, for a model's context or a pipe.

use std::fmt::Write as _;

use super::result::{CutBy, ResultSet};
use super::value::Value;

impl ResultSet {
    /// The result as text: a header line, a line per row with `|` between values and, where there are no rows or it was
    /// cut, a line that says so and how to get the rest.
    ///
    /// Null is an empty field, an empty string is `""`; a `|`, a line break or a backslash in a value is escaped with a
    /// backslash, so a line is a row. Floating-point numbers are rounded to six decimals, below 1 to six digits: a
    /// model reads them as tokens, and [`Value::to_json`] has them exactly.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let names = self.columns.iter().map(|column| escaped(&column.name));
        line(&mut out, names);
        for row in &self.rows {
            line(&mut out, row.iter().map(field));
        }
        if self.rows.is_empty() || self.truncated.is_some() {
            out.push_str(&self.footer());
        } else {
            // What is whole needs no line that says it.
            out.pop();
        }
        out
    }

    /// How many rows there are and, when it was cut, how to get the rest.
    pub fn footer(&self) -> String {
        let shown = match self.rows.len() {
            0 => "no rows".to_owned(),
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        if let Some(next) = &self.next {
            return format!(
                "(first {shown}, there are more: aggregate, or go on with {})",
                next.of("this query")
            );
        }
        match self.truncated.map(|truncation| truncation.by) {
            None => format!("({shown})"),
            Some(CutBy::Rows) => format!(
                "(first {shown}, there are more: aggregate, add WHERE, raise the limit, or ORDER BY columns that tell rows apart)"
            ),
            Some(CutBy::Bytes) if self.rows.len() == 1 => {
                format!("({shown}, cut for its size: select fewer columns, or parts with substring())")
            }
            Some(CutBy::Bytes) => format!(
                "(first {shown}, cut for their size: select fewer columns, aggregate, or ORDER BY columns that tell rows apart)"
            ),
        }
    }
}

fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (index, field) in fields.enumerate() {
        let separator = if index == 0 { "" } else { "|" };
        let _ = write!(out, "{separator}{field}");
    }
    out.push('\n');
}

fn field(value: &Value) -> String {
    match value {
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Float(number) => rounded(*number),
        value => escaped(&value.to_string()),
    }
}

/// A floating-point number with the digits that a reader can use, where that is shorter than all it has.
fn rounded(number: f64) -> String {
    let exact = Value::Float(number).to_string();
    let Some((whole, fraction)) = exact.split_once('.') else { return exact };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return exact;
    }
    let zeros = match whole.trim_start_matches('-') {
        "0" => fraction.bytes().take_while(|byte| *byte == b'0').count(),
        _ => 0,
    };
    let decimals = DECIMALS + zeros;
    if fraction.len() <= decimals {
        return exact;
    }
    let short = format!("{number:.decimals$}");
    short.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    if !text.contains(['|', '\n', '\r', '\\']) {
        return text.to_owned();
    }
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "\\n").replace('\r', "\\r")
}

/// What is kept of a fraction; as many digits as other tools show.
const DECIMALS: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::result::{Column, Truncation};
    use super::*;
    use std::time::Duration;

    fn result(rows: Vec<Vec<Value>>, truncated: Option<CutBy>) -> ResultSet {
        let column = |name: &str| Column { name: name.into(), type_name: "VARCHAR".into() };
        let truncated = truncated.map(|by| Truncation { by, shown: rows.len() });
        ResultSet {
            columns: vec![column("id"), column("a|b")],
            rows,
            truncated,
            next: None,
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn a_line_is_a_row_and_null_is_not_the_empty_string() {
        let rows = vec![
            vec![Value::Integer(1), Value::Text("x|y\nz\\".into())],
            vec![Value::Null, Value::Text(String::new())],
        ];
        assert_eq!(result(rows, None).to_text(), "id|a\\|b\n1|x\\|y\\nz\\\\\n|\"\"");
    }

    #[test]
    fn the_last_line_tells_whether_and_why_it_was_cut() {
        let row = || vec![Value::Integer(1), Value::Null];
        assert!(result(vec![], None).to_text().ends_with("\n(no rows)"));
        assert!(result(vec![row()], None).to_text().ends_with("\n1|"));
        assert_eq!(result(vec![row()], None).footer(), "(1 row)");
        assert!(
            result(vec![row(), row()], Some(CutBy::Rows))
                .to_text()
                .contains("(first 2 rows, there are more: ")
        );
        assert!(
            result(vec![row(), row()], Some(CutBy::Bytes))
                .to_text()
                .contains("(first 2 rows, cut for their size: ")
        );
        assert!(result(vec![row()], Some(CutBy::Bytes)).to_text().contains("(1 row, cut for its size: "));
    }
    #[test]
    fn a_fraction_is_rounded_and_neither_its_size_nor_a_whole_number_is_lost() {
        for (number, text) in [
            (60.813_953_488_372_09, "60.813953"),
            (20.528_680_555_555_557, "20.528681"),
            (0.1 + 0.2, "0.3"),
            (1.999_999_999_9, "2"),
            (0.000_123_456_789, "0.000123457"),
            (-0.872_685_185_185_185_2, "-0.872685"),
            (0.999_999_99, "1"),
            (3.5, "3.5"),
            (100.0, "100"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1.234_567_890_123e-9, "1.234567890123e-9"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(field(&Value::Float(number)), text);
        }
    }
}
