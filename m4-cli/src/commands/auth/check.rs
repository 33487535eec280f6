//! `m4 auth check`: a token, check by check. Prints a fingerprint of it and never the token.

use std::fmt::Write as _;

use auth_core::explain::{Explanation, Outcome as StepOutcome, Step, Verdict};
use auth_core::secret::Secret;
use auth_core::token::UnverifiedToken;
use mcp_server::config::Config;
use schemars::JsonSchema;
use serde::Serialize;

use super::meant::Meant;
use super::rules::Rules;
use crate::Outcome;
use crate::args::{CheckArgs, TokenArg};
use crate::failure::Failure;
use crate::output::Printer;

pub(super) fn run(args: &CheckArgs, config: &Config, rules: &Rules<'_>, printer: &Printer) -> Outcome {
    let meant = Meant::of(args, config)?;
    let token = match args.token(std::io::stdin())? {
        TokenArg::Typed(token) => {
            printer.warning("other users of this machine can see a token on the command line; pipe it into `m4 auth check -`");
            Some(token)
        }
        TokenArg::Piped(token) => Some(token),
        TokenArg::Configured => rules.own_token(args.offline)?,
    };
    let text = token.as_ref().map_or("", Secret::expose);
    if rules.is_api_key(text) {
        return Err(Failure::mendable(
            "this is an API key, and only tokens are checked here",
            "`m4 keys list` shows which keys there are, and until when",
        ));
    }
    let explanation = rules.judge(text, &meant.access(), args.offline)?;
    let report = Report::of(text, &meant, &explanation, rules, args.offline);
    printer.answer(&report, |printer| printer.data(report.text()))?;
    let failed = |code| Err(Failure::reported(code, report.message.clone(), report.hint.clone()));
    match explanation.verdict() {
        Verdict::Passes => Ok(()),
        Verdict::Refused(rejection) => failed(rejection.code()),
        Verdict::Unknown => failed("unknown"),
    }
}

/// What is printed, in either form.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuthCheck")]
pub(in crate::commands) struct Report {
    verdict: &'static str,
    message: String,
    /// The audit log's name for the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// For calls of which tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    /// That read which dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// By whose rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The token as logs name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    offline: bool,
    /// Whether the signature held, and with it what the claims say.
    proven: bool,
    steps: Vec<StepReport>,
}

#[derive(Serialize, JsonSchema)]
struct StepReport {
    name: &'static str,
    outcome: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&Step> for StepReport {
    fn from(step: &Step) -> Self {
        let Step { name, outcome, detail, hint } = step;
        Self { name, outcome: outcome.name(), detail: detail.clone(), hint: hint.clone() }
    }
}

impl Report {
    fn of(token: &str, meant: &Meant, explanation: &Explanation, rules: &Rules<'_>, offline: bool) -> Self {
        let steps = explanation.steps();
        let (verdict, message, code) = match explanation.verdict() {
            Verdict::Passes => ("passes", meant.admits(), None),
            Verdict::Refused(rejection) => ("refused", rejection.message(), Some(rejection.code())),
            Verdict::Unknown => ("unknown", UNKNOWN.to_owned(), None),
        };
        let first = |outcome| steps.iter().find(|step| step.outcome == outcome);
        let decisive = first(StepOutcome::Failed).or_else(|| first(StepOutcome::Unknown));
        let offline_hint = || offline.then(|| "leave out --offline to check it".to_owned());
        let hint = match explanation.verdict() {
            Verdict::Passes => None,
            _ => decisive.and_then(|step| step.hint.clone()).or_else(offline_hint),
        };
        let issuer = explanation.issuer().map(|place| rules.policies()[place].issuer.clone());
        let fingerprint = UnverifiedToken::parse(token).ok().map(|token| token.digest().fingerprint());
        Self {
            verdict,
            message,
            code,
            hint,
            tool: meant.tool.clone(),
            dataset: meant.dataset.clone(),
            issuer,
            token: fingerprint.map(|fingerprint| fingerprint.to_string()),
            offline,
            proven: explanation.is_proven(),
            steps: steps.iter().map(StepReport::from).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for step in &self.steps {
            let _ = writeln!(text, "{:<8} {:<10} {}", step.outcome, step.name, step.detail);
            if let Some(hint) = &step.hint {
                let _ = writeln!(text, "{:<19} hint: {hint}", "");
            }
        }
        if !self.proven && self.steps.iter().any(|step| step.name == "claims" && step.outcome == "passed") {
            let _ = writeln!(text, "\nNothing proves what the token claims: its signature did not pass.");
        }
        let token = self.token.as_ref().map_or_else(String::new, |token| format!(" (token {token})"));
        let _ = write!(text, "\nverdict: {}: {}{token}", self.verdict, self.message);
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\nhint:    {hint}");
        }
        text
    }
}

const UNKNOWN: &str = "nothing speaks against this token, but its signature was not checked";
