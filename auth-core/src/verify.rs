//! Verification: from untrusted text to [`Verified`], which nothing else can make.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::checks::{self, ClaimsCheck, HeaderCheck};
use crate::claims::{Claims, NumericDate};
use crate::jwks::KeyQuery;
use crate::key::{Thumbprint, VerifyingKey};
use crate::policy::Policy;
use crate::rejection::{Rejection, TokenKind};
use crate::scope::{Access, ScopeSet};
use crate::time::UnixTime;
use crate::token::{Header, UnverifiedToken};

/// Checks tokens against one [`Policy`].
#[derive(Debug)]
pub struct Verifier {
    policy: Policy,
}

impl Verifier {
    /// Applies `policy`.
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// The rules applied.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What a header says about the key to verify with, if the header is acceptable at all.
    ///
    /// Runs before any key is looked up, so a token with a forbidden algorithm never causes a fetch.
    pub fn key_query(&self, header: &Header) -> Result<KeyQuery, Rejection> {
        for check in HeaderCheck::ORDER {
            self.check_header(check, header)?;
        }
        Ok(KeyQuery { kid: header.kid.clone(), algorithm: self.algorithm(header)? })
    }

    /// Verifies the signature with `key`, then judges the claims at `wall`.
    ///
    /// No claim is looked at before the signature held. Whether the token is bound to a key (`cnf`) is not judged here but
    /// at each use, by [`Authenticator::decide`](crate::authenticator::Authenticator::decide).
    pub fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        query: &KeyQuery,
        key: &VerifyingKey,
        wall: UnixTime,
    ) -> Result<Verified, Rejection> {
        checks::check_signature(token, query, key)?;
        let claims: Claims = token.claims()?;
        for check in ClaimsCheck::ORDER {
            self.check_claims(check, &claims, wall)?;
        }
        Ok(Verified {
            validity: self.validity(&claims),
            principal: Arc::new(self.principal(self.subject(&claims)?, claims)),
            thumbprint: Some(key.thumbprint().clone()),
        })
    }

    /// Judges at `wall` what the issuer itself said about a token it can read (RFC 7662 §2.2).
    ///
    /// The issuer just called it active, so it need not say until when.
    pub(crate) fn judge(&self, claims: &Claims, wall: UnixTime) -> Result<Verified, Rejection> {
        let is_open_ended = claims.exp.is_none();
        for check in ClaimsCheck::ORDER {
            if !(check == ClaimsCheck::Expiry && is_open_ended) {
                self.check_claims(check, claims, wall)?;
            }
        }
        Ok(Verified {
            validity: self.validity(claims),
            principal: Arc::new(self.principal(self.subject(claims)?, claims.clone())),
            thumbprint: None,
        })
    }

    /// Makes one check of the header.
    pub(crate) fn check_header(&self, check: HeaderCheck, header: &Header) -> Result<(), Rejection> {
        match check {
            HeaderCheck::Algorithm => self.algorithm(header).map(drop),
            // RFC 7515 §4.1.11; an empty list is as invalid as an unknown name.
            HeaderCheck::Critical => header.crit.as_ref().map_or(Ok(()), |names| {
                let name = names.first().cloned().unwrap_or_default();
                Err(Rejection::UnknownCriticalHeader { name })
            }),
            HeaderCheck::Type => self.check_header_type(header),
        }
    }

    /// Makes one check of the claims, judging times at `wall`.
    pub(crate) fn check_claims(
        &self,
        check: ClaimsCheck,
        claims: &Claims,
        wall: UnixTime,
    ) -> Result<(), Rejection> {
        match check {
            ClaimsCheck::Kind => self.check_claims_kind(claims),
            ClaimsCheck::Issuer => self.check_issuer(claims),
            ClaimsCheck::Audience => self.check_audience(claims),
            ClaimsCheck::Expiry if self.policy.validate_exp && claims.exp.is_none() => {
                Err(Rejection::missing("exp"))
            }
            ClaimsCheck::Expiry => self.validity(claims).check_expiry(wall),
            ClaimsCheck::NotBefore => self.validity(claims).check_not_before(wall),
            ClaimsCheck::IssuedAt => self.validity(claims).check_issued_at(wall),
            ClaimsCheck::Subject => self.subject(claims).map(drop),
        }
    }

    /// Whom `claims` speak for, if they are proven. Nothing is checked here.
    pub(crate) fn principal(&self, subject: Arc<str>, claims: Claims) -> Principal {
        Principal {
            scopes: claims.scopes(&self.policy.scope_claims),
            issuer: claims.iss.unwrap_or_default().into(),
            subject,
            client_id: claims.client_id.or(claims.azp),
            email: claims.email,
            expires_at: claims.exp.map(|exp| exp.0),
            other: claims.other,
        }
    }

    /// Checks that `principal` may do what `access` says.
    pub(crate) fn check_scopes(&self, principal: &Principal, access: &Access<'_>) -> Result<(), Rejection> {
        checks::check_scopes(&*self.policy.scopes, principal, access)
    }

    /// The header's algorithm, if it is on the allow-list.
    pub(crate) fn algorithm(&self, header: &Header) -> Result<Algorithm, Rejection> {
        let allowed = &self.policy.algorithms;
        header.alg.parse().ok().filter(|algorithm| allowed.contains(algorithm)).ok_or_else(|| {
            Rejection::AlgorithmNotAllowed { algorithm: header.alg.clone(), allowed: allowed.clone() }
        })
    }

    /// `typ` may be absent, `JWT` or `at+jwt` (RFC 9068 §2.1); every other type is some other kind of token
    /// (RFC 8725 §3.11).
    fn check_header_type(&self, header: &Header) -> Result<(), Rejection> {
        let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
        // RFC 7515 §4.1.9: a type without a slash stands for `application/` in front of it.
        let kind = match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
            Some("at+jwt") => return Ok(()),
            None | Some("jwt") if !self.policy.require_at_jwt => return Ok(()),
            None | Some("jwt") => TokenKind::NotTyped,
            Some("dpop+jwt") => TokenKind::DpopProof,
            Some("logout+jwt" | "secevent+jwt") => TokenKind::SecurityEvent,
            Some("client-authentication+jwt") => TokenKind::ClientAssertion,
            Some(_) => TokenKind::Other { typ: header.typ.clone().unwrap_or_default() },
        };
        Err(Rejection::WrongKind(kind))
    }

    /// Issuers that type everything `JWT` still give other kinds of token away by their claims.
    fn check_claims_kind(&self, claims: &Claims) -> Result<(), Rejection> {
        let has = |name: &str| claims.other.contains_key(name);
        let text = |name: &str| claims.other.get(name).and_then(Value::as_str).unwrap_or_default();
        // OpenID Connect Core §2 and §3.3.2.11; `token_use` is Cognito's, `typ` Keycloak's, which used to copy `nonce`
        // into access tokens too but says `Bearer` there.
        let is_id_token = || {
            let has_nonce = has("nonce") && text("typ") != "Bearer";
            has_nonce || has("at_hash") || has("c_hash") || text("token_use") == "id" || text("typ") == "ID"
        };
        let kind = if has("htm") && has("htu") {
            TokenKind::DpopProof
        } else if has("events") || text("typ") == "Logout" {
            TokenKind::SecurityEvent
        } else if matches!(text("typ"), "Refresh" | "Offline") {
            TokenKind::RefreshToken
        } else if claims.iss.is_some() && claims.iss == claims.sub {
            // RFC 7523 §3: a client speaks for itself.
            TokenKind::ClientAssertion
        } else if !self.policy.accept_id_tokens && is_id_token() {
            TokenKind::IdToken
        } else {
            return Ok(());
        };
        Err(Rejection::WrongKind(kind))
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), Rejection> {
        if !self.policy.validate_iss {
            return Ok(());
        }
        match &claims.iss {
            None => Err(Rejection::missing("iss")),
            Some(found) if *found == self.policy.issuer => Ok(()),
            Some(found) => {
                Err(Rejection::WrongIssuer { expected: self.policy.issuer.clone(), found: found.clone() })
            }
        }
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Rejection> {
        if !self.policy.validate_aud {
            return Ok(());
        }
        let name = &self.policy.audience_claim;
        let found = claims.texts(name);
        if found.iter().any(|audience| self.policy.audiences.contains(audience)) {
            return Ok(());
        }
        if found.is_empty() {
            return Err(Rejection::MissingClaim(name.clone()));
        }
        Err(Rejection::WrongAudience { expected: self.policy.audiences.clone(), found: found.into_owned() })
    }

    pub(crate) fn subject(&self, claims: &Claims) -> Result<Arc<str>, Rejection> {
        let named = self.policy.subject_claims.iter().filter_map(|name| claims.text(name));
        let subject = named.into_iter().find(|text| !text.is_empty());
        subject.map(Arc::from).ok_or_else(|| {
            Rejection::MissingClaim(
                self.policy.subject_claims.first().cloned().unwrap_or_else(|| "sub".into()),
            )
        })
    }

    fn validity(&self, claims: &Claims) -> Validity {
        let time = |date: Option<NumericDate>| date.map(|date| date.0);
        Validity {
            expires_at: time(claims.exp).filter(|_| self.policy.validate_exp),
            not_before: time(claims.nbf),
            issued_at: time(claims.iat),
            leeway: self.policy.leeway_seconds(),
        }
    }
}

/// A token that passed every check of its policy. Its times have to be checked again at each use.
#[derive(Debug)]
pub struct Verified {
    principal: Arc<Principal>,
    validity: Validity,
    /// `None` where the issuer vouched for the token itself.
    thumbprint: Option<Thumbprint>,
}

impl Verified {
    /// Who the token speaks for.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The key that verified it; `None` where the issuer vouched for it itself.
    pub(crate) fn thumbprint(&self) -> Option<&Thumbprint> {
        self.thumbprint.as_ref()
    }

    /// Checks the times again, for a token verified earlier.
    pub(crate) fn check_times(&self, wall: UnixTime) -> Result<(), Rejection> {
        self.validity.check(wall)
    }
}

/// Whom a verified token speaks for and what it may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    issuer: Arc<str>,
    subject: Arc<str>,
    client_id: Option<String>,
    scopes: ScopeSet,
    email: Option<String>,
    expires_at: Option<UnixTime>,
    other: Map<String, Value>,
}

impl Principal {
    /// Who issued the token (`iss`).
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Whom it speaks for (`sub`); unique only together with the issuer.
    pub fn subject(&self) -> &Arc<str> {
        &self.subject
    }

    /// The client it was issued to (`client_id`, else `azp`).
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// What it grants (`scope` and `scp`).
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The subject's e-mail address, when the issuer includes it.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// When the token expires (`exp`).
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// Whom an API key speaks for.
    pub(crate) fn with_api_key(
        issuer: Arc<str>,
        subject: Arc<str>,
        scopes: ScopeSet,
        expires_at: Option<UnixTime>,
    ) -> Self {
        Self { issuer, subject, client_id: None, scopes, email: None, expires_at, other: Map::new() }
    }

    #[cfg(test)]
    pub(crate) fn with_scopes(scopes: ScopeSet) -> Self {
        Self {
            issuer: "https://issuer.example".into(),
            subject: "ada".into(),
            client_id: None,
            scopes,
            email: None,
            expires_at: None,
            other: Map::new(),
        }
    }

    /// The names of all other claims, sorted.
    pub fn claim_names(&self) -> impl Iterator<Item = &str> {
        // A JSON map keeps the token's order where some crate of the build asks for that.
        let mut names: Vec<&str> = self.other.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Any other claim, by name.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.other.get(name)
    }
}

/// The times between which a token is valid.
#[derive(Debug, Clone, Copy)]
struct Validity {
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
    issued_at: Option<UnixTime>,
    leeway: i64,
}

impl Validity {
    fn check(&self, now: UnixTime) -> Result<(), Rejection> {
        self.check_expiry(now)?;
        self.check_not_before(now)?;
        self.check_issued_at(now)
    }

    /// RFC 7519 §4.1.4: valid strictly before `exp`, leeway aside.
    fn check_expiry(&self, now: UnixTime) -> Result<(), Rejection> {
        let expired = self.expires_at.filter(|exp| now >= exp.saturating_add(self.leeway));
        expired.map_or(Ok(()), |expired_at| Err(Rejection::Expired { expired_at, now }))
    }

    fn check_not_before(&self, now: UnixTime) -> Result<(), Rejection> {
        self.check_from("nbf", self.not_before, now)
    }

    fn check_issued_at(&self, now: UnixTime) -> Result<(), Rejection> {
        self.check_from("iat", self.issued_at, now)
    }

    fn check_from(
        &self,
        claim: &'static str,
        from: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        let ahead = from.filter(|from| now.saturating_add(self.leeway) < *from);
        ahead.map_or(Ok(()), |valid_from| Err(Rejection::NotYetValid { claim, valid_from, now }))
    }
}
