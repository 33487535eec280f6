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

#[test]
fn toml_probe() {
    for before in [
        "",
        "# mine\nmodel = \"o3\" # best\n\n[mcp_servers.other]\ncommand = 'x'\n\n[mcp_servers.other.env]\nA = \"1\"\n\n[z]\na=1.50\n\n# the end\n",
        "a = 1\r\n[mcp_servers.other]\r\ncommand = 'x'\r\n[z]\r\nb = 2\r\n",
        "mcp_servers = { other = { command = 'x' } }\n",
        "mcp_servers.other.command = 'x'\n[z]\na = 1\n",
        "mcp_servers.other.command = 'x'",
    ] {
        let mut document = Document::parse(Format::Toml, before).unwrap();
        let entry = json!({"command": "/bin/m4", "args": [], "env": {"M4_X": "true"}});
        document.set(&["mcp_servers", "m4"], &entry).unwrap();
        println!("-----\n{}", document.text());
        document.set(&["mcp_servers", "m4", "env", "M4_Y"], &json!("a")).unwrap();
        document.set(&["mcp_servers", "m4", "args"], &json!(["a"])).unwrap();
        println!("-----\n{}", document.text());
        document.remove(&["mcp_servers", "m4"]).unwrap();
        println!("{:?}\n{before:?}", document.text());
    }
}

#[test]
fn yaml_probe() {
    for before in [
        "",
        "# mine\nversion: 1.2.1 # v\n\nmcpServers:\n  # others\n  other:\n    command: npx\n    args:\n      - -y\n    # end of other\n\n# endpoints\nendpoints:\n  - a: 1\n",
        "mcpServers:\r\n    other:\r\n        command: é\r\n        args:\r\n        - x\r\nb: 1\r\n",
        "mcpServers: {}\n",
        "mcpServers:\n",
        "mcpServers: # none yet\n\nb: 1\n",
        "{}\n",
        "---\na: 1\n...\n",
        "mcpServers:\n  a:\n    b: |\n      text\n\n      # text\n\nz: 1",
        "mcpServers:\n  a:\n    b: |\n      text\n",
        "mcpServers:\n  a:\n    b: x",
        "mcpServers:\n  a:\n",
    ] {
        println!("=====\n{before}");
        let mut document = Document::parse(Format::Yaml, before).unwrap();
        let entry = json!({"command": "/bin/m4", "args": [], "env": {"M4_X": "true"}});
        document.set(&["mcpServers", "m4"], &entry).unwrap();
        println!("-----\n{}", document.text());
        document.set(&["mcpServers", "m4", "env", "M4_Y"], &json!("a")).unwrap();
        document.set(&["mcpServers", "m4", "args"], &json!(["a"])).unwrap();
        println!("-----\n{}", document.text());
        document.set(&["mcpServers", "m4", "args"], &json!([])).unwrap();
        document.remove(&["mcpServers", "m4"]).unwrap();
        println!("{:?}\n{before:?}", document.text());
    }
}
