//! Every setting there is: its key in the file, its environment variable, its default.

/// One setting, the same everywhere it can be given.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`, as in the configuration file.
    pub key: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// The value in effect where nobody gives one, as one would write it; `None` where there is none.
    pub default: Option<&'static str>,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// One line about it.
    pub about: &'static str,
}

impl Setting {
    /// The setting with this file key.
    pub fn by_key(key: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|setting| setting.key == key)
    }

    /// The setting with this environment variable.
    pub fn by_env(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|setting| setting.env == name)
    }

    /// The part of the key before the dot.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    /// Whether it belongs to OAuth2, where a mistake shuts the gate.
    pub fn is_oauth2(&self) -> bool {
        self.section() == "oauth2"
    }

    /// Whether it says who is let in, so that a mistake shuts the gate: OAuth2's settings and those of API keys.
    pub fn guards(&self) -> bool {
        self.is_oauth2() || self.section() == "api_keys"
    }
}

/// The candidate most like `name`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Below this likeness a suggestion is noise: one wrong word in three still passes, an unrelated name does not.
const NEAR_ENOUGH: f64 = 0.6;

/// The settings that give the caller's token, the first that is set before the others.
pub const TOKEN_SOURCES: [&Setting; 3] = [&OAUTH2_TOKEN, &OAUTH2_TOKEN_FILE, &OAUTH2_TOKEN_COMMAND];

macro_rules! settings {
    ($($name:ident = $key:literal, $env:literal, $default:expr, $secret:literal, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $name: Setting =
                Setting { key: $key, env: $env, default: $default, secret: $secret, about: $about };
        )*

        /// Every setting, in the order they are shown.
        pub const ALL: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    OAUTH2_ENABLED = "oauth2.enabled", "M4_OAUTH2_ENABLED", Some("false"), false,
        "Whether data access needs an access token.";
    OAUTH2_ISSUER_URL = "oauth2.issuer_url", "M4_OAUTH2_ISSUER_URL", None, false,
        "The issuer, compared byte for byte with a token's `iss`.";
    OAUTH2_AUDIENCE = "oauth2.audience", "M4_OAUTH2_AUDIENCE", None, false,
        "The audiences this server answers to, one of which a token's `aud` must name.";
    OAUTH2_AUDIENCE_CLAIM = "oauth2.audience_claim", "M4_OAUTH2_AUDIENCE_CLAIM", Some("aud"), false,
        "The claim that holds a token's audience.";
    OAUTH2_REQUIRED_SCOPES = "oauth2.required_scopes", "M4_OAUTH2_REQUIRED_SCOPES", Some("read:mimic-data"), false,
        "The scopes every call needs.";
    OAUTH2_TOOL_SCOPES = "oauth2.tool_scopes", "M4_OAUTH2_TOOL_SCOPES", None, false,
        "Scopes needed on top, per tool or per `dataset:NAME`.";
    OAUTH2_SCOPE_CLAIMS = "oauth2.scope_claims", "M4_OAUTH2_SCOPE_CLAIMS", None, false,
        "The claims that grant scopes besides `scope` and `scp`.";
    OAUTH2_SUBJECT_CLAIMS = "oauth2.subject_claims", "M4_OAUTH2_SUBJECT_CLAIMS", Some("sub"), false,
        "The claims that name the subject, the first present one counts.";
    OAUTH2_ALGORITHMS = "oauth2.algorithms", "M4_OAUTH2_ALGORITHMS", Some("RS256,ES256"), false,
        "The signature algorithms a token may use.";
    OAUTH2_JWKS_URL = "oauth2.jwks_url", "M4_OAUTH2_JWKS_URL", None, false,
        "Where the issuer's keys are; discovered from the issuer unless given.";
    OAUTH2_INTROSPECTION_URL = "oauth2.introspection_url", "M4_OAUTH2_INTROSPECTION_URL", None, false,
        "Where the issuer is asked about tokens that are no JWTs (RFC 7662); such tokens are refused unless given.";
    OAUTH2_REQUIRE_AT_JWT = "oauth2.require_at_jwt", "M4_OAUTH2_REQUIRE_AT_JWT", Some("false"), false,
        "Whether only tokens typed `at+jwt` are accepted.";
    OAUTH2_ACCEPT_ID_TOKENS = "oauth2.accept_id_tokens", "M4_OAUTH2_ACCEPT_ID_TOKENS", Some("false"), false,
        "Whether ID tokens count as access tokens.";
    OAUTH2_SCOPE_HIERARCHY = "oauth2.scope_hierarchy", "M4_OAUTH2_SCOPE_HIERARCHY", None, false,
        "Scopes that include others.";
    OAUTH2_JWKS_CACHE_TTL = "oauth2.jwks_cache_ttl", "M4_OAUTH2_JWKS_CACHE_TTL", Some("3600"), false,
        "How long fetched keys stay fresh; an issuer may shorten it to a minute.";
    OAUTH2_JWKS_STALE_FOR = "oauth2.jwks_stale_for", "M4_OAUTH2_JWKS_STALE_FOR", Some("24h"), false,
        "How long keys are used beyond that while the issuer cannot be reached; 0 for not at all.";
    OAUTH2_CLIENT_ID = "oauth2.client_id", "M4_OAUTH2_CLIENT_ID", None, false,
        "This server's own client ID at the issuer.";
    OAUTH2_CLIENT_SECRET = "oauth2.client_secret", "M4_OAUTH2_CLIENT_SECRET", None, true,
        "The secret that goes with the client ID.";
    OAUTH2_CLIENT_KEY_FILE = "oauth2.client_key_file", "M4_OAUTH2_CLIENT_KEY_FILE", None, false,
        "A private key (PKCS #8 PEM) this server authenticates with instead of a secret.";
    OAUTH2_CLIENT_AUTH = "oauth2.client_auth", "M4_OAUTH2_CLIENT_AUTH", Some("client_secret_basic"), false,
        "How this server authenticates: `client_secret_basic`, `client_secret_post` or `private_key_jwt`.";
    OAUTH2_CLIENT_SCOPE = "oauth2.client_scope", "M4_OAUTH2_CLIENT_SCOPE", None, false,
        "The scopes this server asks for when it gets a token for itself; those that every call needs unless given.";
    OAUTH2_CLIENT_AUDIENCE = "oauth2.client_audience", "M4_OAUTH2_CLIENT_AUDIENCE", None, false,
        "The `audience` parameter of that request; not sent unless given.";
    OAUTH2_CLIENT_RESOURCE = "oauth2.client_resource", "M4_OAUTH2_CLIENT_RESOURCE", None, false,
        "The `resource` parameter of that request (RFC 8707); not sent unless given.";
    OAUTH2_VALIDATE_EXP = "oauth2.validate_exp", "M4_OAUTH2_VALIDATE_EXP", Some("true"), false,
        "Whether expired tokens are refused.";
    OAUTH2_VALIDATE_AUD = "oauth2.validate_aud", "M4_OAUTH2_VALIDATE_AUD", Some("true"), false,
        "Whether tokens for other audiences are refused.";
    OAUTH2_VALIDATE_ISS = "oauth2.validate_iss", "M4_OAUTH2_VALIDATE_ISS", Some("true"), false,
        "Whether tokens of other issuers are refused.";
    OAUTH2_LEEWAY = "oauth2.leeway", "M4_OAUTH2_LEEWAY", Some("60"), false,
        "How far the issuer's clock and this one may differ.";
    OAUTH2_RATE_LIMIT_ENABLED = "oauth2.rate_limit_enabled", "M4_OAUTH2_RATE_LIMIT_ENABLED", Some("true"), false,
        "Whether calls are limited per subject.";
    OAUTH2_RATE_LIMIT_REQUESTS = "oauth2.rate_limit_requests", "M4_OAUTH2_RATE_LIMIT_REQUESTS", Some("100"), false,
        "How many calls a subject may make per window.";
    OAUTH2_RATE_LIMIT_WINDOW = "oauth2.rate_limit_window", "M4_OAUTH2_RATE_LIMIT_WINDOW", Some("3600"), false,
        "The length of the window.";
    OAUTH2_RATE_LIMIT_STORE = "oauth2.rate_limit_store", "M4_OAUTH2_RATE_LIMIT_STORE", Some("memory"), true,
        "Where the limit is counted: `memory` or `redis://…`.";
    OAUTH2_RATE_LIMIT_TOOLS = "oauth2.rate_limit_tools", "M4_OAUTH2_RATE_LIMIT_TOOLS", None, false,
        "Limits per subject and tool beside that: `execute_query=20/60`, separated by commas.";
    OAUTH2_TOKEN = "oauth2.token", "M4_OAUTH2_TOKEN", None, true,
        "The caller's access token on stdio and in the terminal.";
    OAUTH2_TOKEN_FILE = "oauth2.token_file", "M4_OAUTH2_TOKEN_FILE", None, false,
        "A file that holds the caller's access token, read again when it changes.";
    OAUTH2_TOKEN_COMMAND = "oauth2.token_command", "M4_OAUTH2_TOKEN_COMMAND", None, true,
        "A command that prints the caller's access token.";
    OAUTH2_DEBUG = "oauth2.debug", "M4_OAUTH2_DEBUG", Some("false"), false,
        "Whether validation, key fetches and rate limiting are logged in detail.";

    API_KEYS_FILE = "api_keys.file", "M4_API_KEYS_FILE", None, false,
        "A file of API keys (`m4 keys`) that are admitted beside access tokens, or alone while OAuth2 is off.";

    BACKEND = "backend.name", "M4_BACKEND", Some("duckdb"), false,
        "Which engine answers queries: `duckdb` or `bigquery`.";
    PROJECT_ID = "backend.project_id", "M4_PROJECT_ID", None, false,
        "The Google Cloud project that pays for BigQuery queries.";
    DEFAULT_DATASET = "backend.default_dataset", "M4_DATASET", None, false,
        "The dataset a call means when it names none.";

    DATA_DIR = "locations.data_dir", "M4_DATA_DIR", None, false,
        "Where databases and dataset definitions lie.";

    QUERY_MAX_ROWS = "limits.max_rows", "M4_QUERY_MAX_ROWS", Some("1000"), false,
        "The most rows a query's answer holds.";
    QUERY_MAX_BYTES = "limits.max_bytes", "M4_QUERY_MAX_BYTES", Some("256KiB"), false,
        "The most bytes a query's answer holds.";
    QUERY_TIMEOUT = "limits.timeout", "M4_QUERY_TIMEOUT", Some("60"), false,
        "How long a query may run.";
    QUERY_MEMORY = "limits.memory", "M4_QUERY_MEMORY", Some("1GiB"), false,
        "How much memory the engine may use.";
    QUERY_THREADS = "limits.threads", "M4_QUERY_THREADS", Some("2"), false,
        "How many threads the engine may use.";
    LOG = "log.filter", "M4_LOG", Some("info"), false,
        "What is logged: a level, or directives such as `info,mcp_server::gate=debug`.";
    LOG_FILE = "log.file", "M4_LOG_FILE", None, false,
        "A file to log to instead of stderr.";

    HTTP_LISTEN = "http.listen", "M4_HTTP_LISTEN", None, false,
        "Where MCP is served over HTTP, such as 127.0.0.1:8000; over stdio unless given.";
    HTTP_PUBLIC_URL = "http.public_url", "M4_HTTP_PUBLIC_URL", None, false,
        "The URL that clients use, without /mcp, where that is not the address itself.";
    HTTP_TLS_CERT = "http.tls_cert", "M4_HTTP_TLS_CERT", None, false,
        "The certificate chain (PEM), read again when it changes.";
    HTTP_TLS_KEY = "http.tls_key", "M4_HTTP_TLS_KEY", None, false,
        "The certificate's private key (PEM).";
    HTTP_TRUSTED_PROXIES = "http.trusted_proxies", "M4_HTTP_TRUSTED_PROXIES", None, false,
        "Addresses and networks of proxies whose X-Forwarded-For is believed.";
    HTTP_ALLOWED_HOSTS = "http.allowed_hosts", "M4_HTTP_ALLOWED_HOSTS", None, false,
        "Host names that requests may be for, besides the server's own.";
    HTTP_ALLOWED_ORIGINS = "http.allowed_origins", "M4_HTTP_ALLOWED_ORIGINS", None, false,
        "Origins of web pages that may call, besides the server's own.";
    HTTP_SESSIONS = "http.sessions", "M4_HTTP_SESSIONS", Some("true"), false,
        "Whether clients of the revisions before 2026-07-28 get sessions.";
    HTTP_DPOP = "http.dpop", "M4_HTTP_DPOP", Some("accepted"), false,
        "Tokens bound to a key (RFC 9449): `off`, `accepted` or `required`.";
    HTTP_DPOP_NONCE = "http.dpop_nonce", "M4_HTTP_DPOP_NONCE", Some("true"), false,
        "Whether a DPoP proof needs a nonce of this server.";
    HTTP_ALLOW_INSECURE = "http.allow_insecure", "M4_HTTP_ALLOW_INSECURE", Some("false"), false,
        "Whether other machines may be served without authentication.";
    HTTP_MAX_BODY = "http.max_body", "M4_HTTP_MAX_BODY", Some("1MiB"), false,
        "The most bytes a request's body holds.";
    HTTP_MAX_CONNECTIONS = "http.max_connections", "M4_HTTP_MAX_CONNECTIONS", Some("1024"), false,
        "The most connections at once.";
    HTTP_MAX_CALLS = "http.max_calls", "M4_HTTP_MAX_CALLS", Some("256"), false,
        "The most calls and streams in progress at once.";
    HTTP_MAX_CALLS_PER_SUBJECT = "http.max_calls_per_subject", "M4_HTTP_MAX_CALLS_PER_SUBJECT", Some("16"), false,
        "The most calls and streams in progress at once of one subject.";
    HTTP_FAILED_AUTH = "http.failed_auth", "M4_HTTP_FAILED_AUTH", Some("30/60"), false,
        "How many failed authentications in how many seconds a peer may make.";
    HTTP_SLOW_CLIENT = "http.slow_client", "M4_HTTP_SLOW_CLIENT", Some("30"), false,
        "How long a client may take to send a request's head, and its body.";
    HTTP_SHUTDOWN = "http.shutdown", "M4_HTTP_SHUTDOWN", Some("30"), false,
        "How long running calls may go on once the server was told to stop.";

    LOGIN_ISSUER_URL = "login.issuer_url", "M4_LOGIN_ISSUER_URL", None, false,
        "The issuer `m4 login` logs in at; OAuth2's own unless given.";
    LOGIN_AUTH_ENDPOINT = "login.auth_endpoint", "M4_LOGIN_AUTH_ENDPOINT", None, false,
        "The issuer's authorization endpoint; discovered unless given.";
    LOGIN_TOKEN_ENDPOINT = "login.token_endpoint", "M4_LOGIN_TOKEN_ENDPOINT", None, false,
        "The issuer's token endpoint; discovered unless given.";
    LOGIN_CLIENT_ID = "login.client_id", "M4_LOGIN_CLIENT_ID", None, false,
        "The client ID `m4 login` uses.";
    LOGIN_CLIENT_SECRET = "login.client_secret", "M4_LOGIN_CLIENT_SECRET", None, true,
        "The secret that goes with it, for issuers that give native clients one.";
    LOGIN_CLIENT_AUTH = "login.client_auth", "M4_LOGIN_CLIENT_AUTH", Some("client_secret_basic"), false,
        "How that secret is presented: `client_secret_basic` or `client_secret_post`.";
    LOGIN_CLIENT_DOCUMENT = "login.client_document", "M4_LOGIN_CLIENT_DOCUMENT", None, false,
        "The https URL of a Client ID Metadata Document, for issuers that read one.";
    LOGIN_REDIRECT_URI = "login.redirect_uri", "M4_LOGIN_REDIRECT_URI", None, false,
        "Where the browser returns to; port 8088 of localhost, or a free one, unless given.";
    LOGIN_SCOPE = "login.scope", "M4_LOGIN_SCOPE", None, false,
        "The scopes `m4 login` asks for.";
    LOGIN_RESOURCE = "login.resource", "M4_LOGIN_RESOURCE", None, false,
        "The resource the login is for; the first audience that is a URL unless given.";
    LOGIN_SEND_RESOURCE = "login.send_resource", "M4_LOGIN_SEND_RESOURCE", Some("true"), false,
        "Whether the issuer is told the resource (RFC 8707); off for those that refuse the parameter.";
    LOGIN_PKCE_VOUCHED = "login.pkce_vouched", "M4_LOGIN_PKCE_VOUCHED", Some("false"), false,
        "Whether you vouch that the issuer supports PKCE with S256 though its metadata does not say so.";
    LOGIN_PARAMETERS = "login.parameters", "M4_LOGIN_PARAMETERS", None, false,
        "More parameters of the authorization request, as NAME=VALUE separated by commas.";
    LOGIN_KEYRING = "login.keyring", "M4_LOGIN_KEYRING", Some("auto"), false,
        "Whether stored logins are sealed with a key in the system's keyring: `auto` or `off`.";
    LOGIN_PROFILE = "login.profile", "M4_LOGIN_PROFILE", Some("default"), false,
        "Which of several stored logins is used.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_variables_are_unique() {
        for (index, setting) in ALL.iter().enumerate() {
            for other in &ALL[index + 1..] {
                assert_ne!(setting.key, other.key);
                assert_ne!(setting.env, other.env);
            }
            assert_eq!(Setting::by_key(setting.key), Some(*setting));
            assert_eq!(Setting::by_env(setting.env), Some(*setting));
        }
    }

    #[test]
    fn oauth2_settings_and_their_variables_share_their_names() {
        for setting in ALL.iter().filter(|setting| setting.is_oauth2()) {
            let name = setting.key.trim_start_matches("oauth2.").to_uppercase();
            assert_eq!(setting.env, format!("M4_OAUTH2_{name}"));
        }
    }

    #[test]
    fn a_suggestion_is_near_or_absent() {
        let names = || ALL.iter().map(|setting| setting.env);
        assert_eq!(nearest("M4_OAUTH2_ENABLE", names()), Some("M4_OAUTH2_ENABLED"));
        assert_eq!(nearest("M4_OAUTH2_ISSUER", names()), Some("M4_OAUTH2_ISSUER_URL"));
        assert_eq!(nearest("zzz", names()), None);
    }
}
