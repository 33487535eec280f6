//! Events: one JSON object a line, as things happen, for programs that show progress of their own.
//!
//! Every line has `version`, `sequence`, `time` (RFC 3339, UTC), `event` and `operation`. The last one is `operation_completed` or
//! `operation_failed`, and its `result` is the [envelope](super::envelope) that `--json` would have printed.

use jiff::Timestamp;
use mcp_server::gate::clock::wall_now;
use serde::Serialize;
use serde_json::{Map, Value};

/// Numbers the events of one command.
#[derive(Debug)]
pub(super) struct Events {
    operation: String,
    sequence: u64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first.
    OperationStarted,
    /// Something went on.
    OperationProgress,
    /// The last, when all went well.
    OperationCompleted,
    /// The last, otherwise.
    OperationFailed,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    sequence: u64,
    time: String,
    event: Event,
    operation: &'a str,
    #[serde(flatten)]
    fields: &'a Map<String, Value>,
}

impl Events {
    pub(super) fn new(operation: &str) -> Self {
        Self { operation: operation.to_owned(), sequence: 0 }
    }

    /// The next line, without its end.
    pub(super) fn line(&mut self, event: Event, fields: &Map<String, Value>) -> serde_json::Result<String> {
        self.sequence += 1;
        let now = Timestamp::try_from(wall_now()).unwrap_or(Timestamp::UNIX_EPOCH);
        serde_json::to_string(&Line {
            version: VERSION,
            sequence: self.sequence,
            time: format!("{now:.3}"),
            event,
            operation: &self.operation,
            fields,
        })
    }
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_what_and_of_which_operation() {
        let mut events = Events::new("init");
        let fields = Map::from_iter([("dataset".to_owned(), "mimic-iv-demo".into())]);
        let first: Value =
            serde_json::from_str(&events.line(Event::OperationStarted, &fields).unwrap()).unwrap();
        let second = events.line(Event::OperationProgress, &Map::new()).unwrap();
        assert_eq!(
            (&first["sequence"], &first["event"], &first["operation"], &first["dataset"]),
            (&1.into(), &"operation_started".into(), &"init".into(), &"mimic-iv-demo".into())
        );
        let time = first["time"].as_str().unwrap();
        assert!(time.parse::<Timestamp>().is_ok() && time.ends_with('Z') && time.len() == 24, "{time}");
        assert!(second.contains("\"sequence\":2") && !second.contains('\n'), "{second}");
    }
}
