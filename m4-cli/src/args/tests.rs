//! What help and usage errors say, and that every example can be typed.

use clap::{Command, Parser};

use super::{Cli, command};

/// Every command with its words, the outermost first.
fn all_commands() -> Vec<(String, Command)> {
    fn add(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        found.push((path.to_owned(), command.clone()));
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            add(inner, format!("{path} {}", inner.get_name()).trim_start(), found);
        }
    }
    let mut built = command().term_width(100);
    built.build();
    let mut found = Vec::new();
    add(&built, "", &mut found);
    found
}

fn refused(line: &[&str]) -> String {
    let error = command().try_get_matches_from(["m4"].iter().chain(line)).unwrap_err();
    assert_eq!(error.exit_code(), i32::from(crate::exit_code::USAGE));
    error.to_string()
}

/// The lines among these that call `m4`, with the words it is given: what a shell does with pipes, redirections,
/// comments and `$(…)` is not `m4`'s.
fn calls(text: &str) -> Vec<(&str, Vec<String>)> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("$ ")).flat_map(|line| {
        let commands = line.split(" | ").flat_map(|part| part.split(" && "));
        commands.map(move |called| (line, called.trim()))
    });
    lines
        .filter(|(_, called)| called.starts_with("m4 "))
        .map(|(line, called)| {
            let words = shlex::split(called).unwrap_or_else(|| panic!("no shell understands: {line}"));
            let ends = |word: &String| matches!(word.as_str(), "<" | ">" | ">>" | "2>" | "|" | ";" | "&");
            (line, words.into_iter().take_while(|word| !ends(word)).collect())
        })
        .collect()
}

#[track_caller]
fn can_be_typed(place: &str, line: &str, words: &[String]) {
    // Help and version come as errors that are none.
    if let Err(error) = command().try_get_matches_from(words)
        && error.exit_code() != 0
    {
        panic!("{place}: `{line}`\n{error}");
    }
}

#[test]
fn the_definition_is_consistent() {
    command().debug_assert();
}

#[test]
fn help_texts() {
    for (path, mut command) in all_commands() {
        let name = format!("help {path}").trim_end().replace([' ', '-'], "_");
        let (short, long) = (command.render_help(), command.render_long_help());
        let called = format!("m4 {path}").trim_end().to_owned();
        insta::assert_snapshot!(name, format!("$ {called} -h\n{short}\n$ {called} --help\n{long}"));
    }
}

#[test]
fn every_help_ends_with_examples_that_can_be_typed() {
    for (path, command) in all_commands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            help.starts_with("Example"),
            "`m4 {path}` has no examples: add a line to m4-cli/src/args/examples.rs"
        );
        let found = calls(&help);
        let own = |words: &[String]| words[1..].join(" ").starts_with(&path);
        assert!(
            found.iter().any(|(_, words)| own(words)) || help.contains(&format!("$(m4 {path})")),
            "{help}"
        );
        for (line, words) in found {
            can_be_typed(&path, line, &words);
            assert!(line.len() <= WIDEST, "`m4 {path} --help` breaks the line: {line}");
        }
    }
}

#[test]
fn what_the_documentation_types_can_be_typed() {
    let mut typed = 0;
    for page in ["README.md", "docs"]
        .map(|place| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(place))
    {
        let pages = match std::fs::read_dir(&page) {
            Ok(folder) => folder.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => vec![page],
        };
        for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
            let text = std::fs::read_to_string(page).unwrap();
            let shown: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("$ ")).collect();
            for (line, words) in calls(&shown.join("\n")) {
                can_be_typed(&page.display().to_string(), line, &words);
                typed += 1;
            }
        }
    }
    assert!(typed > 20, "only {typed} lines were found");
}

#[test]
fn usage_errors_name_what_would_do() {
    insta::assert_snapshot!("unknown_backend", refused(&["backend", "postgres"]));
    insta::assert_snapshot!("project_without_backend", refused(&["backend", "--project-id", "p"]));
    insta::assert_snapshot!(
        "on_and_off",
        refused(&["config", "claude", "--enable-oauth2", "--disable-oauth2"])
    );
    insta::assert_snapshot!("unknown_client", refused(&["config", "curser"]));
    insta::assert_snapshot!(
        "remove_and_change",
        refused(&["config", "cursor", "--remove", "--enable-oauth2"])
    );
    insta::assert_snapshot!("remove_nothing", refused(&["config", "--remove"]));
    insta::assert_snapshot!("rate_limit", refused(&["config", "cursor", "--oauth2-rate-limit", "100/"]));
    insta::assert_snapshot!("unknown_command", refused(&["confg"]));
    insta::assert_snapshot!("unknown_inner_command", refused(&["auth", "chek"]));
    insta::assert_snapshot!("unknown_option", refused(&["query", "SELECT 1", "--limt", "3"]));
    insta::assert_snapshot!("missing_value", refused(&["query", "SELECT 1", "--limit"]));
    insta::assert_snapshot!("no_number", refused(&["query", "SELECT 1", "--limit", "many"]));
    insta::assert_snapshot!("missing_argument", refused(&["download"]));
    insta::assert_snapshot!("query_said_twice", refused(&["query", "SELECT 1", "--sql", "SELECT 1"]));
    insta::assert_snapshot!("quiet_and_verbose", refused(&["status", "-q", "-V"]));
    insta::assert_snapshot!("json_and_text", refused(&["status", "--json", "--output-format", "text"]));
    insta::assert_snapshot!("unknown_format", refused(&["status", "--output-format", "yaml"]));
    insta::assert_snapshot!("unknown_shell", refused(&["completions", "zhs"]));
    insta::assert_snapshot!("unknown_tool", refused(&["auth", "check", "--tool", "execute_qeury"]));
    insta::assert_snapshot!("no_duration", refused(&["login", "--timeout", "soon"]));
}

#[test]
fn the_commands_of_the_seeds_are_understood() {
    for line in [
        "config claude --enable-oauth2 --oauth2-issuer https://i --oauth2-audience m4-api --oauth2-scopes a,b",
        "config --oauth2-enabled",
        "config --enable-oauth2 --oauth2-issuer https://i --oauth2-audience a -o f.json",
        "backend bigquery --project-id my-project",
        "config show",
        "config vscode --backend duckdb --db-path x.duckdb --server-name wards --quick --working-directory . --dry-run",
        "config codex -b duckdb -p x.duckdb --oauth2-jwks-url https://i/k --oauth2-client-id c --oauth2-rate-limit 100/60",
        "config --transport http --url https://m4.example/mcp --json -q",
        "config cline --remove --json",
        "config check librechat --working-directory . --json",
        "doctor --json",
        "init mimic-iv-demo --src dir --force",
        "query --sql SELECT --dataset mimic-iv-demo --json --limit 5",
        "login --issuer https://i --client-id c --scope a --profile work --no-browser",
        "login --mcp https://m.example/mcp --timeout 90 --json",
        "status --json",
        "status --all --paths --no-interactive --backend duckdb --dataset mimic-iv-demo",
        "list-datasets --json --dataset mimic-iv-demo --backend duckdb --no-interactive --paths",
        "schema --dataset mimic-iv-demo --backend duckdb --json --no-interactive",
        "describe-table mimiciv_hosp.admissions --sample --dataset mimic-iv-demo --no-interactive",
        "describe-table t --no-sample --json",
        "capabilities --json",
        "doctor --json --paths",
        "query --sql SELECT --backend duckdb --no-interactive",
        "define-dataset mine --src dir --title Mine --dry-run --force --json --paths",
        "define-dataset mine --src dir --summary Mine",
        "remove-dataset mine --keep-definition --dry-run --json --paths",
        "backend duckdb --json",
    ] {
        Cli::try_parse_from(std::iter::once("m4").chain(line.split(' '))).unwrap();
    }
}

#[test]
fn output_format_is_where_json_is_and_nowhere_else() {
    for (path, command) in all_commands() {
        let has = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
        assert_eq!(has(super::JSON), has(super::OUTPUT_FORMAT), "m4 {path}");
    }
}

#[test]
fn verbose_and_version_are_told_apart() {
    let verbose = |line: &[&str]| Cli::try_parse_from(["m4"].iter().chain(line)).unwrap().global.verbose;
    assert_eq!((verbose(&["-V", "status"]), verbose(&["status", "-VV"])), (1, 2));
    assert_eq!((verbose(&["status", "--verbose", "--verbose"]), verbose(&["status"])), (2, 0));
    let version = Cli::try_parse_from(["m4", "--version"]).unwrap_err();
    assert_eq!(version.kind(), clap::error::ErrorKind::DisplayVersion);
}

/// Characters of a line of help.
const WIDEST: usize = 98;
