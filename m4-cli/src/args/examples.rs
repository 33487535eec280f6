//! What is worth typing: the examples at the end of every command's help. A test puts each to the parser.

/// The end of a command's help; the command in words, without `m4`.
pub(super) fn text(command: &str) -> Option<String> {
    let (_, examples, note) = ALL.iter().find(|(path, ..)| *path == command)?;
    let lines = examples.lines().map(|line| format!("\n  {line}"));
    let mut text: String = std::iter::once("Examples:".to_owned()).chain(lines).collect();
    if !note.is_empty() {
        text = format!("{text}\n\n{note}");
    }
    Some(text)
}

/// Command, examples, and what else its help ends with.
const ALL: &[(&str, &str, &str)] = &[
    (
        "",
        "m4 init mimic-iv-demo
m4 query 'SELECT count(*) FROM mimiciv_hosp.patients'
m4 config claude
m4 doctor",
        "",
    ),
    (
        "auth",
        "m4 auth status
m4 token | m4 auth check -",
        "",
    ),
    (
        "auth check",
        "m4 auth check
m4 auth check - < token.txt
m4 auth check --tool execute_query --dataset mimic-iv-demo
m4 auth check --offline --json",
        "",
    ),
    (
        "auth keys",
        "m4 auth keys
m4 auth keys --json | jq -r '.data'",
        "",
    ),
    (
        "auth status",
        "m4 auth status
m4 auth status --profile work --json",
        "",
    ),
    (
        "backend",
        "m4 backend
m4 backend duckdb
m4 backend bigquery --project-id my-project",
        "",
    ),
    ("capabilities", "m4 capabilities\nm4 capabilities --json", ""),
    (
        "completions",
        "m4 completions bash > ~/.local/share/bash-completion/completions/m4
m4 completions zsh > ~/.zfunc/_m4
m4 completions fish > ~/.config/fish/completions/m4.fish
m4 completions powershell >> $PROFILE
m4 completions elvish > ~/.config/elvish/lib/m4.elv
m4 completions --man ~/.local/share/man/man1",
        "zsh looks into ~/.zfunc where ~/.zshrc has `fpath+=~/.zfunc` before `compinit`. Every script has the commands \
         and options of the m4 that wrote it: write it again after an update.",
    ),
    (
        "config",
        "m4 config claude
m4 config vscode --working-directory . --dry-run
m4 config codex --transport http --url https://m4.example/mcp
m4 config cursor --enable-oauth2 --oauth2-issuer https://issuer.example --oauth2-audience m4-api
m4 config cursor --remove
m4 config check",
        "",
    ),
    ("config check", "m4 config check\nm4 config check zed --json", ""),
    ("config show", "m4 config show\nm4 config show --paths\nm4 config show --json", ""),
    (
        "define-dataset",
        "m4 define-dataset ward-7 --src ~/ward-7 --description 'Ward 7, 2019 to 2024'
m4 init ward-7 --src ~/ward-7",
        "Each CSV, gzipped CSV or Parquet file in DIR becomes a table; one in a folder of DIR, a table in a schema named \
         after that folder. Types are inferred from the first rows, and can be corrected in the file that is written.",
    ),
    (
        "describe-table",
        "m4 describe-table mimiciv_hosp.admissions
m4 describe-table patients --no-sample --json",
        "",
    ),
    (
        "doctor",
        "m4 doctor\nm4 doctor --paths\nm4 doctor --json | jq -r '.data[] | select(.status != \"ok\").what'",
        "",
    ),
    (
        "download",
        "m4 download mimic-iv-demo
m4 download eicu --physionet-credentials-file ~/.physionet --events ndjson",
        "What was downloaded stays; `m4 init NAME` finds it.",
    ),
    (
        "init",
        "m4 init mimic-iv-demo                 # downloads the demo and sets it up
m4 init mimic-iv-sample               # needs no network: 100 invented patients
m4 init mimic-iv --src ~/mimiciv/2.2  # from files you have
m4 init mimic-iv --download --physionet-credentials-file ~/.physionet",
        "",
    ),
    ("keys", "m4 keys create laptop > key.txt\nm4 keys list\nm4 keys revoke laptop", ""),
    (
        "keys create",
        "m4 keys create laptop > key.txt
m4 keys create batch --scopes read:mimic-data,query:database --expires 12h
m4 keys create kiosk --no-expiry",
        "",
    ),
    ("keys list", "m4 keys list\nm4 keys list --json", ""),
    ("keys revoke", "m4 keys revoke laptop", ""),
    (
        "list-datasets",
        "m4 list-datasets
m4 list-datasets --json | jq -r '.data.datasets[] | select(.set_up).name'",
        "",
    ),
    (
        "login",
        "m4 login
m4 login --issuer https://idp.example --client-id m4
m4 login --mcp https://m4.example.org/mcp
m4 login --device                     # where no browser is",
        "",
    ),
    ("logout", "m4 logout\nm4 logout --profile work\nm4 logout --all", ""),
    (
        "migrate",
        "m4 migrate
m4 migrate --from ~/research/m4_data --apply",
        "Nothing is changed without --apply, and never what it is taken from: the Python package goes on working beside M4.",
    ),
    (
        "query",
        "m4 query 'SELECT count(*) FROM mimiciv_hosp.patients'
m4 query --dataset mimic-iv-demo --json --limit 10 --sql 'FROM mimiciv_icu.icustays'
m4 query - < query.sql",
        "",
    ),
    (
        "quickstart",
        "m4 quickstart        # asks for a dataset, an engine, a client and, with OAuth2, a login
m4 quickstart --yes  # the usual answers: invented data, DuckDB, the first client found",
        "",
    ),
    (
        "remove-dataset",
        "m4 remove-dataset mimic-iv-demo
m4 remove-dataset ward-7 --definition --yes",
        "Nothing outside M4's data folder is removed: neither the files a dataset was made from, nor what a link leads to.",
    ),
    ("schema", "m4 schema\nm4 schema --dataset mimic-iv-demo --json", ""),
    (
        "serve",
        "m4 serve
m4 serve --http 127.0.0.1:9000 --dataset mimic-iv-demo
m4 serve --secure
m4 serve --http 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --secure",
        "",
    ),
    ("status", "m4 status\nm4 status --all\nm4 status --dataset mimic-iv-demo --json", ""),
    (
        "token",
        "curl -H \"Authorization: Bearer $(m4 token)\" https://m4.example.org/mcp
m4 token --profile work > token.txt",
        "",
    ),
    ("whoami", "m4 whoami\nm4 whoami --json", ""),
];
