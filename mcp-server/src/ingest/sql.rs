//! Names and texts as SQL.

use std::fmt::Write as _;
use std::path::Path;

use super::columns::Columns;
use super::error::IngestError;
use super::source::Source;
use crate::dataset::schema::Kind;

/// `"name"`.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'text'`.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Items with commas between them.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A file as `read_csv` and `read_parquet` take it. They take patterns: a directory called `data[1]` must stand for
/// itself.
pub(super) fn file(path: &Path) -> Result<String, IngestError> {
    let text = path.to_str().ok_or_else(|| IngestError::PathNotUnicode { path: path.to_owned() })?;
    let plain = text.chars().fold(String::with_capacity(text.len()), |mut plain, character| {
        match character {
            '*' | '?' | '[' => _ = write!(plain, "[{character}]"),
            _ => plain.push(character),
        }
        plain
    });
    Ok(literal(&plain))
}

/// The table with its schema.
pub(super) fn table(source: &Source<'_>) -> String {
    format!("{}.{}", identifier(source.schema), identifier(&source.table.name))
}

/// Creates the table: its own columns, then those of the file that it does not define, as text.
pub(super) fn create(source: &Source<'_>, columns: &Columns) -> String {
    let defined = source.table.columns.iter().map(|column| (column.name.as_str(), column.kind));
    let kept = columns.unexpected.iter().map(|name| (name.as_str(), Kind::Text));
    let all = list(defined.chain(kept).map(|(name, kind)| format!("{} {kind}", identifier(name))));
    format!("CREATE TABLE {} ({all})", table(source))
}
