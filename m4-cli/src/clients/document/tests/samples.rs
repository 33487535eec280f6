//! Files as clients and people write them: an entry is added, changed, set again and removed.

use super::*;

/// The same in a file with other line ends and without the last one.
fn in_any_line_ends(format: Format, before: &str, servers: &str) -> String {
    let after = through_its_life(format, before, servers);
    let windows = |text: &str| text.replace('\n', "\r\n");
    assert_eq!(through_its_life(format, &windows(before), servers), windows(&after));
    assert_eq!(through_its_life(format, before.trim_end(), servers), after.trim_end());
    assert_eq!(through_its_life(format, windows(before).trim_end(), servers), windows(&after).trim_end());
    after
}

/// The text with the entry, with another variable in it; the rest is asserted.
fn through_its_life(format: Format, before: &str, servers: &str) -> String {
    let path = [servers, "m4"];
    let mut document = parsed(format, before);
    document.set(&path, &entry()).unwrap();
    let added = document.text();
    document.set(&path, &entry()).unwrap();
    assert_eq!(document.text(), added, "a second time");

    document.set(&[servers, "m4", "args"], &json!(["--transport", "stdio"])).unwrap();
    document.set(&[servers, "m4", "env", "M4_OAUTH2_AUDIENCE"], &json!("m4-api")).unwrap();
    document.set(&[servers, "m4", "env", "M4_OAUTH2_ENABLED"], &json!("false")).unwrap();
    let changed = document.text();
    document.set(&path, &entry()).unwrap();
    assert_eq!(document.value(&path), Some(entry()));

    let mut again = parsed(format, &added);
    assert!(again.remove(&path).unwrap());
    assert_eq!(again.text(), before, "removed");
    assert!(!again.remove(&path).unwrap());
    changed
}

#[test]
fn claude_desktop_with_a_byte_order_mark_and_windows_line_ends() {
    let before = include_str!("../../../../../tests/clients/claude_desktop_config.json");
    let after = through_its_life(Format::Json, before, "mcpServers");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    insta::assert_snapshot!(after.replace('\r', "").replace('\u{feff}', "<BOM>"));
}

#[test]
fn zed_with_comments_and_trailing_commas() {
    let before = include_str!("../../../../../tests/clients/zed_settings.json");
    insta::assert_snapshot!(in_any_line_ends(Format::Json, before, "context_servers"));
}

#[test]
fn vscode_with_tabs_and_two_servers_in_a_line() {
    let before = include_str!("../../../../../tests/clients/vscode_mcp.json");
    insta::assert_snapshot!(in_any_line_ends(Format::Json, before, "servers"));
}

#[test]
fn cursor_in_one_line_with_an_entry_already_there() {
    let before = include_str!("../../../../../tests/clients/cursor_mcp.json");
    let mut document = parsed(Format::Json, before);
    document.set(&["mcpServers", "m4"], &entry()).unwrap();
    insta::assert_snapshot!(document.text());
    assert!(document.remove(&["mcpServers", "old"]).unwrap());
    insta::assert_snapshot!(document.text());
    assert!(document.remove(&["mcpServers", "m4"]).unwrap());
    assert_eq!(document.text(), "{\"mcpServers\":{}}\n");
}

#[test]
fn codex_with_comments_dotted_keys_and_quoted_keys() {
    let before = include_str!("../../../../../tests/clients/codex_config.toml");
    insta::assert_snapshot!(in_any_line_ends(Format::Toml, before, "mcp_servers"));
}

#[test]
fn librechat_with_comments_anchors_elsewhere_and_odd_indentation() {
    let before = include_str!("../../../../../tests/clients/librechat.yaml");
    insta::assert_snapshot!(in_any_line_ends(Format::Yaml, before, "mcpServers"));
}

#[test]
fn a_text_with_nothing_but_comments_keeps_them() {
    for (format, before) in [
        (Format::Json, "// mine\n"),
        (Format::Json, ""),
        (Format::Toml, "# mine\n"),
        (Format::Toml, ""),
        (Format::Yaml, "# mine\n"),
        (Format::Yaml, "# mine\n---\n"),
        (Format::Yaml, ""),
        (Format::Json, "\u{feff}"),
        (Format::Toml, "\u{feff}# mine\r\n"),
        (Format::Yaml, "\u{feff}# mine\r\n"),
    ] {
        let after = edited(format, before, &["servers", "m4"], &entry());
        assert!(after.starts_with(before), "{after}");
        assert!(after.ends_with('\n'));
    }
}

#[test]
fn the_common_ways_to_write_no_servers_at_all_are_filled() {
    for (format, before) in [
        (Format::Json, "{}"),
        (Format::Json, "{\"servers\": {}}"),
        (Format::Json, "{\"a\": [1], \"servers\": {}}"),
        (Format::Toml, "[servers]\n"),
        (Format::Toml, "servers = {}\n"),
        (Format::Toml, "servers.other.command = 'x'\n"),
        (Format::Yaml, "servers:\n"),
        (Format::Yaml, "servers: {}\n"),
        (Format::Yaml, "servers: # none\n\nb: 1\n"),
        (Format::Yaml, "servers: ~\nb: 1\n"),
        (Format::Yaml, "{}\n"),
        (Format::Yaml, "---\na: 1\n...\n"),
    ] {
        let text = edited(format, before, &["servers", "m4"], &entry());
        edited(format, &text, &["servers", "m4"], &json!({"command": "y"}));
    }
}

#[test]
fn a_list_written_in_lines_becomes_another_and_an_empty_one() {
    let before = "s:\n  m4:\n    args: # of it\n    - -y\n    - x # last\n    b: 1\n";
    let path = ["s", "m4", "args"];
    let after = edited(Format::Yaml, before, &path, &json!(["a", "b c"]));
    insta::assert_snapshot!(after, @r#"
    s:
      m4:
        args: # of it
          - a
          - "b c"
        b: 1
    "#);
    insta::assert_snapshot!(edited(Format::Yaml, &after, &path, &json!([])), @r"
    s:
      m4:
        args: [] # of it
        b: 1
    ");
}
