//! What the browser brings back (RFC 6749 §4.1.2, RFC 9207): a code to spend, a refusal to show, or nothing of ours.
//!
//! The order of the checks matters. A request to another path is not the callback. `state` comes first, because without it
//! anybody's page could have sent the browser here; `iss` next, because an answer from another server must not even be
//! shown. Only then is it looked at what the answer says.

use url::{Url, form_urlencoded};

use super::authorization::RedirectUri;
use super::pkce::CodeVerifier;
use super::server::AuthorizationServer;
use crate::oauth::metadata::Issuer;
use crate::rejection::Quoted;
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// A login that waits for the browser to come back. It is answered once.
#[derive(Debug, Clone)]
pub struct PendingAuthorization {
    issuer: Issuer,
    iss_advertised: bool,
    client_id: String,
    redirect_uri: RedirectUri,
    resource: Option<String>,
    scope: ScopeSet,
    state: Secret,
    verifier: CodeVerifier,
    is_answered: bool,
}

impl PendingAuthorization {
    pub(super) fn new(
        server: &AuthorizationServer,
        client_id: String,
        redirect_uri: RedirectUri,
        resource: Option<String>,
        scope: ScopeSet,
        state: Secret,
        verifier: CodeVerifier,
    ) -> Self {
        Self {
            issuer: server.issuer.clone(),
            iss_advertised: server.iss_advertised,
            client_id,
            redirect_uri,
            resource,
            scope,
            state,
            verifier,
            is_answered: false,
        }
    }

    /// The issuer recorded before the browser left.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where the browser is expected.
    pub const fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// Takes the target of a GET request at the loopback listener, such as `/callback?code=…`.
    pub fn receive(&mut self, target: &str) -> Result<Redirect, RedirectError> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(RedirectError::TooLarge);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path == self.redirect_uri.url().path() { self.answer(query) } else { Ok(Redirect::NotTheCallback) }
    }

    /// Takes the address that a person copied from the browser's address bar, when the browser runs elsewhere.
    pub fn receive_pasted(&mut self, text: &str) -> Result<Redirect, RedirectError> {
        let text = text.trim();
        if text.len() > MAX_TARGET_BYTES {
            return Err(RedirectError::TooLarge);
        }
        let Ok(url) = Url::parse(text) else { return Ok(Redirect::NotTheCallback) };
        let expected = self.redirect_uri.url();
        if url.origin() != expected.origin() || url.path() != expected.path() {
            return Ok(Redirect::NotTheCallback);
        }
        self.answer(url.query().unwrap_or(""))
    }

    fn answer(&mut self, query: &str) -> Result<Redirect, RedirectError> {
        let answer = Answer::parse(query)?;
        // A browser may fetch the bare path ahead of a person's click, or a scanner may.
        if answer.is_empty() {
            return Ok(Redirect::NotTheCallback);
        }
        if !answer.state.as_ref().is_some_and(|state| self.state.matches(state.expose())) {
            return Err(RedirectError::WrongState);
        }
        match &answer.iss {
            None if self.iss_advertised => {
                return Err(RedirectError::NoIssuer { expected: self.issuer.clone() });
            }
            Some(iss) if iss != self.issuer.as_str() => {
                return Err(RedirectError::WrongIssuer { expected: self.issuer.clone() });
            }
            _ => {}
        }
        if self.is_answered {
            return Err(RedirectError::SecondAnswer);
        }
        self.is_answered = true;
        match (answer.code, answer.error) {
            (Some(code), None) => Ok(Redirect::Code(Box::new(CodeGrant {
                code,
                verifier: self.verifier.clone(),
                redirect_uri: self.redirect_uri.clone(),
                issuer: self.issuer.clone(),
                client_id: self.client_id.clone(),
                resource: self.resource.clone(),
                scope: self.scope.clone(),
            }))),
            (None, Some(error)) => {
                Err(RedirectError::Refused(ProviderError { error, description: answer.description }))
            }
            _ => Err(RedirectError::Contradictory),
        }
    }
}

/// What a request at the loopback listener was.
#[derive(Debug, Clone)]
pub enum Redirect {
    /// A favicon, a scan, a typing error: answer it with 404 and go on waiting.
    NotTheCallback,
    /// The answer.
    Code(Box<CodeGrant>),
}

/// An authorization code and all that is needed to spend it. The code works once and only with the verifier.
#[derive(Debug, Clone)]
pub struct CodeGrant {
    pub(super) code: Secret,
    pub(super) verifier: CodeVerifier,
    pub(super) redirect_uri: RedirectUri,
    /// The issuer that gave the code.
    pub issuer: Issuer,
    /// The client it was given to.
    pub client_id: String,
    /// The resource the login asked for.
    pub resource: Option<String>,
    /// The scopes the login asked for.
    pub scope: ScopeSet,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// Too long for an answer.
    #[error("the answer is longer than {MAX_TARGET_BYTES} bytes")]
    TooLarge,
    /// A parameter comes twice (RFC 6749 §3.1).
    #[error("the answer holds {name} more than once")]
    Repeated {
        /// Its name.
        name: &'static str,
    },
    /// It does not belong to this login (RFC 6749 §10.12).
    #[error("the answer belongs to another login: its state is not the one of this login")]
    WrongState,
    /// The issuer promises `iss` and it is absent (RFC 9207 §2.4).
    #[error("the answer does not say that it comes from {expected}, as that issuer's answers do")]
    NoIssuer {
        /// The issuer that was asked.
        expected: Issuer,
    },
    /// It comes from another issuer (RFC 9207 §2.4).
    #[error("the answer comes from another issuer than {expected}")]
    WrongIssuer {
        /// The issuer that was asked.
        expected: Issuer,
    },
    /// The login has its answer already.
    #[error("this login has been answered already")]
    SecondAnswer,
    /// Neither a code nor an error, or both.
    #[error("the answer holds neither a code nor an error, or both")]
    Contradictory,
    /// The authorization server says no.
    #[error("the authorization server refused the login: {0}")]
    Refused(ProviderError),
}

impl RedirectError {
    /// Whether the login is over. What does not belong to it, or does not come from its issuer, does not end it:
    /// otherwise any page could, by sending the browser here.
    pub const fn ends_login(&self) -> bool {
        matches!(self, Self::Contradictory | Self::Refused(_))
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Refused(_) => "mend what the authorization server names, then log in again",
            Self::WrongState | Self::SecondAnswer => {
                "close this page and finish the login in the tab it was opened in"
            }
            Self::NoIssuer { .. } | Self::WrongIssuer { .. } => {
                "do not log in on the page that sent you here; it may belong to somebody else"
            }
            Self::TooLarge | Self::Repeated { .. } | Self::Contradictory => "log in again",
        }
    }
}

/// What an authorization server says about a refusal (RFC 6749 §4.1.2.1, §5.2). Shown escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// The `error` code.
    pub error: String,
    /// The `error_description`.
    pub description: Option<String>,
}

impl std::fmt::Display for ProviderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Quoted(&self.error).fmt(f)?;
        match &self.description {
            Some(description) => write!(f, " ({})", Quoted(description)),
            None => Ok(()),
        }
    }
}

/// Whether the answer brings such a parameter.
pub(super) fn is_answer_parameter(name: &str) -> bool {
    ANSWER_PARAMETERS.contains(&name)
}

/// The parameters that count; an empty one is the same as none (RFC 6749 §3.1).
#[derive(Default)]
struct Answer {
    state: Option<Secret>,
    iss: Option<String>,
    code: Option<Secret>,
    error: Option<String>,
    description: Option<String>,
}

impl Answer {
    fn parse(query: &str) -> Result<Self, RedirectError> {
        let mut seen = [false; ANSWER_PARAMETERS.len()];
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(index) = ANSWER_PARAMETERS.iter().position(|known| *known == name) else { continue };
            let name = ANSWER_PARAMETERS[index];
            if std::mem::replace(&mut seen[index], true) {
                return Err(RedirectError::Repeated { name });
            }
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match name {
                "state" => answer.state = value.map(Secret::new),
                "code" => answer.code = value.map(Secret::new),
                "iss" => answer.iss = value,
                "error" => answer.error = value,
                "error_description" => answer.description = value,
                _ => {}
            }
        }
        Ok(answer)
    }

    const fn is_empty(&self) -> bool {
        self.state.is_none() && self.code.is_none() && self.error.is_none()
    }
}

/// Longest request target or pasted address looked at.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;

const ANSWER_PARAMETERS: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oauth::url::SecureUrl;

    const STATE: &str = "the-state";
    const ISSUER: &str = "https://as.example";

    fn pending(iss_advertised: bool) -> PendingAuthorization {
        let issuer = Issuer::parse(ISSUER).unwrap();
        let token = SecureUrl::parse("https://as.example/token").unwrap();
        let server =
            AuthorizationServer { iss_advertised, ..AuthorizationServer::configured(issuer, None, token) };
        PendingAuthorization::new(
            &server,
            "m4".into(),
            RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
            Some("https://m.example/mcp".into()),
            ScopeSet::parse("a").unwrap(),
            Secret::new(STATE),
            CodeVerifier::from_random([2; 32]),
        )
    }

    fn receive(target: &str) -> Result<Redirect, RedirectError> {
        pending(false).receive(target)
    }

    fn code(redirect: &Result<Redirect, RedirectError>) -> Option<&str> {
        match redirect {
            Ok(Redirect::Code(grant)) => Some(grant.code.expose()),
            _ => None,
        }
    }

    #[test]
    fn the_code_comes_with_all_that_is_needed_to_spend_it() {
        let Ok(Redirect::Code(grant)) = receive("/callback?code=c%2F1&state=the-state&session_state=x")
        else {
            panic!()
        };
        assert_eq!(grant.code.expose(), "c/1");
        assert_eq!((grant.issuer.as_str(), grant.client_id.as_str()), (ISSUER, "m4"));
        assert_eq!(grant.resource.as_deref(), Some("https://m.example/mcp"));
        assert!(!format!("{grant:?}").contains("c/1"));
    }

    #[test]
    fn c08_only_the_state_of_this_login_counts() {
        for query in
            ["code=c", "code=c&state=", "code=c&state=the-stat", "code=c&state=the-state2", "error=x&state=y"]
        {
            let error = receive(&format!("/callback?{query}")).unwrap_err();
            assert_eq!(error, RedirectError::WrongState, "{query}");
            assert!(!error.ends_login());
        }
        assert!(code(&receive("/callback?code=c&state=the-state")).is_some());
    }

    #[test]
    fn c08_a_wrong_answer_neither_ends_the_login_nor_uses_it_up() {
        let mut pending = pending(false);
        assert_eq!(
            pending.receive("/callback?error=access_denied&state=x").unwrap_err(),
            RedirectError::WrongState
        );
        assert!(code(&pending.receive("/callback?code=c&state=the-state")).is_some());
        let second = pending.receive("/callback?code=d&state=the-state").unwrap_err();
        assert_eq!(second, RedirectError::SecondAnswer);
        assert!(!second.ends_login());
    }

    #[test]
    fn c07_an_advertised_iss_that_is_absent_is_refused() {
        let target = "/callback?code=c&state=the-state";
        let error = pending(true).receive(target).unwrap_err();
        assert_eq!(error, RedirectError::NoIssuer { expected: Issuer::parse(ISSUER).unwrap() });
        let empty = pending(true).receive(&format!("{target}&iss=")).unwrap_err();
        assert!(matches!(empty, RedirectError::NoIssuer { .. }));
        assert!(code(&pending(true).receive(&format!("{target}&iss=https://as.example"))).is_some());
        assert!(code(&pending(false).receive(target)).is_some());
    }

    #[test]
    fn c07_a_present_iss_is_compared_exactly_and_nothing_of_a_foreign_answer_is_shown() {
        for iss in [
            "https://as.example/",
            "https://AS.example",
            "https://as.example:443",
            "https%3A%2F%2Fevil.example",
        ] {
            for advertised in [false, true] {
                let answer = "error=stolen&error_description=<b>call+0800&state=the-state";
                let error =
                    pending(advertised).receive(&format!("/callback?{answer}&iss={iss}")).unwrap_err();
                assert_eq!(error, RedirectError::WrongIssuer { expected: Issuer::parse(ISSUER).unwrap() });
                let shown = format!("{error} {error:?}");
                assert!(!["stolen", "0800", "evil"].iter().any(|text| shown.contains(text)), "{shown}");
            }
        }
    }

    #[test]
    fn a_refusal_is_shown_escaped_and_cut() {
        let long = "x".repeat(500);
        let target =
            format!("/callback?state=the-state&error=access_denied&error_description=no%1B%5B2J%0A{long}");
        let error = receive(&target).unwrap_err();
        assert!(error.ends_login());
        let text = error.to_string();
        assert!(
            text.starts_with("the authorization server refused the login: `access_denied` (`no\\u{1b}[2J\\n")
        );
        assert!(text.len() < 300 && text.ends_with("…`)"), "{text}");
    }

    #[test]
    fn a_parameter_given_twice_is_refused_before_anything_is_read() {
        for name in ANSWER_PARAMETERS {
            let error =
                receive(&format!("/callback?code=c&state=the-state&iss=x&{name}=y&{name}=")).unwrap_err();
            assert!(matches!(error, RedirectError::Repeated { .. }), "{name}");
        }
        assert!(code(&receive("/callback?code=c&state=the-state&x=1&x=2")).is_some());
    }

    #[test]
    fn neither_code_nor_error_or_both_is_no_answer() {
        for query in ["state=the-state", "state=the-state&code=c&error=x", "state=the-state&code="] {
            assert_eq!(receive(&format!("/callback?{query}")).unwrap_err(), RedirectError::Contradictory);
        }
    }

    #[test]
    fn other_requests_are_not_the_callback() {
        for target in
            ["/favicon.ico", "/", "", "*", "/callback", "/callback/", "/callback2?code=c", "/callback?x=y"]
        {
            assert!(matches!(receive(target), Ok(Redirect::NotTheCallback)), "{target}");
        }
        let long = format!("/callback?state=the-state&code={}", "x".repeat(MAX_TARGET_BYTES));
        assert_eq!(receive(&long).unwrap_err(), RedirectError::TooLarge);
        assert_eq!(pending(false).receive_pasted(&long).unwrap_err(), RedirectError::TooLarge);
    }

    #[test]
    fn a_pasted_address_counts_only_when_it_is_the_redirect_uri() {
        let paste = |text: &str| pending(false).receive_pasted(text);
        assert_eq!(code(&paste(" http://127.0.0.1:8088/callback?code=c&state=the-state#x\n")), Some("c"));
        for text in [
            "https://evil.example/callback?code=c&state=the-state",
            "http://127.0.0.1:9/callback?code=c&state=the-state",
            "http://127.0.0.1:8088/?code=c&state=the-state",
            "c",
        ] {
            assert!(matches!(paste(text), Ok(Redirect::NotTheCallback)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_target_makes_it_panic_and_none_passes_without_the_state(
            target in "(/callback)?\\?((code|state|iss|error)=(the-state|[a-z%0-9]{0,5})&){0,5}|\\PC{0,60}",
        ) {
            for advertised in [false, true] {
                let received = pending(advertised).receive(&target);
                if code(&received).is_some() {
                    prop_assert!(target.contains("state=the-state") && !advertised);
                }
                let _ = pending(advertised).receive_pasted(&target);
            }
        }
    }
}
