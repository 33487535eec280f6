//! What `m4 config` writes starts a server that answers.

use std::fs;
use std::path::{Path, PathBuf};

use m4_tests::cli::m4;
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;
use m4_tests::server::RawServer;
use serde_json::{Value, json};

use crate::setup::{COUNT_PATIENTS, DEADLINE, issuer, present, sql, with_sample};

/// Starts what an entry says, as a client does: its command, its arguments, its variables and nothing of the shell's.
fn start_as_a_client(entry: &Value, sandbox: &Sandbox) -> RawServer {
    let bare = as_a_client(entry, sandbox);
    let args: Vec<&str> = entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let mut server = RawServer::spawn_program(entry["command"].as_str().unwrap(), &args, &bare).unwrap();
    server.initialize(DEADLINE).unwrap();
    server
}

/// What a program sees that a client starts for an entry.
pub(crate) fn as_a_client(entry: &Value, sandbox: &Sandbox) -> Sandbox {
    let mut bare = sandbox.clone();
    for name in sandbox.variables().keys() {
        let keep = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "PATH", "HOME"];
        if !keep.contains(&name.to_str().unwrap()) {
            bare = bare.without(name);
        }
    }
    for (name, value) in entry["env"].as_object().unwrap() {
        bare = bare.with(name, value.as_str().unwrap());
    }
    bare
}

fn claude_file(sandbox: &Sandbox) -> PathBuf {
    let under_home = if cfg!(target_os = "macos") {
        "Library/Application Support/Claude"
    } else if cfg!(windows) {
        "appdata/Claude"
    } else {
        ".config/Claude"
    };
    sandbox.home().join(under_home).join("claude_desktop_config.json")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_entry_written_for_claude_starts_a_server_that_answers() {
    let sandbox = with_sample();
    let output = m4(&sandbox, ["config", "claude"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let entry = read(&claude_file(&sandbox))["mcpServers"]["m4"].clone();
    let mut server = start_as_a_client(&entry, &sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
}

#[test]
fn the_documented_oauth2_set_up_guards_the_server_it_starts() {
    let issuer = issuer();
    let token_file = |sandbox: &Sandbox| sandbox.root().join("token");
    let sandbox = with_sample();
    let sandbox = sandbox.clone().with("M4_OAUTH2_TOKEN_FILE", token_file(&sandbox));
    let args = [
        "config",
        "claude",
        "--enable-oauth2",
        "--oauth2-issuer",
        issuer.url(),
        "--oauth2-audience",
        "m4-api",
        "--oauth2-scopes",
        "read:mimic-data",
    ];
    let output = m4(&sandbox, args).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let entry = read(&claude_file(&sandbox))["mcpServers"]["m4"].clone();
    let mut server = start_as_a_client(&entry, &sandbox);
    assert!(sql(&mut server, COUNT_PATIENTS).refusal().starts_with("Error: Missing OAuth2 access token"));
    present(&sandbox, &issuer.mint(TokenSpec::new()));
    let reply = sql(&mut server, COUNT_PATIENTS);
    assert_eq!(reply.rows(), &[json!([100])]);
    present(&sandbox, &issuer.mint(TokenSpec::new().scope("other")));
    assert!(
        sql(&mut server, COUNT_PATIENTS)
            .refusal()
            .starts_with("Error: Missing required scopes: read:mimic-data")
    );
}

#[test]
fn a_rerun_keeps_oauth2_and_the_users_other_servers() {
    let sandbox = with_sample();
    let file = claude_file(&sandbox);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, r#"{"theme": "dark", "mcpServers": {"other": {"command": "x", "env": {"KEY": "v"}}}}"#)
        .unwrap();
    let enable = [
        "config",
        "claude",
        "--enable-oauth2",
        "--oauth2-issuer",
        "https://issuer.example",
        "--oauth2-audience",
        "a",
    ];
    assert_eq!(m4(&sandbox, enable).unwrap().code, Some(0));
    let first = read(&file);
    assert_eq!(first["mcpServers"]["other"], json!({ "command": "x", "env": { "KEY": "v" } }));
    assert_eq!(first["theme"], "dark");
    assert_eq!(first["mcpServers"]["m4"]["env"]["M4_OAUTH2_ENABLED"], "true");
    assert_eq!(m4(&sandbox, ["config", "claude"]).unwrap().code, Some(0));
    assert_eq!(read(&file), first);
}

#[test]
fn a_file_that_is_not_understood_is_left_as_it_was() {
    let sandbox = with_sample();
    let file = claude_file(&sandbox);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for text in ["{ \"mcpServers\": {", "[]", "{\"mcpServers\": []}", "{\"mcpServers\": {\"m4\": 7}}"] {
        fs::write(&file, text).unwrap();
        let output = m4(&sandbox, ["config", "claude"]).unwrap();
        assert_eq!(output.code, Some(1), "{text}: {}", output.stderr);
        assert!(
            output.stderr.starts_with("error: ") && output.stderr.contains("\nhint: "),
            "{}",
            output.stderr
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn the_json_for_any_client_starts_a_server_that_answers() {
    let sandbox = with_sample();
    let output = m4(&sandbox, ["config", "--server-name", "wards"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let printed: Value = serde_json::from_str(&output.stdout).unwrap();
    let mut server = start_as_a_client(&printed["mcpServers"]["wards"], &sandbox);
    assert_eq!(sql(&mut server, COUNT_PATIENTS).rows(), &[json!([100])]);
}

#[test]
fn no_token_is_ever_written_to_a_clients_configuration() {
    let sandbox = with_sample()
        .with("M4_OAUTH2_TOKEN", "s3cr3t-token")
        .with("M4_OAUTH2_CLIENT_SECRET", "s3cr3t-client");
    let args = ["--enable-oauth2", "--oauth2-issuer", "https://issuer.example", "--oauth2-audience", "a"];
    let written = m4(&sandbox, ["config", "claude"].iter().chain(&args)).unwrap();
    let printed = m4(&sandbox, ["config"].iter().chain(&args)).unwrap();
    assert_eq!((written.code, printed.code), (Some(0), Some(0)), "{}{}", written.stderr, printed.stderr);
    let file = fs::read_to_string(claude_file(&sandbox)).unwrap();
    for text in [file, written.stdout, written.stderr, printed.stdout, printed.stderr] {
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}
