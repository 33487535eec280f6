//! `m4 config show`: every setting with where its value comes from.

use mcp_server::config::{AuthSetting, Config, Flags};
use mcp_server::env::Environment;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::ShowArgs;
use crate::output::{Column, Printer, Table};

pub(super) fn run(args: &ShowArgs, env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    if args.json {
        let settings: Vec<Value> = config
            .shown()
            .iter()
            .map(|shown| {
                json!({
                    "key": shown.key(),
                    "env": shown.variable(),
                    "value": shown.value,
                    "from": shown.origin.to_string(),
                })
            })
            .collect();
        printer.json(&settings)?;
    } else {
        let column = |name: &str| Column { name: name.to_owned(), numeric: false };
        let mut table =
            Table::new(vec![column("setting"), column("variable"), column("value"), column("from")]);
        for shown in config.shown() {
            table.push(vec![
                Some(shown.key()),
                Some(shown.variable().unwrap_or("–").to_owned()),
                Some(shown.value.clone().unwrap_or_else(|| "–".to_owned())),
                Some(shown.origin.to_string()),
            ]);
        }
        printer.data(table.render(WIDEST))?;
        if let Some(file) = &config.locations.config_file {
            let state = if file.exists() { "" } else { " (not there)" };
            printer.note(format_args!("file: {}{state}", file.display()));
        }
    }
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
            run(&ShowArgs { json }, &env, &Printer::to(out.clone(), err.clone(), false)).unwrap();
            assert!(out.text().contains("M3_OAUTH2_LEEWAY") && out.text().contains("[redacted]"));
            assert!(!format!("{}{}", out.text(), err.text()).contains("s3cr3t"));
            assert!(err.text().contains("warning: M4_BACKEND is not a backend"), "{}", err.text());
        }
    }
}
