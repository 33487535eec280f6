//! `m4 config` without a client: the JSON that most clients understand.

use std::path::Path;

use mcp_server::env::Environment;
use serde_json::{Value, json};

use super::report::{Action, Report, with_paths};
use super::server_name;
use crate::Outcome;
use crate::args::ConfigArgs;
use crate::clients::entry::Entry;
use crate::failure::Failure;
use crate::files;
use crate::output::Printer;

pub(super) fn run(args: &ConfigArgs, server: &Path, env: &Environment, printer: &Printer) -> Outcome {
    let name = server_name(&args.server)?;
    let entry = Entry::new(None, None, server, &args.server, env)?;
    let mut fields = entry.fields().clone();
    if let Some(folder) = &args.working_directory {
        if !folder.is_dir() {
            return Err(Failure::mendable(
                format!("{} is not a folder", folder.display()),
                "name the server's folder with --working-directory, or leave it out: M4 needs none",
            ));
        }
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        fields.insert("cwd".to_owned(), Value::from(folder.display().to_string()));
    }
    let whole = json!({ "mcpServers": { name: fields } });
    if let Some(path) = &args.output {
        write_new(path, &format!("{whole:#}\n"))?;
    }
    let report = Report {
        client: None,
        server_name: name.to_owned(),
        file: args.output.as_deref().map(|path| printer.paths().path(path)),
        action: if args.output.is_some() { Action::Written } else { Action::Printed },
        backup: None,
        entry: Some(with_paths(Value::Object(fields), printer.paths())),
    };
    printer.answer(&report, |printer| match &args.output {
        None => printer.json(&whole),
        Some(path) => {
            printer.note(format_args!("wrote {}", path.display()));
            Ok(())
        }
    })?;
    if let Some(advice) = entry.advice() {
        super::write::advise(advice, printer);
    }
    Ok(())
}

/// Writes a file that does not exist yet: one that does may hold other servers.
fn write_new(path: &Path, text: &str) -> Outcome {
    let unwritable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::mendable(
            format!("{} exists already", path.display()),
            format!("choose a new file, or add to this one: m4 config CLIENT --output '{}'", path.display()),
        ),
        _ => Failure::io(
            format!("cannot write {}", path.display()),
            "choose a file that you may write",
            source,
        ),
    };
    if path.symlink_metadata().is_ok() {
        return Err(unwritable(std::io::ErrorKind::AlreadyExists.into()));
    }
    files::Prepared::new(path, text.as_bytes(), None).and_then(files::Prepared::put_new).map_err(unwritable)
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
        run(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).unwrap();
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
    fn a_server_over_http_is_printed_without_a_command() {
        let (kept, _, printer) = printer();
        let line = ["--transport", "http", "--url", "https://m4.example/mcp", "--server-name", "wards"];
        run(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).unwrap();
        let shown: Value = serde_json::from_str(&kept.text()).unwrap();
        assert_eq!(
            shown,
            json!({ "mcpServers": { "wards": { "type": "http", "url": "https://m4.example/mcp" } } })
        );
    }

    #[test]
    fn a_file_that_exists_is_not_overwritten_with_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let (_, _, printer) = printer();
        let line = ["-o", path.to_str().unwrap()];
        run(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).unwrap();
        std::fs::write(&path, "{\"mcpServers\": {\"other\": {}}}").unwrap();
        assert!(run(&typed(&line), Path::new(SERVER), &Environment::default(), &printer).is_err());
        assert!(std::fs::read_to_string(&path).unwrap().contains("other"));
    }
}
