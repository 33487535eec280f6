//! The HTTP server: where it listens, what it calls itself, whom it believes, what it bears.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use auth_core::limit::RateLimit;
use auth_core::oauth::url::SecureUrl;
use ipnet::IpNet;

use super::auth;
use super::layers::Raw;
use super::parse::{self, Invalid};
use super::problem::{ConfigErrors, Problem};
use super::reader::{Place, Reader};
use super::setting;

/// Whether and how HTTP is served.
#[derive(Debug, Clone)]
pub enum HttpSetting {
    /// Nobody asked for it: the server speaks stdio.
    Off,
    /// At an address.
    On(Box<HttpConfig>),
    /// It was asked for, but with settings that cannot be used. Nothing must listen on guesses.
    Misconfigured(ConfigErrors),
}

impl HttpSetting {
    /// Adds problems found elsewhere; a server that nobody asked for has none.
    pub(crate) fn with_problems(self, more: Vec<Problem>) -> Self {
        match self {
            Self::On(_) if !more.is_empty() => Self::Misconfigured(more.into()),
            Self::Misconfigured(errors) => {
                Self::Misconfigured([errors.problems().to_vec(), more].concat().into())
            }
            unchanged => unchanged,
        }
    }
}

/// What the HTTP server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The URL that clients use, without `/mcp`; the address itself unless a proxy stands in front.
    pub public_url: Option<SecureUrl>,
    /// Certificate chain and private key, both PEM.
    pub tls: Option<TlsFiles>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Host names requests may be for, besides the server's own.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call, besides the server's own.
    pub allowed_origins: Vec<String>,
    /// Whether clients of the revisions before 2026-07-28 get sessions.
    pub sessions: bool,
    /// What proofs of possession are asked for.
    pub dpop: Dpop,
    /// Whether a proof needs a nonce of this server.
    pub dpop_nonce: bool,
    /// Whether a public address may be served without authentication.
    pub allow_insecure: bool,
    /// What it bears.
    pub limits: HttpLimits,
}

/// Certificate chain and private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Whether tokens may, or must, be bound to a key (RFC 9449).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dpop {
    /// Only plain bearer tokens.
    Off,
    /// Both kinds.
    Accepted,
    /// Only bound tokens.
    Required,
}

/// What the HTTP server bears before it says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bytes of a request's body.
    pub body: usize,
    /// Connections at once.
    pub connections: usize,
    /// Calls and streams in progress at once.
    pub calls: usize,
    /// Calls and streams in progress at once of one subject.
    pub calls_per_subject: usize,
    /// Failed authentications of one peer.
    pub failed_auth: RateLimit,
    /// How long a client may take to send a request's head, and to send its body.
    pub slow_client: Duration,
    /// How long running calls may go on once the server was told to stop.
    pub shutdown: Duration,
}

/// Reads the section.
pub(crate) fn read(reader: &mut Reader<'_>) -> HttpSetting {
    let listen = reader.read(&setting::HTTP_LISTEN, address);
    let public_url = reader.read(&setting::HTTP_PUBLIC_URL, public_url);
    let tls = read_tls(reader);
    let trusted_proxies = reader.read(&setting::HTTP_TRUSTED_PROXIES, networks).unwrap_or_default();
    let allowed_hosts = reader.read(&setting::HTTP_ALLOWED_HOSTS, hosts).unwrap_or_default();
    let allowed_origins = reader.read(&setting::HTTP_ALLOWED_ORIGINS, origins).unwrap_or_default();
    let sessions = reader.read(&setting::HTTP_SESSIONS, parse::boolean);
    let dpop = reader.read(&setting::HTTP_DPOP, dpop);
    let dpop_nonce = reader.read(&setting::HTTP_DPOP_NONCE, parse::boolean);
    let allow_insecure = reader.read(&setting::HTTP_ALLOW_INSECURE, parse::boolean);
    let limits = read_limits(reader);
    let problems = std::mem::take(&mut reader.problems);
    if !reader.is_given(&setting::HTTP_LISTEN) {
        return HttpSetting::Off;
    }
    let config = || {
        Some(Box::new(HttpConfig {
            listen: listen?,
            public_url,
            tls,
            trusted_proxies,
            allowed_hosts,
            allowed_origins,
            sessions: sessions?,
            dpop: dpop?,
            dpop_nonce: dpop_nonce?,
            allow_insecure: allow_insecure?,
            limits: limits?,
        }))
    };
    if !problems.is_empty() {
        return HttpSetting::Misconfigured(problems.into());
    }
    config().map_or_else(
        || HttpSetting::Misconfigured(vec![Problem::new(setting::HTTP_LISTEN.env, "is not usable")].into()),
        HttpSetting::On,
    )
}

fn read_tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    let cert = reader.read(&setting::HTTP_TLS_CERT, parse::text).map(PathBuf::from);
    let key = reader.read(&setting::HTTP_TLS_KEY, parse::text).map(PathBuf::from);
    match (cert, key) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (Some(_), None) => {
            reader.require(
                Place::Top,
                &setting::HTTP_TLS_KEY,
                "name the file of the certificate's private key",
            );
            None
        }
        (None, Some(_)) => {
            reader.require(Place::Top, &setting::HTTP_TLS_CERT, "name the file of the certificate chain");
            None
        }
        (None, None) => None,
    }
}

fn read_limits(reader: &mut Reader<'_>) -> Option<HttpLimits> {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let body = reader.read(&setting::HTTP_MAX_BODY, |raw| parse::size(raw, 1 << 10, 64 << 20)).map(size);
    let connections =
        reader.read(&setting::HTTP_MAX_CONNECTIONS, |raw| parse::count(raw, 1, 1_000_000)).map(size);
    let calls = reader.read(&setting::HTTP_MAX_CALLS, |raw| parse::count(raw, 1, 100_000)).map(size);
    let calls_per_subject =
        reader.read(&setting::HTTP_MAX_CALLS_PER_SUBJECT, |raw| parse::count(raw, 1, 100_000)).map(size);
    let failed_auth = reader.read(&setting::HTTP_FAILED_AUTH, rate);
    let second = Duration::from_secs(1);
    let slow_client =
        reader.read(&setting::HTTP_SLOW_CLIENT, |raw| parse::duration(raw, second, Duration::from_mins(10)));
    let shutdown = reader
        .read(&setting::HTTP_SHUTDOWN, |raw| parse::duration(raw, Duration::ZERO, Duration::from_hours(1)));
    Some(HttpLimits {
        body: body?,
        connections: connections?,
        calls: calls?,
        calls_per_subject: calls_per_subject?,
        failed_auth: failed_auth?,
        slow_client: slow_client?,
        shutdown: shutdown?,
    })
}

fn address(raw: &Raw) -> Result<SocketAddr, Invalid> {
    let text = parse::text(raw)?;
    let hint = "write an address and a port, such as 127.0.0.1:8000 or [::1]:8000; port 0 takes a free one";
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.parse().map_err(|_| Invalid::new("is not an address to listen at").hint(hint))
}

fn public_url(raw: &Raw) -> Result<SecureUrl, Invalid> {
    let url = auth::endpoint(raw)?;
    if url.url().query().is_some() {
        return Err(Invalid::new("holds a query").hint("leave out the ? and what follows"));
    }
    Ok(url)
}

fn networks(raw: &Raw) -> Result<Vec<IpNet>, Invalid> {
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
            Invalid::new(format!("names {}, which is no address", parse::brief(text)))
                .hint("write addresses (10.1.2.3) and networks (10.0.0.0/8), separated by commas")
        })
    };
    parse::list(raw)?.iter().map(network).collect()
}

fn hosts(raw: &Raw) -> Result<Vec<String>, Invalid> {
    let hosts = parse::list(raw)?;
    match hosts.iter().find(|host| host.contains(['/', '*', ' ', '@'])) {
        None => Ok(hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()),
        Some(host) => Err(Invalid::new(format!("names {}, which is no host name", parse::brief(host))).hint(
            "write the names alone, such as m4.example.org, separated by commas; there are no wildcards",
        )),
    }
}

fn origins(raw: &Raw) -> Result<Vec<String>, Invalid> {
    let origin = |text: &String| {
        let url = url::Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none()
        });
        url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
            Invalid::new(format!("names {}, which is no origin", parse::brief(text)))
                .hint("write scheme, host and port, such as https://app.example.org, separated by commas")
        })
    };
    parse::list(raw)?.iter().map(origin).collect()
}

fn dpop(raw: &Raw) -> Result<Dpop, Invalid> {
    match parse::text(raw)?.to_ascii_lowercase().as_str() {
        "off" => Ok(Dpop::Off),
        "accepted" => Ok(Dpop::Accepted),
        "required" => Ok(Dpop::Required),
        _ => Err(Invalid::new("is neither off, accepted nor required")),
    }
}

fn rate(raw: &Raw) -> Result<RateLimit, Invalid> {
    let text = parse::text(raw)?;
    let numbers = text.split_once('/').and_then(|(count, seconds)| {
        let requests: NonZeroU32 = count.trim().parse().ok()?;
        let seconds: u32 = seconds.trim().parse().ok()?;
        (1..=86_400)
            .contains(&seconds)
            .then_some(RateLimit { requests, window: Duration::from_secs(seconds.into()) })
    });
    numbers.ok_or_else(|| {
        Invalid::new("is not of the form COUNT/SECONDS").hint("30/60 allows thirty failures a minute")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::{Flags, Layers};
    use crate::env::Environment;

    fn read_from(pairs: &[(&str, &str)]) -> HttpSetting {
        let env = Environment::from_pairs(pairs.iter().copied());
        let flags = Flags::new();
        let layers = Layers::new(&env, &flags, None);
        read(&mut Reader::new(&layers))
    }

    fn on(pairs: &[(&str, &str)]) -> HttpConfig {
        let listening = [("M4_HTTP_LISTEN", "127.0.0.1:8000")];
        match read_from(&[&listening, pairs].concat()) {
            HttpSetting::On(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn wrong(name: &str, value: &str) -> String {
        match read_from(&[("M4_HTTP_LISTEN", "127.0.0.1:8000"), (name, value)]) {
            HttpSetting::Misconfigured(errors) => errors.to_string(),
            other => panic!("{name}={value}: {other:?}"),
        }
    }

    #[test]
    fn nothing_listens_unless_an_address_is_given() {
        assert!(matches!(read_from(&[]), HttpSetting::Off));
        assert!(matches!(read_from(&[("M4_HTTP_DPOP", "required")]), HttpSetting::Off));
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = on(&[]);
        assert_eq!(config.listen, "127.0.0.1:8000".parse().unwrap());
        assert!(config.sessions && config.dpop_nonce && !config.allow_insecure);
        assert_eq!(config.dpop, Dpop::Accepted);
        assert_eq!((config.limits.body, config.limits.calls_per_subject), (1 << 20, 16));
        assert_eq!(config.limits.failed_auth.requests.get(), 30);
        assert_eq!(config.limits.shutdown, Duration::from_secs(30));
    }

    #[test]
    fn what_cannot_be_used_keeps_the_server_from_listening() {
        for (name, value) in [
            ("M4_HTTP_LISTEN", "8000"),
            ("M4_HTTP_LISTEN", "example.org:80"),
            ("M4_HTTP_PUBLIC_URL", "http://m4.example"),
            ("M4_HTTP_PUBLIC_URL", "https://m4.example/?a"),
            ("M4_HTTP_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("M4_HTTP_TRUSTED_PROXIES", "proxy.example"),
            ("M4_HTTP_ALLOWED_HOSTS", "*.example"),
            ("M4_HTTP_ALLOWED_ORIGINS", "https://a.example/path"),
            ("M4_HTTP_ALLOWED_ORIGINS", "null"),
            ("M4_HTTP_DPOP", "maybe"),
            ("M4_HTTP_SESSIONS", "maybe"),
            ("M4_HTTP_FAILED_AUTH", "30"),
            ("M4_HTTP_FAILED_AUTH", "0/60"),
            ("M4_HTTP_MAX_CALLS", "0"),
        ] {
            assert!(wrong(name, value).contains(name), "{name}={value}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_key_its_certificate() {
        assert!(wrong("M4_HTTP_TLS_CERT", "/c.pem").contains("M4_HTTP_TLS_KEY"));
        assert!(wrong("M4_HTTP_TLS_KEY", "/k.pem").contains("M4_HTTP_TLS_CERT"));
        assert!(on(&[("M4_HTTP_TLS_CERT", "/c"), ("M4_HTTP_TLS_KEY", "/k")]).tls.is_some());
    }

    #[test]
    fn lists_take_addresses_networks_hosts_and_origins_in_one_spelling() {
        let config = on(&[
            ("M4_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,::1"),
            ("M4_HTTP_ALLOWED_HOSTS", "M4.Example"),
            ("M4_HTTP_ALLOWED_ORIGINS", "HTTPS://App.Example:443"),
        ]);
        assert_eq!(config.trusted_proxies.len(), 3);
        assert_eq!(config.allowed_hosts, ["m4.example"]);
        assert_eq!(config.allowed_origins, ["https://app.example"]);
    }
}
