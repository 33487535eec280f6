//! Questions on a real terminal: what is asked, what comes of it, and how it is left.

use std::fs;
use std::path::PathBuf;

use m4_tests::binaries;
use m4_tests::cli::m4;
use m4_tests::file_server::{FileServer, small_tree};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::login_browser::{self, RESOURCE};
use crate::pty::Person;
use crate::setup::{COUNT_PATIENTS, empty, issuer, sql, start, with_sample};

/// Cursor's file, with the server of somebody else in it.
fn cursor(sandbox: &Sandbox) -> PathBuf {
    let file = sandbox.home().join(".cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, BEFORE).unwrap();
    file
}

const BEFORE: &str = "{\n  // mine\n  \"mcpServers\": {\n    \"other\": { \"command\": \"x\", \"env\": { \"KEY\": \"s3cr3t\" } }\n  }\n}\n";

/// The entry that was written.
fn entry(text: &str) -> Value {
    let without_comment = text.replace("// mine", "");
    serde_json::from_str::<Value>(&without_comment).unwrap()["mcpServers"]["m4"].clone()
}

/// A server with the variables of an entry.
fn count_with(sandbox: &Sandbox, entry: &Value) -> Vec<Value> {
    let mut sandbox = sandbox.clone();
    for (name, value) in entry["env"].as_object().unwrap() {
        sandbox = sandbox.with(name, value.as_str().unwrap());
    }
    sql(&mut start(&sandbox), COUNT_PATIENTS).rows().clone()
}

/// Answers up to the first question about OAuth2.
fn to_oauth2(person: &mut Person) {
    person.sees("Which client?").types("Cursor\r");
    person.sees("Which engine answers queries?").types("\r");
    person.sees("Let in only callers with an OAuth2 token?");
}

#[test]
fn config_asks_checks_the_issuer_while_it_asks_and_shows_the_change_before_it_writes() {
    let issuer = issuer();
    let sandbox = with_sample();
    let file = cursor(&sandbox);
    let mut person = Person::start(&sandbox, &["config"]);
    to_oauth2(&mut person);
    person.types("y\r").sees("Issuer").types("http://127.0.0.1:1\r");
    person.sees("the issuer cannot be reached").sees("What now?").types("\r");
    person.sees("Issuer").types(&format!("{}\r", issuer.url()));
    person.sees("usable keys (").sees("Audience").types("\r").sees("Scopes").types("\r");
    person.sees("+ ").sees("\"M4_OAUTH2_ENABLED\": \"true\"").sees("Write this?");
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE, "it was written before anybody said so");
    person.types("\r").sees("wrote ").sees("m4 login --issuer");
    assert!(person.ends().success(), "{}", person.screen());
    assert!(!person.screen().contains("s3cr3t"), "{}", person.screen());

    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("// mine") && text.contains("s3cr3t"), "{text}");
    let env = &entry(&text)["env"];
    assert_eq!(
        (&env["M4_OAUTH2_ISSUER_URL"], &env["M4_OAUTH2_AUDIENCE"]),
        (&json!(issuer.url()), &json!("m4-api"))
    );
    assert_eq!(env["M4_OAUTH2_REQUIRED_SCOPES"], "read:mimic-data");
    assert!(person.terminal_is_as_usual());
}

#[test]
fn a_no_at_the_end_and_an_issuer_that_is_given_up_change_nothing() {
    let sandbox = with_sample();
    let file = cursor(&sandbox);
    let mut person = Person::start(&sandbox, &["config"]);
    to_oauth2(&mut person);
    let pasted = format!("\u{1b}[200~http://issuer.example/{}\u{1b}[201~\r", "realm/".repeat(60));
    person.types("y\r").sees("Issuer").types(&pasted).sees("https");
    person.sees("Issuer").types("http://127.0.0.1:1\r");
    person.sees("What now?").types("leave\r").sees("Write this?").types("n\r").sees("nothing was written");
    assert!(person.ends().success());
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn ctrl_c_at_any_question_leaves_the_file_and_the_terminal_as_they_were() {
    type Step = fn(&mut Person);
    let steps: [Step; 4] = [
        |person| _ = person.sees("Which client?"),
        |person| to_oauth2(person),
        |person| {
            to_oauth2(person);
            person.types("y\r").sees("Issuer").types("https://half-");
        },
        |person| {
            to_oauth2(person);
            person.types("n\r").sees("Write this?");
        },
    ];
    for step in steps {
        let sandbox = with_sample();
        let file = cursor(&sandbox);
        let mut person = Person::start(&sandbox, &["config"]);
        step(&mut person);
        assert!(!person.terminal_is_as_usual(), "questions are asked in raw mode");
        person.types("\u{3}");
        let status = person.ends();
        assert_eq!(status.signal(), Some("Interrupt"), "130 to a shell: {status:?}\n{}", person.screen());
        assert!(person.terminal_is_as_usual(), "{}", person.screen());
        assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);
    }
}

#[test]
fn a_process_that_is_ended_at_a_question_puts_the_terminal_back() {
    let sandbox = with_sample();
    cursor(&sandbox);
    for signal in ["-TERM", "-HUP"] {
        let mut person = Person::start(&sandbox, &["config"]);
        person.sees("Which client?");
        assert!(!person.terminal_is_as_usual());
        let id = person.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert!(person.ends().signal().is_some());
        assert!(person.terminal_is_as_usual(), "{signal}");
    }
}

#[test]
fn quickstart_leads_from_nothing_to_a_client_that_gets_data_and_then_has_nothing_left_to_ask() {
    let issuer = login_browser::issuer();
    let browser = binaries::find("fake-browser").unwrap();
    let sandbox = empty().with("BROWSER", browser);
    let file = cursor(&sandbox);
    let mut person = Person::start(&sandbox, &["quickstart"]);
    person.sees("1 of 4: dataset").sees("Which dataset?").types("\r").sees("mimic-iv-sample is set up");
    person.sees("2 of 4: backend").sees("Which engine answers queries?").types("\r").sees("stored in");
    person.sees("3 of 4: client").sees("Which client?").types("Cursor\r");
    person.sees("OAuth2 token?").types("y\r").sees("Issuer").types(&format!("{}\r", issuer.url()));
    person.sees("usable keys (").sees("Audience").types(&format!("{RESOURCE}\r")).sees("Scopes").types("\r");
    person.sees("Write this?").types("\r").sees("wrote ");
    person.sees("4 of 4: login").sees("How do you want to log in?").types("\r");
    person.sees("logged in at ").sees("That is all.");
    assert!(person.ends().success(), "{}", person.screen());
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(count_with(&sandbox, &entry(&written)), [json!([100])]);

    let mut again = Person::start(&sandbox, &["quickstart"]);
    again
        .sees("done: mimic-iv-sample")
        .sees("done: duckdb")
        .sees("done: Cursor")
        .sees("done: there is a token");
    assert!(again.ends().success());
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_quickstart_that_was_stopped_goes_on_where_it_was() {
    let sandbox = empty();
    let file = cursor(&sandbox);
    let mut person = Person::start(&sandbox, &["quickstart"]);
    person.sees("Which dataset?").types("\r").sees("is set up").sees("Which engine").types("\r");
    person.sees("Which client?").types("\u{3}");
    assert_eq!(person.ends().signal(), Some("Interrupt"));
    assert!(person.terminal_is_as_usual());
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);

    let mut person = Person::start(&sandbox, &["quickstart"]);
    person.sees("done: mimic-iv-sample").sees("done: duckdb").sees("Which client?").types("Cursor\r");
    person.sees("OAuth2 token?").types("\r").sees("Write this?").types("\r");
    person.sees("not needed: OAuth2 is off");
    assert!(person.ends().success());
    assert_eq!(count_with(&sandbox, &entry(&fs::read_to_string(&file).unwrap())), [json!([100])]);
}

#[test]
fn nothing_waits_for_an_answer_where_there_is_no_terminal() {
    let sandbox = empty();
    let file = cursor(&sandbox);
    for args in [&["quickstart"][..], &["quickstart", "--no-interactive"]] {
        let output = m4(&sandbox, args).unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
        assert!(output.stderr.contains("m4 init mimic-iv-sample"), "{}", output.stderr);
    }
    let mut person = Person::start(&sandbox, &["quickstart", "--no-interactive"]);
    assert_eq!(person.ends().exit_code(), 2);
    let printed = m4(&sandbox, ["config"]).unwrap();
    assert_eq!(printed.code, Some(0));
    assert!(serde_json::from_str::<Value>(&printed.stdout).unwrap()["mcpServers"]["m4"].is_object());
    let mut person = Person::start(&sandbox, &["config", "--no-interactive"]);
    assert!(person.sees("\"mcpServers\"").ends().success());
    assert_eq!(fs::read_to_string(&file).unwrap(), BEFORE);

    let output = m4(&sandbox, ["quickstart", "--yes"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(count_with(&sandbox, &entry(&fs::read_to_string(&file).unwrap())), [json!([100])]);
}

#[test]
fn the_physionet_password_is_not_shown_and_ctrl_c_there_ends_it_with_nothing_done() {
    let server = FileServer::with_login(small_tree(), Some(("ada@example.org", "s3cret:of-nobody-else")));
    let sandbox = empty();
    fs::create_dir_all(sandbox.data_dir().join("datasets")).unwrap();
    let definition = json!({
        "name": "guarded", "file_listing_url": server.url(), "subdirectories_to_scan": ["hosp", "icu"],
        "requires_authentication": true, "schema_mapping": { "hosp": "mimiciv_hosp", "icu": "mimiciv_icu" },
    });
    fs::write(sandbox.data_dir().join("datasets/guarded.json"), definition.to_string()).unwrap();
    let database = sandbox.data_dir().join("databases/guarded.duckdb");

    for at_password in [false, true] {
        let mut person = Person::start(&sandbox, &["init", "guarded", "--download"]);
        person.sees("User");
        if at_password {
            person.types("ada@example.org\r").sees("Password").types("s3cret:of");
        }
        person.types("\u{3}");
        assert_eq!(person.ends().signal(), Some("Interrupt"), "{}", person.screen());
        assert!(person.terminal_is_as_usual());
        assert!(!person.screen().contains("s3cret"), "{}", person.screen());
        assert!(!database.exists() && server.seen().is_empty());
    }

    let mut person = Person::start(&sandbox, &["init", "guarded", "--download"]);
    person.sees("User").types("ada@example.org\r").sees("Password").types("s3cret:of-nobody-else\r");
    assert!(person.ends().success(), "{}", person.screen());
    assert!(!person.screen().contains("s3cret"), "{}", person.screen());
    assert!(database.exists());
}

#[test]
fn ctrl_c_while_a_dataset_is_loaded_leaves_the_old_database() {
    let sandbox = with_sample();
    let database = sandbox.data_dir().join("databases/mimic_iv_sample.duckdb");
    let before = fs::read(&database).unwrap();
    let mut person = Person::start(&sandbox, &["init", "mimic-iv-sample", "--force"]);
    person.sees("mimic-iv-sample").types("\u{3}");
    let status = person.ends();
    assert_eq!(status.signal(), Some("Interrupt"), "{status:?}\n{}", person.screen());
    assert!(person.terminal_is_as_usual());
    assert!(fs::read(&database).unwrap() == before, "the database changed");
    assert_eq!(m4(&sandbox, ["init", "mimic-iv-sample", "--force"]).unwrap().code, Some(0));
}
