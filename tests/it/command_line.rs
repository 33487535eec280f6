//! What the terminal shows whatever the command: versions, completions, colour, `--verbose`, `--output-format`, usual errors.

use std::fs;
use std::process::Command;

use m4_tests::binaries;
use m4_tests::cli::{m4, run};
use m4_tests::issuer::TokenSpec;
use m4_tests::sandbox::Sandbox;

use crate::setup::{COUNT_PATIENTS, empty, issuer, protected, with_sample};

#[test]
fn both_programs_tell_release_commit_and_engine() {
    let sandbox = empty();
    for program in ["m4", "m4-mcp-server"] {
        let output = run(binaries::find(program).unwrap(), &sandbox, ["--version"]).unwrap();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
        let line = output.stdout.strip_suffix('\n').unwrap();
        let inner = line.strip_prefix(&format!("{program} {} (", env!("CARGO_PKG_VERSION")));
        let (commit, engine) =
            inner.and_then(|rest| rest.strip_suffix(')')?.split_once(", ")).unwrap_or_else(|| {
                assert!(here().is_none(), "no commit though git knows one: {line}");
                ("", line.rsplit_once('(').unwrap().1.trim_end_matches(')'))
            });
        assert!(engine.starts_with("DuckDB 1."), "{line}");
        if let Some(here) = here() {
            assert!(!commit.is_empty() && here.starts_with(commit), "{line}, while {here} is checked out");
        }
    }
}

/// The commit that is checked out, where git is here and this is a checkout.
fn here() -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    if !std::path::Path::new(root).join(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(["-C", root, "rev-parse", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn version_has_no_short_flag_because_that_is_verbose() {
    let output = m4(&empty(), ["-V"]).unwrap();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn manual_pages_are_written_one_a_command() {
    let sandbox = empty();
    let folder = sandbox.root().join("man1");
    let output = m4(&sandbox, ["completions", "--man", folder.to_str().unwrap()]).unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{}", output.stderr);
    let page = fs::read_to_string(folder.join("m4-auth-check.1")).unwrap();
    assert!(page.contains(".SH EXAMPLES") && page.contains("m4 auth check"), "{page}");
    let written = fs::read_dir(&folder).unwrap().count();
    assert!(written > 20 && folder.join("m4.1").is_file(), "{written}");
    let blocked = sandbox.root().join("file");
    fs::write(&blocked, "").unwrap();
    let output = m4(&sandbox, ["completions", "--man", blocked.to_str().unwrap()]).unwrap();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("hint: choose a folder"), "{}", output.stderr);
}

#[test]
fn output_format_is_json_by_another_name() {
    let sandbox = with_sample();
    let json = m4(&sandbox, ["query", COUNT_PATIENTS, "--json"]).unwrap();
    let same = m4(&sandbox, ["query", COUNT_PATIENTS, "--output-format", "json"]).unwrap();
    assert_eq!(same.data()["rows"], json.data()["rows"]);
    let text = m4(&sandbox, ["query", COUNT_PATIENTS, "--output-format", "text"]).unwrap();
    let plain = m4(&sandbox, ["query", COUNT_PATIENTS]).unwrap();
    assert_eq!((text.code, text.stdout), (Some(0), plain.stdout));
    let refused = m4(&sandbox, ["query", "SELECT 1", "--output-format", "json", "--nope"]).unwrap();
    assert_eq!((refused.code, &refused.envelope()["error"]["code"]), (Some(2), &"usage".into()));
}

#[test]
fn verbose_shows_on_stderr_what_is_done_and_never_the_token() {
    let issuer = issuer();
    let token = issuer.mint(TokenSpec::default());
    let sandbox = protected(with_sample(), &issuer).with("M4_OAUTH2_TOKEN", &token);
    let quiet = m4(&sandbox, ["query", COUNT_PATIENTS]).unwrap();
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), "(1 row)\n"));
    let verbose = m4(&sandbox, ["query", COUNT_PATIENTS, "-V"]).unwrap();
    assert_eq!((verbose.code, &verbose.stdout), (Some(0), &quiet.stdout), "{}", verbose.stderr);
    assert!(verbose.stderr.contains("m4::cli: started command=\"query\""), "{}", verbose.stderr);
    assert!(
        verbose.stderr.contains("m4::audit") && !verbose.stderr.contains("setting"),
        "{}",
        verbose.stderr
    );
    let more = m4(&sandbox, ["-VV", "query", COUNT_PATIENTS]).unwrap();
    let redacted = "setting key=\"oauth2.token\" value=\"[redacted]\" from=";
    assert!(more.stderr.contains(redacted) && more.code == Some(0), "{}", more.stderr);
    let signature = token.rsplit_once('.').unwrap().1;
    for output in [&verbose, &more] {
        assert!(!output.stderr.contains(signature), "{}", output.stderr);
    }
}

#[test]
fn verbose_leaves_the_audit_log_in_its_file() {
    let sandbox = with_sample();
    let file = sandbox.root().join("m4.log");
    let sandbox = sandbox.with("M4_LOG_FILE", &file).with("M4_LOG", "warn,m4::audit=info");
    let output = m4(&sandbox, ["query", COUNT_PATIENTS, "-V"]).unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("m4::audit") && !kept.contains("m4::cli"), "{kept}");
    assert!(output.stderr.contains("m4::audit") && output.stderr.contains("m4::cli"), "{}", output.stderr);
}

#[test]
fn colour_is_for_those_who_ask_and_never_where_no_color_is_set() {
    let sandbox = empty();
    let coloured = |sandbox: &Sandbox, line: &[&str]| {
        let output = m4(sandbox, line).unwrap();
        assert!(!output.stderr.is_empty());
        output.stderr.contains('\u{1b}')
    };
    let unwanted = sandbox.clone().with("NO_COLOR", "1");
    let failing = ["query", "SELECT 1", "--dataset", "nope"];
    assert!(!coloured(&sandbox, &failing), "a pipe is no terminal");
    assert!(coloured(&sandbox, &["--color", "always", "query", "SELECT 1", "--dataset", "nope"]));
    assert!(!coloured(&forced(&unwanted), &failing));
    assert!(!coloured(&unwanted, &["query"]), "usage errors too");
    assert!(!coloured(&unwanted, &["query", "SELECT 1", "--dataset", "nope", "-V"]), "and log lines");
}

/// With what makes many programs colour their output even in a pipe.
fn forced(sandbox: &Sandbox) -> Sandbox {
    sandbox.clone().with("CLICOLOR_FORCE", "1")
}

#[test]
fn usual_mistakes_are_answered_with_what_to_do() {
    let sandbox = with_sample();
    let said = |line: &[&str], code: i32| {
        let output = m4(&sandbox, line).unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{line:?}: {}", output.stderr);
        output.stderr.replace(sandbox.root().to_str().unwrap(), "ROOT")
    };
    let mut told = String::new();
    for (line, code) in [
        (&["query", "SELECT 1", "--dataset", "mimic-iv-dmo"][..], 1),
        (&["query", "SELECT 1", "--dataset", "eicu"], 1),
        (&["query", "SELECT * FROM mimiciv_hosp.patient"], 1),
        (&["query", "DELETE FROM mimiciv_hosp.patients"], 1),
        (&["query", " "], 2),
        (&["describe-table", "patiens"], 1),
        (&["init", "mimic-iv", "--no-interactive"], 1),
        (&["backend", "duckdb", "--project-id", "p"], 2),
        (&["keys", "revoke", "nobody"], 1),
        (&["token"], 1),
        (&["whoami"], 1),
        (&["remove-dataset", "mimic-iv-sample"], 1),
    ] {
        told.extend([format!("$ m4 {}\n{}\n", line.join(" "), said(line, code))]);
    }
    insta::assert_snapshot!(told);
}
