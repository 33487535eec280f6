//! What goes to stdout and what to stderr, and that a key is shown once.

use std::path::Path;

use auth_core::api_key::ApiKey;
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;
use clap::Parser;
use mcp_server::error::Explain;
use serde_json::Value;

use super::*;
use crate::exit_code::Exit;
use crate::output::Kept;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    args: ApiKeysArgs,
}

struct Ran {
    out: String,
    err: String,
    outcome: Outcome,
}

/// Runs `m4 keys …` at a home.
fn run_in(home: &Path, words: &[&str], more: &[(&str, &str)]) -> Ran {
    let typed = Typed::try_parse_from(["keys"].iter().chain(words)).unwrap();
    let pairs = [("M4_HOME", home.to_str().unwrap())];
    let env = Environment::from_pairs(pairs.iter().chain(more).copied());
    let (out, err) = (Kept::default(), Kept::default());
    let printer = Printer::to(out.clone(), err.clone(), false);
    let in_json = words.contains(&"--json");
    let printer = if in_json { printer.in_json("keys") } else { printer };
    let outcome = run(&typed.args, &env, &printer);
    if in_json {
        printer.finish(&outcome);
    }
    Ran { out: out.text(), err: err.text(), outcome }
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn explained(ran: Ran) -> (String, String, Exit) {
    let failure = ran.outcome.unwrap_err();
    let error: &dyn Explain = failure.error().unwrap();
    (error.to_string(), error.hint().unwrap(), failure.exit())
}

#[test]
fn the_key_alone_goes_to_stdout_and_can_be_used() {
    let home = home();
    let file = home.path().join("k.json");
    let more = [("M4_API_KEYS_FILE", file.to_str().unwrap())];
    let ran = run_in(home.path(), &["create", "ci"], &more);
    ran.outcome.unwrap();
    let key = ran.out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("m4_") && key.len() == 46 && !ran.err.contains(key), "{}", ran.out);
    assert!(ran.err.starts_with("ci works until 20") && !ran.err.contains("warning"), "{}", ran.err);
    let kept = api_keys::read(&file).unwrap();
    let kept = kept.iter().next().unwrap();
    let expected = ApiKey::new(
        kept.name().clone(),
        &Secret::new(key),
        ScopeSet::parse("read:mimic-data").unwrap(),
        kept.created_at(),
        Some(kept.created_at().saturating_add(90 * 86_400)),
    );
    assert_eq!(kept, &expected);
}

#[test]
fn what_may_surprise_is_said() {
    let home = home();
    let ran = run_in(home.path(), &["create", "a", "--no-expiry", "--scopes", "other"], &[]);
    ran.outcome.unwrap();
    for part in [
        "warning: this key never expires",
        "warning: every call needs scopes that this key does not have: read:mimic-data",
        "warning: no server reads this file yet: set M4_API_KEYS_FILE to ",
        "api-keys.json",
    ] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    let file = home.path().join("api-keys.json");
    let more = [
        ("M4_API_KEYS_FILE", file.to_str().unwrap()),
        ("M4_OAUTH2_SCOPE_HIERARCHY", "other=read:mimic-data"),
    ];
    let ran = run_in(home.path(), &["create", "b", "--scopes", "other"], &more);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

#[test]
fn a_list_shows_names_scopes_and_state_and_nothing_to_get_in_with() {
    let home = home();
    let key = run_in(home.path(), &["create", "a", "--json"], &[]).out;
    let created: Value = serde_json::from_str(&key).unwrap();
    let created = &created["data"];
    let key = created["key"].as_str().unwrap();
    let file = home.path().join("api-keys.json");
    let content = std::fs::read_to_string(&file).unwrap();
    let content: Value = serde_json::from_str(&content).unwrap();
    let digest = content["keys"][0]["sha256"].as_str().unwrap();
    run_in(home.path(), &["create", "b", "--no-expiry", "--scopes", "x,y"], &[]).outcome.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let expires = content["keys"][0]["expires_at"].to_string();
    std::fs::write(&file, text.replace(&expires, "1800000000")).unwrap();
    let ran = run_in(home.path(), &["list", "--json"], &[]);
    ran.outcome.unwrap();
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    let listed = &listed["data"];
    assert_eq!(listed["keys"][0]["expires_at"], "2027-01-15T08:00:00Z");
    assert_eq!(
        (&listed["keys"][1]["scopes"], &listed["keys"][1]["expires_at"]),
        (&serde_json::json!(["x", "y"]), &Value::Null)
    );
    let ran_text = run_in(home.path(), &["list"], &[]);
    assert!(ran_text.out.contains("never") && ran_text.out.contains("active"), "{}", ran_text.out);
    for text in [&ran.out, &ran.err, &ran_text.out, &ran_text.err] {
        assert!(!text.contains(key) && !text.contains(&key[3..]) && !text.contains(&digest[..8]));
    }
}

#[test]
fn an_expired_key_is_listed_as_such() {
    let home = home();
    run_in(home.path(), &["create", "a"], &[]).outcome.unwrap();
    let file = home.path().join("api-keys.json");
    let mut content: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    content["keys"][0]["expires_at"] = 1.into();
    std::fs::write(&file, content.to_string()).unwrap();
    assert!(run_in(home.path(), &["list"], &[]).out.contains("expired"));
}

#[test]
fn what_makes_no_sense_is_a_usage_error_and_makes_nothing() {
    let home = home();
    for words in [
        &["create", "no/name"][..],
        &["create", ""],
        &["create", "a", "--expires", "0"],
        &["create", "a", "--expires", "soon"],
        &["create", "a", "--expires", "3651d"],
        &["create", "a", "--scopes", " "],
        &["create", "a", "--scopes", "a\"b"],
    ] {
        let (_, _, exit) = explained(run_in(home.path(), words, &[]));
        assert_eq!(exit, Exit::Usage, "{words:?}");
    }
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
    let broken = [("M4_OAUTH2_REQUIRED_SCOPES", "\"")];
    assert_eq!(explained(run_in(home.path(), &["create", "a"], &broken)).2, Exit::Mendable);
    assert!(Typed::try_parse_from(["keys", "create", "a", "--expires", "1d", "--no-expiry"]).is_err());
}

#[test]
fn a_name_that_is_taken_or_unknown_says_what_to_do() {
    let home = home();
    let (message, hint, exit) = explained(run_in(home.path(), &["list"], &[]));
    assert!(message.starts_with("there is no file of API keys") && hint.contains("m4 keys create"));
    assert_eq!(exit, Exit::Mendable);
    run_in(home.path(), &["create", "a"], &[]).outcome.unwrap();
    let (message, hint, exit) = explained(run_in(home.path(), &["create", "a"], &[]));
    assert!(message.contains("called a already") && hint.contains("another name"), "{message}");
    assert_eq!(exit, Exit::Usage);
    let ran = run_in(home.path(), &["revoke", "a"], &[]);
    assert!(ran.out.is_empty() && ran.err.starts_with("revoked a: "), "{}", ran.err);
    let (message, hint, exit) = explained(run_in(home.path(), &["revoke", "a"], &[]));
    assert_eq!((message.as_str(), exit), ("there is no key called `a`", Exit::Usage));
    assert!(hint.contains("m4 keys list"));
}
