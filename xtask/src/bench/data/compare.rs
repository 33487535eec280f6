//! Whether two servers say the same, as far as the other's text tells.
//!
//! Ours are typed rows. The other's are the text of a pandas table: columns flush right under their names, numbers with
//! six decimals at most, missing values as `NaN`, `None`, `NaT` or nothing. So a cell is cut out by where its column's name
//! ends, and a number is the same when it rounds to what is shown.

use serde_json::Value;

/// Compares the rows of our structured content with the other's table; says the first difference.
pub(crate) fn same(ours: &Value, theirs: &str) -> Result<(), String> {
    let (Some(columns), Some(rows)) = (ours["columns"].as_array(), ours["rows"].as_array()) else {
        return Err("our answer has no columns and rows".into());
    };
    if theirs.trim() == NOTHING {
        return if rows.is_empty() { Ok(()) } else { Err(format!("{} rows against none", rows.len())) };
    }
    let names: Vec<&str> = columns.iter().map(|column| column["name"].as_str().unwrap_or("?")).collect();
    let mut lines = theirs.split('\n');
    let edges = edges(lines.next().unwrap_or_default(), &names)?;
    let lines: Vec<&str> = lines.collect();
    if lines.len() != rows.len() {
        return Err(format!("{} rows against {}", rows.len(), lines.len()));
    }
    for (number, (row, line)) in rows.iter().zip(lines).enumerate() {
        let cells = cut(line, &edges);
        let values = row.as_array().map(Vec::as_slice).unwrap_or_default();
        if values.len() != cells.len() {
            return Err(format!("row {number} has {} values against {}", values.len(), cells.len()));
        }
        for ((name, value), cell) in names.iter().zip(values).zip(cells) {
            if !same_cell(value, &cell) {
                return Err(format!("row {number}, {name}: {value} against {cell:?}"));
            }
        }
    }
    Ok(())
}

/// Where each column ends, counted in characters.
fn edges(header: &str, names: &[&str]) -> Result<Vec<usize>, String> {
    let header: Vec<char> = header.chars().collect();
    let mut edges = Vec::with_capacity(names.len());
    let mut at = 0;
    for name in names {
        let start = (at..header.len()).find(|place| header[*place] != ' ').unwrap_or(at);
        let name: Vec<char> = name.chars().collect();
        if !header[start.min(header.len())..].starts_with(&name) {
            return Err(format!("no column {} where it was looked for", String::from_iter(&name)));
        }
        at = start + name.len();
        edges.push(at);
    }
    if header[at..].iter().any(|rest| *rest != ' ') {
        return Err(format!("more columns than ours: {}", String::from_iter(&header[at..])));
    }
    Ok(edges)
}

fn cut(line: &str, edges: &[usize]) -> Vec<String> {
    let line: Vec<char> = line.chars().collect();
    let mut start = 0;
    let mut cells = Vec::with_capacity(edges.len());
    for (index, edge) in edges.iter().enumerate() {
        // What stands behind the last edge belongs to the last column, and is a difference.
        let end = if index + 1 == edges.len() { line.len() } else { (*edge).min(line.len()) };
        let cell: String = line[start.min(end)..end].iter().collect();
        cells.push(cell.trim().to_owned());
        start = end;
    }
    cells
}

fn same_cell(ours: &Value, theirs: &str) -> bool {
    match ours {
        Value::Null => MISSING.contains(&theirs),
        Value::Bool(flag) => theirs == if *flag { "True" } else { "False" },
        Value::Number(number) => number.as_f64().is_some_and(|number| rounds_to(number, theirs)),
        Value::String(text) => {
            let plain = text.trim().replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
            plain == theirs
                || moment(&plain).is_some_and(|ours| moment(theirs) == Some(ours))
                || plain.parse().is_ok_and(|number| looks_exact(&plain) && rounds_to(number, theirs))
        }
        Value::Array(_) | Value::Object(_) => list(ours) == theirs,
    }
}

/// A list or struct as JSON.
fn list(value: &Value) -> String {
    value.to_string()
}

/// Whether a number is what is shown, within half of the last digit shown.
fn rounds_to(number: f64, shown: &str) -> bool {
    let Ok(parsed) = shown.parse::<f64>() else { return false };
    let (mantissa, exponent) = shown.split_once(['e', 'E']).unwrap_or((shown, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len());
    let (Ok(exponent), Ok(decimals)) = (exponent.parse::<i32>(), i32::try_from(decimals)) else {
        return false;
    };
    let half = 0.5 * 10_f64.powi(exponent - decimals);
    // A whole number must be that number; a shown fraction may have been rounded either way.
    let slack = if mantissa.contains('.') { half * (1.0 + 1e-6) } else { 0.0 };
    (number - parsed).abs() <= slack
}

/// A decimal that is text in our JSON; a code like `0389` is none.
fn looks_exact(text: &str) -> bool {
    text.contains('.')
        && text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// A time without its T, a fraction of nothing, and midnight, which pandas leaves out.
fn moment(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || !bytes[0].is_ascii_digit() {
        return None;
    }
    let text = text.replacen('T', " ", 1);
    let text = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole.to_owned(),
        _ => text,
    };
    Some(text.strip_suffix(" 00:00:00").unwrap_or(&text).to_owned())
}

/// What m4-infra says when there are no rows.
const NOTHING: &str = "No results found";

const MISSING: [&str; 5] = ["NaN", "None", "NaT", "<NA>", ""];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ours(rows: &Value) -> Value {
        json!({ "columns": [{ "name": "unit" }, { "name": "n" }, { "name": "mean days" }], "rows": rows })
    }

    #[test]
    fn a_table_is_cut_by_its_header_and_numbers_may_be_rounded() {
        let table = "               unit   n  mean days\n\
                     Medical Care (MICU)  29   3.666667\n                NaN 100        NaN";
        let rows = json!([["Medical Care (MICU)", 29, 11.0 / 3.0], [null, 100, null]]);
        assert_eq!(same(&ours(&rows), table), Ok(()));
    }

    #[test]
    fn every_kind_of_wrong_result_is_found() {
        let table = "unit  n  mean days\n   a 29   3.666667\n   b  5   1.000000";
        let right = json!([["a", 29, 3.666_666_7], ["b", 5, 1.0]]);
        assert_eq!(same(&ours(&right), table), Ok(()));
        for wrong in [
            json!([["a", 28, 3.666_666_7], ["b", 5, 1.0]]),
            json!([["a", 29, 3.666_66], ["b", 5, 1.0]]),
            json!([["x", 29, 3.666_666_7], ["b", 5, 1.0]]),
            json!([[null, 29, 3.666_666_7], ["b", 5, 1.0]]),
            json!([["a", 29, 3.666_666_7]]),
            json!([["b", 5, 1.0], ["a", 29, 3.666_666_7]]),
            json!([["a", 29], ["b", 5]]),
            json!([]),
        ] {
            assert!(same(&ours(&wrong), table).is_err(), "{wrong}");
        }
        let other =
            json!({ "columns": [{ "name": "unit" }, { "name": "n" }], "rows": [["a", 29], ["b", 5]] });
        assert!(same(&other, table).is_err());
        assert!(same(&ours(&json!([])), "**Error:** no such table").is_err());
        assert_eq!(same(&ours(&json!([])), "No results found"), Ok(()));
    }

    #[test]
    fn cells_are_the_same_whatever_their_clothes() {
        for (value, cell) in [
            (json!("2180-05-06T22:23:00"), "2180-05-06 22:23:00"),
            (json!("2180-05-06 00:00:00"), "2180-05-06"),
            (json!("3.50"), "3.5"),
            (json!(1_234_567.0), "1.234567e+06"),
            (json!(29), "29.0"),
            (json!("a\nb"), "a\\nb"),
            (json!(true), "True"),
            (json!("0389"), "0389"),
        ] {
            assert!(same_cell(&value, cell), "{value} {cell}");
        }
        for (value, cell) in [
            (json!("0389"), "389"),
            (json!("2180-05-06T22:23:00"), "2180-05-06 22:23:01"),
            (json!(29), "30"),
            (json!(29.4), "29"),
            (json!(""), "x"),
            (json!(null), "0"),
        ] {
            assert!(!same_cell(&value, cell), "{value} {cell}");
        }
    }
}
