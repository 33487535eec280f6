//! `m4 backend`: shows the engine that answers queries, or stores another choice.

use mcp_server::config::backend::is_project_id;
use mcp_server::config::{AuthSetting, BackendKind, Config, ConfigFile, Flags, setting};
use mcp_server::env::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Outcome;
use crate::args::BackendArgs;
use crate::failure::Failure;
use crate::output::Printer;
use crate::settings;

pub(super) fn run(args: &BackendArgs, env: &Environment, printer: &Printer) -> Outcome {
    match args.kind {
        Some(kind) => choose(kind, args.project_id.as_deref(), env, printer),
        None => show(env, printer),
    }
}

fn show(env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    if let AuthSetting::Misconfigured(errors) = &config.auth
        && errors.problems().iter().any(|problem| problem.file.is_some())
    {
        return Err(errors.clone().into());
    }
    if let Some(problem) =
        config.problems().problems().iter().find(|problem| is_about_backend(&problem.place))
    {
        return Err(Failure::mendable(problem.to_string(), problem.hint.clone().unwrap_or_default()));
    }
    let shown = config.shown().iter().find(|shown| shown.setting.key == setting::BACKEND.key);
    let report = Report {
        backend: config.backend.kind.name(),
        project_id: config.backend.project_id.clone(),
        from: shown.map(|shown| printer.paths().in_text(&shown.origin)).unwrap_or_default(),
        stored: false,
    };
    printer.answer(&report, |printer| {
        printer.data(report.backend)?;
        if let Some(project) = &report.project_id {
            printer.note(format_args!("project: {project}"));
        }
        printer.note(format_args!("from: {}", report.from));
        Ok(())
    })
}

fn choose(kind: BackendKind, project: Option<&str>, env: &Environment, printer: &Printer) -> Outcome {
    if let Some(project) = project {
        if kind != BackendKind::BigQuery {
            return Err(Failure::usage(
                "--project-id goes with bigquery",
                "leave it out, or choose bigquery",
            ));
        }
        if !is_project_id(project) {
            return Err(Failure::usage(
                format!("`{}` is not a Google Cloud project ID", project.escape_debug()),
                "`gcloud projects list` shows the IDs",
            ));
        }
    }
    let file = ConfigFile::locate(env).ok_or_else(|| {
        Failure::mendable("there is no home folder to store settings in", "set M4_CONFIG or M4_HOME")
    })?;
    let mut changes = vec![(&setting::BACKEND, Some(kind.name()))];
    if project.is_some() {
        changes.push((&setting::PROJECT_ID, project));
    }
    settings::store(&file.path, &changes)?;
    let report = Report {
        backend: kind.name(),
        project_id: project.map(str::to_owned),
        from: printer.paths().path(&file.path),
        stored: true,
    };
    printer.answer(&report, |printer| {
        printer.note(format_args!("backend {kind} stored in {}", file.path.display()));
        Ok(())
    })?;
    for (setting, value) in changes {
        let overriding = env.lookup(setting.env).filter(|(_, in_env)| Some(*in_env) != value);
        if let Some((name, _)) = overriding {
            printer.warning(format_args!("{name} is set and overrides what was stored"));
        }
    }
    Ok(())
}

/// The engine that answers, or the choice that was stored.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Backend")]
pub(super) struct Report {
    /// `duckdb` or `bigquery`.
    backend: &'static str,
    /// The Google Cloud project that pays for BigQuery queries.
    project_id: Option<String>,
    /// The variable or file that says so.
    from: String,
    /// Whether it was stored now.
    stored: bool,
}

fn is_about_backend(place: &str) -> bool {
    [&setting::BACKEND, &setting::PROJECT_ID].iter().any(|setting| {
        place == setting.key || place == setting.env || place == setting.env.replace("M4_", "M3_")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Kept;

    fn run_in(
        home: &std::path::Path,
        kind: Option<BackendKind>,
        project: Option<&str>,
        more: &[(&str, &str)],
    ) -> (String, String, Outcome) {
        let pairs = [("M4_HOME", home.to_str().unwrap())];
        let env = Environment::from_pairs(pairs.iter().chain(more).copied());
        let (out, err) = (Kept::default(), Kept::default());
        let printer = Printer::to(out.clone(), err.clone(), false);
        let args = BackendArgs { kind, project_id: project.map(str::to_owned), json: false };
        let outcome = run(&args, &env, &printer);
        (out.text(), err.text(), outcome)
    }

    #[test]
    fn a_choice_is_stored_and_shown() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(run_in(home.path(), None, None, &[]).0, "duckdb\n");
        run_in(home.path(), Some(BackendKind::BigQuery), Some("my-project"), &[]).2.unwrap();
        let (out, err, _) = run_in(home.path(), None, None, &[]);
        assert_eq!(out, "bigquery\n");
        assert!(err.contains("project: my-project"), "{err}");
    }

    #[test]
    fn an_override_in_the_environment_is_pointed_out() {
        let home = tempfile::tempdir().unwrap();
        let (_, err, _) = run_in(home.path(), Some(BackendKind::DuckDb), None, &[("M3_BACKEND", "bigquery")]);
        assert!(err.contains("warning: M3_BACKEND is set and overrides"), "{err}");
        assert!(run_in(home.path(), None, None, &[("M4_BACKEND", "postgres")]).2.is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_taken_for_the_default() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), "[backend\nname = 'bigquery'").unwrap();
        let (out, _, outcome) = run_in(home.path(), None, None, &[]);
        assert_eq!((out.as_str(), outcome.unwrap_err().exit()), ("", crate::exit_code::Exit::Mendable));
    }

    #[test]
    fn a_project_must_make_sense() {
        let home = tempfile::tempdir().unwrap();
        for (kind, project) in [(BackendKind::DuckDb, "my-project"), (BackendKind::BigQuery, "My Project")] {
            let outcome = run_in(home.path(), Some(kind), Some(project), &[]).2;
            assert_eq!(outcome.unwrap_err().exit(), crate::exit_code::Exit::Usage);
        }
        assert!(!home.path().join("config.toml").exists());
    }
}
