//! `m4 config check`: whether the clients' files start a server that runs, or lead to one.

use std::fmt;
use std::path::{Path, PathBuf};

use auth_core::oauth::url::SecureUrl;
use mcp_server::config::{AuthSetting, BackendKind};
use mcp_server::env::Environment;
use mcp_server::error::{Explain, codes, in_one_line};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::is_project;
use crate::Outcome;
use crate::args::CheckClientsArgs;
use crate::clients::entry::{self, as_the_server_will};
use crate::clients::file::ClientFile;
use crate::clients::{Client, shape};
use crate::commands::doctor::finding::Status;
use crate::failure::Failure;
use crate::output::{Paths, Printer};
use crate::programs;

pub(super) fn run(args: &CheckClientsArgs, env: &Environment, printer: &Printer) -> Outcome {
    args.working_directory.as_deref().map_or(Ok(()), is_project)?;
    let clients = args.client.map_or_else(|| Client::ALL.to_vec(), |client| vec![client]);
    let server = programs::server(programs::own().as_deref(), env);
    let mut reports: Vec<ClientReport> = clients
        .iter()
        .flat_map(|client| files(*client, args.working_directory.as_deref(), env).map(|path| (*client, path)))
        .flat_map(|(client, path)| look(client, &path, server.as_deref(), env))
        .collect();
    for report in &mut reports {
        report.show_paths_as(printer.paths());
    }
    printer.answer(&reports, |printer| {
        if reports.is_empty() {
            printer.note("no client's file was found; `m4 config CLIENT` writes one");
        }
        reports.iter().try_for_each(|report| printer.data(report))
    })?;
    match reports.iter().filter(|report| report.status == Status::Fail).count() {
        0 => Ok(()),
        count => Err(Failure::reported(
            codes::NEEDS_MENDING,
            format!("{count} of {} findings keep a client from M4", reports.len()),
            Some("each says what mends it".to_owned()),
        )),
    }
}

fn files(
    client: Client,
    working_directory: Option<&Path>,
    env: &Environment,
) -> impl Iterator<Item = PathBuf> {
    let project = working_directory.and_then(|folder| client.path(env, Some(folder)));
    client.path(env, None).into_iter().chain(project)
}

/// Something about a client's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ClientFinding")]
pub(in crate::commands) struct ClientReport {
    /// The client, as it is typed.
    pub(in crate::commands) client: &'static str,
    /// Its file.
    pub(in crate::commands) file: String,
    /// What the client calls the server; `null` where it is about the file.
    pub(in crate::commands) server: Option<String>,
    /// How it looks.
    pub(in crate::commands) status: Status,
    /// What was seen.
    pub(in crate::commands) what: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) mend: Option<String>,
}

impl ClientReport {
    fn show_paths_as(&mut self, paths: &Paths) {
        self.file = paths.path(Path::new(&self.file));
        self.what = paths.in_text(&self.what);
        if let Some(mend) = &mut self.mend {
            *mend = paths.in_text(mend);
        }
    }
}

impl fmt::Display for ClientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<11} ", self.status, self.client)?;
        if let Some(server) = &self.server {
            write!(f, "{server}: ")?;
        }
        write!(f, "{}", self.what)?;
        if let Some(mend) = &self.mend {
            write!(f, "\n{:17}mend: {mend}", "")?;
        }
        Ok(())
    }
}

/// Looks at a client's file; nothing is said of one that does not exist. `server` is the program that this `m4` would write.
pub(in crate::commands) fn look(
    client: Client,
    path: &Path,
    server: Option<&Path>,
    env: &Environment,
) -> Vec<ClientReport> {
    let usual = client.path(env, None).as_deref() == Some(path);
    let about = About { client, path, usual, server: None };
    let file = match ClientFile::read(client, path) {
        Ok(file) if !file.exists() => return Vec::new(),
        Ok(file) => file,
        Err(error) => {
            let mend = error.hint().unwrap_or_default();
            return vec![about.says(Status::Fail, in_one_line(&error), Some(mend))];
        }
    };
    let ours: Vec<_> = file.entries().into_iter().filter(|(name, fields)| is_ours(name, fields)).collect();
    if ours.is_empty() {
        let mend = format!("run: m4 config {}", client.name());
        return vec![about.says(Status::Ok, "no server of M4 in its file".to_owned(), Some(mend))];
    }
    ours.iter()
        .flat_map(|(name, fields)| {
            let about = About { server: Some(name), ..about };
            let mut reports = match shape::url(fields) {
                Some(url) => vec![reached(&about, url)],
                None => started(&about, fields, server, env),
            };
            reports.extend(entry::secrets(fields).into_iter().map(|secret| {
                let what = format!("{secret} is in its file, which other programs and people can read");
                about.says(Status::Warn, what, Some("run `m4 login`, then delete it there".to_owned()))
            }));
            reports
        })
        .collect()
}

/// Whether the entry is M4's, or that of a program M4 replaces.
fn is_ours(name: &str, fields: &Map<String, Value>) -> bool {
    let program = shape::command(fields).map(|command| Path::new(command).file_stem().unwrap_or_default());
    let variables = shape::variables(fields).unwrap_or_default();
    name == "m4"
        || program.is_some_and(|program| program == programs::SERVER)
        || variables.keys().any(|name| name.starts_with("M4_") || name.starts_with("M3_"))
}

/// What is looked at.
#[derive(Clone, Copy)]
struct About<'a> {
    client: Client,
    path: &'a Path,
    /// Whether `m4 config` finds the file by itself.
    usual: bool,
    server: Option<&'a str>,
}

impl About<'_> {
    fn says(&self, status: Status, what: String, mend: Option<String>) -> ClientReport {
        ClientReport {
            client: self.client.name(),
            file: self.path.display().to_string(),
            server: self.server.map(str::to_owned),
            status,
            what,
            mend,
        }
    }

    /// The command that writes this entry anew.
    fn again(&self) -> String {
        let name = self.server.filter(|name| *name != "m4");
        let name = name.map(|name| format!(" --server-name '{name}'")).unwrap_or_default();
        let output = if self.usual { String::new() } else { format!(" --output '{}'", self.path.display()) };
        format!("run: m4 config {}{name}{output}", self.client.name())
    }
}

fn reached(about: &About<'_>, url: &str) -> ClientReport {
    match SecureUrl::parse(url) {
        Ok(url) => about.says(Status::Ok, format!("connects to {url}"), None),
        Err(error) => about.says(
            Status::Fail,
            format!("its URL {error}"),
            Some(format!("{} --transport http --url https://…/mcp", about.again())),
        ),
    }
}

fn started(
    about: &About<'_>,
    fields: &Map<String, Value>,
    server: Option<&Path>,
    env: &Environment,
) -> Vec<ClientReport> {
    let Some(command) = shape::command(fields) else {
        let what = "has neither a command nor a URL".to_owned();
        return vec![about.says(Status::Fail, what, Some(about.again()))];
    };
    let mut reports = vec![program(about, command, server, env)];
    if let Some(folder) = shape::missing_folder(fields) {
        let what = format!("its `cwd` {folder} is no folder, so it does not start");
        reports.push(about.says(Status::Fail, what, Some("delete `cwd` from the entry".to_owned())));
    }
    match shape::variables(fields) {
        Ok(variables) => reports.extend(settings(about, &variables, env)),
        Err(_) => reports.push(about.says(
            Status::Fail,
            "its `env` is not a mapping of texts".to_owned(),
            Some("correct the file".to_owned()),
        )),
    }
    reports
}

fn program(about: &About<'_>, command: &str, server: Option<&Path>, env: &Environment) -> ClientReport {
    let path = Path::new(command);
    let found = if path.components().count() > 1 {
        path.is_file().then(|| path.to_owned())
    } else {
        env.find_program(command)
    };
    let same = |one: &Path, other: &Path| {
        one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
    };
    match found {
        None => {
            about.says(Status::Fail, format!("starts {command}, which is not there"), Some(about.again()))
        }
        Some(found) if server.is_some_and(|server| same(&found, server)) => {
            about.says(Status::Ok, format!("starts {command}"), None)
        }
        Some(found) if found.file_stem().is_some_and(|stem| stem == programs::SERVER) => about.says(
            Status::Warn,
            format!("starts {command}, another one than this m4's"),
            Some(about.again()),
        ),
        Some(_) => about.says(
            Status::Warn,
            format!("starts {command}, which is not {}", programs::SERVER),
            Some(about.again()),
        ),
    }
}

/// What the server makes of the entry's variables.
fn settings(about: &About<'_>, variables: &Map<String, Value>, env: &Environment) -> Vec<ClientReport> {
    let config = as_the_server_will(variables, env);
    let auth = match &config.auth {
        AuthSetting::Misconfigured(errors) => errors.problems(),
        AuthSetting::Disabled | AuthSetting::Enabled(_) => &[],
    };
    let mut reports: Vec<_> = auth
        .iter()
        .chain(config.problems().problems())
        .map(|problem| about.says(Status::Fail, problem.to_string(), problem.hint.clone()))
        .collect();
    if config.backend.kind == BackendKind::BigQuery {
        let what = "the bigquery backend is not available in this version of M4".to_owned();
        reports.push(about.says(Status::Fail, what, Some(format!("{} --backend duckdb", about.again()))));
    }
    reports
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use mcp_server::env::BaseDirs;
    use serde_json::json;

    use super::*;

    fn told(client: Client, text: &str) -> (String, Vec<Status>) {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join(programs::SERVER);
        fs::write(&server, "").unwrap();
        fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("file");
        fs::write(&path, text.replace("SERVER", server.to_str().unwrap())).unwrap();
        let home = folder.path();
        let dirs = BaseDirs { home: home.into(), config: home.join("config"), data: home.join("data") };
        let env = Environment::default().with_base_dirs(dirs);
        let mut reports = look(client, &path, Some(&server), &env);
        for report in &mut reports {
            report.show_paths_as(&Paths::hidden_for(&Environment::default()));
        }
        let text: Vec<_> = reports.iter().map(ToString::to_string).collect();
        (text.join("\n"), reports.into_iter().map(|report| report.status).collect())
    }

    #[test]
    fn a_good_entry_is_said_to_be_good_in_every_format() {
        let json =
            |key: &str| json!({ key: { "m4": { "command": "SERVER", "args": [], "env": {} } } }).to_string();
        for (client, text) in [
            (Client::Claude, json("mcpServers")),
            (Client::VsCode, json("servers")),
            (Client::Zed, json("context_servers")),
            (Client::Codex, "[mcp_servers.m4]\ncommand = 'SERVER'\n".to_owned()),
        ] {
            let (text, statuses) = told(client, &text);
            assert_eq!(statuses, [Status::Ok], "{text}");
        }
    }

    #[test]
    fn each_thing_that_keeps_a_client_from_m4_is_named_with_what_mends_it() {
        let servers = json!({ "mcpServers": {
            "m4": { "command": "/nowhere/m4-mcp-server" },
            "old": { "command": "/bin/sh", "env": { "M4_OAUTH2_TOKEN": "s3cr3t", "M4_BACKEND": "bigquery" } },
            "gone": { "command": "SERVER", "cwd": "/no/such/folder", "env": { "M4_OAUTH2_ENABLED": "perhaps" } },
            "odd": { "command": "SERVER", "env": { "M4_DATA_DIR": "/d", "N": 1 } },
            "of somebody else": { "command": "/nowhere" },
            "wards": { "url": "http://m4.example/mcp", "env": { "M4_X": "1" }, "headers": { "Authorization": "Bearer s3cr3t" } },
        } });
        let (text, _) = told(Client::Cursor, &servers.to_string());
        assert!(!text.contains("s3cr3t"), "{text}");
        insta::assert_snapshot!("check", text);
    }

    #[test]
    fn a_file_that_is_not_understood_fails_and_a_missing_one_says_nothing() {
        assert_eq!(told(Client::Claude, "{\"mcpServers\": {").1, [Status::Fail]);
        assert_eq!(told(Client::Claude, "{}").1, [Status::Ok]);
        let none = look(Client::Claude, Path::new("/no/such/file"), None, &Environment::default());
        assert_eq!(none, []);
    }
}
