//! What the demonstration saw, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

/// Everything the demonstration shows.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) issuer: String,
    pub(super) dataset: String,
    pub(super) tools: Vec<String>,
    pub(super) counts: Vec<Count>,
    pub(super) query: Query,
    pub(super) refusals: Vec<Refusal>,
    /// What to paste into an MCP client.
    pub(super) client_config: Value,
    pub(super) seconds: f64,
}

/// Rows of a table.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub(super) table: String,
    pub(super) rows: u64,
}

/// A query and its answer.
#[derive(Debug, Serialize)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) text: String,
    pub(super) structured: Value,
}

/// A caller that was refused.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    pub(super) case: &'static str,
    pub(super) text: String,
}

impl Report {
    pub(super) fn to_json(&self) -> String {
        // Plain structs with text keys always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "One gated query, end to end\n");
        let _ = writeln!(out, "issuer   {} (a mock: RS256 and ES256 keys behind discovery)", self.issuer);
        let _ = writeln!(out, "server   m4-mcp-server on stdio, OAuth2 on, called by an MCP client");
        let _ = writeln!(out, "dataset  {}", self.dataset);
        let _ = writeln!(out, "tools    {}", self.tools.join(", "));
        let counts: Vec<String> =
            self.counts.iter().map(|count| format!("{} {}", count.table, count.rows)).collect();
        let _ = writeln!(out, "rows     {}", counts.join(", "));
        let _ = writeln!(
            out,
            "\nWith a valid token: execute_query\n\n{}\n\n{}\n",
            indented(&self.query.sql),
            indented(&aligned(&self.query.text))
        );
        let _ = writeln!(out, "Refused, each with its message\n");
        for refusal in &self.refusals {
            let _ = writeln!(out, "  {}\n{}", refusal.case, indented(&indented(&refusal.text)));
        }
        let config = serde_json::to_string_pretty(&self.client_config).unwrap_or_default();
        let _ = writeln!(
            out,
            "\nPaste into an MCP client's configuration, with your issuer and audience\n\
             (data: `target/debug/m4 init mimic-iv-sample`; token: M4_OAUTH2_TOKEN or M4_OAUTH2_TOKEN_FILE)\n\n{config}"
        );
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The server's compact `a|b` lines in columns, for people. Lines without separator stay as they are.
fn aligned(text: &str) -> String {
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.iter().filter(|row| row.len() > 1) {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &Vec<&str>| match row.as_slice() {
        [only] => (*only).to_owned(),
        cells => {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}", width = *width))
                .collect();
            padded.join("  ").trim_end().to_owned()
        }
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_line_stays() {
        assert_eq!(aligned("a|bb|c\nlonger|x|y\n(1 row)"), "a       bb  c\nlonger  x   y\n(1 row)");
    }
}
