//! The `mock-issuer` binary: one JSON line for programs, text for people, and an end by signal that is no failure.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use m4_tests::binaries;
use m4_tests::cli;
use m4_tests::issuer::{MockIssuer, Options};
use m4_tests::sandbox::Sandbox;
use serde_json::Value;

#[cfg(unix)]
#[test]
fn the_first_line_tells_everything_and_an_interrupt_exits_with_zero() {
    for signal in ["INT", "TERM"] {
        let mut child = Command::new(binaries::find("mock-issuer").unwrap())
            .args(["--audience", "a1", "--scopes", "s1 s2", "--path", "/realms/demo"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let facts: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(facts["audience"], "a1");
        assert_eq!(
            facts["issuer"].as_str().unwrap(),
            format!("{}/realms/demo", facts["url"].as_str().unwrap())
        );
        assert!(facts["jwks_uri"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert_eq!(facts["token"].as_str().unwrap().split('.').count(), 3);
        assert!(facts["control"]["mint"]["post"].is_string());

        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        stderr.read_line(&mut told).unwrap();
        assert!(told.contains("Ctrl-C"), "{told}");
        let killed =
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "SIG{signal}");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "stdout holds the one line");
    }
}

#[test]
fn a_taken_port_is_an_error_with_a_way_out() {
    let issuer = MockIssuer::start(Options::default());
    let port = issuer.origin().rsplit(':').next().unwrap().to_owned();
    let program = binaries::find("mock-issuer").unwrap();
    let output = cli::run(program, &Sandbox::new().unwrap(), ["--port", &port]).unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    assert!(output.stderr.contains("hint: ") && output.stderr.contains("--port 0"), "{}", output.stderr);
}
