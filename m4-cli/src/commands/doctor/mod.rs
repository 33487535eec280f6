//! `m4 doctor`: what is wrong with this set-up, why, and what mends it.

mod api_keys;
mod clients;
mod config;
mod datasets;
pub(super) mod finding;
pub(super) mod issuer;
mod leftovers;
mod programs;
mod token;

use std::path::Path;

use mcp_server::config::{Config, Flags};
use mcp_server::env::Environment;
use mcp_server::error::codes;

use self::finding::{Finding, Status};
use crate::Outcome;
use crate::failure::Failure;
use crate::output::Printer;

/// Prints every finding; fails when one of them keeps M4 from working.
pub(super) fn run(env: &Environment, printer: &Printer) -> Outcome {
    let config = Config::load(env, &Flags::new());
    let mut findings = findings(&config, crate::programs::own().as_deref(), env);
    let paths = printer.paths().knowing(config.shown().iter().filter_map(|shown| shown.value.as_deref()));
    for finding in &mut findings {
        finding.show_paths_as(&paths);
    }
    printer.answer(&findings, |printer| findings.iter().try_for_each(|finding| printer.data(finding)))?;
    match findings.iter().filter(|finding| finding.status == Status::Fail).count() {
        0 => Ok(()),
        count => Err(Failure::reported(
            codes::NEEDS_MENDING,
            format!("{count} of {} findings keep M4 from working", findings.len()),
            Some("each says what mends it".to_owned()),
        )),
    }
}

fn findings(config: &Config, own: Option<&Path>, env: &Environment) -> Vec<Finding> {
    let token = token::own(config);
    let issuers = issuer::ask(config);
    let mut findings = config::check(config);
    findings.extend(api_keys::check(config));
    findings.extend(datasets::check(config, token.as_ref()));
    findings.extend(leftovers::check(config));
    findings.extend(issuer::check(config, &issuers));
    findings.extend(token::check(config, token.as_ref(), issuers.as_deref().unwrap_or_default()));
    findings.extend(programs::check(own, env));
    findings.extend(clients::check(own, env));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::Exit;
    use crate::output::Kept;

    #[test]
    fn a_broken_set_up_fails_and_names_what_mends_it() {
        let env = Environment::from_pairs([
            ("M4_DATA_DIR", "/does/not/exist"),
            ("M4_OAUTH2_ENABLED", "treu"),
            ("M4_OAUTH2_TOKEN", "s3cr3t"),
        ]);
        for json in [false, true] {
            let out = Kept::default();
            let printer = Printer::to(out.clone(), std::io::sink(), false);
            let printer = if json { printer.in_json("doctor") } else { printer };
            assert_eq!(printer.finish(&run(&env, &printer)), Exit::Mendable);
            assert!(!out.text().contains("/does/not/exist"), "{}", out.text());
            assert!(out.text().contains("M4_OAUTH2_ENABLED is neither true nor false"), "{}", out.text());
            assert!(out.text().contains("write true, 1, yes or on"), "{}", out.text());
            assert!(!out.text().contains("s3cr3t"));
        }
    }
}
