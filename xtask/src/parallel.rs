//! The Python package and M4 side by side: one client's file starts both, over the files of one folder, and `m4 migrate`
//! takes them over while the Python package answers. What `docs/migration.md` says under "Running in parallel".

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::bench::data::client::{Client, text};
use crate::bench::data::compare;
use crate::bench::data::queries::{self, DEMO, Query};
use crate::bench::data::side::Side;
use crate::bench::data::source::Source;
use crate::build;
use crate::duckdb::Library;
use crate::failure::{Failure, Outcome, print, say};
use crate::interop::isolate;
use crate::workspace::{Profile, Workspace, output};

/// Runs it; `Some` holds the reason for which it was left out.
pub(crate) fn run(workspace: &Workspace, library: &Library) -> Outcome<Option<String>> {
    let folder = workspace.target()?.join("parallel");
    let (theirs, python) = match Side::peer(workspace, &folder) {
        Ok(prepared) => prepared,
        Err(failure) => return Ok(Some(format!("{failure}; {}", failure.hint()))),
    };
    build::announce(workspace)?;
    build::run(workspace, library, Profile::Debug)?;
    let ours = Side::ours(&workspace.binaries(Profile::Debug)?, &folder);
    ours.clear()?;
    theirs.clear()?;
    let source = Source::find(workspace, &ours, &python, &folder)?;
    ours.clear()?;
    theirs.init(DEMO, Some(source.complete.as_ref().unwrap_or(&source.demo)))?;
    let client = ClientFile::of_the_package(&ours, &theirs)?;
    let before = tree(&theirs.data())?;
    print(format_args!("{} is set up with the {}", theirs.name, source.what));

    let rounds = while_it_answers(&mut client.start(OLD)?, || {
        migrate(&ours, &theirs.data(), &[], "left", |left| left.as_u64() > Some(0))?;
        migrate(&ours, &theirs.data(), &["--apply"], "left", |left| left == 0)
    })?;
    print(format_args!(
        "m4 migrate took its data over; meanwhile it answered {rounds} queries, all as before"
    ));

    client.keep_both(&ours)?;
    let compared = both_answer(&client)?;
    print(format_args!(
        "both were started from one client's file, and gave the same {compared} answers at the same time"
    ));

    if let Some(changed) = difference(&before, &tree(&theirs.data())?) {
        return Err(Failure::new(
            format!("{} is not as it was", changed.display()),
            "neither `m4 migrate` nor `m4-mcp-server` may write there",
        ));
    }
    client.remove_ours(&ours)?;
    print("its folder is as it was, byte for byte, and so is the client's file once M4 is taken out");
    Ok(None)
}

/// Cursor's file, with which the Python package's server is started.
struct ClientFile {
    path: PathBuf,
    log: PathBuf,
    /// What it was when only the Python package was there.
    original: String,
}

impl ClientFile {
    fn of_the_package(ours: &Side, theirs: &Side) -> Outcome<Self> {
        let server = theirs.server()?;
        let env: BTreeMap<String, String> = server
            .get_envs()
            .filter(|(name, _)| ["HOME", "M4_DATA_DIR"].iter().any(|kept| name == kept))
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
            .collect();
        let entry = json!({ "command": server.get_program().to_str(), "args": [], "env": env });
        let original = format!("{:#}\n", json!({ "mcpServers": { OLD: entry } }));
        let path = ours.home()?.join(".cursor").join("mcp.json");
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, &original)
        };
        write().map_err(|error| Failure::io("write the client's file", &error))?;
        Ok(Self { path, log: ours.log(), original })
    }

    /// Starts a server as the client would.
    fn start(&self, name: &str) -> Outcome<Client> {
        let text =
            fs::read_to_string(&self.path).map_err(|error| Failure::io("read the client's file", &error))?;
        let servers: Value = serde_json::from_str(&text).unwrap_or_default();
        let entry = &servers["mcpServers"][name];
        let program = entry["command"].as_str().ok_or_else(|| {
            Failure::new(
                format!("the client's file has no server {name}"),
                format!("see {}", self.path.display()),
            )
        })?;
        let mut command = Command::new(program);
        isolate(&mut command);
        let words = |list: &Value| list.as_array().cloned().unwrap_or_default();
        command.args(words(&entry["args"]).iter().filter_map(Value::as_str));
        let env = entry["env"].as_object().cloned().unwrap_or_default();
        command.envs(env.iter().filter_map(|(name, value)| Some((name, value.as_str()?))));
        Client::start(command, &self.log.with_extension(name))
    }

    /// Migrating made the package's entry start M4. Puts it back, and M4 under another name beside it.
    fn keep_both(&self, ours: &Side) -> Outcome {
        let now = fs::read_to_string(&self.path).unwrap_or_default();
        if !now.contains("m4-mcp-server") || now == self.original {
            return Err(Failure::new(
                "the client's entry was not taken over",
                format!("see {}", self.path.display()),
            ));
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let backup = fs::read_dir(folder)
            .map_err(|error| Failure::io("read the client's folder", &error))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|end| end == "bak"));
        let backup =
            backup.ok_or_else(|| Failure::new("no backup was kept", format!("see {}", folder.display())))?;
        fs::copy(&backup, &self.path).map_err(|error| Failure::io("put the backup back", &error))?;
        m4(ours, &["config", "cursor", "--server-name", NEW]).map(|_| ())
    }

    fn remove_ours(&self, ours: &Side) -> Outcome {
        m4(ours, &["config", "cursor", "--remove", "--server-name", NEW])?;
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.original) {
            return Ok(());
        }
        Err(Failure::new("the client's file is not as it was", format!("see {}", self.path.display())))
    }
}

/// Has a server answer one query after the other while something else is done; how many it answered. Each answer has to be
/// what it was before.
fn while_it_answers(server: &mut Client, work: impl FnOnce() -> Outcome) -> Outcome<usize> {
    let queries = queries::all();
    let before: Vec<String> = queries.iter().map(|query| asked(server, query)).collect::<Outcome<_>>()?;
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let mut answered = 0;
            while !is_done.load(Ordering::SeqCst) {
                for (query, before) in queries.iter().zip(&before) {
                    if asked(server, query)? != *before {
                        return Err(Failure::new(
                            format!("query {:?} has another answer while m4 migrates", query.name),
                            "see the folder under target/parallel",
                        ));
                    }
                    answered += 1;
                }
            }
            Ok(answered)
        });
        let worked = work();
        is_done.store(true, Ordering::SeqCst);
        let answered = answering.join().map_err(|_| Failure::new("a thread panicked", "see above"))?;
        worked?;
        answered
    })
}

fn asked(server: &mut Client, query: &Query) -> Outcome<String> {
    Ok(text(&ask(server, query)?))
}

fn ask(server: &mut Client, query: &Query) -> Outcome<Value> {
    let (_, result) = server.call("execute_query", &json!({ "sql_query": query.sql, "dataset": DEMO }))?;
    Ok(result)
}

/// Asks both at the same time; how many queries they answered, and answered alike.
fn both_answer(client: &ClientFile) -> Outcome<usize> {
    let (mut theirs, mut ours) = (client.start(OLD)?, client.start(NEW)?);
    let mut compared = 0;
    for query in queries::all() {
        let (their_result, our_result) = std::thread::scope(|scope| {
            let other = scope.spawn(|| ask(&mut theirs, &query));
            let our_result = ask(&mut ours, &query);
            (other.join(), our_result)
        });
        let their_result = their_result.map_err(|_| Failure::new("a thread panicked", "see above"))??;
        let (our_result, their_text) = (our_result?, text(&their_result));
        match (our_result["isError"] == true, their_text.starts_with("**Error:**")) {
            (true, true) => {
                say(format_args!("SKIPPED {:?}: neither answers it with these files", query.name));
            }
            (false, false) => {
                compare::same(&our_result["structuredContent"], &their_text).map_err(|difference| {
                    Failure::new(format!("query {:?}: {difference}", query.name), "one of the two is wrong")
                })?;
                compared += 1;
            }
            (refused, _) => {
                let who = if refused { "M4" } else { "the Python package" };
                return Err(Failure::new(format!("query {:?}: {who} refuses it", query.name), "see its log"));
            }
        }
    }
    if compared == 0 {
        return Err(Failure::new("no query was answered by both", "see what was left out above"));
    }
    Ok(compared)
}

/// Runs `m4 migrate`, and looks at one member of its answer.
fn migrate(
    ours: &Side,
    from: &Path,
    more: &[&str],
    member: &str,
    is_good: impl Fn(&Value) -> bool,
) -> Outcome {
    let from = from.to_string_lossy();
    let answer = m4(ours, &[&["migrate", "--json", "--from", &from], more].concat())?;
    let value = &answer["data"][member];
    if is_good(value) {
        return Ok(());
    }
    Err(Failure::new(
        format!("m4 migrate says {member}: {value}"),
        format!("run it with M4_DATA_DIR={}", ours.data().display()),
    ))
}

/// Runs the command line; its answer where that is JSON.
fn m4(ours: &Side, words: &[&str]) -> Outcome<Value> {
    let result = output(ours.cli()?.args(words))?;
    if result.status.success() {
        return Ok(serde_json::from_slice(&result.stdout).unwrap_or_default());
    }
    let said = String::from_utf8_lossy(&result.stderr);
    Err(Failure::new(format!("m4 {} failed: {}", words.join(" "), said.trim()), "see what it says"))
}

/// A file that is in one of the two and not the same in the other.
fn difference<'a>(
    one: &'a BTreeMap<PathBuf, Vec<u8>>,
    other: &'a BTreeMap<PathBuf, Vec<u8>>,
) -> Option<&'a Path> {
    one.keys().chain(other.keys()).find(|path| one.get(*path) != other.get(*path)).map(PathBuf::as_path)
}

/// Every file below a folder, with what is in it, but for what the Python package writes down of each call.
fn tree(folder: &Path) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
    let read = || -> std::io::Result<_> {
        let mut files = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.ends_with(TELEMETRY) {
                    continue;
                }
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.insert(path.clone(), fs::read(path)?);
                }
            }
        }
        Ok(files)
    };
    read().map_err(|error| Failure::io(&format!("read {}", folder.display()), &error))
}

const TELEMETRY: &str = "telemetry";

/// The names of the two entries.
const OLD: &str = "m4";
const NEW: &str = "m4-rust";
