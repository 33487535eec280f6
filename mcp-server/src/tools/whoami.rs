//! `whoami`: what the server sees of its caller.

use std::fmt::Write as _;

use auth_core::verify::Principal;
use schemars::JsonSchema;
use serde::Serialize;

use super::Output;
use crate::gate::Granted;

pub(super) const NAME: &str = "whoami";

/// What the gate sees of a caller. Never the token.
///
/// The values are those the server decides by. Of every other claim there is the name alone: what an issuer puts into a
/// token about a person has no business in a model's context.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Whoami {
    /// Whether callers are authenticated at all; false where the operator switched OAuth2 off.
    authenticated: bool,
    /// Who issued the token.
    issuer: Option<String>,
    /// Whom it speaks for.
    subject: Option<String>,
    /// The client it was issued to.
    client_id: Option<String>,
    /// What it grants.
    scopes: Vec<String>,
    email: Option<String>,
    /// When it expires, in UTC (RFC 3339).
    expires_at: Option<String>,
    /// Names of the other claims in the token.
    other_claims: Vec<String>,
}

/// Describes the caller to itself.
pub(super) fn run(granted: &Granted) -> Output {
    let output = Whoami::of(granted.principal());
    Output { text: output.text(), structured: super::to_json(&output), rows: None }
}

impl Whoami {
    /// Describes a caller; `None` is one who was let in without being asked.
    pub fn of(principal: Option<&Principal>) -> Self {
        principal.map_or_else(Self::nobody, Self::somebody)
    }

    /// The same in words, a line each.
    pub fn text(&self) -> String {
        if !self.authenticated {
            return "OAuth2 is switched off: callers are not authenticated, and everyone who reaches this server is let in.\n"
                .to_owned();
        }
        let mut text = String::new();
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{name}: {value}");
            }
        };
        line("issuer", self.issuer.clone());
        line("subject", self.subject.clone());
        line("client", self.client_id.clone());
        line("scopes", Some(self.scopes.join(", ")));
        line("email", self.email.clone());
        line("expires", self.expires_at.clone());
        line("other claims", Some(self.other_claims.join(", ")));
        text
    }

    fn somebody(principal: &Principal) -> Self {
        Self {
            authenticated: true,
            issuer: Some(principal.issuer().to_string()),
            subject: Some(principal.subject().to_string()),
            client_id: principal.client_id().map(str::to_owned),
            scopes: principal.scopes().iter().map(str::to_owned).collect(),
            email: principal.email().map(str::to_owned),
            expires_at: principal.expires_at().map(|time| time.to_string()),
            other_claims: principal.claim_names().map(str::to_owned).collect(),
        }
    }

    const fn nobody() -> Self {
        Self {
            authenticated: false,
            issuer: None,
            subject: None,
            client_id: None,
            scopes: Vec::new(),
            email: None,
            expires_at: None,
            other_claims: Vec::new(),
        }
    }
}
