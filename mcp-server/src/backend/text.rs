//! A result as compact text, for a model's context or a pipe.

use std::fmt::Write as _;

use super::result::{CutBy, ResultSet};
use super::value::Value;

impl ResultSet {
    /// The result as text: a header line, a line per row with `|` between values, and a line that says how many rows
    /// there are and, when it was cut, how to get the rest.
    ///
    /// Null is an empty field, an empty string is `""`; a `|`, a line break or a backslash in a value is escaped with a
    /// backslash, so a line is a row.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let names = self.columns.iter().map(|column| escaped(&column.name));
        line(&mut out, names);
        for row in &self.rows {
            line(&mut out, row.iter().map(field));
        }
        out.push_str(&self.footer());
        out
    }

    /// The last line of [`ResultSet::to_text`].
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
        value => escaped(&value.to_string()),
    }
}

fn escaped(text: &str) -> String {
    if !text.contains(['|', '\n', '\r', '\\']) {
        return text.to_owned();
    }
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "\\n").replace('\r', "\\r")
}

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
        assert_eq!(result(rows, None).to_text(), "id|a\\|b\n1|x\\|y\\nz\\\\\n|\"\"\n(2 rows)");
    }

    #[test]
    fn the_last_line_tells_whether_and_why_it_was_cut() {
        let row = || vec![Value::Integer(1), Value::Null];
        assert!(result(vec![], None).to_text().ends_with("\n(no rows)"));
        assert!(result(vec![row()], None).to_text().ends_with("\n(1 row)"));
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
}
