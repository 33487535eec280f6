//! `m4 config`: the entry that makes MCP clients start the server, printed or written.

use std::path::{Path, PathBuf};

use mcp_server::env::Environment;
use mcp_server::gate::clock;
use serde_json::json;

use super::config_show;
use crate::Outcome;
use crate::args::{ClaudeArgs, ConfigArgs, ConfigTarget, ServerArgs};
use crate::clients::claude_desktop::{self, Document, Written};
use crate::clients::entry::Entry;
use crate::failure::Failure;
use crate::output::Printer;
use crate::{files, programs};

pub(super) fn run(args: &ConfigArgs, env: &Environment, printer: &Printer) -> Outcome {
    match &args.target {
        None => print(args, &server(env)?, env, printer),
        Some(ConfigTarget::Claude(args)) => write_claude(args, &server(env)?, env, printer),
        Some(ConfigTarget::Show(_)) => config_show::run(env, printer),
    }
}

fn print(args: &ConfigArgs, server: &Path, env: &Environment, printer: &Printer) -> Outcome {
    let name = server_name(&args.server)?;
    let entry = Entry::new(None, server, &args.server, env)?;
    let whole = json!({ "mcpServers": { name: entry.fields() } });
    match &args.output {
        None => printer.json(&whole)?,
        Some(path) => write_new(path, &format!("{whole:#}\n"), printer)?,
    }
    advise(&entry, printer);
    Ok(())
}

/// Writes a file that does not exist yet: one that does may hold other servers.
fn write_new(path: &Path, text: &str, printer: &Printer) -> Outcome {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::mendable(
            format!("{} exists already", path.display()),
            format!("choose a new file, or add to this one: m4 config claude --output '{}'", path.display()),
        ));
    }
    files::write(path, text.as_bytes(), None).map_err(|source| {
        Failure::io(format!("cannot write {}", path.display()), "choose a file that you may write", source)
    })?;
    printer.note(format_args!("wrote {}", path.display()));
    Ok(())
}

fn write_claude(args: &ClaudeArgs, server: &Path, env: &Environment, printer: &Printer) -> Outcome {
    let name = server_name(&args.server)?;
    let path = args.output.clone().or_else(|| claude_desktop::path(env)).ok_or_else(|| {
        Failure::mendable(
            "there is no home folder with Claude Desktop's configuration",
            "name the file with --output",
        )
    })?;
    let document = Document::read(&path)?;
    let entry = Entry::new(document.entry(name)?, server, &args.server, env)?;
    if args.dry_run {
        printer.note(format_args!("would write to {}:", path.display()));
        printer.json(&json!({ "mcpServers": { name: entry.shown() } }))?;
    } else {
        let written = document.write(name, entry.fields(), clock::wall_now())?;
        tell(&written, &path, printer);
    }
    advise(&entry, printer);
    Ok(())
}

fn tell(written: &Written, path: &Path, printer: &Printer) {
    if *written == Written::Unchanged {
        printer.note(format_args!("{} already says this", path.display()));
        return;
    }
    printer.note(format_args!("wrote {}", path.display()));
    if let Written::Replaced(old) = written {
        printer.note(format_args!("the old file is {}", old.display()));
    }
    printer.note("restart Claude Desktop to use it");
}

fn server_name(args: &ServerArgs) -> Result<&str, Failure> {
    let name = args.server_name.trim();
    if name.is_empty() {
        return Err(Failure::usage("the server needs a name", "leave --server-name out to call it m4"));
    }
    Ok(name)
}

fn server(env: &Environment) -> Result<PathBuf, Failure> {
    programs::server(programs::own().as_deref(), env).ok_or_else(|| {
        Failure::mendable(
            format!("{} is neither beside m4 nor on PATH", programs::SERVER),
            "install it beside m4; in the source tree run `cargo xtask build`",
        )
    })
}

fn advise(entry: &Entry, printer: &Printer) {
    if let Some(advice) = entry.advice() {
        printer.note(advice);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::output::Kept;

    fn typed(line: &[&str]) -> ConfigArgs {
        match Cli::try_parse_from(["m4", "config"].iter().chain(line)).unwrap().command {
            Command::Config(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn printer() -> (Kept, Kept, Printer) {
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false);
        (out, err, printer)
    }

    const SERVER: &str = "/opt/m4/m4-mcp-server";

    #[test]
    fn bare_config_prints_nothing_but_json_to_stdout() {
        let (out, err, printer) = printer();
        let line = ["--enable-oauth2", "--oauth2-issuer", "https://i.example", "--oauth2-audience", "m4-api"];
        print(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).unwrap();
        insta::assert_snapshot!(out.text(), @r#"
        {
          "mcpServers": {
            "m4": {
              "command": "/opt/m4/m4-mcp-server",
              "args": [],
              "env": {
                "M4_OAUTH2_ENABLED": "true",
                "M4_OAUTH2_ISSUER_URL": "https://i.example",
                "M4_OAUTH2_AUDIENCE": "m4-api"
              }
            }
          }
        }
        "#);
        assert!(err.text().contains("run `m4 login`"), "{}", err.text());
    }

    #[test]
    fn a_file_that_exists_is_not_overwritten_with_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let (_, _, printer) = printer();
        let line = ["-o", path.to_str().unwrap()];
        print(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).unwrap();
        std::fs::write(&path, "{\"mcpServers\": {\"other\": {}}}").unwrap();
        assert!(print(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).is_err());
        assert!(std::fs::read_to_string(&path).unwrap().contains("other"));
    }

    #[test]
    fn the_server_name_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let (_, _, printer) = printer();
        let ConfigTarget::Claude(args) =
            typed(&["claude", "--server-name", "wards", "-o", path.to_str().unwrap()]).target.unwrap()
        else {
            panic!("not claude")
        };
        write_claude(&args, Path::new(SERVER), &Environment::default(), &printer).unwrap();
        let written: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(written["mcpServers"]["wards"]["command"], SERVER);
    }

    #[test]
    fn a_dry_run_writes_nothing_and_shows_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let before = r#"{"mcpServers": {"m4": {"env": {"M4_OAUTH2_TOKEN": "s3cr3t"}}, "x": {"env": {"KEY": "s3cr3t"}}}}"#;
        std::fs::write(&path, before).unwrap();
        let (out, err, printer) = printer();
        let ConfigTarget::Claude(args) =
            typed(&["claude", "--dry-run", "-o", path.to_str().unwrap()]).target.unwrap()
        else {
            panic!("not claude")
        };
        write_claude(&args, Path::new(SERVER), &Environment::default(), &printer).unwrap();
        assert!(out.text().contains("[redacted]"));
        assert!(!format!("{}{}", out.text(), err.text()).contains("s3cr3t"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }
}
