//! Editing keeps what it does not change, in every format.

use serde_json::json;

use super::*;

fn edited(format: Format, text: &str, path: &[&str], value: &Value) -> String {
    let mut document = Document::parse(format, text).unwrap();
    document.set(path, value).unwrap();
    assert_eq!(document.value(path).as_ref(), Some(value));
    document.text()
}

#[test]
fn json_without_comments_keeps_everything_else() {
    let before = "{\n    \"z\": 1.50,\n    \"mcpServers\": {\n        \"other\": {\"command\":  \"x\"}\n    },\n    \"a\": true\n}";
    let mut document = Document::parse(Format::Json, before).unwrap();
    document.set(&["mcpServers", "m4"], &json!({"command": "/bin/m4", "args": []})).unwrap();
    insta::assert_snapshot!(document.text());
    assert!(document.remove(&["mcpServers", "m4"]).unwrap());
    assert_eq!(document.text(), before);
    assert_eq!(edited(Format::Json, "", &["a"], &json!(1)), "{\n  \"a\": 1\n}\n");
}
