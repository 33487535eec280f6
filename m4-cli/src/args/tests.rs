//! What help and usage errors say.

use clap::{CommandFactory, Parser};

use super::Cli;

fn help(path: &[&str]) -> String {
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for name in path {
        found = found.find_subcommand_mut(name).unwrap();
    }
    found.clone().term_width(100).render_long_help().to_string()
}

fn refused(line: &[&str]) -> String {
    let error = Cli::try_parse_from(["m4"].iter().chain(line)).unwrap_err();
    assert_eq!(error.exit_code(), i32::from(crate::exit_code::USAGE));
    error.to_string()
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_texts() {
    insta::assert_snapshot!("help", help(&[]));
    insta::assert_snapshot!("help_auth", help(&["auth"]));
    insta::assert_snapshot!("help_auth_check", help(&["auth", "check"]));
    insta::assert_snapshot!("help_auth_keys", help(&["auth", "keys"]));
    insta::assert_snapshot!("help_auth_status", help(&["auth", "status"]));
    insta::assert_snapshot!("help_backend", help(&["backend"]));
    insta::assert_snapshot!("help_config", help(&["config"]));
    insta::assert_snapshot!("help_config_check", help(&["config", "check"]));
    insta::assert_snapshot!("help_capabilities", help(&["capabilities"]));
    insta::assert_snapshot!("help_define_dataset", help(&["define-dataset"]));
    insta::assert_snapshot!("help_describe_table", help(&["describe-table"]));
    insta::assert_snapshot!("help_doctor", help(&["doctor"]));
    insta::assert_snapshot!("help_download", help(&["download"]));
    insta::assert_snapshot!("help_init", help(&["init"]));
    insta::assert_snapshot!("help_keys", help(&["keys"]));
    insta::assert_snapshot!("help_keys_create", help(&["keys", "create"]));
    insta::assert_snapshot!("help_keys_list", help(&["keys", "list"]));
    insta::assert_snapshot!("help_keys_revoke", help(&["keys", "revoke"]));
    insta::assert_snapshot!("help_list_datasets", help(&["list-datasets"]));
    insta::assert_snapshot!("help_logout", help(&["logout"]));
    insta::assert_snapshot!("help_login", help(&["login"]));
    insta::assert_snapshot!("help_migrate", help(&["migrate"]));
    insta::assert_snapshot!("help_query", help(&["query"]));
    insta::assert_snapshot!("help_quickstart", help(&["quickstart"]));
    insta::assert_snapshot!("help_remove_dataset", help(&["remove-dataset"]));
    insta::assert_snapshot!("help_schema", help(&["schema"]));
    insta::assert_snapshot!("help_serve", help(&["serve"]));
    insta::assert_snapshot!("help_status", help(&["status"]));
    insta::assert_snapshot!("help_token", help(&["token"]));
    insta::assert_snapshot!("help_whoami", help(&["whoami"]));
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
