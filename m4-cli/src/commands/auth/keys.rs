//! `m4 auth keys`: the keys of each issuer, as they are now.

use auth_core::jwks::KeySet;
use schemars::JsonSchema;
use serde::Serialize;

use super::rules::{Fetched, Rules};
use crate::Outcome;
use crate::failure::Failure;
use crate::output::{Column, Printer, Table};

pub(super) fn run(rules: &Rules<'_>, printer: &Printer) -> Outcome {
    let mut issuers = Vec::new();
    for (place, policy) in rules.policies().iter().enumerate() {
        issuers.push(IssuerReport::of(&policy.issuer, &rules.fetch_keys(place)?));
    }
    let report = Report { issuers };
    printer.answer(&report, |printer| report.issuers.iter().try_for_each(|issuer| issuer.print(printer)))?;
    let without = report.issuers.iter().find(|issuer| !issuer.keys.iter().any(|key| key.usable));
    match without {
        None => Ok(()),
        Some(issuer) => Err(Failure::reported(
            "keys_unavailable",
            format!("no key of {} can be used", issuer.issuer),
            Some("its error, or why each key is skipped, is in the answer".to_owned()),
        )),
    }
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthKeys")]
pub(in crate::commands) struct Report {
    issuers: Vec<IssuerReport>,
}

#[derive(Serialize, JsonSchema)]
struct IssuerReport {
    issuer: String,
    /// When it was asked, in UTC.
    fetched_at: String,
    /// Why there are no keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    keys: Vec<KeyReport>,
}

#[derive(Serialize, JsonSchema)]
struct KeyReport {
    kid: Option<String>,
    usable: bool,
    /// What it verifies.
    algorithms: Vec<String>,
    /// RFC 7638.
    thumbprint: Option<String>,
    /// Why it verifies nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

impl IssuerReport {
    fn of(issuer: &str, fetched: &Fetched) -> Self {
        let (keys, error) = match &fetched.outcome {
            Ok(keys) => (key_reports(keys), None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        Self { issuer: issuer.to_owned(), fetched_at: fetched.at.to_string(), error, keys }
    }

    fn print(&self, printer: &Printer) -> Outcome {
        printer.data(format_args!("issuer:  {}\nfetched: {}", self.issuer, self.fetched_at))?;
        if let Some(error) = &self.error {
            return printer.data(format_args!(
                "error:   {error}\nhint:    check the network path to it, its URL and M4_OAUTH2_JWKS_URL"
            ));
        }
        let column = |name: &str| Column { name: name.to_owned(), numeric: false };
        let mut table = Table::new(["key id", "usable", "algorithms", "thumbprint"].map(column).into());
        for key in &self.keys {
            let usable = key.skipped.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
            table.push(vec![
                Some(key.kid.clone().unwrap_or_default()),
                Some(usable),
                Some(key.algorithms.join(", ")),
                Some(key.thumbprint.clone().unwrap_or_default()),
            ]);
        }
        printer.data(table.render(WIDEST))
    }
}

/// Usable keys first, each part in the order of the issuer's document.
fn key_reports(keys: &KeySet) -> Vec<KeyReport> {
    let usable = keys.keys().map(|key| KeyReport {
        kid: key.kid().map(str::to_owned),
        usable: true,
        algorithms: key.algorithms().map(|algorithm| algorithm.to_string()).collect(),
        thumbprint: Some(key.thumbprint().to_string()),
        skipped: None,
    });
    let skipped = keys.skipped().iter().map(|entry| KeyReport {
        kid: entry.kid.clone(),
        usable: false,
        algorithms: Vec::new(),
        thumbprint: None,
        skipped: Some(entry.reason.to_string()),
    });
    usable.chain(skipped).collect()
}

const WIDEST: usize = 100;
