//! What the steps of an explanation say they found.

use std::fmt::Display;

use crate::checks::{ClaimsCheck, HeaderCheck};
use crate::claims::Claims;
use crate::jwks::{KeyQuery, KeySet};
use crate::key::VerifyingKey;
use crate::policy::Policy;
use crate::rejection::{Listed, Quoted, QuotedList, Rejection};
use crate::time::UnixTime;
use crate::token::Header;
use crate::verify::{Principal, Verifier};

pub(super) fn rules_of(verifier: &Verifier, issuers: usize) -> String {
    let issuer = Quoted(&verifier.policy().issuer);
    match issuers {
        1 => format!("judged by the rules of {issuer}, the only issuer"),
        _ => format!("judged by the rules of {issuer}, which it claims to be from"),
    }
}

pub(super) fn header(header: &Header) -> String {
    format!(
        "alg {}, kid {}, typ {}",
        Quoted(&header.alg),
        named(header.kid.as_deref()),
        named(header.typ.as_deref())
    )
}

pub(super) fn header_check(check: HeaderCheck, header: &Header) -> String {
    match check {
        HeaderCheck::Algorithm => format!("{} is allowed", Quoted(&header.alg)),
        HeaderCheck::Critical => "demands no extension".to_owned(),
        HeaderCheck::Type => match header.typ.as_deref() {
            Some(typ) => format!("{} may be an access token", Quoted(typ)),
            None => "absent, as it may be".to_owned(),
        },
    }
}

pub(super) fn key(key: &VerifyingKey) -> String {
    let algorithms: Vec<_> = key.algorithms().collect();
    format!("kid {} is in the set ({})", named(key.kid()), Listed(&algorithms))
}

/// What a set holds besides the key that was looked for.
pub(super) fn keys(keys: &KeySet, query: &KeyQuery) -> String {
    let skipped = keys.skipped().iter().find(|entry| entry.kid.is_some() && entry.kid == query.kid);
    if let Some(entry) = skipped {
        return format!("the set has that key but it cannot be used: {}", entry.reason);
    }
    let kids: Vec<String> = keys.keys().filter_map(|key| key.kid().map(str::to_owned)).collect();
    match keys.keys().count() - kids.len() {
        0 => format!("the issuer's set holds {}", QuotedList(&kids)),
        nameless => format!("the issuer's set holds {} and {nameless} without an id", QuotedList(&kids)),
    }
}

pub(super) fn is_switched_off(check: ClaimsCheck, policy: &Policy) -> bool {
    match check {
        ClaimsCheck::Issuer => !policy.validate_iss,
        ClaimsCheck::Audience => !policy.validate_aud,
        ClaimsCheck::Expiry => !policy.validate_exp,
        _ => false,
    }
}

pub(super) fn claims_check(check: ClaimsCheck, claims: &Claims, policy: &Policy, now: UnixTime) -> String {
    match check {
        ClaimsCheck::Kind => "no claim of another kind of token".to_owned(),
        ClaimsCheck::Issuer => claims.iss.as_deref().map_or_else(absent, quoted),
        ClaimsCheck::Audience => QuotedList(&claims.texts(&policy.audience_claim)).to_string(),
        ClaimsCheck::Expiry => time(claims.exp.map(|date| date.0), now),
        ClaimsCheck::NotBefore => time(claims.nbf.map(|date| date.0), now),
        ClaimsCheck::IssuedAt => {
            let time = time(claims.iat.map(|date| date.0), now);
            match clock_difference(check, claims, now) {
                Some(difference) => format!("{time}; {difference}"),
                None => time,
            }
        }
        ClaimsCheck::Subject => policy
            .subject_claims
            .iter()
            .find_map(|name| claims.text(name).filter(|text| !text.is_empty()).map(|text| (name, text)))
            .map_or_else(absent, |(name, text)| match name.as_str() {
                "sub" => quoted(text),
                _ => format!("{} from {}", Quoted(text), Quoted(name)),
            }),
    }
}

/// Nobody issues a token in the future: an `iat` that is ahead measures how far two clocks are apart.
pub(super) fn clock_difference(check: ClaimsCheck, claims: &Claims, now: UnixTime) -> Option<String> {
    let issued_at = claims.iat.filter(|_| check == ClaimsCheck::IssuedAt)?.0;
    let ahead = issued_at.seconds_since(now);
    (ahead > 0).then(|| format!("the issuer's clock and this one differ by at least {ahead} s"))
}

/// The scopes a token has and the claims they come from.
pub(super) fn granted(claims: &Claims, principal: &Principal, policy: &Policy) -> String {
    if principal.scopes().is_empty() {
        return "the token grants none".to_owned();
    }
    let standard = [("scope", &claims.scope), ("scp", &claims.scp)];
    let says = |texts: &[String]| texts.iter().any(|text| !text.trim_ascii().is_empty());
    let standard = standard.into_iter().filter(|(_, texts)| says(&texts.0)).map(|(name, _)| name);
    let named = policy.scope_claims.iter().map(String::as_str);
    let sources: Vec<String> =
        standard.chain(named.filter(|name| says(&claims.texts(name)))).map(str::to_owned).collect();
    let scopes: Vec<String> = principal.scopes().iter().map(str::to_owned).collect();
    format!("the token grants {} in {}", QuotedList(&scopes), QuotedList(&sources))
}

/// Where else in the token the missing scopes are, so that its holder sees why they do not count.
pub(super) fn scopes_elsewhere(
    rejection: &Rejection,
    principal: &Principal,
    policy: &Policy,
) -> Option<String> {
    let Rejection::MissingScopes { missing, .. } = rejection else { return None };
    let holds_missing = |name: &&str| {
        let texts = match principal.claim(name) {
            Some(serde_json::Value::String(text)) => vec![text.as_str()],
            Some(serde_json::Value::Array(items)) => {
                items.iter().filter_map(serde_json::Value::as_str).collect()
            }
            _ => Vec::new(),
        };
        texts.iter().flat_map(|text| text.split_ascii_whitespace()).any(|scope| missing.contains(scope))
    };
    let unread = |name: &&str| !policy.scope_claims.iter().any(|read| read == name);
    let claim = principal.claim_names().filter(unread).find(holds_missing)?;
    Some(format!("the claim {} names such a scope, but scopes are not read from it", Quoted(claim)))
}

fn time(time: Option<UnixTime>, now: UnixTime) -> String {
    let Some(time) = time else { return absent() };
    match time.seconds_since(now) {
        ahead @ 0.. => format!("{time}, {ahead} seconds ahead"),
        ago => format!("{time}, {} seconds ago", ago.unsigned_abs()),
    }
}

fn named(text: Option<&str>) -> impl Display {
    text.map_or_else(absent, quoted)
}

fn quoted(text: &str) -> String {
    Quoted(text).to_string()
}

fn absent() -> String {
    "absent".to_owned()
}
