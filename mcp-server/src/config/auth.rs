//! OAuth2: every `M4_OAUTH2_*` setting, parsed into what the gate needs.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use auth_core::algorithm::Algorithm;
use auth_core::limit::ToolLimits;
use auth_core::oauth::metadata::Issuer;
use auth_core::oauth::url::{InvalidUrl, SecureUrl};
use auth_core::scope::ScopeSet;
use auth_core::secret::Secret;

use super::api_keys::ApiKeyRules;
use super::issuers::{self, IssuerConfig};
use super::layers::Raw;
use super::parse::{self, Invalid};
use super::reader::{Place, Reader};
use super::scope_hierarchy;
use super::setting;
use super::tool_scopes::TOOLS;

/// What OAuth2 needs once it is enabled. A value exists only when every setting is usable.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The issuers whose tokens are accepted, each by its own rules, none twice. At least one where OAuth2 is enabled;
    /// none where only API keys are admitted.
    pub issuers: Vec<IssuerConfig>,
    /// The API keys admitted beside their tokens.
    pub api_keys: Option<ApiKeyRules>,
    /// How long fetched keys stay fresh.
    pub jwks_cache_ttl: Duration,
    /// How long they are used after that while the issuer gives no new ones; zero for not at all.
    pub jwks_stale_for: Duration,
    /// This server's own registration at the issuer.
    pub client: Option<Client>,
    /// Which claims are checked.
    pub validate: Validate,
    /// How far the issuer's clock and this one may differ.
    pub leeway: Duration,
    /// The limit per subject; `None` when switched off.
    pub rate_limit: Option<RateLimit>,
    /// Where the caller's own token comes from on stdio and in the terminal.
    pub token: TokenSettings,
    /// Whether decisions are logged in detail.
    pub debug: bool,
}

impl AuthConfig {
    /// Whether access tokens are admitted, and not API keys alone.
    pub fn admits_tokens(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// The datasets that need scopes of their own, for some callers or others.
    pub fn guarded_datasets(&self) -> impl Iterator<Item = &String> {
        let of_issuers = self.issuers.iter().map(|issuer| &issuer.scopes);
        of_issuers
            .chain(self.api_keys.iter().map(|rules| &rules.scopes))
            .flat_map(|scopes| scopes.datasets.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
    }
}

/// A client registration.
#[derive(Debug, Clone)]
pub struct Client {
    /// The client ID.
    pub id: String,
    /// Its secret, unless the client is public or has a key.
    pub secret: Option<Secret>,
    /// Its private key, PKCS #8 PEM.
    pub key_file: Option<PathBuf>,
    /// How it authenticates.
    pub method: ClientAuthMethod,
}

/// How this server authenticates at an issuer (OpenID Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `private_key_jwt`
    PrivateKeyJwt,
}

/// Which claims are checked. Each is true unless the operator switched it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validate {
    /// `exp`.
    pub exp: bool,
    /// `aud`.
    pub aud: bool,
    /// `iss`.
    pub iss: bool,
}

/// The limit per subject.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// How many calls fit in a window; at least one.
    pub requests: NonZeroU32,
    /// The window's length; at least a second.
    pub window: Duration,
    /// Where calls are counted.
    pub store: RateLimitStore,
    /// Limits per tool beside that.
    pub tools: ToolLimits,
}

/// Where calls are counted.
#[derive(Debug, Clone)]
pub enum RateLimitStore {
    /// In this process.
    Memory,
    /// In Redis at this URL, which may hold a password.
    Redis(Secret),
}

/// The caller's own token, as configured.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// The token itself.
    pub token: Option<Secret>,
    /// A file that holds it.
    pub file: Option<PathBuf>,
    /// A command that prints it.
    pub command: Option<Secret>,
}

/// Reads the section as far as it is usable: `None` when something is missing or wrong, which `reader` then knows.
///
/// `required` says whether the settings that an enabled OAuth2 needs must be there. `api_keys` is the file of keys that are
/// admitted too; with `tokens` false they alone are, and no issuer is needed.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    required: bool,
    tokens: bool,
    api_keys: Option<PathBuf>,
) -> Option<AuthConfig> {
    let top = issuers::read_parts(reader, Place::Top);
    let implies = reader.read(&setting::OAUTH2_SCOPE_HIERARCHY, scope_hierarchy::parse).unwrap_or_default();
    let jwks_cache_ttl =
        reader.read(&setting::OAUTH2_JWKS_CACHE_TTL, |raw| parse::duration(raw, SECOND, LONGEST_KEY_CACHE));
    let jwks_stale_for = reader
        .read(&setting::OAUTH2_JWKS_STALE_FOR, |raw| parse::duration(raw, Duration::ZERO, LONGEST_KEY_CACHE));
    let client = read_client(reader);
    let validate = Validate {
        exp: reader.read(&setting::OAUTH2_VALIDATE_EXP, parse::boolean).unwrap_or(true),
        aud: reader.read(&setting::OAUTH2_VALIDATE_AUD, parse::boolean).unwrap_or(true),
        iss: reader.read(&setting::OAUTH2_VALIDATE_ISS, parse::boolean).unwrap_or(true),
    };
    let leeway = reader.read(&setting::OAUTH2_LEEWAY, leeway);
    let rate_limit = read_rate_limit(reader);
    let token = TokenSettings {
        token: reader.read(&setting::OAUTH2_TOKEN, parse::text).map(Secret::new),
        file: reader.read(&setting::OAUTH2_TOKEN_FILE, parse::text).map(PathBuf::from),
        command: reader.read(&setting::OAUTH2_TOKEN_COMMAND, parse::text).map(Secret::new),
    };
    let debug = reader.read(&setting::OAUTH2_DEBUG, parse::boolean);
    let tables =
        (1..=reader.issuer_tables()).map(|number| issuers::read_parts(reader, Place::Issuer(number)));
    let tables = tables.collect();
    let keys_alone = api_keys.is_some() && !tokens;
    let api_keys = match api_keys {
        Some(file) => Some(ApiKeyRules { file, scopes: top.requirements(&implies)? }),
        None => None,
    };
    let issuers = issuers::combine(reader, top, tables, &implies, required);
    if !reader.problems.is_empty() {
        return None;
    }
    Some(AuthConfig {
        issuers: if keys_alone { Vec::new() } else { issuers? },
        api_keys,
        jwks_cache_ttl: jwks_cache_ttl?,
        jwks_stale_for: jwks_stale_for?,
        client,
        validate,
        leeway: leeway?,
        rate_limit,
        token,
        debug: debug?,
    })
}

/// An endpoint's URL.
pub(crate) fn endpoint(raw: &Raw) -> Result<SecureUrl, Invalid> {
    SecureUrl::parse(exact(raw)?).map_err(unusable)
}

/// Scopes separated by commas or spaces, or a list; at least one.
pub(crate) fn scopes(raw: &Raw) -> Result<ScopeSet, Invalid> {
    let text = match raw {
        Raw::Text(text) => text.clone(),
        Raw::List(items) => items.join(" "),
        Raw::Other(kind) => return Err(Invalid::new(format!("takes text or a list of texts, not {kind}"))),
    };
    let scopes = ScopeSet::parse(&text).map_err(|error| Invalid::new(format!("is not usable: {error}")))?;
    if scopes.is_empty() { Err(Invalid::new("names no scope")) } else { Ok(scopes) }
}

fn read_client(reader: &mut Reader<'_>) -> Option<Client> {
    let id = reader.read(&setting::OAUTH2_CLIENT_ID, parse::text);
    let secret = reader.read(&setting::OAUTH2_CLIENT_SECRET, parse::text).map(Secret::new);
    if secret.is_some() {
        reader.require(
            Place::Top,
            &setting::OAUTH2_CLIENT_ID,
            "M4_OAUTH2_CLIENT_SECRET is given: set the client ID it belongs to",
        );
    }
    let key_file = reader.read(&setting::OAUTH2_CLIENT_KEY_FILE, parse::text).map(PathBuf::from);
    let method = reader.read(&setting::OAUTH2_CLIENT_AUTH, client_auth_method);
    if reader.is_given(&setting::OAUTH2_INTROSPECTION_URL) || method == Some(ClientAuthMethod::PrivateKeyJwt)
    {
        reader.require(
            Place::Top,
            &setting::OAUTH2_CLIENT_ID,
            "set this server's own client ID at the issuer",
        );
        let (credential, hint) = match method {
            Some(ClientAuthMethod::PrivateKeyJwt) => {
                (&setting::OAUTH2_CLIENT_KEY_FILE, "name the file of the client's private key")
            }
            _ => (&setting::OAUTH2_CLIENT_SECRET, "set the client's secret, or use private_key_jwt"),
        };
        reader.require(Place::Top, credential, hint);
    }
    Some(Client { id: id?, secret, key_file, method: method? })
}

pub(super) fn client_auth_method(raw: &Raw) -> Result<ClientAuthMethod, Invalid> {
    match parse::text(raw)?.to_ascii_lowercase().as_str() {
        "client_secret_basic" => Ok(ClientAuthMethod::Basic),
        "client_secret_post" => Ok(ClientAuthMethod::Post),
        "private_key_jwt" => Ok(ClientAuthMethod::PrivateKeyJwt),
        _ => Err(Invalid::new("is no way to authenticate")
            .hint("use client_secret_basic, client_secret_post or private_key_jwt")),
    }
}

fn tool_limits(raw: &Raw) -> Result<ToolLimits, Invalid> {
    let text = match raw {
        Raw::List(items) => items.join(","),
        other => parse::text(other)?,
    };
    let limits: ToolLimits = text.parse().map_err(|error: auth_core::limit::InvalidToolLimits| {
        Invalid::new(format!("is not usable: {error}")).hint("write TOOL=CALLS/SECONDS, separated by commas")
    })?;
    if let Some((tool, _)) = limits.iter().find(|(tool, _)| !TOOLS.contains(tool)) {
        return Err(Invalid::new(format!("names a tool that does not exist, {}", parse::brief(tool)))
            .hint(format!("the tools are {}", TOOLS.join(", "))));
    }
    Ok(limits)
}

fn read_rate_limit(reader: &mut Reader<'_>) -> Option<RateLimit> {
    let enabled = reader.read(&setting::OAUTH2_RATE_LIMIT_ENABLED, parse::boolean);
    let requests =
        reader.read(&setting::OAUTH2_RATE_LIMIT_REQUESTS, |raw| parse::count(raw, 1, MOST_REQUESTS.into()));
    let window =
        reader.read(&setting::OAUTH2_RATE_LIMIT_WINDOW, |raw| parse::duration(raw, SECOND, LONGEST_WINDOW));
    let store = reader.read(&setting::OAUTH2_RATE_LIMIT_STORE, rate_limit_store);
    let requests = requests.and_then(|requests| NonZeroU32::new(u32::try_from(requests).ok()?));
    let tools = reader.read(&setting::OAUTH2_RATE_LIMIT_TOOLS, tool_limits).unwrap_or_default();
    let limit = RateLimit { requests: requests?, window: window?, store: store?, tools };
    enabled?.then_some(limit)
}

/// An issuer identifier.
pub(crate) fn issuer(raw: &Raw) -> Result<Issuer, Invalid> {
    Issuer::parse(exact(raw)?).map_err(unusable)
}

fn unusable(error: InvalidUrl) -> Invalid {
    Invalid::new(error.to_string()).hint(error.hint())
}

/// Text to the byte, unlike [`parse::text`]: an issuer is not trimmed into another one.
fn exact(raw: &Raw) -> Result<&str, Invalid> {
    match raw {
        Raw::Text(text) => Ok(text),
        Raw::List(_) => Err(Invalid::new("takes one URL, not a list")),
        Raw::Other(kind) => Err(Invalid::new(format!("takes a URL, not {kind}"))),
    }
}

fn leeway(raw: &Raw) -> Result<Duration, Invalid> {
    parse::duration(raw, Duration::ZERO, MOST_LEEWAY).map_err(|invalid| {
        if invalid.hint.is_some() {
            return invalid;
        }
        invalid.hint("a longer leeway would keep expired tokens alive; correct the clock instead (NTP)")
    })
}

/// Names of asymmetric algorithms; at least one.
pub(crate) fn algorithms(raw: &Raw) -> Result<Vec<Algorithm>, Invalid> {
    let mut algorithms = Vec::new();
    for name in parse::list(raw)? {
        let algorithm = Algorithm::from_str(&name).map_err(|error| {
            let shown = parse::brief(&name);
            if name.eq_ignore_ascii_case("none") {
                return Invalid::new(format!("names {shown}: a token without signature proves nothing"));
            }
            if name.to_ascii_uppercase().starts_with("HS") {
                return Invalid::new(format!(
                    "names {shown}: with a symmetric algorithm whoever can verify tokens can also forge them"
                ));
            }
            Invalid::new(format!("names {shown}, which is {error}"))
        })?;
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

fn rate_limit_store(raw: &Raw) -> Result<RateLimitStore, Invalid> {
    let text = parse::text(raw)?;
    if text.eq_ignore_ascii_case("memory") {
        return Ok(RateLimitStore::Memory);
    }
    let is_redis = url::Url::parse(&text).is_ok_and(|url| {
        matches!(url.scheme(), "redis" | "rediss") && url.host_str().is_some_and(|host| !host.is_empty())
    });
    if is_redis {
        return Ok(RateLimitStore::Redis(Secret::new(text)));
    }
    Err(Invalid::new("is neither `memory` nor a redis:// or rediss:// URL"))
}

const SECOND: Duration = Duration::from_secs(1);

/// A token lives this much longer than its issuer said; ten minutes is already twice what RFC 7519 §4.1.4 has in mind
/// ("no more than a few minutes").
const MOST_LEEWAY: Duration = Duration::from_mins(10);

/// A key that the issuer withdrew is trusted for as long as it is cached, and while stale keys are.
const LONGEST_KEY_CACHE: Duration = Duration::from_hours(7 * 24);

/// Beyond a month a limit is a quota, which needs a store that outlives the process.
const LONGEST_WINDOW: Duration = Duration::from_hours(30 * 24);

/// Keeps the time between two calls above the nanosecond that the limiter counts in, for any window.
const MOST_REQUESTS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn symmetric_algorithms_and_none_are_refused_with_the_reason() {
        for (text, reason) in [
            ("none", "proves nothing"),
            ("NONE", "proves nothing"),
            ("RS256,HS256", "forge"),
            ("hs512", "forge"),
        ] {
            assert!(algorithms(&given(text)).unwrap_err().what.contains(reason), "{text}");
        }
        assert!(algorithms(&given("RS257")).is_err());
        assert_eq!(algorithms(&given("ES384, RS256,RS256")), Ok(vec![Algorithm::ES384, Algorithm::RS256]));
    }

    #[test]
    fn a_leeway_beyond_ten_minutes_is_refused() {
        assert_eq!(leeway(&given("600")), Ok(MOST_LEEWAY));
        assert_eq!(leeway(&given("0")), Ok(Duration::ZERO));
        assert!(leeway(&given("601")).unwrap_err().hint.unwrap().contains("clock"));
    }

    #[test]
    fn stale_keys_can_be_switched_off_and_are_never_kept_for_good() {
        let stale_for = |text: &str| parse::duration(&given(text), Duration::ZERO, LONGEST_KEY_CACHE);
        assert_eq!(stale_for("0"), Ok(Duration::ZERO));
        let default = setting::OAUTH2_JWKS_STALE_FOR.default.unwrap();
        assert_eq!(stale_for(default), Ok(Duration::from_hours(24)));
        assert!(stale_for("8d").is_err());
    }

    #[test]
    fn a_store_is_memory_or_redis() {
        assert!(matches!(rate_limit_store(&given("Memory")), Ok(RateLimitStore::Memory)));
        for text in ["redis://h", "rediss://u:p@h:6379/0"] {
            assert!(matches!(rate_limit_store(&given(text)), Ok(RateLimitStore::Redis(_))), "{text}");
        }
        for text in ["redis", "redis:", "redis://", "http://h", "sqlite"] {
            assert!(rate_limit_store(&given(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn an_issuer_is_not_trimmed_into_another_one() {
        assert!(issuer(&given("https://issuer.example ")).is_err());
        assert_eq!(issuer(&given("https://issuer.example/")).unwrap().as_str(), "https://issuer.example/");
    }
}
