//! Why a token is let in or not: every check of the gate by itself, going on after one that fails.
//!
//! The checks are the gate's own, in the gate's order, so the verdict is always what
//! [`Authenticator::decide`](crate::authenticator::Authenticator::decide) answers for the same keys and time. The rate
//! limit is left out: looking at a token must not cost its subject a call.
//!
//! An explanation quotes a claim only where a check is about it, and never the token. It is for whoever holds the token:
//! what it quotes before the signature held is what the token claims, proven by nothing.

mod detail;

use std::time::Duration;

use crate::authenticator::{NO_ISSUER, check_clock, check_unbound};
use crate::checks::{self, ClaimsCheck, HeaderCheck};
use crate::claims::Claims;
use crate::jwks::{FetchFailed, KeyQuery, KeySet};
use crate::oauth::metadata::differ_by_trailing_slash;
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::scope::Access;
use crate::time::UnixTime;
use crate::token::{Header, UnverifiedToken};
use crate::verify::Verifier;

/// Explains how the gate judges the text of a credential.
///
/// `policies` are the issuers' rules in the gate's order, `keys` what is known of the keys of the issuer at a place of it.
/// Without keys everything but the signature is judged; [`Explanation::issuer`] says whose to fetch for the rest.
pub fn explain<'a>(
    credential: &str,
    policies: &[Policy],
    keys: impl Fn(usize) -> IssuerKeys<'a>,
    access: &Access<'_>,
    wall: UnixTime,
) -> Explanation {
    let verifiers: Vec<Verifier> = policies.iter().cloned().map(Verifier::new).collect();
    let mut report = Report::default();
    if verifiers.is_empty() {
        let detail = NO_ISSUER.to_owned();
        report.fail("issuer", Rejection::Misconfigured { detail, hint: None });
        return report.finish(None);
    }
    report.judge("clock", check_clock(wall), || wall.to_string());
    let token = match UnverifiedToken::parse(credential) {
        Ok(token) => token,
        Err(rejection) => {
            let reader = checks::introspecting(&verifiers, &rejection);
            match reader {
                Some(_) => report.unknown(
                    "format",
                    "no JWT; only its issuer can read it, and the server asks at each use",
                ),
                None => report.fail("format", rejection),
            }
            return report.finish(reader);
        }
    };
    report.pass("format", "three parts".to_owned());
    let Some(issuer) = choose_issuer(&mut report, &verifiers, &token) else { return report.finish(None) };
    let verifier = &verifiers[issuer];
    let query = explain_header(&mut report, verifier, &token);
    explain_signature(&mut report, &token, query.as_ref(), keys(issuer));
    explain_claims(&mut report, verifier, &token, access, wall);
    report.finish(Some(issuer))
}

/// What is known of an issuer's keys.
#[derive(Debug, Clone, Copy)]
pub enum IssuerKeys<'a> {
    /// They were just fetched.
    Known(&'a KeySet),
    /// They could not be had.
    Unavailable(&'a FetchFailed),
    /// The issuer was not asked.
    NotAsked,
}

/// Every check and what comes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    steps: Vec<Step>,
    verdict: Verdict,
    issuer: Option<usize>,
    proven: bool,
}

impl Explanation {
    /// The checks in the gate's order; always the same ones.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What the gate says to the token.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// By whose rules it was judged, as a place in the order of the policies.
    pub fn issuer(&self) -> Option<usize> {
        self.issuer
    }

    /// Whether the signature held, and with it what the steps after it quote.
    pub fn is_proven(&self) -> bool {
        self.proven
    }
}

/// What the gate says to a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is let in.
    Passes,
    /// It is refused, in these words where the keys were there.
    Refused(Rejection),
    /// Nothing speaks against it, and its signature was not checked.
    Unknown,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was checked, one of [`STEPS`].
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It was not made: switched off, or what it needs is not there.
    Skipped,
    /// It could not be made: the issuer did not give its keys, or only the issuer can make it.
    Unknown,
}

impl Outcome {
    /// `passed`, `failed`, `skipped`, `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// The names of the steps in their order, which is the gate's.
pub const STEPS: [&str; 19] = [
    "clock",
    "format",
    "issuer",
    "header",
    "algorithm",
    "crit",
    "typ",
    "key",
    "signature",
    "claims",
    "kind",
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "sub",
    "cnf",
    "scopes",
];

const fn header_step(check: HeaderCheck) -> &'static str {
    match check {
        HeaderCheck::Algorithm => "algorithm",
        HeaderCheck::Critical => "crit",
        HeaderCheck::Type => "typ",
    }
}

const fn claims_step(check: ClaimsCheck) -> &'static str {
    match check {
        ClaimsCheck::Kind => "kind",
        ClaimsCheck::Issuer => "iss",
        ClaimsCheck::Audience => "aud",
        ClaimsCheck::Expiry => "exp",
        ClaimsCheck::NotBefore => "nbf",
        ClaimsCheck::IssuedAt => "iat",
        ClaimsCheck::Subject => "sub",
    }
}

/// Whose rules to go on with: the gate's choice, or the issuer that differs from the claimed one by a slash alone.
fn choose_issuer(report: &mut Report, issuers: &[Verifier], token: &UnverifiedToken<'_>) -> Option<usize> {
    match checks::issuer_of(issuers, token) {
        Ok(place) => {
            report.pass("issuer", detail::rules_of(&issuers[place], issuers.len()));
            Some(place)
        }
        Err(rejection) => {
            let near = match &rejection {
                Rejection::UnknownIssuer { found, .. } => issuers
                    .iter()
                    .position(|verifier| differ_by_trailing_slash(&verifier.policy().issuer, found)),
                _ => None,
            };
            report.fail("issuer", rejection);
            near
        }
    }
}

/// The key to look up, when the header is acceptable.
fn explain_header(report: &mut Report, verifier: &Verifier, token: &UnverifiedToken<'_>) -> Option<KeyQuery> {
    let header: Header = match token.header() {
        Ok(header) => header,
        Err(rejection) => {
            report.fail("header", rejection);
            return None;
        }
    };
    report.pass("header", detail::header(&header));
    for check in HeaderCheck::ORDER {
        let outcome = verifier.check_header(check, &header);
        report.judge(header_step(check), outcome, || detail::header_check(check, &header));
    }
    let algorithm = verifier.algorithm(&header).ok()?;
    Some(KeyQuery { kid: header.kid, algorithm })
}

fn explain_signature(
    report: &mut Report,
    token: &UnverifiedToken<'_>,
    query: Option<&KeyQuery>,
    keys: IssuerKeys<'_>,
) {
    let keys = match keys {
        IssuerKeys::Known(keys) => keys,
        IssuerKeys::NotAsked => {
            report.skip("key", "the issuer's keys were not fetched");
            report.skip("signature", "it needs the issuer's key");
            return;
        }
        IssuerKeys::Unavailable(failure) => {
            let rejection =
                Rejection::KeysUnavailable { failure: failure.clone(), retry_after: Duration::ZERO };
            report.step("key", Outcome::Unknown, rejection.message(), Some(rejection.hint()));
            report.skip("signature", "it needs the issuer's key");
            return;
        }
    };
    let Some(query) = query else {
        report.skip("key", "which key it would be is not clear from the header");
        return;
    };
    let key = match checks::select_key(keys, query) {
        Ok(Some(key)) => key,
        Ok(None) => return report.no_key(keys, query),
        Err(rejection) => return report.fail("key", rejection),
    };
    report.pass("key", detail::key(key));
    let outcome = checks::check_signature(token, query, key);
    report.proven = outcome.is_ok();
    report.judge("signature", outcome, || format!("{} by that key", query.algorithm));
}

fn explain_claims(
    report: &mut Report,
    verifier: &Verifier,
    token: &UnverifiedToken<'_>,
    access: &Access<'_>,
    wall: UnixTime,
) {
    let claims: Claims = match token.claims() {
        Ok(claims) => claims,
        Err(rejection) => return report.fail("claims", rejection),
    };
    report.pass("claims", "each of its type".to_owned());
    let policy = verifier.policy();
    for check in ClaimsCheck::ORDER {
        let name = claims_step(check);
        match verifier.check_claims(check, &claims, wall) {
            Ok(()) if detail::is_switched_off(check, policy) => {
                report.skip(name, "this check is switched off");
            }
            Ok(()) => report.pass(name, detail::claims_check(check, &claims, policy, wall)),
            Err(rejection) => {
                let more = detail::clock_difference(check, &claims, wall);
                report.fail_saying(name, rejection, more.as_deref());
            }
        }
    }
    // Scopes do not depend on who the subject is.
    let subject = verifier.subject(&claims).unwrap_or_default();
    let principal = verifier.principal(subject, claims.clone());
    report.judge("cnf", check_unbound(&principal), || "not bound to a key".to_owned());
    match verifier.check_scopes(&principal, access) {
        Ok(()) => report.pass("scopes", detail::granted(&claims, &principal, policy)),
        Err(rejection) => {
            let more = detail::granted(&claims, &principal, policy);
            let elsewhere = detail::scopes_elsewhere(&rejection, &principal, policy);
            report.fail_saying("scopes", rejection, Some(&more));
            report.hint_more(elsewhere);
        }
    }
}

/// An explanation in the making.
#[derive(Default)]
struct Report {
    steps: Vec<Step>,
    /// Why the gate refuses: the first check that failed, in its order.
    refusal: Option<Rejection>,
    proven: bool,
}

impl Report {
    fn judge(&mut self, name: &'static str, outcome: Result<(), Rejection>, detail: impl FnOnce() -> String) {
        match outcome {
            Ok(()) => self.pass(name, detail()),
            Err(rejection) => self.fail(name, rejection),
        }
    }

    fn pass(&mut self, name: &'static str, detail: String) {
        self.step(name, Outcome::Passed, detail, None);
    }

    fn skip(&mut self, name: &'static str, why: &str) {
        self.step(name, Outcome::Skipped, why.to_owned(), None);
    }

    fn unknown(&mut self, name: &'static str, why: &str) {
        self.step(name, Outcome::Unknown, why.to_owned(), None);
    }

    fn fail(&mut self, name: &'static str, rejection: Rejection) {
        self.fail_saying(name, rejection, None);
    }

    fn fail_saying(&mut self, name: &'static str, rejection: Rejection, more: Option<&str>) {
        let message = rejection.message();
        let detail = more.map_or_else(|| message.clone(), |more| format!("{message}; {more}"));
        self.step(name, Outcome::Failed, detail, Some(rejection.hint()));
        self.refusal.get_or_insert(rejection);
    }

    /// The keys were fetched just now, so waiting for newer ones is no advice.
    fn no_key(&mut self, keys: &KeySet, query: &KeyQuery) {
        let retry_after = Duration::ZERO;
        let rejection = Rejection::UnknownKey { kid: query.kid.clone(), retry_after };
        self.fail_saying("key", rejection, Some(&detail::keys(keys, query)));
        if let Some(step) = self.steps.last_mut() {
            step.hint = Some("Check that the token comes from the configured issuer.".to_owned());
        }
    }

    fn hint_more(&mut self, more: Option<String>) {
        let hint = self.steps.last_mut().and_then(|step| step.hint.as_mut());
        if let (Some(hint), Some(more)) = (hint, more) {
            *hint = format!("{hint}; {more}");
        }
    }

    fn step(&mut self, name: &'static str, outcome: Outcome, detail: String, hint: Option<String>) {
        self.steps.push(Step { name, outcome, detail, hint });
    }

    fn finish(mut self, issuer: Option<usize>) -> Explanation {
        let steps = STEPS.map(|name| match self.steps.iter().position(|step| step.name == name) {
            Some(place) => self.steps.remove(place),
            None => Step {
                name,
                outcome: Outcome::Skipped,
                detail: "it needs what failed before".to_owned(),
                hint: None,
            },
        });
        let verdict = match self.refusal {
            Some(rejection) => Verdict::Refused(rejection),
            None if self.proven => Verdict::Passes,
            None => Verdict::Unknown,
        };
        Explanation { steps: steps.into(), verdict, issuer, proven: self.proven }
    }
}

#[cfg(test)]
mod tests;
