//! The record of who was let in to what, and what came of it. Tokens appear as fingerprints only.
//!
//! Everything goes to the `m4::audit` log target, one event per decision and one per finished call.

use std::time::Duration;

use auth_core::authenticator::Granted;
use auth_core::rejection::Rejection;
use auth_core::scope::Access;

/// Records one decision of the gate.
pub(crate) fn record_decision(access: &Access<'_>, outcome: &Result<Granted, Rejection>) {
    let Access { tool, dataset } = *access;
    match outcome {
        Ok(granted) => {
            let (issuer, subject) = caller(granted);
            let token = granted.fingerprint().map(tracing::field::display);
            tracing::info!(target: TARGET, decision = "admit", tool, dataset, issuer, subject, token);
        }
        Err(rejection) => {
            let reason = rejection.code();
            tracing::warn!(target: TARGET, decision = "reject", tool, dataset, reason, "{rejection}");
        }
    }
}

/// Records a call that had no decision, because the caller's own token could not be read.
pub(crate) fn record_no_credential(access: &Access<'_>, error: &dyn std::error::Error) {
    let Access { tool, dataset } = *access;
    tracing::warn!(target: TARGET, decision = "reject", tool, dataset, reason = "no_credential", "{error}");
}

/// Records how an admitted call ended.
pub(crate) fn record_call(
    access: &Access<'_>,
    granted: &Granted,
    outcome: &str,
    rows: Option<usize>,
    took: Duration,
) {
    let Access { tool, dataset } = *access;
    let (issuer, subject) = caller(granted);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: TARGET, outcome, tool, dataset, issuer, subject, rows, millis);
}

fn caller(granted: &Granted) -> (Option<&str>, Option<&str>) {
    let principal = granted.principal();
    (principal.map(|principal| &**principal.issuer()), principal.map(|principal| &**principal.subject()))
}

const TARGET: &str = "m4::audit";
