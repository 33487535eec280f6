//! The issuers whose tokens are accepted: one from the top-level settings, any number from `[[oauth2.issuers]]`.
//!
//! A key that an issuer's table leaves out is inherited from the top level. What belongs to one issuer alone, its
//! identifier and its endpoints, is not: inherited, the address of its keys would let them prove another issuer's tokens.

use auth_core::algorithm::Algorithm;
use auth_core::oauth::metadata::Issuer;
use auth_core::oauth::url::SecureUrl;
use auth_core::scope::{ScopeHierarchy, ScopeRequirements, ScopeSet};

use super::auth;
use super::parse;
use super::problem::Warning;
use super::reader::{Place, Reader};
use super::setting::{self, Setting};
use super::tool_scopes::{self, ToolScopes};

/// One issuer, and the rules for its tokens.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The issuer, byte for byte.
    pub issuer: Issuer,
    /// The audiences this server answers to; at least one.
    pub audiences: Vec<String>,
    /// The claim that holds the audience.
    pub audience_claim: String,
    /// The scopes calls need.
    pub scopes: ScopeRequirements,
    /// The claims that grant scopes besides `scope` and `scp`.
    pub scope_claims: Vec<String>,
    /// The claims that name the subject, the first present one counts; at least one.
    pub subject_claims: Vec<String>,
    /// The signature algorithms a token may use; at least one, none twice.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys are; `None` to discover it.
    pub jwks_url: Option<SecureUrl>,
    /// Where the issuer is asked about opaque tokens; `None` to refuse those.
    pub introspection_url: Option<SecureUrl>,
    /// Whether only tokens typed `at+jwt` are accepted.
    pub require_at_jwt: bool,
    /// Whether ID tokens count as access tokens.
    pub accept_id_tokens: bool,
}

impl IssuerConfig {
    /// What works but weakens the gate.
    pub(crate) fn warning(&self) -> Option<Warning> {
        self.accept_id_tokens.then(|| Warning::IdTokens(self.issuer.as_str().to_owned()))
    }
}

/// The key of the file that holds the tables.
pub(crate) const KEY: &str = "issuers";

/// What an issuer's table may hold, in the order it is shown.
pub(crate) const SETTINGS: [&Setting; 12] = [
    &setting::OAUTH2_ISSUER_URL,
    &setting::OAUTH2_AUDIENCE,
    &setting::OAUTH2_AUDIENCE_CLAIM,
    &setting::OAUTH2_REQUIRED_SCOPES,
    &setting::OAUTH2_TOOL_SCOPES,
    &setting::OAUTH2_SCOPE_CLAIMS,
    &setting::OAUTH2_SUBJECT_CLAIMS,
    &setting::OAUTH2_ALGORITHMS,
    &setting::OAUTH2_JWKS_URL,
    &setting::OAUTH2_INTROSPECTION_URL,
    &setting::OAUTH2_REQUIRE_AT_JWT,
    &setting::OAUTH2_ACCEPT_ID_TOKENS,
];

/// Whether an issuer's table that leaves `setting` out has it from the top level.
pub(crate) fn is_inherited(setting: &Setting) -> bool {
    let own = [&setting::OAUTH2_ISSUER_URL, &setting::OAUTH2_JWKS_URL, &setting::OAUTH2_INTROSPECTION_URL];
    !own.iter().any(|own| own.key == setting.key)
}

/// What the settings at one place say. `None`: missing or wrong.
pub(crate) struct Parts {
    place: Place,
    issuer: Option<Issuer>,
    audiences: Option<Vec<String>>,
    audience_claim: Option<String>,
    base: Option<ScopeSet>,
    on_top: ToolScopes,
    scope_claims: Vec<String>,
    subject_claims: Option<Vec<String>>,
    algorithms: Option<Vec<Algorithm>>,
    jwks_url: Option<SecureUrl>,
    introspection_url: Option<SecureUrl>,
    require_at_jwt: Option<bool>,
    accept_id_tokens: Option<bool>,
}

/// Reads what one place says.
pub(crate) fn read_parts(reader: &mut Reader<'_>, place: Place) -> Parts {
    let parts = Parts {
        place,
        issuer: reader.read_at(place, &setting::OAUTH2_ISSUER_URL, auth::issuer),
        audiences: reader.read_at(place, &setting::OAUTH2_AUDIENCE, parse::list),
        audience_claim: reader.read_at(place, &setting::OAUTH2_AUDIENCE_CLAIM, parse::text),
        base: reader.read_at(place, &setting::OAUTH2_REQUIRED_SCOPES, auth::scopes),
        on_top: reader.read_at(place, &setting::OAUTH2_TOOL_SCOPES, tool_scopes::parse).unwrap_or_default(),
        scope_claims: reader.read_at(place, &setting::OAUTH2_SCOPE_CLAIMS, parse::list).unwrap_or_default(),
        subject_claims: reader.read_at(place, &setting::OAUTH2_SUBJECT_CLAIMS, parse::list),
        algorithms: reader.read_at(place, &setting::OAUTH2_ALGORITHMS, auth::algorithms),
        jwks_url: reader.read_at(place, &setting::OAUTH2_JWKS_URL, auth::endpoint),
        introspection_url: reader.read_at(place, &setting::OAUTH2_INTROSPECTION_URL, auth::endpoint),
        require_at_jwt: reader.read_at(place, &setting::OAUTH2_REQUIRE_AT_JWT, parse::boolean),
        accept_id_tokens: reader.read_at(place, &setting::OAUTH2_ACCEPT_ID_TOKENS, parse::boolean),
    };
    if parts.require_at_jwt == Some(true) && parts.accept_id_tokens == Some(true) {
        reader.wrong(
            place,
            &setting::OAUTH2_ACCEPT_ID_TOKENS,
            "contradicts require_at_jwt: no ID token is typed at+jwt",
            "switch one of the two off",
        );
    }
    parts
}

/// The issuers of the top level and of every table, in this order. Notes what is missing, where `required`, and what
/// contradicts; `None` stands for an issuer that cannot be used.
pub(crate) fn combine(
    reader: &mut Reader<'_>,
    top: Parts,
    tables: Vec<Parts>,
    implies: &ScopeHierarchy,
    required: bool,
) -> Option<Vec<IssuerConfig>> {
    let top_counts = tables.is_empty() || reader.is_given(&setting::OAUTH2_ISSUER_URL);
    if !top_counts && reader.is_given(&setting::OAUTH2_JWKS_URL) {
        reader.wrong(
            Place::Top,
            &setting::OAUTH2_JWKS_URL,
            "belongs to no issuer",
            "write jwks_url into the table of the issuer whose keys are there, or set M4_OAUTH2_ISSUER_URL",
        );
    }
    let all: Vec<Parts> = top_counts.then_some(top).into_iter().chain(tables).collect();
    if required {
        for parts in &all {
            parts.require(reader);
        }
    }
    for (index, parts) in all.iter().enumerate() {
        if parts.issuer.is_some() && all[..index].iter().any(|earlier| earlier.issuer == parts.issuer) {
            reader.wrong(
                parts.place,
                &setting::OAUTH2_ISSUER_URL,
                "names an issuer that was named before",
                "write one table per issuer; audience takes a list",
            );
        }
    }
    // A token that nobody here can read could be anyone's: asked in turn, every issuer would see the others' tokens.
    for parts in all.iter().filter(|parts| parts.introspection_url.is_some()).skip(1) {
        reader.wrong(
            parts.place,
            &setting::OAUTH2_INTROSPECTION_URL,
            "is given for a second issuer",
            "let one issuer introspect; the others' tokens have to be JWTs",
        );
    }
    all.into_iter().map(|parts| parts.into_config(implies)).collect()
}

impl Parts {
    fn require(&self, reader: &mut Reader<'_>) {
        for (setting, hint) in [
            (
                &setting::OAUTH2_ISSUER_URL,
                "set it to your provider's issuer, as its tokens spell it in `iss`",
            ),
            (
                &setting::OAUTH2_AUDIENCE,
                "set it to the audience your provider puts in `aud`, for example m4-api",
            ),
        ] {
            reader.require(self.place, setting, hint);
        }
    }

    /// The scopes that calls need here; `None` where they cannot be used.
    pub(crate) fn requirements(&self, implies: &ScopeHierarchy) -> Option<ScopeRequirements> {
        Some(ScopeRequirements {
            base: self.base.clone()?,
            tools: self.on_top.tools.clone(),
            datasets: self.on_top.datasets.clone(),
            implies: implies.clone(),
        })
    }

    fn into_config(self, implies: &ScopeHierarchy) -> Option<IssuerConfig> {
        Some(IssuerConfig {
            scopes: self.requirements(implies)?,
            issuer: self.issuer?,
            audiences: self.audiences?,
            audience_claim: self.audience_claim?,
            scope_claims: self.scope_claims,
            subject_claims: self.subject_claims?,
            algorithms: self.algorithms?,
            jwks_url: self.jwks_url,
            introspection_url: self.introspection_url,
            require_at_jwt: self.require_at_jwt?,
            accept_id_tokens: self.accept_id_tokens?,
        })
    }
}
