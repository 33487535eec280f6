//! The record of every decision: who, what, and whether it was allowed. Tokens appear as fingerprints only.

use auth_core::authenticator::Granted;
use auth_core::rejection::Rejection;
use auth_core::scope::Access;

/// Records one decision under the `m4::audit` log target.
pub(super) fn record_decision(access: &Access<'_>, outcome: &Result<Granted, Rejection>) {
    let Access { tool, dataset } = *access;
    match outcome {
        Ok(granted) => {
            let principal = granted.principal();
            let subject = principal.map(|principal| &**principal.subject());
            let issuer = principal.map(|principal| &**principal.issuer());
            let token = granted.fingerprint().map(tracing::field::display);
            tracing::info!(target: "m4::audit", decision = "admit", tool, dataset, issuer, subject, token);
        }
        Err(rejection) => {
            let reason = rejection.code();
            tracing::warn!(target: "m4::audit", decision = "reject", tool, dataset, reason, "{rejection}");
        }
    }
}
