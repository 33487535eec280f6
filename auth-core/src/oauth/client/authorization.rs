//! The authorization request: the URL a person's browser opens, and what has to be remembered until it comes back (RFC
//! 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::pkce::{self, CodeVerifier, PkceUnsupported};
use super::redirect::PendingAuthorization;
use super::server::AuthorizationServer;
use crate::oauth::url::{InvalidUrl, SecureUrl, is_loopback};
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// What to ask an authorization server for.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// Whom to ask.
    pub server: &'a AuthorizationServer,
    /// The client.
    pub client_id: &'a str,
    /// Where the browser returns to.
    pub redirect_uri: &'a RedirectUri,
    /// The scopes; an empty set leaves the parameter out, and the server decides.
    pub scope: &'a ScopeSet,
    /// The protected resource the token is for. `None` leaves the parameter out, for issuers that refuse it.
    pub resource: Option<&'a str>,
    /// More parameters, such as `prompt`, `login_hint` or `audience`. None may be one of the protocol's own.
    pub extra: &'a [(&'a str, &'a str)],
}

/// The random numbers of one login; the caller draws them and uses them once.
pub struct LoginRandomness {
    state: Zeroizing<[u8; 32]>,
    verifier: Zeroizing<[u8; 32]>,
}

impl LoginRandomness {
    /// Takes 32 random bytes for `state` and 32 others for the code verifier.
    pub fn new(state: [u8; 32], verifier: [u8; 32]) -> Self {
        Self { state: Zeroizing::new(state), verifier: Zeroizing::new(verifier) }
    }
}

impl fmt::Debug for LoginRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginRandomness([redacted])")
    }
}

impl AuthorizationRequest<'_> {
    /// The URL to open and the other half, which waits for the answer.
    ///
    /// Fails where the server does not support PKCE, so no login goes without. Parameters that the endpoint's URL already
    /// has stay (RFC 6749 §3.1).
    pub fn begin(
        &self,
        randomness: LoginRandomness,
    ) -> Result<(AuthorizationUrl, PendingAuthorization), AuthorizationError> {
        let endpoint =
            self.server.authorization_endpoint.as_ref().ok_or(AuthorizationError::NoAuthorizationEndpoint)?;
        self.server.pkce.require_s256()?;
        let LoginRandomness { state, verifier } = randomness;
        let state = Secret::new(URL_SAFE_NO_PAD.encode(state.as_slice()));
        let verifier = CodeVerifier::from_random(*verifier);
        let challenge = verifier.challenge();
        let scope = self.scope.joined();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("state", state.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", pkce::METHOD),
        ];
        parameters.extend(Some(("scope", scope.as_str())).filter(|(_, scope)| !scope.is_empty()));
        parameters.extend(self.resource.map(|resource| ("resource", resource)));
        let is_own = |name: &str| RESERVED.contains(&name);
        if let Some((name, _)) = self.extra.iter().find(|(name, _)| is_own(name)) {
            return Err(AuthorizationError::ReservedParameter { name: (*name).to_owned() });
        }
        parameters.extend(self.extra);
        let mut url = endpoint.url().clone();
        // Twice the same parameter, and it is the server's guess which one counts.
        if let Some((name, _)) =
            endpoint.url().query_pairs().find(|(name, _)| parameters.iter().any(|(ours, _)| ours == name))
        {
            return Err(AuthorizationError::EndpointHasParameter { name: name.into_owned() });
        }
        url.query_pairs_mut().extend_pairs(&parameters);
        let pending = PendingAuthorization::new(
            self.server,
            self.client_id.to_owned(),
            self.redirect_uri.clone(),
            self.resource.map(str::to_owned),
            self.scope.clone(),
            state,
            verifier,
        );
        Ok((AuthorizationUrl(url), pending))
    }
}

/// The URL of an authorization request: `https`, or `http` on this machine, and nothing else, so that it may be handed to
/// a browser. To be shown to the person who logs in and to nobody else; its `Debug` has no query.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationUrl(Url);

impl AuthorizationUrl {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for AuthorizationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizationUrl({}{}?…)", self.0.origin().ascii_serialization(), self.0.path())
    }
}

/// Where the browser returns to: a plain `http` URL of this machine, where only programs of this machine listen (RFC 8252
/// §7.3). Kept byte for byte, because authorization servers compare it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(SecureUrl);

impl RedirectUri {
    /// Takes `http://127.0.0.1:8088/callback` and its like.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let url = SecureUrl::parse(text)?;
        if !is_loopback(url.url()) {
            return Err(InvalidRedirectUri::NotLoopback);
        }
        if url.url().scheme() != "http" {
            return Err(InvalidRedirectUri::NotPlain);
        }
        let answer_names =
            url.url().query_pairs().any(|(name, _)| super::redirect::is_answer_parameter(&name));
        if answer_names { Err(InvalidRedirectUri::Query) } else { Ok(Self(url)) }
    }

    /// The same place at another port: authorization servers let native clients choose it (RFC 8252 §7.3).
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        let mut url = self.0.url().clone();
        // Only URLs without host or with scheme `file` take no port.
        let _ = url.set_port(Some(port));
        SecureUrl::parse(url.as_str()).map_or_else(|_| self.clone(), Self)
    }

    /// The URI as given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URI as a URL.
    pub const fn url(&self) -> &Url {
        self.0.url()
    }

    /// The port to listen on.
    pub fn port(&self) -> u16 {
        self.url().port_or_known_default().unwrap_or(80)
    }

    /// The addresses to listen on: the one that is named; for `localhost` IPv4 and, where the machine has it, IPv6.
    pub fn addresses(&self) -> Vec<std::net::IpAddr> {
        match self.url().host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            _ => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A redirect URI that a login on this machine cannot use; reads after the name of what holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// No sound URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// Of another machine: the code would go there.
    #[error("leads to another machine")]
    NotLoopback,
    /// `https`, for which this machine has no certificate.
    #[error("is https, and a callback on this machine has no certificate")]
    NotPlain,
    /// Its query holds a parameter that the answer brings.
    #[error("holds a parameter of the authorization server's answer")]
    Query,
}

/// Why a login cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// Nowhere to log in.
    #[error("the authorization server has no authorization_endpoint")]
    NoAuthorizationEndpoint,
    /// The login would not be protected.
    #[error(transparent)]
    Pkce(#[from] PkceUnsupported),
    /// An extra parameter would replace one of the protocol's.
    #[error("the parameter {name} cannot be set: the login sets it itself")]
    ReservedParameter {
        /// Its name.
        name: String,
    },
    /// The endpoint's URL has a parameter of the request already.
    #[error("the authorization_endpoint's own query holds {}", crate::rejection::Quoted(.name))]
    EndpointHasParameter {
        /// Its name.
        name: String,
    },
}

/// Parameters that decide about the login's safety or its answer's form.
const RESERVED: [&str; 12] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
    "request",
    "request_uri",
    "dpop_jkt",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::oauth::client::pkce::PkceSupport;
    use crate::oauth::metadata::Issuer;

    fn server(endpoint: &str) -> AuthorizationServer {
        let issuer = Issuer::parse("https://as.example").unwrap();
        let [authorization, token] =
            [endpoint, "https://as.example/token"].map(|url| SecureUrl::parse(url).unwrap());
        AuthorizationServer::configured(issuer, Some(authorization), token)
    }

    fn randomness() -> LoginRandomness {
        LoginRandomness::new([1; 32], [2; 32])
    }

    fn begin(
        server: &AuthorizationServer,
        scope: &str,
        resource: Option<&str>,
        extra: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, AuthorizationError> {
        let request = AuthorizationRequest {
            server,
            client_id: "m4 & co",
            redirect_uri: &RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
            scope: &ScopeSet::parse(scope).unwrap(),
            resource,
            extra,
        };
        let (url, _) = request.begin(randomness())?;
        let pairs: Vec<_> = Url::parse(url.as_str()).unwrap().query_pairs().into_owned().collect();
        let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(pairs.len(), map.len(), "no parameter twice");
        Ok(map)
    }

    #[test]
    fn the_request_is_that_of_the_specifications() {
        let parameters = begin(
            &server("https://as.example/authorize?tenant=7"),
            "b a",
            Some("https://m.example/mcp"),
            &[("prompt", "login")],
        )
        .unwrap();
        let expected = [
            ("client_id", "m4 & co"),
            ("code_challenge", &CodeVerifier::from_random([2; 32]).challenge()),
            ("code_challenge_method", "S256"),
            ("prompt", "login"),
            ("redirect_uri", "http://127.0.0.1:8088/callback"),
            ("resource", "https://m.example/mcp"),
            ("response_type", "code"),
            ("scope", "a b"),
            ("state", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"),
            ("tenant", "7"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters, BTreeMap::from(expected));
    }

    #[test]
    fn c06_the_resource_is_asked_for_unless_it_is_switched_off() {
        let server = server("https://as.example/authorize");
        let with = begin(&server, "", Some("https://m.example/mcp"), &[]).unwrap();
        assert_eq!(with["resource"], "https://m.example/mcp");
        let without = begin(&server, "", None, &[]).unwrap();
        assert!(!without.contains_key("resource") && !without.contains_key("scope"));
    }

    #[test]
    fn c05_no_url_is_made_without_pkce() {
        for pkce in [PkceSupport::NotAdvertised, PkceSupport::Advertised(vec!["plain".into()])] {
            let server = AuthorizationServer { pkce, ..server("https://as.example/authorize") };
            assert!(matches!(begin(&server, "", None, &[]), Err(AuthorizationError::Pkce(_))));
        }
        let none = AuthorizationServer { authorization_endpoint: None, ..server("https://as.example/a") };
        assert_eq!(begin(&none, "", None, &[]), Err(AuthorizationError::NoAuthorizationEndpoint));
    }

    #[test]
    fn no_parameter_of_the_protocol_can_be_replaced_or_doubled() {
        let sound = server("https://as.example/authorize");
        for name in RESERVED {
            let error = begin(&sound, "", None, &[(name, "x")]).unwrap_err();
            assert_eq!(error, AuthorizationError::ReservedParameter { name: name.into() });
        }
        let doubled = begin(&server("https://as.example/authorize?st%61te=x"), "", None, &[]).unwrap_err();
        assert_eq!(doubled, AuthorizationError::EndpointHasParameter { name: "state".into() });
    }

    #[test]
    fn c17_a_redirect_uri_is_plain_and_of_this_machine() {
        for text in ["http://127.0.0.1:8088/callback", "http://localhost:1/", "http://[::1]:8088/a?b=c"] {
            let uri = RedirectUri::parse(text).unwrap();
            assert_eq!((uri.as_str(), uri.to_string().as_str()), (text, text));
        }
        for (text, error) in [
            ("https://m.example/callback", InvalidRedirectUri::NotLoopback),
            ("https://localhost/callback", InvalidRedirectUri::NotPlain),
            ("http://127.0.0.1.evil.example/", InvalidUrl::Insecure.into()),
            ("http://0.0.0.0:8088/", InvalidUrl::Insecure.into()),
            ("m4:callback", InvalidUrl::NotAbsolute.into()),
            ("http://127.0.0.1/#x", InvalidUrl::HasFragment.into()),
            ("http://127.0.0.1/?code=x", InvalidRedirectUri::Query),
        ] {
            assert_eq!(RedirectUri::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn c17_a_free_port_takes_the_place_of_a_busy_one() {
        let uri = RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap();
        assert_eq!(uri.with_port(50_000).as_str(), "http://127.0.0.1:50000/callback");
        assert_eq!((uri.port(), uri.addresses()), (8088, vec![Ipv4Addr::LOCALHOST.into()]));
        let uri = RedirectUri::parse("http://localhost/callback").unwrap();
        assert_eq!((uri.port(), uri.addresses().len()), (80, 2));
        assert!(uri.addresses().iter().all(std::net::IpAddr::is_loopback));
        assert_eq!(RedirectUri::parse("http://[::1]/").unwrap().addresses(), [Ipv6Addr::LOCALHOST]);
    }

    #[test]
    fn c18_debug_output_of_the_url_holds_no_parameter() {
        let request = AuthorizationRequest {
            server: &server("https://as.example/authorize"),
            client_id: "m4",
            redirect_uri: &RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
            scope: &ScopeSet::default(),
            resource: None,
            extra: &[],
        };
        let (url, pending) = request.begin(randomness()).unwrap();
        assert!(url.as_str().starts_with("https://as.example/authorize?response_type=code&"));
        assert_eq!(format!("{url:?}"), "AuthorizationUrl(https://as.example/authorize?…)");
        let shown = format!("{pending:?}");
        assert!(!shown.contains("AQEB") && !shown.contains("AgIC"), "{shown}");
    }
}
