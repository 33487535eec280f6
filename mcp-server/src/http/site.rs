//! What the server calls itself, and which requests are meant for it.
//!
//! A web page can make a browser send requests here under another name (DNS rebinding) or from another origin. Requests
//! that name a host or an origin this server does not answer to are refused before anything else is looked at.

use std::net::{IpAddr, SocketAddr};

use auth_core::oauth::resource_metadata::well_known_path;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use url::Url;

use crate::config::HttpConfig;

/// The server's names.
#[derive(Debug)]
pub(super) struct Site {
    /// The configured public URL without a slash at its end.
    public: Option<String>,
    /// The path in front of `/mcp`, empty or beginning with a slash.
    prefix: String,
    scheme: &'static str,
    /// Names and addresses, lower case, without ports.
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// The path of the MCP endpoint.
pub(super) const ENDPOINT: &str = "/mcp";

impl Site {
    /// The site that `config` describes, listening at `listen`.
    pub(super) fn new(config: &HttpConfig, listen: SocketAddr) -> Self {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let mut hosts = config.allowed_hosts.clone();
        let mut origins = config.allowed_origins.clone();
        let public = config.public_url.as_ref().map(|url| {
            hosts.extend(url.url().host_str().map(bare));
            origins.push(url.url().origin().ascii_serialization());
            canonical(url.url())
        });
        if !listen.ip().is_unspecified() {
            hosts.push(listen.ip().to_canonical().to_string());
        }
        if is_loopback(listen.ip()) {
            hosts.extend(["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
            let own = ["localhost", "127.0.0.1", "[::1]"];
            origins.extend(own.iter().map(|host| format!("{scheme}://{host}:{}", listen.port())));
        }
        let path = config.public_url.as_ref().map_or("", |url| url.url().path());
        Self { public, prefix: path.trim_end_matches('/').to_owned(), scheme, hosts, origins }
    }

    /// Whether a request is for this server and from nobody's web page, and the host it names.
    pub(super) fn check(&self, parts: &Parts) -> Result<Host, Misdirected> {
        let mut fields = parts.headers.get_all(HOST).iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return Err(Misdirected::NoHost) };
        let host: Authority =
            field.to_str().ok().and_then(|host| host.parse().ok()).ok_or(Misdirected::NoHost)?;
        // RFC 9112 §3.2.2: a target in absolute form must agree with the field.
        if parts.uri.authority().is_some_and(|authority| *authority != host) {
            return Err(Misdirected::NoHost);
        }
        if host.as_str().contains('@') || !self.hosts.contains(&bare(host.host())) {
            return Err(Misdirected::Host);
        }
        for origin in parts.headers.get_all(ORIGIN) {
            let known = |text: &str| self.origins.iter().any(|known| known.eq_ignore_ascii_case(text));
            if !origin.to_str().is_ok_and(known) {
                return Err(Misdirected::Origin);
            }
        }
        Ok(Host(host))
    }

    /// A request's path without the prefix of the public URL, which a proxy may or may not have taken off.
    pub(super) fn local_path<'a>(&self, path: &'a str) -> &'a str {
        match path.strip_prefix(self.prefix.as_str()) {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        }
    }

    /// The canonical URL of the MCP endpoint (RFC 8707 §2): lower-case scheme and host, no slash at the end.
    ///
    /// Without a public URL it is what the client called, whose host was checked.
    pub(super) fn resource(&self, host: &Host) -> String {
        format!("{}{ENDPOINT}", self.base(host))
    }

    /// The path of the metadata of the endpoint, with the prefix of the public URL.
    pub(super) fn metadata_path(&self) -> String {
        well_known_path(&format!("{}{ENDPOINT}", self.prefix))
    }

    /// Where the metadata of the endpoint is (RFC 9728 §3.1).
    pub(super) fn metadata_url(&self, host: &Host) -> String {
        let base = self.base(host);
        let origin = base.strip_suffix(self.prefix.as_str()).unwrap_or(&base);
        format!("{origin}{}", self.metadata_path())
    }

    fn base(&self, host: &Host) -> String {
        self.public.clone().unwrap_or_else(|| {
            let called = format!("{}://{}", self.scheme, host.0);
            Url::parse(&called).map_or(called, |url| canonical(&url))
        })
    }
}

/// A host that this server answers to, as a request named it.
#[derive(Debug, Clone)]
pub(super) struct Host(Authority);

/// A request that is not for this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misdirected {
    /// No host, several, or one that contradicts the request line.
    #[error("The request names no host, or several")]
    NoHost,
    /// A host this server does not answer to.
    #[error("The request is for a host this server does not answer to")]
    Host,
    /// A web page that may not call.
    #[error("Web pages of this origin may not call this server")]
    Origin,
}

impl Misdirected {
    /// What the operator can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::NoHost => "Send one Host header field.",
            Self::Host => {
                "The operator lists further host names in M4_HTTP_ALLOWED_HOSTS, or sets M4_HTTP_PUBLIC_URL."
            }
            Self::Origin => "The operator lists origins that may call in M4_HTTP_ALLOWED_ORIGINS.",
        }
    }
}

/// Whether only this machine reaches an address.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// `Url` has lowered scheme and host and left out the default port.
fn canonical(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, HttpSetting};
    use crate::env::Environment;

    fn site(pairs: &[(&str, &str)]) -> Site {
        let listening = [("M4_HTTP_LISTEN", "127.0.0.1:8000")];
        let env = Environment::from_pairs(listening.iter().chain(pairs).copied());
        match Config::load(&env, &Flags::new()).http {
            HttpSetting::On(config) => Site::new(&config, config.listen),
            other => panic!("{other:?}"),
        }
    }

    fn parts(target: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn check(site: &Site, fields: &[(&str, &str)]) -> Result<(), Misdirected> {
        site.check(&parts("/mcp", fields)).map(drop)
    }

    #[test]
    fn a_name_that_was_rebound_to_this_machine_is_refused() {
        let site = site(&[]);
        for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "127.0.0.1:9999"] {
            assert_eq!(check(&site, &[("host", host)]), Ok(()), "{host}");
        }
        for host in
            ["evil.example:8000", "127.0.0.1.evil.example", "localhost.", "localhost@evil", "user@localhost"]
        {
            assert_eq!(check(&site, &[("host", host)]), Err(Misdirected::Host), "{host}");
        }
    }

    #[test]
    fn a_request_names_one_host_and_the_same_everywhere() {
        let site = site(&[]);
        assert_eq!(check(&site, &[]), Err(Misdirected::NoHost));
        assert_eq!(check(&site, &[("host", "localhost"), ("host", "localhost")]), Err(Misdirected::NoHost));
        assert_eq!(check(&site, &[("host", "a b")]), Err(Misdirected::NoHost));
        let absolute = |host| site.check(&parts("http://localhost:8000/mcp", &[("host", host)])).map(drop);
        assert_eq!(absolute("localhost:8000"), Ok(()));
        assert_eq!(absolute("127.0.0.1:8000"), Err(Misdirected::NoHost));
    }

    #[test]
    fn pages_of_other_origins_may_not_call_and_programs_without_one_may() {
        let site = site(&[("M4_HTTP_ALLOWED_ORIGINS", "https://app.example")]);
        let from = |origin| check(&site, &[("host", "localhost:8000"), ("origin", origin)]);
        for origin in
            ["http://localhost:8000", "http://127.0.0.1:8000", "https://app.example", "HTTPS://APP.example"]
        {
            assert_eq!(from(origin), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost:6274",
            "https://localhost:8000",
            "",
            "http://app.example",
        ] {
            assert_eq!(from(origin), Err(Misdirected::Origin), "{origin}");
        }
    }

    #[test]
    fn s15_the_resource_is_canonical_and_the_public_url_wins_over_what_was_called() {
        let called = |site: &Site, host: &str| {
            let host = site.check(&parts("/mcp", &[("host", host)])).unwrap();
            (site.resource(&host), site.metadata_url(&host))
        };
        let own = called(&site(&[]), "LocalHost:8000");
        assert_eq!(own.0, "http://localhost:8000/mcp");
        assert_eq!(own.1, "http://localhost:8000/.well-known/oauth-protected-resource/mcp");
        let public = site(&[("M4_HTTP_PUBLIC_URL", "HTTPS://M4.Example:443/")]);
        assert_eq!(called(&public, "127.0.0.1:8000").0, "https://m4.example/mcp");
        let prefixed = site(&[("M4_HTTP_PUBLIC_URL", "https://m4.example/clinic/")]);
        let (resource, metadata) = called(&prefixed, "m4.example");
        assert_eq!(resource, "https://m4.example/clinic/mcp");
        assert_eq!(metadata, "https://m4.example/.well-known/oauth-protected-resource/clinic/mcp");
    }

    #[test]
    fn a_prefix_of_the_public_url_may_be_left_on_by_the_proxy() {
        let prefixed = site(&[("M4_HTTP_PUBLIC_URL", "https://m4.example/clinic")]);
        assert_eq!(prefixed.local_path("/clinic/mcp"), "/mcp");
        assert_eq!(prefixed.local_path("/mcp"), "/mcp");
        assert_eq!(prefixed.local_path("/clinical/mcp"), "/clinical/mcp");
        assert_eq!(site(&[]).local_path("/mcp"), "/mcp");
    }
}
