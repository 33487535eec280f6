//! Log messages to the client: as the session or the request allows.
#![expect(deprecated, reason = "revisions before 2026-07-28 have logging as a feature of its own")]

use std::sync::{Mutex, PoisonError};

use rmcp::RoleServer;
use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam, ProtocolVersion};
use rmcp::service::{RequestContext, ServiceError};
use serde_json::Value;

/// The level that `logging/setLevel` asked for in this session.
#[derive(Debug, Default)]
pub(crate) struct Threshold(Mutex<Option<LoggingLevel>>);

impl Threshold {
    pub(crate) fn set(&self, level: LoggingLevel) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    /// Sends one message at level `info`, if the client wants messages of that level.
    pub(crate) async fn info(
        &self,
        context: &RequestContext<RoleServer>,
        text: &str,
    ) -> Result<(), ServiceError> {
        if !self.of(context).is_some_and(|level| passes(LoggingLevel::Info, level)) {
            return Ok(());
        }
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, Value::from(text));
        context.peer.notify_logging_message(message).await
    }

    /// Since 2026-07-28 each request brings its level, and one without gets no messages (SEP-2575). Before that the
    /// session has one, and the server chooses where the client has not.
    fn of(&self, context: &RequestContext<RoleServer>) -> Option<LoggingLevel> {
        let stateless = context
            .protocol_version()
            .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        if stateless {
            return context.meta.log_level();
        }
        Some(self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(LoggingLevel::Debug))
    }
}

/// The levels are declared from the least severe to the most.
fn passes(level: LoggingLevel, threshold: LoggingLevel) -> bool {
    level as u8 >= threshold as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_passes_at_its_own_level_and_below() {
        assert!(passes(LoggingLevel::Info, LoggingLevel::Debug));
        assert!(passes(LoggingLevel::Info, LoggingLevel::Info));
        assert!(!passes(LoggingLevel::Info, LoggingLevel::Notice));
        assert!(!passes(LoggingLevel::Info, LoggingLevel::Emergency));
    }
}
