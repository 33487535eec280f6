//! Whole conversations, from a script.

use std::fs;
use std::path::Path;

use mcp_server::env::{BaseDirs, Environment};
use mcp_server::error::codes;
use serde_json::{Map, Value, json};

use super::client::{self, Place};
use super::{Guide, login, oauth2, write};
use crate::Outcome;
use crate::args::ServerArgs;
use crate::ask::scripted::{Says, Scripted};
use crate::ask::{Ask, Usual};
use crate::clients::Client;
use crate::output::{Kept, Printer};

/// Port 1 of this machine: nothing listens there.
const NOBODY: &str = "http://127.0.0.1:1";

fn says(text: &str) -> Says {
    Says::Text(text.to_owned())
}

/// A home with a program that is called like the server.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join(crate::programs::SERVER);
        fs::write(&program, "").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn env(&self) -> Environment {
        let home = self.path().to_owned();
        let pairs =
            [("PATH", home.as_os_str()), ("M4_HOME", home.as_os_str()), ("M4_DATA_DIR", home.as_os_str())];
        let dirs = BaseDirs { home: home.clone(), config: home.join(".config"), data: home.join(".data") };
        Environment::from_pairs(pairs).with_base_dirs(dirs)
    }

    /// Has a conversation; gives what was said to the person.
    fn talk(&self, person: &mut dyn Ask, about: impl FnOnce(&mut Guide<'_>) -> Outcome) -> (String, Outcome) {
        let err = Kept::default();
        let printer = Printer::to(std::io::sink(), err.clone(), false);
        let outcome = about(&mut Guide { person, env: &self.env(), printer: &printer });
        (err.text(), outcome)
    }
}

fn on_at(issuer: &str) -> Map<String, Value> {
    let entry =
        json!({ "M4_OAUTH2_ENABLED": "true", "M4_OAUTH2_ISSUER_URL": issuer, "M4_OAUTH2_AUDIENCE": "wards" });
    entry.as_object().unwrap().clone()
}

#[test]
fn an_issuer_that_cannot_be_is_refused_at_the_question_and_one_that_is_down_can_be_kept() {
    let mut person = Scripted::new([
        Says::Yes,
        says("http://issuer.example"),
        says("not a url"),
        says(NOBODY),
        Says::Choose("go on"),
        says(""),
        says("a b"),
    ]);
    let mut server = ServerArgs::default();
    let (told, outcome) = Home::new().talk(&mut person, |guide| oauth2::ask(guide, &Map::new(), &mut server));
    outcome.unwrap();
    assert!(person.is_through());
    assert!(told.contains("https") && told.contains("the issuer cannot be reached"), "{told}");
    assert!(server.enable_oauth2);
    assert_eq!(server.oauth2_issuer.as_deref(), Some(NOBODY));
    assert_eq!(
        (server.oauth2_audience.as_deref(), server.oauth2_scopes.as_deref()),
        (Some("m4-api"), Some("a b"))
    );
}

#[test]
fn what_the_entry_says_is_usual_and_giving_up_switches_it_off() {
    let home = Home::new();
    let mut server = ServerArgs::default();
    let mut person =
        Scripted::new([Says::Yes, says(""), Says::Choose("correct"), says(""), Says::Choose("leave")]);
    home.talk(&mut person, |guide| oauth2::ask(guide, &on_at(NOBODY), &mut server)).1.unwrap();
    assert!(person.is_through() && server.disable_oauth2 && !server.enable_oauth2);

    let mut server = ServerArgs::default();
    home.talk(&mut Scripted::new([Says::No]), |guide| oauth2::ask(guide, &Map::new(), &mut server))
        .1
        .unwrap();
    assert_eq!(server, ServerArgs::default());

    let mut server = ServerArgs::default();
    home.talk(&mut Usual, |guide| oauth2::ask(guide, &on_at(NOBODY), &mut server)).1.unwrap();
    assert_eq!(server.oauth2_audience.as_deref(), Some("wards"), "nobody is there, so nobody is asked again");
}

#[test]
fn stopping_is_no_answer() {
    let (_, outcome) = Home::new().talk(&mut Scripted::new([Says::Yes, Says::CtrlC]), |guide| {
        oauth2::ask(guide, &Map::new(), &mut ServerArgs::default())
    });
    assert_eq!(outcome.unwrap_err().reason().unwrap().code(), codes::CANCELLED);
}

#[test]
fn the_clients_of_this_machine_come_first() {
    let home = Home::new();
    assert_eq!(client::found(&home.env()), []);
    fs::create_dir_all(home.path().join(".cursor")).unwrap();
    fs::create_dir_all(home.path().join(".codex")).unwrap();
    fs::write(home.path().join(".claude.json"), "{}").unwrap();
    let found: Vec<_> = client::found(&home.env()).into_iter().map(|place| place.client).collect();
    assert_eq!(found, [Client::ClaudeCode, Client::Cursor, Client::Codex]);
    let mut person = Scripted::new([Says::Choose("Codex (")]);
    let (_, outcome) = home.talk(&mut person, |guide| {
        let place = client::choose(guide)?.unwrap();
        assert_eq!(place.path, home.path().join(".codex/config.toml"));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn nothing_is_written_without_a_yes_and_the_change_hides_what_is_not_ours() {
    let home = Home::new();
    let path = home.path().join("codex.toml");
    let before = "# mine\n[mcp_servers.m4]\ncommand = \"/old\"\nenv = { KEY = \"s3cr3t\" }\n";
    fs::write(&path, before).unwrap();
    let place = Place { client: Client::Codex, path: path.clone() };
    let mut written = true;
    for (answer, is_written) in [(Says::No, false), (Says::Yes, true)] {
        let (told, outcome) = home.talk(&mut Scripted::new([answer]), |guide| {
            written = write::write(guide, &place, &ServerArgs::default())?;
            Ok(())
        });
        outcome.unwrap();
        assert_eq!(written, is_written);
        assert!(told.contains("- command = \"/old\"") && !told.contains("s3cr3t"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap() == before, !is_written);
    }
    let kept = client::variables(&place, "m4");
    assert_eq!(kept["KEY"], "s3cr3t");
    let (told, outcome) = home.talk(&mut Scripted::new([]), |guide| {
        assert!(write::write(guide, &place, &ServerArgs::default())?);
        Ok(())
    });
    outcome.unwrap();
    assert!(told.contains("already says this"), "{told}");
}

#[test]
fn a_login_is_asked_for_where_a_server_wants_tokens_and_has_none() {
    let home = Home::new();
    let (_, outcome) = home.talk(&mut Usual, |guide| {
        assert_eq!(login::standing(guide, &Map::new()), login::Standing::NotNeeded);
        let mut entry = on_at("https://issuer.example");
        entry.insert("M4_OAUTH2_AUDIENCE".to_owned(), json!("m4-api,https://m4.example/mcp"));
        let login::Standing::Missing(wanted) = login::standing(guide, &entry) else {
            panic!("there is no token")
        };
        assert_eq!(
            wanted.words().join(" "),
            "login --issuer https://issuer.example --scope read:mimic-data --resource https://m4.example/mcp"
        );
        entry.insert("M4_OAUTH2_ISSUER_URL".to_owned(), json!("http://issuer.example"));
        assert_eq!(login::standing(guide, &entry), login::Standing::Unclear);
        Ok(())
    });
    outcome.unwrap();
}
