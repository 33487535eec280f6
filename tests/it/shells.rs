//! Completions: each script as its shell reads it, and what a person gets who presses Tab.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use m4_tests::cli::m4;
use m4_tests::sandbox::Sandbox;

use crate::setup::{empty, skip};

/// The script for a shell, in a file.
fn script(sandbox: &Sandbox, shell: &str, name: &str) -> PathBuf {
    let output = m4(sandbox, ["completions", shell]).unwrap();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{shell}");
    assert!(output.stdout.contains("describe-table"), "{shell}: {}", output.stdout);
    let file = sandbox.root().join(name);
    fs::write(&file, &output.stdout).unwrap();
    file
}

/// What a shell prints; `None` where it is not installed, which is said.
fn shell(sandbox: &Sandbox, program: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    match command.args(words).env("HOME", sandbox.home()).stdin(Stdio::null()).output() {
        Ok(output) => {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{program} {words:?}: {complaint}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(_) => {
            skip(&format!("{program} is not installed, so it does not read its script"));
            None
        }
    }
}

#[test]
fn bash_reads_its_script_and_completes_commands_and_options() {
    let sandbox = empty();
    let script = script(&sandbox, "bash", "m4.bash");
    // What bash does when somebody types the words and presses Tab behind the last.
    let complete = |words: &str, current: &str| {
        let ask = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _m4 m4 '{current}' x; \
             echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        shell(&sandbox, "bash", &["--norc", "-c", &ask])
    };
    let Some(commands) = complete("m4 describe", "describe") else { return };
    assert_eq!(commands.trim(), "describe-table");
    assert_eq!(complete("m4 query --output-f", "--output-f").unwrap().trim(), "--output-format");
}

#[test]
fn fish_reads_its_script_and_completes_commands_options_and_values() {
    let sandbox = empty();
    let script = script(&sandbox, "fish", "m4.fish");
    let complete = |typed: &str| {
        let ask = format!("source {}; complete --do-complete '{typed}'", script.display());
        let said = shell(&sandbox, "fish", &["--no-config", "-c", &ask])?;
        Some(
            said.lines()
                .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let Some(commands) = complete("m4 describe") else { return };
    assert_eq!(commands, ["describe-table"]);
    assert_eq!(complete("m4 query --output-f").unwrap(), ["--output-format"]);
    assert_eq!(complete("m4 query --output-format js").unwrap(), ["json"]);
}

#[test]
fn zsh_reads_its_script_and_gives_m4_to_it() {
    let sandbox = empty();
    script(&sandbox, "zsh", "_m4");
    let folder = sandbox.root().display();
    // As somebody installs it: in a folder of `fpath`, found by its first line.
    let ask = format!(
        "fpath=({folder} $fpath); autoload -Uz compinit && compinit -u -d {folder}/dump && \
         print -r -- $_comps[m4] && autoload +X _m4 && functions -c _m4 read && print read"
    );
    let Some(said) = shell(&sandbox, "zsh", &["-f", "-c", &ask]) else { return };
    assert_eq!(said.lines().collect::<Vec<_>>(), ["_m4", "read"]);
    shell(&sandbox, "zsh", &["-n", &format!("{folder}/_m4")]);
}

#[test]
fn elvish_reads_its_script_and_completes_commands_and_options() {
    let sandbox = empty();
    let script = script(&sandbox, "elvish", "m4.elvish");
    let complete = |typed: &str| {
        // Its editor, which completions are given to, is there only on a terminal: something stands in for it.
        let ask = format!(
            "var edit: = (ns [&completion:=(ns [&arg-completer=[&]]) &complex-candidate~={{|text &display=''| put $text}}])\n\
             eval &ns=(ns [&edit:=$edit:]) (slurp < {})\n\
             $edit:completion:arg-completer[m4] m4 {typed} | each {{|candidate| echo $candidate}}",
            script.display()
        );
        Some(
            shell(&sandbox, "elvish", &["-norc", "-c", &ask])?.lines().map(str::to_owned).collect::<Vec<_>>(),
        )
    };
    let Some(commands) = complete("''") else { return };
    assert!(commands.iter().any(|word| word == "describe-table"), "{commands:?}");
    assert!(complete("query ''").unwrap().iter().any(|word| word == "--output-format"));
}

#[test]
fn powershell_reads_its_script() {
    let sandbox = empty();
    let script = script(&sandbox, "powershell", "m4.ps1");
    shell(&sandbox, "pwsh", &["-NoProfile", "-File", script.to_str().unwrap()]);
}
