//! Every client's file, written by the real `m4` and read by parsers of other people: what is in it starts a server that
//! answers, or leads to one.

use std::fs;
use std::path::{Path, PathBuf};

use m4_tests::cli::{Output, m4};
use m4_tests::client::{Client, is_error, text_of};
use m4_tests::http::Asking;
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::config_claude::as_a_client;
use crate::http_setup::{Web, counted};
use crate::setup::{COUNT_PATIENTS, with_sample};

/// A client, the key its servers are under, the key of a URL, a file of somebody who uses it, a server in that.
type Sample = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>);

const SAMPLES: [Sample; 10] = [
    (
        "claude",
        "mcpServers",
        "",
        include_str!("../../m4-cli/src/clients/samples/claude.json"),
        Some("filesystem"),
    ),
    (
        "claude-code",
        "mcpServers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/claude-code.json"),
        None,
    ),
    (
        "cursor",
        "mcpServers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/cursor.json"),
        Some("tracker"),
    ),
    ("vscode", "servers", "url", include_str!("../../m4-cli/src/clients/samples/vscode.json"), Some("db")),
    (
        "windsurf",
        "mcpServers",
        "serverUrl",
        include_str!("../../m4-cli/src/clients/samples/windsurf.json"),
        Some("ollama"),
    ),
    (
        "cline",
        "mcpServers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/cline.json"),
        Some("weather"),
    ),
    (
        "codex",
        "mcp_servers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/codex.toml"),
        Some("context7"),
    ),
    (
        "gemini",
        "mcpServers",
        "httpUrl",
        include_str!("../../m4-cli/src/clients/samples/gemini.json"),
        Some("tracker"),
    ),
    (
        "zed",
        "context_servers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/zed.json"),
        Some("postgres"),
    ),
    (
        "librechat",
        "mcpServers",
        "url",
        include_str!("../../m4-cli/src/clients/samples/librechat.yaml"),
        Some("files"),
    ),
];

/// Where the client looks, and the options that lead `m4 config` there.
fn place(client: &str, sandbox: &Sandbox) -> (PathBuf, Vec<String>) {
    let home = sandbox.home();
    let settings = if cfg!(windows) { home.join("appdata") } else { home.join(".config") };
    let electron =
        if cfg!(target_os = "macos") { home.join("Library/Application Support") } else { settings.clone() };
    let file = match client {
        "claude" => electron.join("Claude/claude_desktop_config.json"),
        "claude-code" => home.join(".claude.json"),
        "cursor" => home.join(".cursor/mcp.json"),
        "vscode" => electron.join("Code/User/mcp.json"),
        "windsurf" => home.join(".codeium/windsurf/mcp_config.json"),
        "cline" => home.join(".cline/data/settings/cline_mcp_settings.json"),
        "codex" => home.join(".codex/config.toml"),
        "gemini" => home.join(".gemini/settings.json"),
        "zed" => settings.join(if cfg!(windows) { "Zed" } else { "zed" }).join("settings.json"),
        "librechat" => {
            let folder = sandbox.root().join("LibreChat");
            let options = vec!["--working-directory".to_owned(), folder.display().to_string()];
            return (folder.join("librechat.yaml"), options);
        }
        other => panic!("{other}"),
    };
    (file, Vec::new())
}

fn put(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Reads the file with a parser that `m4` does not use.
fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap();
    let text = text.trim_start_matches('\u{feff}');
    match file.extension().unwrap().to_str().unwrap() {
        "toml" => toml::from_str(text).unwrap(),
        "yaml" => serde_yaml_ng::from_str(text).unwrap(),
        _ => json5::from_str(text).unwrap(),
    }
}

fn config(sandbox: &Sandbox, client: &str, options: &[String], more: &[&str]) -> Output {
    let line = ["config", client].into_iter().chain(options.iter().map(String::as_str));
    let output = m4(sandbox, line.chain(more.iter().copied())).unwrap();
    assert_eq!(output.code, Some(0), "{client}: {}", output.stderr);
    output
}

#[tokio::test]
async fn a_real_client_started_from_each_file_gets_data() {
    for (client, key, _, sample, other) in SAMPLES {
        let sandbox = with_sample();
        let (file, options) = place(client, &sandbox);
        put(&file, sample);
        let before = read(&file);
        config(&sandbox, client, &options, &[]);

        let mut after = read(&file);
        let entry = after[key]["m4"].clone();
        if let Some(other) = other {
            assert!(after[key][other].is_object(), "{client}");
        }
        let servers = after[key].as_object_mut().unwrap();
        match before[key].get("m4") {
            Some(old) => servers.insert("m4".to_owned(), old.clone()),
            None => servers.remove("m4"),
        };
        assert_eq!(after, before, "{client}: everything else is as it was");

        let args: Vec<String> = serde_json::from_value(entry["args"].clone()).unwrap();
        let started = as_a_client(&entry, &sandbox);
        let server = Client::connect_to(entry["command"].as_str().unwrap(), &args, &started).await.unwrap();
        let answer = server.call("execute_query", json!({ "sql_query": COUNT_PATIENTS })).await.unwrap();
        assert!(!is_error(&answer), "{client}: {}", text_of(&answer));
        assert_eq!(answer.structured_content.unwrap()["rows"], json!([[100]]), "{client}");
        server.close().await.unwrap();
    }
}

#[test]
fn each_file_leads_to_a_server_over_http_where_its_client_can_go_there() {
    let web = Web::start();
    let token = web.token();
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "execute_query", "arguments": { "sql_query": COUNT_PATIENTS } },
    });
    for (client, key, url, sample, _) in SAMPLES {
        let sandbox = &web.sandbox;
        let (file, options) = place(client, sandbox);
        put(&file, sample);
        let more = ["--transport", "http", "--url", web.server.url()];
        if client == "claude" {
            let output = m4(sandbox, ["config", client].iter().chain(&more)).unwrap();
            assert_eq!(output.code, Some(2), "{}", output.stderr);
            assert!(output.stderr.contains("Connectors"), "{}", output.stderr);
            assert_eq!(fs::read_to_string(&file).unwrap(), sample);
            continue;
        }
        config(sandbox, client, &options, &more);
        let entry = read(&file)[key]["m4"].clone();
        assert!(entry.get("env").is_none() && entry.get("command").is_none(), "{client}: {entry}");
        let asking = Asking::to("POST", entry[url].as_str().unwrap())
            .field("content-type", "application/json")
            .field("accept", "application/json, text/event-stream")
            .body(&call.to_string());
        assert_eq!(asking.clone().send().unwrap().status, 401, "{client}");
        assert_eq!(counted(&asking.bearer(&token).send().unwrap()), 100, "{client}");
    }
}

#[test]
fn what_was_added_is_removed_to_the_byte_and_a_second_time_there_is_nothing() {
    for (client, key, _, sample, _) in SAMPLES {
        let sandbox = with_sample();
        let (file, options) = place(client, &sandbox);
        put(&file, sample);
        config(&sandbox, client, &options, &[]);
        let output = config(&sandbox, client, &options, &["--remove", "--json"]);
        assert_eq!(output.data()["action"], "removed");
        if client == "cline" {
            assert!(read(&file)[key].get("m4").is_none() && read(&file)[key]["weather"].is_object());
        } else {
            assert_eq!(fs::read_to_string(&file).unwrap(), sample, "{client}");
        }
        let left = fs::read_to_string(&file).unwrap();
        let output = config(&sandbox, client, &options, &["--remove", "--json"]);
        assert_eq!(output.data()["action"], "absent");
        assert_eq!(fs::read_to_string(&file).unwrap(), left);
    }
}

#[test]
fn the_options_reach_the_entry_and_a_rerun_without_them_keeps_it() {
    let sandbox = with_sample();
    let database = sandbox.data_dir().join("databases/mimic_iv_sample.duckdb");
    let elsewhere = sandbox.clone().without("M4_DATA_DIR");
    let line = [
        "--backend",
        "duckdb",
        "--db-path",
        database.to_str().unwrap(),
        "--server-name",
        "wards",
        "--quick",
        "--enable-oauth2",
        "--oauth2-issuer",
        "https://issuer.example",
        "--oauth2-audience",
        "m4-api",
        "--oauth2-scopes",
        "a,b",
        "--oauth2-jwks-url",
        "https://issuer.example/keys",
        "--oauth2-client-id",
        "m4",
        "--oauth2-rate-limit",
        "50/60",
    ];
    let output = config(&elsewhere, "vscode", &[], &line);
    assert_eq!(output.stdout, "");
    let (file, _) = place("vscode", &sandbox);
    let entry = read(&file)["servers"]["wards"].clone();
    let expected = json!({
        "M4_HOME": sandbox.config_dir(), "M4_BACKEND": "duckdb",
        "M4_DATA_DIR": sandbox.data_dir().canonicalize().unwrap(),
        "M4_DATASET": "mimic-iv-sample", "M4_OAUTH2_ENABLED": "true",
        "M4_OAUTH2_ISSUER_URL": "https://issuer.example", "M4_OAUTH2_AUDIENCE": "m4-api",
        "M4_OAUTH2_REQUIRED_SCOPES": "a,b", "M4_OAUTH2_JWKS_URL": "https://issuer.example/keys",
        "M4_OAUTH2_CLIENT_ID": "m4", "M4_OAUTH2_RATE_LIMIT_REQUESTS": "50", "M4_OAUTH2_RATE_LIMIT_WINDOW": "60",
    });
    assert_eq!(entry["env"], expected);
    let output = config(&elsewhere, "vscode", &[], &["--server-name", "wards", "--json"]);
    assert_eq!(output.data()["action"], "unchanged", "{}", output.stdout);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let sandbox = with_sample();
    let stray = sandbox.root().join("stray.duckdb");
    fs::write(&stray, "").unwrap();
    let stray = stray.to_str().unwrap();
    for (line, code, said) in [
        (
            &["cursor", "--backend", "bigquery", "--project-id", "my-project"][..],
            1,
            "bigquery backend is not available",
        ),
        (&["cursor", "--project-id", "my-project"], 2, "--project-id goes with bigquery"),
        (&["cursor", "--db-path", stray], 2, "is no dataset's database"),
        (&["cursor", "--db-path", "nowhere.duckdb"], 2, "is not there"),
        (&["cursor", "--transport", "http"], 2, "needs the server's URL"),
        (&["cursor", "--transport", "http", "--url", "http://m4.example/mcp"], 2, "is not encrypted"),
        (&["cursor", "--url", "https://m4.example/mcp", "--transport", "stdio"], 2, "--transport http"),
        (
            &["cursor", "--url", "https://m4.example/mcp", "--enable-oauth2"],
            2,
            "--enable-oauth2 makes no sense",
        ),
        (&["claude", "--working-directory", "."], 2, "no configuration of a folder's own"),
        (&["cursor", "--working-directory", "nowhere"], 1, "is not a folder"),
        (&["librechat"], 2, "in the folder it is installed in"),
        (&["cursor", "--server-name", " "], 2, "needs a name"),
        (&["cursor", "--oauth2-rate-limit", "0"], 2, "calls/seconds"),
    ] {
        let output = m4(&sandbox, ["config"].iter().chain(line)).unwrap();
        assert_eq!(output.code, Some(code), "{line:?}: {}", output.stderr);
        assert!(output.stderr.contains(said), "{line:?}: {}", output.stderr);
        assert!(!sandbox.home().join(".cursor").exists(), "{line:?}");
    }
}

#[test]
fn a_projects_file_is_written_in_the_project_and_nowhere_else() {
    let sandbox = with_sample();
    let project = sandbox.root().join("ward");
    fs::create_dir(&project).unwrap();
    for (client, file, key) in [
        ("claude-code", ".mcp.json", "mcpServers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("vscode", ".vscode/mcp.json", "servers"),
        ("codex", ".codex/config.toml", "mcp_servers"),
        ("gemini", ".gemini/settings.json", "mcpServers"),
        ("zed", ".zed/settings.json", "context_servers"),
    ] {
        config(&sandbox, client, &[], &["--working-directory", "ward"]);
        assert!(read(&project.join(file))[key]["m4"]["command"].is_string(), "{client}");
        assert!(!place(client, &sandbox).0.exists(), "{client}");
    }
}

#[test]
fn check_finds_what_is_wrong_and_says_what_mends_it() {
    let sandbox = with_sample();
    let nothing = m4(&sandbox, ["config", "check", "--json"]).unwrap();
    assert_eq!((nothing.code, nothing.data()), (Some(0), json!([])));
    for client in ["claude", "codex", "zed"] {
        config(&sandbox, client, &[], &[]);
    }
    let good = m4(&sandbox, ["config", "check", "--json"]).unwrap();
    let found = good.data();
    assert_eq!(good.code, Some(0), "{found}");
    assert!(
        found.as_array().unwrap().iter().all(|one| one["status"] == "ok" && one["server"] == "m4"),
        "{found}"
    );
    assert_eq!(found.as_array().unwrap().len(), 3, "{found}");

    let (file, _) = place("claude", &sandbox);
    put(&file, r#"{"mcpServers": {"m4": {"command": "/nowhere/m4", "env": {"M4_OAUTH2_TOKEN": "s3cr3t"}}}}"#);
    put(&place("cursor", &sandbox).0, "{ not json");
    let bad = m4(&sandbox, ["config", "check", "--json"]).unwrap();
    assert_eq!((bad.code, bad.envelope()["error"]["code"].clone()), (Some(1), json!("needs_mending")));
    let found = bad.data();
    let status = |client: &str| -> Vec<String> {
        let of = found.as_array().unwrap().iter().filter(|one| one["client"] == client);
        of.map(|one| one["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(status("claude"), ["fail", "warn"], "{found}");
    assert_eq!(status("cursor"), ["fail"], "{found}");
    assert_eq!(status("codex"), ["ok"], "{found}");
    assert!(!bad.stdout.contains("s3cr3t"));
    assert_eq!(m4(&sandbox, ["config", "check", "zed"]).unwrap().code, Some(0));
}

#[test]
fn a_token_that_was_in_the_entry_is_kept_and_warned_about_and_never_shown() {
    let sandbox = with_sample();
    let (file, _) = place("claude", &sandbox);
    put(
        &file,
        r#"{"mcpServers": {"m4": {"command": "uvx", "args": ["m4-infra"], "env": {"M4_OAUTH2_TOKEN": "s3cr3t"}}}}"#,
    );
    for more in [&["--dry-run"][..], &["--json"], &[]] {
        let output = config(&sandbox, "claude", &[], more);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(said.contains("M4_OAUTH2_TOKEN") && said.contains("m4 login"), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    assert_eq!(read(&file)["mcpServers"]["m4"]["env"]["M4_OAUTH2_TOKEN"], "s3cr3t");
}
