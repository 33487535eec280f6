//! `m4 config show`: every setting with where its value comes from.

use mcp_server::config::{AuthSetting, Config, Flags, Shown};
use mcp_server::env::Environment;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Outcome;
use crate::output::{Column, Paths, Printer, Table};

pub(super) fn run(env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    let paths = printer.paths().knowing(config.shown().iter().filter_map(|shown| shown.value.as_deref()));
    let settings: Vec<_> = config.shown().iter().map(|shown| SettingReport::of(shown, &paths)).collect();
    printer.answer(&settings, |printer| {
        printer.data(table(&settings).render(WIDEST))?;
        if let Some(file) = &config.locations.config_file {
            let state = if file.exists() { "" } else { " (not there)" };
            printer.note(format_args!("file: {}{state}", file.display()));
        }
        Ok(())
    })?;
    for warning in config.warnings() {
        printer.warning(warning);
    }
    let auth = match &config.auth {
        AuthSetting::Misconfigured(errors) => errors.problems(),
        AuthSetting::Disabled | AuthSetting::Enabled(_) => &[],
    };
    for problem in auth.iter().chain(config.problems().problems()) {
        printer.warning(problem);
    }
    Ok(())
}

/// One setting.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Setting")]
pub(in crate::commands) struct SettingReport {
    /// Its key in the configuration file.
    key: String,
    /// Its environment variable, where it has one.
    env: Option<&'static str>,
    /// Its value, unless there is none; secrets are redacted.
    value: Option<String>,
    /// The flag, variable or file that sets it, or `default`.
    from: String,
}

impl SettingReport {
    fn of(shown: &Shown, paths: &Paths) -> Self {
        Self {
            key: shown.key(),
            env: shown.variable(),
            value: shown.value.as_ref().map(|value| paths.in_text(value)),
            from: paths.in_text(&shown.origin),
        }
    }
}

fn table(settings: &[SettingReport]) -> Table {
    let column = |name: &str| Column { name: name.to_owned(), numeric: false };
    let mut table = Table::new(vec![column("setting"), column("variable"), column("value"), column("from")]);
    for setting in settings {
        table.push(vec![
            Some(setting.key.clone()),
            Some(setting.env.unwrap_or("–").to_owned()),
            Some(setting.value.clone().unwrap_or_else(|| "–".to_owned())),
            Some(setting.from.clone()),
        ]);
    }
    table
}

/// Wide enough for an issuer's URL.
const WIDEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Kept;

    #[test]
    fn every_value_says_where_it_comes_from_and_no_secret_is_shown() {
        let env = Environment::from_pairs([
            ("M4_DATA_DIR", "/d"),
            ("M3_OAUTH2_LEEWAY", "5"),
            ("M4_OAUTH2_TOKEN", "s3cr3t"),
            ("M4_BACKEND", "postgres"),
        ]);
        for json in [false, true] {
            let (out, err) = (Kept::default(), Kept::default());
            let printer = Printer::to(out.clone(), err.clone(), false);
            let printer = if json { printer.in_json("config show") } else { printer };
            printer.finish(&run(&env, &printer));
            assert!(out.text().contains("M3_OAUTH2_LEEWAY") && out.text().contains("[redacted]"));
            let all = format!("{}{}", out.text(), err.text());
            assert!(!all.contains("s3cr3t"));
            assert!(all.contains("M4_BACKEND is not a backend"), "{all}");
            assert_eq!(err.text().is_empty(), json, "warnings are in the envelope");
        }
    }
}
