//! Query results as a table.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement};

/// A table of text, ready to print.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds numbers, which are aligned at their ends.
    pub numeric: bool,
}

/// One value; `None` is SQL's NULL.
pub type Cell = Option<String>;

impl Table {
    /// A table with these columns and no rows yet.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the columns are dropped, missing ones are NULL.
    pub fn push(&mut self, mut row: Vec<Cell>) {
        row.resize(self.columns.len(), None);
        self.rows.push(row);
    }

    /// The table as lines. Control characters are shown as escapes, so that data cannot steer the terminal; a cell longer
    /// than `widest` characters is cut, and says so with `…`.
    pub fn render(&self, widest: usize) -> String {
        self.render_within(widest, None)
    }

    /// The same, in a screen of so many columns: cells are broken over several lines where they would not fit.
    pub fn render_within(&self, widest: usize, screen: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.columns.iter().map(|column| cut(&column.name, widest)));
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| match cell {
                Some(text) => cut(text, widest),
                None => "NULL".to_owned(),
            }));
        }
        for (index, column) in self.columns.iter().enumerate() {
            if let (true, Some(drawn)) = (column.numeric, table.column_mut(index)) {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
        let text = table.to_string();
        match screen {
            Some(width)
                if text.lines().next().is_some_and(|line| line.chars().count() > usize::from(width)) =>
            {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
                table.to_string()
            }
            _ => text,
        }
    }
}

/// Foreign text as it may be printed: what would steer the terminal is shown as escapes.
pub fn visible(text: &str) -> String {
    cut(text, usize::MAX)
}

fn cut(text: &str, widest: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(widest));
    for (count, c) in text.chars().enumerate() {
        if count == widest {
            shown.push('…');
            break;
        }
        if is_steering(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Control characters, and the marks that reorder the text around them.
fn is_steering(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, numeric: bool) -> Column {
        Column { name: name.to_owned(), numeric }
    }

    #[test]
    fn a_table_aligns_numbers_and_shows_nulls() {
        let mut table = Table::new(vec![column("subject_id", true), column("gender", false)]);
        table.push(vec![Some("10000032".into()), Some("F".into())]);
        table.push(vec![Some("7".into())]);
        insta::assert_snapshot!(table.render(80), @r"
        ┌────────────┬────────┐
        │ subject_id ┆ gender │
        ╞════════════╪════════╡
        │   10000032 ┆ F      │
        │          7 ┆ NULL   │
        └────────────┴────────┘
        ");
    }

    #[test]
    fn a_table_wider_than_the_screen_is_broken_and_no_other() {
        let mut table = Table::new(vec![column("name", false), column("description", false)]);
        table.push(vec![Some("a".into()), Some("words ".repeat(20))]);
        let widths = |screen| {
            let text = table.render_within(200, screen);
            text.lines().map(|line| line.chars().count()).max().unwrap()
        };
        assert!(widths(None) > 100 && widths(Some(60)) <= 60);
        assert_eq!(widths(Some(500)), widths(None));
    }

    #[test]
    fn data_cannot_steer_the_terminal() {
        let mut table = Table::new(vec![column("a\u{1b}[2J", false)]);
        table.push(vec![Some("x\u{1b}]0;title\u{7}\r\n\u{9b}31m\u{202e}".into())]);
        let text = table.render(80);
        assert!(text.chars().all(|c| c == '\n' || !is_steering(c)), "{text}");
        assert!(text.contains("\\u{1b}"), "{text}");
    }

    #[test]
    fn a_long_cell_is_cut_and_says_so() {
        let mut table = Table::new(vec![column("t", false)]);
        table.push(vec![Some("ä".repeat(100))]);
        let text = table.render(10);
        assert!(text.contains(&format!("{}…", "ä".repeat(10))), "{text}");
        assert!(!text.contains(&"ä".repeat(11)));
    }
}
