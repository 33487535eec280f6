//! The record of who was let in to what, and what came of it. Tokens appear as fingerprints only.
//!
//! Everything goes to the `m4::audit` log target, one event per decision and one per finished call.

use std::time::Duration;

use auth_core::authenticator::{Granted, Refused};
use auth_core::scope::Access;
use auth_core::verify::Principal;

/// Records one decision of the gate.
pub(crate) fn record_decision(access: &Access<'_>, outcome: &Result<Granted, Refused>) {
    let Access { tool, dataset } = *access;
    match outcome {
        Ok(granted) => {
            let (issuer, subject) = caller(granted.principal());
            let token = granted.fingerprint().map(tracing::field::display);
            tracing::info!(target: TARGET, decision = "admit", tool, dataset, issuer, subject, token);
        }
        Err(Refused { rejection, principal, fingerprint }) => {
            let (issuer, subject) = caller(principal.as_deref());
            let token = fingerprint.map(tracing::field::display);
            let reason = rejection.code();
            tracing::warn!(target: TARGET, decision = "reject", tool, dataset, issuer, subject, token, reason, "{rejection}");
        }
    }
}

/// Records that somebody was turned away before it was known what they wanted.
pub(crate) fn record_stranger(Refused { rejection, principal, fingerprint }: &Refused) {
    let (issuer, subject) = caller(principal.as_deref());
    let token = fingerprint.map(tracing::field::display);
    let reason = rejection.code();
    tracing::warn!(target: TARGET, decision = "reject", issuer, subject, token, reason, "{rejection}");
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
    let (issuer, subject) = caller(granted.principal());
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: TARGET, outcome, tool, dataset, issuer, subject, rows, millis);
}

fn caller(principal: Option<&Principal>) -> (Option<&str>, Option<&str>) {
    (principal.map(|principal| &**principal.issuer()), principal.map(|principal| &**principal.subject()))
}

const TARGET: &str = "m4::audit";
