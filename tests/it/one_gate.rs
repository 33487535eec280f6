//! A person at the terminal passes the gate that every MCP client passes.

use m4_tests::cli::m4;
use m4_tests::issuer::{Forgery, KeyKind, TokenSpec};

use crate::setup::{COUNT_PATIENTS, Guarded, issuer, present, protected, sql, start, with_sample};

#[test]
fn the_command_line_refuses_and_accepts_exactly_as_the_server_does() {
    let mut guarded = Guarded::start();
    let specs = [
        TokenSpec::new(),
        TokenSpec::new().key(KeyKind::P256),
        TokenSpec::new().forge(Forgery::AlgNone),
        TokenSpec::new().forge(Forgery::TamperedPayload),
        TokenSpec::new().forge(Forgery::RsaHeaderOnEcKid),
        TokenSpec::new().audience("other"),
        TokenSpec::new().issuer("https://issuer.example"),
        TokenSpec::new().scope("other"),
        TokenSpec::new().without("sub"),
        TokenSpec::new().without("exp"),
        TokenSpec::new().typ("logout+jwt"),
    ];
    for spec in specs {
        let token = guarded.issuer.mint(spec.clone());
        compare(&mut guarded, &token, &format!("{spec:?}"));
    }
    compare(&mut guarded, "opaque", "an opaque token");
    compare(&mut guarded, "", "an empty file");
}

/// The server writes `Error: …\nHint: …`; the terminal `error: …` and `hint: …` on stderr, with exit code 1.
#[track_caller]
fn compare(guarded: &mut Guarded, token: &str, case: &str) {
    let served = guarded.count_with(token);
    let typed = m4(&guarded.sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
    assert_eq!(typed.code, Some(i32::from(served.is_error)), "{case}: {}", typed.stderr);
    if served.is_error {
        assert_eq!(typed.stdout, "", "{case}");
        let line = |prefix: &str, text: &str| {
            text.lines().find_map(|line| line.strip_prefix(prefix).map(str::to_owned)).unwrap_or_default()
        };
        // The terminal tells why a token file is no use as a cause, on a line of its own.
        let served_message = line("Error: ", &served.text);
        let typed_message = line("error: ", &typed.stderr);
        assert!(
            served_message.starts_with(&typed_message) && !typed_message.is_empty(),
            "{case}: {}",
            typed.stderr
        );
        if !typed.stderr.contains("Caused by: ") {
            assert_eq!(typed_message, served_message, "{case}");
        }
        assert_eq!(line("hint: ", &typed.stderr), line("Hint: ", &served.text), "{case}");
    } else {
        assert!(typed.stdout.contains("100"), "{case}: {}", typed.stdout);
    }
}

#[test]
fn the_command_line_fails_closed_as_the_server_does() {
    let issuer = issuer();
    let base = protected(with_sample(), &issuer);
    present(&base, &issuer.mint(TokenSpec::new()));
    for (name, value) in [
        ("M4_OAUTH2_ENABLED", "treu"),
        ("M4_OAUTH2_ISSUER_URL", ""),
        ("M4_OAUTH2_ISUER_URL", "x"),
        ("M4_OAUTH2_RATE_LIMIT_STORE", "redis://localhost"),
        ("M4_OAUTH2_ISSUER_URL", "http://127.0.0.1:9"),
        ("M4_BACKEND", "postgres"),
    ] {
        let sandbox = base.clone().with(name, value);
        let served = sql(&mut start(&sandbox), COUNT_PATIENTS);
        let typed = m4(&sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
        assert_eq!((typed.code, typed.stdout.as_str()), (Some(1), ""), "{name}={value}: {}", typed.stderr);
        let first = served.refusal().strip_prefix("Error: ").unwrap().split(": ").next().unwrap().to_owned();
        assert!(typed.stderr.contains(&format!("error: {first}: ")), "{name}={value}: {}", typed.stderr);
    }
}

#[test]
fn the_command_line_needs_the_scopes_of_execute_query() {
    let guarded = Guarded::with(issuer(), |sandbox| {
        sandbox.with("M4_OAUTH2_TOOL_SCOPES", "execute_query=query:database")
    });
    guarded.present(&guarded.issuer.mint(TokenSpec::new()));
    let refused = m4(&guarded.sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap();
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("error: Missing required scopes: query:database\n"),
        "{}",
        refused.stderr
    );
    guarded.present(&guarded.issuer.mint(TokenSpec::new().scope("read:mimic-data query:database")));
    assert_eq!(m4(&guarded.sandbox, ["query", "--sql", COUNT_PATIENTS]).unwrap().code, Some(0));
}
