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
        "The issuer, compared byte for byte with a token's `iss`; required when enabled, unless the file has issuers.";
    OAUTH2_AUDIENCE = "oauth2.audience", "M4_OAUTH2_AUDIENCE", None, false,
        "Audiences this server answers to, a list; a token must name one; required when enabled.";
    OAUTH2_AUDIENCE_CLAIM = "oauth2.audience_claim", "M4_OAUTH2_AUDIENCE_CLAIM", Some("aud"), false,
        "The claim that holds the audience; `client_id` where the issuer sends no `aud` (AWS Cognito).";
    OAUTH2_REQUIRED_SCOPES = "oauth2.required_scopes", "M4_OAUTH2_REQUIRED_SCOPES", Some("read:mimic-data"), false,
        "Scopes every call needs; cannot be none.";
    OAUTH2_TOOL_SCOPES = "oauth2.tool_scopes", "M4_OAUTH2_TOOL_SCOPES", None, false,
        "Scopes on top, `TOOL=SCOPES` or `dataset:NAME=SCOPES`, separated by semicolons.";
    OAUTH2_SCOPE_CLAIMS = "oauth2.scope_claims", "M4_OAUTH2_SCOPE_CLAIMS", None, false,
        "Claims that grant scopes besides `scope` and `scp`, a list; `permissions`, `roles`.";
    OAUTH2_SUBJECT_CLAIMS = "oauth2.subject_claims", "M4_OAUTH2_SUBJECT_CLAIMS", Some("sub"), false,
        "Claims that name the subject, a list; the first present one counts, and one must be there; `sub,client_id`, `oid,sub`.";
    OAUTH2_ALGORITHMS = "oauth2.algorithms", "M4_OAUTH2_ALGORITHMS", Some("RS256,ES256"), false,
        "A list of `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `EdDSA`.";
    OAUTH2_JWKS_URL = "oauth2.jwks_url", "M4_OAUTH2_JWKS_URL", None, false,
        "Where the issuer's keys are; discovered from the issuer unless given.";
    OAUTH2_INTROSPECTION_URL = "oauth2.introspection_url", "M4_OAUTH2_INTROSPECTION_URL", None, false,
        "Where the issuer is asked about tokens that are no JWTs (RFC 7662); such tokens are refused unless given; for one issuer only; needs the client ID and a credential.";
    OAUTH2_REQUIRE_AT_JWT = "oauth2.require_at_jwt", "M4_OAUTH2_REQUIRE_AT_JWT", Some("false"), false,
        "Whether only tokens typed `at+jwt` (RFC 9068) are accepted.";
    OAUTH2_ACCEPT_ID_TOKENS = "oauth2.accept_id_tokens", "M4_OAUTH2_ACCEPT_ID_TOKENS", Some("false"), false,
        "Whether ID tokens count as access tokens; on warns at start; not together with `require_at_jwt`.";
    OAUTH2_SCOPE_HIERARCHY = "oauth2.scope_hierarchy", "M4_OAUTH2_SCOPE_HIERARCHY", None, false,
        "Scopes that include others, `SCOPE=SCOPES`, separated by semicolons; chains count.";
    OAUTH2_JWKS_CACHE_TTL = "oauth2.jwks_cache_ttl", "M4_OAUTH2_JWKS_CACHE_TTL", Some("3600"), false,
        "How long fetched keys stay fresh; 1 s to 7 days; an issuer may shorten it to a minute.";
    OAUTH2_JWKS_STALE_FOR = "oauth2.jwks_stale_for", "M4_OAUTH2_JWKS_STALE_FOR", Some("24h"), false,
        "How long keys stay usable beyond that while the issuer gives no new ones; 0 to 7 days, 0 means not at all.";
    OAUTH2_CLIENT_ID = "oauth2.client_id", "M4_OAUTH2_CLIENT_ID", None, false,
        "This server's own client ID at the issuer, for introspection and client credentials.";
    OAUTH2_CLIENT_SECRET = "oauth2.client_secret", "M4_OAUTH2_CLIENT_SECRET", None, true,
        "The secret that goes with the client ID, which it needs.";
    OAUTH2_CLIENT_KEY_FILE = "oauth2.client_key_file", "M4_OAUTH2_CLIENT_KEY_FILE", None, false,
        "A private key in PKCS #8 PEM, for `private_key_jwt`.";
    OAUTH2_CLIENT_AUTH = "oauth2.client_auth", "M4_OAUTH2_CLIENT_AUTH", Some("client_secret_basic"), false,
        "How this server authenticates: `client_secret_basic`, `client_secret_post`, `private_key_jwt`; at the token endpoint a secret goes by the issuer's metadata unless this is given.";
    OAUTH2_CLIENT_SCOPE = "oauth2.client_scope", "M4_OAUTH2_CLIENT_SCOPE", None, false,
        "The scopes to ask for with client credentials; those that every call needs unless given.";
    OAUTH2_CLIENT_AUDIENCE = "oauth2.client_audience", "M4_OAUTH2_CLIENT_AUDIENCE", None, false,
        "The `audience` parameter of that request (Auth0); not sent unless given.";
    OAUTH2_CLIENT_RESOURCE = "oauth2.client_resource", "M4_OAUTH2_CLIENT_RESOURCE", None, false,
        "The `resource` parameter of that request (RFC 8707), an absolute URI; not sent unless given.";
    OAUTH2_VALIDATE_EXP = "oauth2.validate_exp", "M4_OAUTH2_VALIDATE_EXP", Some("true"), false,
        "Whether `exp` is required and checked; off warns at start.";
    OAUTH2_VALIDATE_AUD = "oauth2.validate_aud", "M4_OAUTH2_VALIDATE_AUD", Some("true"), false,
        "Whether `aud` is checked; off warns at start.";
    OAUTH2_VALIDATE_ISS = "oauth2.validate_iss", "M4_OAUTH2_VALIDATE_ISS", Some("true"), false,
        "Whether `iss` is checked; off warns at start.";
    OAUTH2_LEEWAY = "oauth2.leeway", "M4_OAUTH2_LEEWAY", Some("60"), false,
        "Tolerated clock difference for `exp`, `nbf`, `iat`; 0 to 10 minutes.";
    OAUTH2_RATE_LIMIT_ENABLED = "oauth2.rate_limit_enabled", "M4_OAUTH2_RATE_LIMIT_ENABLED", Some("true"), false,
        "Whether calls are limited per subject.";
    OAUTH2_RATE_LIMIT_REQUESTS = "oauth2.rate_limit_requests", "M4_OAUTH2_RATE_LIMIT_REQUESTS", Some("100"), false,
        "Calls per window and subject, 1 to 1,000,000.";
    OAUTH2_RATE_LIMIT_WINDOW = "oauth2.rate_limit_window", "M4_OAUTH2_RATE_LIMIT_WINDOW", Some("3600"), false,
        "How long the window is, 1 s to 30 days.";
    OAUTH2_RATE_LIMIT_STORE = "oauth2.rate_limit_store", "M4_OAUTH2_RATE_LIMIT_STORE", Some("memory"), true,
        "`memory`, or `redis://…`, which this version refuses; shown redacted because it may hold a password.";
    OAUTH2_RATE_LIMIT_TOOLS = "oauth2.rate_limit_tools", "M4_OAUTH2_RATE_LIMIT_TOOLS", None, false,
        "Limits per subject and tool beside the subject's own, `TOOL=CALLS/SECONDS`, separated by commas: `execute_query=20/60,get_table_info=60/60`.";
    OAUTH2_TOKEN = "oauth2.token", "M4_OAUTH2_TOKEN", None, true,
        "The caller's token on stdio and in the terminal; `Bearer ` in front is optional.";
    OAUTH2_TOKEN_FILE = "oauth2.token_file", "M4_OAUTH2_TOKEN_FILE", None, false,
        "A file that holds the caller's token; read on every call.";
    OAUTH2_TOKEN_COMMAND = "oauth2.token_command", "M4_OAUTH2_TOKEN_COMMAND", None, true,
        "A command that prints the caller's token.";
    OAUTH2_DEBUG = "oauth2.debug", "M4_OAUTH2_DEBUG", Some("false"), false,
        "Logs key fetches and decisions in detail, still redacted.";

    API_KEYS_FILE = "api_keys.file", "M4_API_KEYS_FILE", None, false,
        "A file of API keys that `m4 keys` writes; they are admitted beside access tokens, or alone while OAuth2 is not enabled.";

    BACKEND = "backend.name", "M4_BACKEND", Some("duckdb"), false,
        "Which engine answers queries: `duckdb`, or `bigquery`, which this version cannot query yet.";
    PROJECT_ID = "backend.project_id", "M4_PROJECT_ID", None, false,
        "The Google Cloud project that pays for BigQuery queries.";
    DEFAULT_DATASET = "backend.default_dataset", "M4_DATASET", None, false,
        "The dataset a call means when it names none.";

    DATA_DIR = "locations.data_dir", "M4_DATA_DIR", None, false,
        "Where databases and dataset definitions lie; `m4/` in the platform's data directory unless given.";

    QUERY_MAX_ROWS = "limits.max_rows", "M4_QUERY_MAX_ROWS", Some("1000"), false,
        "Most rows of an answer, 1 to 1,000,000.";
    QUERY_MAX_BYTES = "limits.max_bytes", "M4_QUERY_MAX_BYTES", Some("256KiB"), false,
        "Most bytes of an answer, 1 KiB to 64 MiB.";
    QUERY_TIMEOUT = "limits.timeout", "M4_QUERY_TIMEOUT", Some("60"), false,
        "Time for `execute_query`, waiting for a turn included; 1 s to 1 h.";
    QUERY_MEMORY = "limits.memory", "M4_QUERY_MEMORY", Some("1GiB"), false,
        "The engine's memory per database, 64 MiB to 1 TiB.";
    QUERY_THREADS = "limits.threads", "M4_QUERY_THREADS", Some("2"), false,
        "The engine's threads per database, 1 to 256.";
    LOG = "log.filter", "M4_LOG", Some("info"), false,
        "What is logged: a level, or directives such as `info,m4::jwks=debug`.";
    LOG_FILE = "log.file", "M4_LOG_FILE", None, false,
        "A file to append to in place of stderr; made with mode 0600.";

    HTTP_LISTEN = "http.listen", "M4_HTTP_LISTEN", None, false,
        "Where MCP is served over HTTP: an address and a port, such as `127.0.0.1:8000`, `[::1]:8000` or `localhost:8000`; port 0 takes a free one; over stdio unless given.";
    HTTP_PUBLIC_URL = "http.public_url", "M4_HTTP_PUBLIC_URL", None, false,
        "The URL that clients use, without `/mcp`, where that is not the address itself; may have a path, no query.";
    HTTP_TLS_CERT = "http.tls_cert", "M4_HTTP_TLS_CERT", None, false,
        "The certificate chain (PEM), read again when it changes; needs the key.";
    HTTP_TLS_KEY = "http.tls_key", "M4_HTTP_TLS_KEY", None, false,
        "The certificate's private key (PEM); needs the certificate.";
    HTTP_TRUSTED_PROXIES = "http.trusted_proxies", "M4_HTTP_TRUSTED_PROXIES", None, false,
        "Addresses and networks whose `X-Forwarded-For` is believed, a list: `127.0.0.1,10.0.0.0/8`.";
    HTTP_ALLOWED_HOSTS = "http.allowed_hosts", "M4_HTTP_ALLOWED_HOSTS", None, false,
        "Host names that requests may be for besides the server's own, a list; no ports, no wildcards.";
    HTTP_ALLOWED_ORIGINS = "http.allowed_origins", "M4_HTTP_ALLOWED_ORIGINS", None, false,
        "Origins of web pages that may call besides the server's own, a list: `https://app.example.org`.";
    HTTP_SESSIONS = "http.sessions", "M4_HTTP_SESSIONS", Some("true"), false,
        "Whether clients of the revisions before 2026-07-28 get sessions.";
    HTTP_DPOP = "http.dpop", "M4_HTTP_DPOP", Some("accepted"), false,
        "Tokens bound to a key (RFC 9449): `off`, `accepted` or `required`.";
    HTTP_DPOP_NONCE = "http.dpop_nonce", "M4_HTTP_DPOP_NONCE", Some("true"), false,
        "Whether a DPoP proof needs a nonce of this server.";
    HTTP_ALLOW_INSECURE = "http.allow_insecure", "M4_HTTP_ALLOW_INSECURE", Some("false"), false,
        "Whether other machines may be served without authentication.";
    HTTP_MAX_BODY = "http.max_body", "M4_HTTP_MAX_BODY", Some("1MiB"), false,
        "Most bytes of a request's body, 1 KiB to 64 MiB.";
    HTTP_MAX_CONNECTIONS = "http.max_connections", "M4_HTTP_MAX_CONNECTIONS", Some("1024"), false,
        "Most connections at once, 1 to 1,000,000.";
    HTTP_MAX_CALLS = "http.max_calls", "M4_HTTP_MAX_CALLS", Some("256"), false,
        "Most calls and streams in progress at once, 1 to 100,000.";
    HTTP_MAX_CALLS_PER_SUBJECT = "http.max_calls_per_subject", "M4_HTTP_MAX_CALLS_PER_SUBJECT", Some("16"), false,
        "Most calls and streams in progress at once of one subject, 1 to 100,000.";
    HTTP_FAILED_AUTH = "http.failed_auth", "M4_HTTP_FAILED_AUTH", Some("30/60"), false,
        "Failed authentications of one peer, `COUNT/SECONDS`; 1 or more in 1 to 86,400 seconds.";
    HTTP_SLOW_CLIENT = "http.slow_client", "M4_HTTP_SLOW_CLIENT", Some("30"), false,
        "How long a client may take for its TLS handshake, a request's head, its body, and to take what it is sent; 1 s to 10 minutes.";
    HTTP_SHUTDOWN = "http.shutdown", "M4_HTTP_SHUTDOWN", Some("30"), false,
        "How long running calls may go on once the server was told to stop; 0 to 1 h.";

    LOGIN_ISSUER_URL = "login.issuer_url", "M4_LOGIN_ISSUER_URL", None, false,
        "Where `m4 login` logs in; the configured issuer unless given.";
    LOGIN_AUTH_ENDPOINT = "login.auth_endpoint", "M4_LOGIN_AUTH_ENDPOINT", None, false,
        "The issuer's authorization endpoint, for issuers without metadata; discovered unless given.";
    LOGIN_TOKEN_ENDPOINT = "login.token_endpoint", "M4_LOGIN_TOKEN_ENDPOINT", None, false,
        "The issuer's token endpoint; when given, nothing is discovered.";
    LOGIN_CLIENT_ID = "login.client_id", "M4_LOGIN_CLIENT_ID", None, false,
        "The client ID `m4 login` uses; it registers one unless given.";
    LOGIN_CLIENT_SECRET = "login.client_secret", "M4_LOGIN_CLIENT_SECRET", None, true,
        "The secret that goes with it, for issuers that give native clients one.";
    LOGIN_CLIENT_AUTH = "login.client_auth", "M4_LOGIN_CLIENT_AUTH", Some("client_secret_basic"), false,
        "How that secret is presented: `client_secret_basic` or `client_secret_post`.";
    LOGIN_CLIENT_DOCUMENT = "login.client_document", "M4_LOGIN_CLIENT_DOCUMENT", None, false,
        "The https URL of a Client ID Metadata Document, for issuers that read one.";
    LOGIN_REDIRECT_URI = "login.redirect_uri", "M4_LOGIN_REDIRECT_URI", None, false,
        "Where the browser returns to, `http` on this machine; `http://localhost:8088/callback`, or a free port, unless given.";
    LOGIN_SCOPE = "login.scope", "M4_LOGIN_SCOPE", None, false,
        "The scopes `m4 login` asks for; what calls need unless given.";
    LOGIN_RESOURCE = "login.resource", "M4_LOGIN_RESOURCE", None, false,
        "The resource the login is for; the first audience that is a URL unless given.";
    LOGIN_SEND_RESOURCE = "login.send_resource", "M4_LOGIN_SEND_RESOURCE", Some("true"), false,
        "Whether the issuer is told the resource (RFC 8707); off for those that refuse the parameter.";
    LOGIN_PKCE_VOUCHED = "login.pkce_vouched", "M4_LOGIN_PKCE_VOUCHED", Some("false"), false,
        "Whether you vouch that the issuer supports PKCE with S256 though its metadata does not say so.";
    LOGIN_PARAMETERS = "login.parameters", "M4_LOGIN_PARAMETERS", None, false,
        "More parameters of the authorization request, as NAME=VALUE separated by commas: `audience=…,prompt=login`.";
    LOGIN_KEYRING = "login.keyring", "M4_LOGIN_KEYRING", Some("auto"), false,
        "`auto`: stored logins are sealed with a key in the system's keyring, where there is one; `off`: never.";
    LOGIN_PROFILE = "login.profile", "M4_LOGIN_PROFILE", Some("default"), false,
        "Which of several stored logins is used: letters, digits, `.`, `_` and `-`.";
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
