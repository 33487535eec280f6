//! Taking over entries in clients' files that start a Python package: they start M4's server then, with their settings.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use mcp_server::env::Environment;
use mcp_server::gate::clock;
use serde_json::{Map, Value};

use super::item::{Item, Kind};
use super::variables::translated;
use crate::args::ServerArgs;
use crate::clients::entry::{self, Entry};
use crate::clients::file::ClientFile;
use crate::clients::replace::{Replacement, Turn, Written};
use crate::clients::{Client, shape};
use crate::failure::Failure;
use crate::programs;

/// Every such entry in the user's files and in those of a project.
pub(super) fn find<'a>(project: Option<&Path>, env: &'a Environment) -> Vec<Item<'a>> {
    let server = programs::server(programs::own().as_deref(), env);
    let of_project = |client: Client| Some((client, client.path(env, Some(project?))?, " of the project"));
    Client::users_files(env)
        .map(|(client, path)| (client, path, ""))
        .chain(Client::ALL.into_iter().filter_map(of_project))
        .flat_map(|(client, path, whose)| in_file(client, &path, whose, server.as_deref(), env))
        .collect()
}

fn in_file<'a>(
    client: Client,
    path: &Path,
    whose: &str,
    server: Option<&Path>,
    env: &'a Environment,
) -> Vec<Item<'a>> {
    let file = match ClientFile::read(client, path) {
        Ok(file) => file,
        Err(error) => {
            let told = format!("{}{whose}", client.name());
            let item = Item::problem(Kind::Client, told, mcp_server::error::in_one_line(&error));
            return vec![item.mend("correct the file; nothing was changed")];
        }
    };
    let of_python: Vec<_> = file.entries().into_iter().filter(|(_, fields)| is_of_python(fields)).collect();
    of_python
        .into_iter()
        .map(|(name, fields)| {
            let told = format!("{}{whose} `{name}`", client.name());
            let Some(server) = server else {
                return Item::problem(Kind::Client, told, format!("{} was not found", programs::SERVER))
                    .mend("install it beside m4");
            };
            let change = Change { client, path: path.to_owned(), name, server: server.to_owned(), env };
            match change.replacement() {
                Ok(_) => {
                    let item = Item::to_do(Kind::Client, told, "it starts M4's server, with its settings", move || {
                        change.make()
                    });
                    match entry::secrets(&fields).first() {
                        Some(secret) => item.mend(format!(
                            "{secret} is in its file, where others can read it: run m4 login, then delete it there"
                        )),
                        None => item,
                    }
                }
                Err(failure) => Item::failed(Kind::Client, told, &failure),
            }
        })
        .collect()
}

/// One entry that is to start M4's server.
struct Change<'a> {
    client: Client,
    path: PathBuf,
    name: String,
    server: PathBuf,
    env: &'a Environment,
}

impl Change<'_> {
    /// The file with the new entry.
    fn replacement(&self) -> Result<Replacement, Failure> {
        let file = ClientFile::read(self.client, &self.path)?;
        let mut fields = file.entry(&self.name)?.unwrap_or_default();
        if let Ok(variables) = shape::variables(&fields) {
            fields.insert("env".to_owned(), Value::Object(translated(&variables)));
        }
        let args = ServerArgs { server_name: self.name.clone(), ..ServerArgs::default() };
        let entry = Entry::new(Some(self.client), Some(&fields), &self.server, &args, self.env)?;
        Ok(file.with_entry(&self.name, entry.fields())?)
    }

    fn make(&self) -> Result<String, Failure> {
        let turn = Turn::wait(&self.path)?;
        Ok(match self.replacement()?.write(&turn, clock::wall_now())? {
            Written::Replaced(old) => {
                format!(
                    "it starts M4's server; the old file is {}; {}",
                    old.display(),
                    self.client.afterwards()
                )
            }
            Written::New | Written::Unchanged => "it starts M4's server".to_owned(),
        })
    }
}

/// Whether the entry starts m4-infra or m3-mcp: by `uvx` and its like, by a module's name, or by their own programs.
fn is_of_python(fields: &Map<String, Value>) -> bool {
    let Some(command) = shape::command(fields) else { return false };
    let nested = || fields.get("command").and_then(|command| command.get("args"));
    let args = fields.get("args").or_else(nested).and_then(Value::as_array);
    let args: Vec<&str> = args.into_iter().flatten().filter_map(Value::as_str).collect();
    let program = Path::new(command).file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let module =
        |pair: &[&str]| pair[0] == "-m" && MODULES.contains(&pair[1].split('.').next().unwrap_or_default());
    PROGRAMS.contains(&program.as_ref())
        || (program == programs::SERVER && is_a_python_script(Path::new(command)))
        || args.iter().any(|arg| is_package(arg))
        || args.windows(2).any(module)
}

/// `m4-infra`, `m4-infra==0.5.9`, `m4-infra[all]`, `m4-infra@latest`.
fn is_package(arg: &str) -> bool {
    let name = arg.split(['=', '[', '@', '<', '>', '~', '!']).next().unwrap_or_default();
    PACKAGES.contains(&name)
}

/// m4-infra calls its server as M4 does.
fn is_a_python_script(path: &Path) -> bool {
    let mut beginning = [0; 256];
    let read = File::open(path).and_then(|mut file| file.read(&mut beginning)).unwrap_or_default();
    let line = beginning[..read].split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"#!") && String::from_utf8_lossy(line).contains("python")
}

const PACKAGES: [&str; 2] = ["m4-infra", "m3-mcp"];
/// Programs of these packages that are not called as M4's are.
const PROGRAMS: [&str; 5] = ["m4-infra", "m4-mcp", "m3-mcp", "m3-mcp-server", "m3"];
const MODULES: [&str; 2] = ["m4", "m3"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_of_the_python_packages_are_told_from_others() {
        let is = |entry: Value| is_of_python(entry.as_object().unwrap());
        for theirs in [
            json!({ "command": "uvx", "args": ["m4-infra"] }),
            json!({ "command": "uvx", "args": ["--from", "m4-infra[all]==0.5.9", "m4-mcp-server"] }),
            json!({ "command": "/usr/bin/python3", "args": ["-m", "m4.mcp_server"] }),
            json!({ "command": "python", "args": ["-m", "m3.mcp_server"], "env": {} }),
            json!({ "command": "C:/py/Scripts/m3-mcp-server.exe" }),
            json!({ "source": "custom", "command": { "path": "uvx", "args": ["m3-mcp"] } }),
        ] {
            assert!(is(theirs.clone()), "{theirs}");
        }
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join(programs::SERVER);
        for (text, expected) in [("#!/venv/bin/python3.11\nimport m4", true), ("\u{7f}ELF python", false)] {
            std::fs::write(&server, text).unwrap();
            assert_eq!(is(json!({ "command": server.to_str().unwrap() })), expected, "{text}");
        }
        for others in [
            json!({ "command": "/opt/m4/m4-mcp-server", "args": [] }),
            json!({ "command": "uvx", "args": ["m4-infrastructure"] }),
            json!({ "command": "python", "args": ["-m", "m4u.server"] }),
            json!({ "command": "/usr/bin/m4", "args": ["macros"] }),
            json!({ "url": "https://m4.example/mcp" }),
        ] {
            assert!(!is(others.clone()), "{others}");
        }
    }
}
