//! Editing keeps what it does not change, in every format.

mod properties;
mod refusals;
mod samples;

use serde_json::json;

use super::*;

fn parsed(format: Format, text: &str) -> Document {
    Document::parse(format, text).unwrap()
}

fn edited(format: Format, text: &str, path: &[&str], value: &Value) -> String {
    let mut document = parsed(format, text);
    document.set(path, value).unwrap();
    assert_eq!(document.value(path).as_ref(), Some(value));
    assert_eq!(parsed(format, &document.text()).value(&[]), document.value(&[]));
    document.text()
}

fn entry() -> Value {
    json!({"command": "/usr/local/bin/m4-mcp-server", "args": [], "env": {"M4_OAUTH2_ENABLED": "true"}})
}
