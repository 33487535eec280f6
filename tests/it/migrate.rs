//! `m4 migrate`: what the Python packages and FluidMCP left is taken over, and stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use m4_tests::cli::{Output, m4};
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::setup::{COUNT_PATIENTS, empty, issuer};

/// The Python package's data folder, with the demo's patients as Parquet, a custom dataset and a configuration.
fn left_behind(sandbox: &Sandbox) -> PathBuf {
    let old = sandbox.home().join("m4_data");
    let put = |path: &str, content: &[u8]| {
        let path = old.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    put("parquet/mimic-iv-demo/hosp/patients.parquet", &patients());
    put("parquet/ward-7/lab/results.parquet", &patients());
    put("parquet/nobody-knows/x.parquet", &patients());
    fs::create_dir_all(old.join("parquet/mimic-cxr-jpg")).unwrap();
    put("databases/mimic_iv_demo.duckdb", b"views");
    put("databases/mimic_iv.duckdb", b"views");
    put(
        "datasets/ward-7.json",
        br#"{"name": "ward-7", "description": "A ward", "tables": {"lab.results": {"file": "lab/results.parquet", "columns": {
            "subject_id": "BIGINT", "gender": "VARCHAR"}}}}"#,
    );
    put(
        "config.json",
        br#"{"backend": "duckdb", "active_dataset": "mimic-iv-demo", "duckdb_paths": {}, "parquet_roots": {},
            "bigquery_project_id": null}"#,
    );
    old
}

/// One row of the demo's patients, written by DuckDB 1.5.
fn patients() -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(PATIENTS).unwrap()
}

const PATIENTS: &str = "UEFSMRUAFRAVFCwVAhUAFQYVBgAACByglpgAAAAAABUAFQoVDiwVAhUAFQYVBgAABRABAAAARhUAFRAVFCwVAhUAFQYVBgAACBw0AAAAAAAAABUAFRAVFCwVAhUAFQYVBgAACByECAAAAAAAABUAFR4VIiwVAhUAFQYVBgAADzgLAAAAMjAxNCAtIDIwMTYVABUMFRAsFQIVABUGFQYAAAYUAgAAAAIAFQIZfDUAGA1kdWNrZGJfc2NoZW1hFQwAFQQlABgKc3ViamVjdF9pZCUkABUMJQAYBmdlbmRlciUAABUEJQAYCmFuY2hvcl9hZ2UlJAAVBCUAGAthbmNob3JfeWVhciUkABUMJQAYEWFuY2hvcl95ZWFyX2dyb3VwJQAAFQIlAhgDZG9kJQwAFgIZHBlsJgAcFQQZFQAZGApzdWJqZWN0X2lkFQIWAhYyFjYmCDwYCKCWmAAAAAAAGAiglpgAAAAAABYAKAiglpgAAAAAABgIoJaYAAAAAAAREQAZHBUAFQAVAgAAACYAHBUMGRUAGRgGZ2VuZGVyFQIWAhYsFjAmPjwYAUYYAUYWACgBRhgBRhERABkcFQAVABUCAAAAJgAcFQQZFQAZGAphbmNob3JfYWdlFQIWAhYyFjYmbjwYCDQAAAAAAAAAGAg0AAAAAAAAABYAKAg0AAAAAAAAABgINAAAAAAAAAAREQAZHBUAFQAVAgAAACYAHBUEGRUAGRgLYW5jaG9yX3llYXIVAhYCFjIWNiakATwYCIQIAAAAAAAAGAiECAAAAAAAABYAKAiECAAAAAAAABgIhAgAAAAAAAAREQAZHBUAFQAVAgAAACYAHBUMGRUAGRgRYW5jaG9yX3llYXJfZ3JvdXAVAhYCFkAWRCbaATwYCzIwMTQgLSAyMDE2GAsyMDE0IC0gMjAxNhYAKAsyMDE0IC0gMjAxNhgLMjAxNCAtIDIwMTYREQAZHBUAFQAVAgAAACYAHBUCGRUAGRgDZG9kFQIWAhYuFjImngI8NgIAGRwVABUAFQIAAAAWsAIWAiYIFsgCACgoRHVja0RCIHZlcnNpb24gdjIuMC4wIChidWlsZCBkNTRjYmJlM2RmKRlsHAAAHAAAHAAAHAAAHAAAHAAAAK0CAABQQVIx";

fn migrate(sandbox: &Sandbox, args: &[&str], code: i32) -> Output {
    let line = ["migrate", "--json"].iter().chain(args);
    let output = m4(sandbox, line).unwrap();
    assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
    output
}

/// The state of each thing: `dataset ward-7` to `to_do`.
fn states(output: &Output) -> BTreeMap<String, String> {
    let data = output.data();
    let word = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
    let state =
        |item: &Value| (format!("{} {}", word(item, "kind"), word(item, "name")), word(item, "state"));
    data["items"].as_array().unwrap().iter().map(state).collect()
}

fn expect(output: &Output, expected: &[(&str, &str)]) {
    let states = states(output);
    for (thing, state) in expected {
        assert_eq!(states.get(*thing).map(String::as_str), Some(*state), "{thing}: {}", output.stdout);
    }
}

/// Every file below a folder with its content and mode.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = path.symlink_metadata().unwrap();
        if about.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap_or_default(), about.permissions().mode()));
        }
    }
    found
}

#[test]
fn it_shows_first_then_takes_over_and_then_nothing_is_left() {
    let sandbox = empty();
    let old = left_behind(&sandbox);
    let before = tree(&old);

    let shown = migrate(&sandbox, &[], 0);
    expect(
        &shown,
        &[
            ("definition ward-7", "to_do"),
            ("dataset mimic-iv-demo", "to_do"),
            ("dataset ward-7", "to_do"),
            ("dataset mimic-iv", "skipped"),
            ("dataset nobody-knows", "skipped"),
            ("setting M4_DATASET", "to_do"),
            ("setting M4_BACKEND", "done"),
        ],
    );
    assert_eq!(shown.data()["left"], 4);
    assert_eq!(states(&shown).len(), 7, "nothing of empty folders");
    assert_eq!(fs::read_dir(sandbox.data_dir()).unwrap().count(), 0, "only shown");
    assert_eq!(fs::read_dir(sandbox.config_dir()).unwrap().count(), 0, "only shown");

    let applied = migrate(&sandbox, &["--apply"], 0);
    expect(
        &applied,
        &[
            ("definition ward-7", "taken_over"),
            ("dataset mimic-iv-demo", "taken_over"),
            ("dataset ward-7", "taken_over"),
            ("setting M4_DATASET", "taken_over"),
        ],
    );
    assert_eq!(tree(&old), before, "what it was taken from is as it was, byte for byte");
    let query = m4(&sandbox, ["query", "--json", "--sql", COUNT_PATIENTS]).unwrap();
    assert_eq!(query.data()["rows"][0][0], 1, "the active dataset is asked: {}", query.stdout);

    let again = migrate(&sandbox, &["--apply"], 0);
    assert_eq!(again.data()["left"], 0);
    assert!(states(&again).values().all(|state| state == "done" || state == "skipped"), "{}", again.stdout);
    assert!(m4(&sandbox, ["migrate"]).unwrap().stdout.contains("nothing is left to take over"));
}

#[test]
fn what_is_broken_is_said_and_skipped_and_the_rest_is_done() {
    let sandbox = empty();
    let old = left_behind(&sandbox);
    fs::write(old.join("config.json"), "{ s3cr3t").unwrap();
    fs::write(old.join("datasets/broken.json"), "{").unwrap();
    fs::create_dir_all(old.join("parquet/eicu")).unwrap();
    fs::write(old.join("parquet/eicu/patient.parquet"), &patients()[..300]).unwrap();
    symlink("mimic-iv-note", old.join("parquet/mimic-iv-note")).unwrap();
    symlink("..", old.join("parquet/mimic-iv-demo/hosp/up")).unwrap();
    let before = tree(&old);

    let output = migrate(&sandbox, &["--apply"], 1);
    assert_eq!(output.envelope()["error"]["code"], "needs_mending");
    expect(
        &output,
        &[
            ("setting config.json", "problem"),
            ("definition broken.json", "problem"),
            ("definition ward-7", "taken_over"),
            ("dataset mimic-iv-demo", "taken_over"),
            ("dataset ward-7", "taken_over"),
            ("dataset eicu", "problem"),
            ("dataset mimic-iv-note", "problem"),
        ],
    );
    assert!(!output.stdout.contains("s3cr3t") && !output.stderr.contains("s3cr3t"));
    assert_eq!(tree(&old), before);
    assert!(!sandbox.data_dir().join("databases/eicu.duckdb").exists(), "half a file became no database");
}

#[test]
fn what_is_here_under_the_same_name_is_left_as_it_is() {
    let sandbox = empty();
    let old = left_behind(&sandbox);
    let ours = sandbox.data_dir().join("datasets/ward-7.json");
    fs::create_dir_all(ours.parent().unwrap()).unwrap();
    let text = fs::read_to_string(old.join("datasets/ward-7.json")).unwrap().replace("A ward", "Ours");
    fs::write(&ours, &text).unwrap();
    let applied = migrate(&sandbox, &["--apply"], 1);
    expect(&applied, &[("definition ward-7", "problem"), ("dataset mimic-iv-demo", "taken_over")]);
    assert_eq!(fs::read_to_string(&ours).unwrap(), text);
}

#[test]
fn a_folder_that_cannot_be_the_source_is_refused() {
    let sandbox = empty();
    let none = m4(&sandbox, ["migrate", "--from", "/does/not/exist"]).unwrap();
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    let old = left_behind(&sandbox);
    let same = sandbox.clone().with("M4_DATA_DIR", &old);
    let refused = m4(&same, ["migrate", "--apply", "--from", old.to_str().unwrap()]).unwrap();
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("set M4_DATA_DIR to a new folder"), "{}", refused.stderr);
    expect(&migrate(&same, &["--paths"], 1), &[(&format!("folder {}", old.display()), "problem")]);
    let nothing = migrate(&empty(), &[], 0);
    assert_eq!((&nothing.data()["from"], &nothing.data()["left"]), (&Value::Null, &json!(0)));
}

#[test]
fn entries_of_the_python_packages_start_this_server_with_their_settings() {
    let sandbox = empty();
    let file = sandbox.home().join(".cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text = r#"{
  // my servers
  "mcpServers": {
    "other": { "command": "x", "env": { "KEY": "s3cr3t" } },
    "m4": {
      "command": "uvx",
      "args": ["m4-infra"],
      "env": { "M3_OAUTH2_ENABLED": "true", "M4_OAUTH2_ISSUER_URL": "https://issuer.example",
        "M3_OAUTH2_AUDIENCE": "m4-api", "M4_DATA_DIR": "/old/m4_data", "M4_DB_PATH": "/old/x.duckdb" }
    }
  }
}
"#;
    fs::write(&file, text).unwrap();
    let codex = sandbox.home().join(".codex/config.toml");
    fs::create_dir_all(codex.parent().unwrap()).unwrap();
    fs::write(&codex, "# mine\n[mcp_servers.m3]\ncommand = \"python\"\nargs = [\"-m\", \"m3.mcp_server\"]\n")
        .unwrap();
    expect(&migrate(&sandbox, &[], 0), &[("client cursor `m4`", "to_do"), ("client codex `m3`", "to_do")]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "only shown");

    let applied = migrate(&sandbox, &["--apply"], 0);
    expect(&applied, &[("client cursor `m4`", "taken_over"), ("client codex `m3`", "taken_over")]);
    assert!(!applied.stdout.contains("s3cr3t"));
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("// my servers") && written.contains("s3cr3t"), "{written}");
    let entry: Value = serde_json::from_str(&written.replace("// my servers", "")).unwrap();
    let entry = &entry["mcpServers"]["m4"];
    assert!(
        entry["command"].as_str().unwrap().ends_with("m4-mcp-server") && entry["args"] == json!([]),
        "{entry}"
    );
    assert_eq!(
        (&entry["env"]["M4_OAUTH2_ENABLED"], &entry["env"]["M4_OAUTH2_AUDIENCE"]),
        (&json!("true"), &json!("m4-api"))
    );
    assert_eq!(entry["env"]["M4_DATA_DIR"], json!(sandbox.data_dir()), "not the Python package's");
    assert!(entry["env"]["M4_DB_PATH"].is_null() && entry["env"]["M3_OAUTH2_ENABLED"].is_null(), "{entry}");
    assert!(fs::read_to_string(&codex).unwrap().starts_with("# mine\n[mcp_servers.m3]\n"));
    let kept = fs::read_dir(file.parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    let kept: Vec<_> = kept.filter(|path| path.extension().is_some_and(|end| end == "bak")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(fs::read_to_string(&kept[0]).unwrap(), text);
    assert!(migrate(&sandbox, &["--apply"], 0).data()["items"].as_array().unwrap().is_empty());
}

#[test]
fn entries_of_a_project_are_taken_over_where_its_folder_is_named() {
    let sandbox = empty();
    let project = sandbox.root().join("ward");
    fs::create_dir_all(&project).unwrap();
    let json = project.join(".mcp.json");
    fs::write(&json, r#"{"mcpServers": {"m4": {"command": "uvx", "args": ["m4-infra"]}}}"#).unwrap();
    let yaml = project.join("librechat.yaml");
    fs::write(&yaml, "version: 1.2.1 # ours\nmcpServers:\n  m3:\n    command: uvx\n    args: [m3-mcp]\n")
        .unwrap();
    assert!(migrate(&sandbox, &["--apply"], 0).data()["items"].as_array().unwrap().is_empty());
    for command in [&["migrate"][..], &["config", "check"]] {
        let output = m4(&sandbox, command.iter().chain(&["--working-directory", "nowhere"])).unwrap();
        assert!(output.code == Some(1) && output.stderr.contains("is not a folder"), "{}", output.stderr);
    }
    let folder = project.to_str().unwrap();
    let applied = migrate(&sandbox, &["--apply", "--working-directory", folder], 0);
    let expected = ["client claude-code of the project `m4`", "client librechat of the project `m3`"];
    expect(&applied, &expected.map(|item| (item, "taken_over")));
    assert!(fs::read_to_string(&json).unwrap().contains("m4-mcp-server"));
    let yaml = fs::read_to_string(&yaml).unwrap();
    assert!(yaml.contains("m4-mcp-server") && yaml.contains("version: 1.2.1 # ours\n"), "{yaml}");
}

fn fluidmcp(sandbox: &Sandbox, content: &Value) -> PathBuf {
    let path = sandbox.home().join(".fluidmcp/oauth/tokens.json");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content.to_string()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn logged_in(issuer: &MockIssuer) -> Sandbox {
    empty()
        .with("M4_OAUTH2_ENABLED", "true")
        .with("M4_OAUTH2_ISSUER_URL", issuer.url())
        .with("M4_OAUTH2_AUDIENCE", issuer.audience())
        .with("FMCP_OAUTH_CLIENT_ID", "m4")
        .with("FMCP_OAUTH_TOKEN_ENDPOINT", issuer.token_endpoint())
}

#[test]
fn a_login_of_fluidmcp_is_stored_once_and_never_shown() {
    let issuer = issuer();
    let sandbox = logged_in(&issuer);
    let (access, refresh) = (issuer.mint(TokenSpec::new().subject("ada")), issuer.issue_refresh_token());
    let path = fluidmcp(
        &sandbox,
        &json!({ "access_token": access, "refresh_token": refresh, "expires_at": "2030-01-01T00:00:00" }),
    );
    let before = fs::read(&path).unwrap();
    expect(&migrate(&sandbox, &[], 0), &[("login fluidmcp", "to_do")]);
    let applied = migrate(&sandbox, &["--apply"], 0);
    expect(&applied, &[("login fluidmcp", "taken_over")]);
    for secret in [&access, &refresh] {
        assert!(!applied.stdout.contains(secret.as_str()) && !applied.stderr.contains(secret.as_str()));
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    let who = m4(&sandbox, ["whoami", "--json"]).unwrap();
    assert!(who.stdout.contains("ada"), "{}\n{}", who.stdout, who.stderr);
    expect(&migrate(&sandbox, &["--apply"], 0), &[("login fluidmcp", "done")]);
}

#[test]
fn a_login_that_is_over_or_in_doubt_is_not_taken_over() {
    let issuer = issuer();
    let sandbox = logged_in(&issuer);
    let good = issuer.mint(TokenSpec::new());
    let expired = issuer.mint(TokenSpec::new().expires_in(-600));
    let stranger = self::issuer().mint(TokenSpec::new());
    let refresh = issuer.issue_refresh_token();
    for (tokens, says) in [
        (json!({ "access_token": expired, "refresh_token": refresh }), "expired"),
        (json!({ "access_token": stranger, "refresh_token": refresh }), "does not let its token in"),
        (json!({ "access_token": good, "refresh_token": "" }), "cannot be renewed"),
        (json!({ "access_token": good }), "cannot be renewed"),
    ] {
        fluidmcp(&sandbox, &tokens);
        let output = migrate(&sandbox, &["--apply"], 0);
        expect(&output, &[("login fluidmcp", "skipped")]);
        assert!(output.stdout.contains(says), "{says}: {}", output.stdout);
    }
    let path = fluidmcp(&sandbox, &json!({ "access_token": good, "refresh_token": refresh }));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    expect(&migrate(&sandbox, &["--apply"], 1), &[("login fluidmcp", "problem")]);
    fs::write(&path, "{ \"access_token\": s3cr3t").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let broken = migrate(&sandbox, &["--apply"], 1);
    assert!(!broken.stdout.contains("s3cr3t"), "{}", broken.stdout);
    assert!(!sandbox.config_dir().join("tokens.json").exists(), "nothing was stored");
}
