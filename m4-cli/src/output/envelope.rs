//! The JSON that every command answers with, success and failure alike: one object on stdout.
//!
//! Its shape is a promise to scripts, published as `docs/schemas/m4-cli.schema.json`. `ok` is true exactly when the exit
//! code is 0. Where a command did its work and found something wrong, `data` and `error` are both there.

use mcp_server::error::{self, Explain, codes};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::paths::Paths;

/// The version of the envelope. A field that is added does not change it; one that changes its meaning does.
pub const VERSION: u32 = 1;

/// One command's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Envelope {
    /// The version of this envelope.
    pub version: u32,
    /// Whether the command succeeded, and its exit code is 0.
    pub ok: bool,
    /// The command, such as `query` or `auth check`; empty where what was typed names none.
    pub command: String,
    /// What it found or did; absent where it did not get that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Why it failed; absent where it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// What may be a mistake, though it stopped nothing.
    pub warnings: Vec<String>,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// A word that does not change, for programs.
    pub code: &'static str,
    /// What happened and why, for people.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ErrorBody {
    /// The error with its causes; its paths as far as they may be shown.
    pub fn of(error: &dyn Explain, paths: &Paths) -> Self {
        let code = error.code();
        debug_assert!(codes::is_known(code), "{code} is no documented code");
        Self {
            code: if codes::is_known(code) { code } else { codes::FAILED },
            message: paths.in_text(&error::in_one_line(error)),
            hint: error.hint().map(|hint| paths.in_text(&hint)),
        }
    }

    /// What clap says about a command line.
    pub fn of_usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let (mut message, mut hint) = (Vec::new(), "`--help` shows what can be typed".to_owned());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match (line.strip_prefix("tip: "), line.split_once(':')) {
                (Some(tip), _) => tip.clone_into(&mut hint),
                (None, Some(("Usage", _))) => break,
                (None, _) if line.starts_with("For more information") => break,
                (None, _) => message.push(line.strip_prefix("error: ").unwrap_or(line)),
            }
        }
        Self { code: codes::USAGE, message: message.join(" "), hint: Some(hint) }
    }
}

impl Envelope {
    /// An answer without anything in it yet.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            ok: true,
            command: command.into(),
            data: None,
            error: None,
            warnings: Vec::new(),
        }
    }

    /// The same, of a command that failed.
    #[must_use]
    pub fn failed(self, error: ErrorBody) -> Self {
        Self { ok: false, error: Some(error), ..self }
    }

    /// The text that is printed.
    pub fn to_text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;
    use crate::failure::Failure;

    #[test]
    fn an_error_keeps_its_cause_and_loses_its_paths() {
        let cause = std::io::Error::other("Permission denied");
        let failure = Failure::io("cannot write /home/ann/m4/x", "choose another than /home/ann/m4", cause);
        let body = ErrorBody::of(failure.reason().unwrap(), &Paths::hidden([]));
        assert_eq!(
            (body.code, body.message.as_str(), body.hint.as_deref()),
            ("io", "cannot write <path>: Permission denied", Some("choose another than <path>"))
        );
    }

    #[test]
    fn what_clap_says_becomes_one_line_and_a_hint() {
        let refused = |line: &[&str]| {
            let error = command().try_get_matches_from(line).unwrap_err();
            let body = ErrorBody::of_usage(&error);
            assert_eq!(body.code, "usage");
            assert!(!body.message.contains('\n') && !body.message.contains("Usage"), "{body:?}");
            body
        };
        let unknown = refused(&["m4", "status", "--jsn"]);
        assert!(unknown.message.starts_with("unexpected argument '--jsn'"), "{unknown:?}");
        assert!(unknown.hint.unwrap().contains("--json"));
        assert!(refused(&["m4", "download"]).message.contains("<NAME>"));
    }

    #[test]
    fn an_answer_has_data_or_an_error_and_always_its_warnings() {
        let text = |envelope: &Envelope| serde_json::to_value(envelope).unwrap();
        let mut envelope = Envelope::new("query");
        envelope.data = Some(serde_json::json!([1]));
        assert_eq!(
            text(&envelope),
            serde_json::json!({ "version": 1, "ok": true, "command": "query", "data": [1], "warnings": [] })
        );
        let error = ErrorBody { code: codes::TIMEOUT, message: "m".into(), hint: None };
        assert_eq!(
            text(&Envelope::new("query").failed(error)),
            serde_json::json!({
                "version": 1, "ok": false, "command": "query", "error": { "code": "timeout", "message": "m" },
                "warnings": []
            })
        );
    }
}
