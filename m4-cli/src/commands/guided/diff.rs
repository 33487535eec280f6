//! What would change in a client's file, line by line. Values that M4 does not know stay hidden: the file may hold other
//! programs' secrets, and a screen is shared more easily than a file.

use std::collections::BTreeSet;

use anstyle::{AnsiColor, Style};
use mcp_server::config::setting::Setting;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// The lines that go and come, with their signs; `known` are the entries whose own values may be shown.
pub(in crate::commands) fn shown(before: &str, after: &str, known: &[&Map<String, Value>]) -> String {
    let plain: BTreeSet<String> = known.iter().flat_map(|entry| plain(entry)).collect();
    let diff = TextDiff::from_lines(before, after);
    let lines = diff.iter_all_changes().filter_map(|change| {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ('-', GONE),
            ChangeTag::Insert => ('+', NEW),
            ChangeTag::Equal => return None,
        };
        let line = hide(change.value().trim_end_matches(['\r', '\n']), &plain);
        Some(format!("{style}{sign} {line}{style:#}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The texts of an entry that are no secret: its own, and the values of settings that M4 knows and does not hold secret.
fn plain(entry: &Map<String, Value>) -> Vec<String> {
    let mut texts = Vec::new();
    for (key, value) in entry {
        match value {
            Value::Object(variables) if key == "env" => {
                let open = |name: &str| {
                    Setting::by_env(name).is_some_and(|setting| !setting.secret) || PLACES.contains(&name)
                };
                let values =
                    variables.iter().filter(|(name, _)| open(name)).filter_map(|(_, value)| value.as_str());
                texts.extend(values.map(str::to_owned));
            }
            Value::String(text) if OWN.contains(&key.as_str()) => texts.push(text.clone()),
            _ => {}
        }
    }
    texts
}

/// The line with every value hidden that is not among `plain`. It is read in all of the formats at once: a key is a name, bare
/// or in quotes, where one can begin and before `:` or `=`.
fn hide(line: &str, plain: &BTreeSet<String>) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    let mut depth = 0_usize;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => quoted(rest, first),
            '#' => rest.len(),
            '/' if rest.starts_with("//") || rest.starts_with("/*") => rest.len(),
            _ if is_bare(first) => bare(rest, depth > 0),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let begins = shown.trim_end().is_empty() || shown.trim_end().ends_with(['{', '[', ',', '-', '.']);
        let is_key = begins && after.trim_start().starts_with([':', '=']);
        shown.push_str(match first {
            '{' | '[' => {
                depth += 1;
                token
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                token
            }
            '"' | '\'' if is_key || plain.contains(&unquoted(token)) => token,
            '"' => "\"[redacted]\"",
            '\'' => "'[redacted]'",
            '#' => "# …",
            '/' if rest.starts_with("//") || rest.starts_with("/*") => "// …",
            _ if !is_bare(first) || is_literal(token) || plain.contains(token) => token,
            _ if is_name(token) && (is_key || is_head(line)) => token,
            _ => "[redacted]",
        });
        rest = after;
    }
    shown
}

/// Whether the line is the head of a table in TOML.
fn is_head(line: &str) -> bool {
    let inner = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
    inner.is_some_and(|inner| inner.contains('.') && is_name(inner))
}

fn is_name(token: &str) -> bool {
    token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return place + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn unquoted(token: &str) -> String {
    serde_json::from_str(token).unwrap_or_else(|_| token.trim_matches(['"', '\'']).to_owned())
}

/// What a name or value without quotes is made of; in YAML a value is nearly anything, up to the end of the line.
fn bare(text: &str, is_nested: bool) -> usize {
    let mut end = text.len();
    for (place, c) in text.char_indices() {
        let after = &text[place + c.len_utf8()..];
        let ends = match c {
            ',' | ']' | '}' => is_nested,
            '=' => true,
            ':' => after.is_empty() || after.starts_with(' '),
            '#' => text[..place].ends_with(' '),
            _ => false,
        };
        if ends {
            end = place;
            break;
        }
    }
    text[..end].trim_end().len().max(1)
}

const fn is_bare(c: char) -> bool {
    !matches!(c, ' ' | '\t' | '{' | '}' | '[' | ']' | ',' | ':' | '=' | '-' | '|' | '>' | '&' | '*' | '!')
}

fn is_literal(token: &str) -> bool {
    matches!(token, "true" | "false" | "null")
}

/// What M4 writes into an entry beside its variables.
const OWN: [&str; 6] = ["command", "type", "url", "httpUrl", "serverUrl", "source"];
/// Variables that say where things are, and are no settings.
const PLACES: [&str; 3] = ["M4_CONFIG", "M4_HOME", "M4_DATA_DIR"];
const GONE: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn diff(before: &str, after: &str, entry: Value) -> String {
        let Value::Object(entry) = entry else { panic!("{entry}") };
        anstream::adapter::strip_str(&shown(before, after, &[&entry])).to_string()
    }

    #[test]
    fn our_own_lines_are_shown_as_they_are_and_nothing_else_is() {
        let before = "{\n  \"mcpServers\": {\n    \"other\": { \"env\": { \"KEY\": \"s3cr3t\" } }\n  }\n}\n";
        let after = "{\n  \"mcpServers\": {\n    \"other\": { \"env\": { \"KEY\": \"s3cr3t\" } },\n    \"m4\": {\n      \"command\": \"/bin/m4-mcp-server\",\n      \"env\": {\n        \"M4_OAUTH2_ENABLED\": \"true\",\n        \"M4_OAUTH2_TOKEN\": \"s3cr3t\"\n      }\n    }\n  }\n}\n";
        let entry = json!({ "command": "/bin/m4-mcp-server", "env": { "M4_OAUTH2_ENABLED": "true", "M4_OAUTH2_TOKEN": "s3cr3t" } });
        insta::assert_snapshot!(diff(before, after, entry), @r#"
        -     "other": { "env": { "KEY": "[redacted]" } }
        +     "other": { "env": { "KEY": "[redacted]" } },
        +     "m4": {
        +       "command": "/bin/m4-mcp-server",
        +       "env": {
        +         "M4_OAUTH2_ENABLED": "true",
        +         "M4_OAUTH2_TOKEN": "[redacted]"
        +       }
        +     }
        "#);
    }

    #[test]
    fn no_format_lets_a_foreign_value_through() {
        let entry = json!({ "command": "/bin/m4" });
        for line in [
            r#"{"a": {"env": {"K": "s3cr3t"}}, "n": 5}"#,
            r#"{"K": "a\"s3cr3t", "x": ["s3cr3t", 's3cr3t']} // s3cr3t"#,
            "K = \"s3cr3t\" # s3cr3t",
            "K = 's3cr3t'",
            "env = { K = \"s3cr3t\", \"L\" = \"s3cr3t\" }",
            "args = [\"--key\", \"s3cr3t\"]",
            "  K: s3cr3t",
            "  - s3cr3t: x s3cr3t",
            "  K: https://user:s3cr3t@host/path?k=s3cr3t",
            "  K: Bearer s3cr3t  # s3cr3t",
            "    s3cr3t",
            "  K: a,s3cr3t=b",
            "  K: s3cr3t==",
            "  K: { L: s3cr3t, M: [s3cr3t, s3cr3t] }",
            "['s3cr3t', \"s3cr3t\"]",
            "[s3cr3t]",
            "  - K=s3cr3t",
            "/* s3cr3t */",
            "/path/s3cr3t",
            "K: 's3cr3t'",
            "\"\"\"s3cr3t",
            "K = \"s3cr3t",
        ] {
            let text = diff("", line, entry.clone());
            let allowed = line.starts_with("  - s3cr3t:");
            assert!(!text.contains("s3cr3t") || allowed, "{line}\n{text}");
            assert!(!text.contains("x s3cr3t"), "{text}");
        }
        assert_eq!(
            diff("", "[mcp_servers.m4]\ncommand = \"/bin/m4\"", entry.clone()),
            "+ [mcp_servers.m4]\n+ command = \"/bin/m4\""
        );
        assert_eq!(diff("", "  m4:\n    command: /bin/m4", entry), "+   m4:\n+     command: /bin/m4");
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_hidden(line in "[ -~äß\"'#/:=,\\[\\]{}\\\\]{0,60}") {
            let _ = hide(&line, &BTreeSet::new());
        }
    }
}
