//! Which scopes to ask for: as few as do, and more when a server says so (MCP authorization, "Scope Selection Strategy"
//! and "Step-Up Authorization Flow").

use super::server::AuthorizationServer;
use super::www_authenticate::TokenChallenge;
use crate::scope::ScopeSet;

/// The scopes of a first login: what a person asked for, else what the challenge names, else all that the resource lists,
/// else none, which leaves the parameter out.
pub fn first_request(
    configured: Option<&ScopeSet>,
    challenge: Option<&TokenChallenge>,
    listed: Option<&ScopeSet>,
    server: &AuthorizationServer,
) -> ScopeSet {
    let challenged = challenge.and_then(|challenge| challenge.scope.as_ref());
    let scopes = configured.or(challenged).or(listed).cloned().unwrap_or_default();
    with_offline_access(scopes, server)
}

/// Adds `offline_access`, without which some servers give no refresh token, where the server knows it; takes it away where
/// the server lists its scopes without it, because there it makes the whole request invalid.
///
/// An empty set stays empty: the server then decides about all scopes.
pub fn with_offline_access(scopes: ScopeSet, server: &AuthorizationServer) -> ScopeSet {
    let Some(supported) = &server.scopes_supported else { return scopes };
    let offline = [OFFLINE_ACCESS].into_iter().collect();
    let mut scopes = scopes;
    if !supported.contains(OFFLINE_ACCESS) {
        return scopes.without(&offline);
    }
    if !scopes.is_empty() {
        scopes.extend(&offline);
    }
    scopes
}

/// The logins of one operation at one resource: asking for a token, then for more scopes, and not for ever.
#[derive(Debug, Clone)]
pub struct StepUp {
    scopes: ScopeSet,
    /// What the last login of this operation brought.
    granted: Option<ScopeSet>,
    tries: u32,
}

impl StepUp {
    /// Starts from the scopes of the token that the operation begins with, if it has one.
    pub const fn new(scopes: ScopeSet) -> Self {
        Self { scopes, granted: None, tries: 0 }
    }

    /// Takes a refusal of the token itself, or of having none. What to ask for is up to [`first_request`].
    pub const fn unauthenticated(&mut self) -> Result<(), StepUpError> {
        if self.tries >= MOST_TRIES {
            return Err(StepUpError::Unauthenticated);
        }
        self.tries += 1;
        Ok(())
    }

    /// Takes an `insufficient_scope` challenge. Answers with the scopes to log in with, the old ones among them so that
    /// nothing is lost, or with an error after [`MOST_TRIES`] logins, and at once where the last login was granted all
    /// that is missing: another would bring no other token.
    pub fn challenged(&mut self, challenge: &TokenChallenge) -> Result<&ScopeSet, StepUpError> {
        let needed = challenge.scope.as_ref().ok_or(StepUpError::NamesNoScope)?;
        if self.granted.as_ref().is_some_and(|granted| needed.without(granted).is_empty()) {
            return Err(StepUpError::Granted { scopes: needed.clone() });
        }
        if self.tries >= MOST_TRIES {
            return Err(StepUpError::TooOften { scopes: self.scopes.clone() });
        }
        self.tries += 1;
        self.scopes.extend(needed);
        Ok(&self.scopes)
    }

    /// Takes the scopes of the token that a login brought.
    pub fn logged_in(&mut self, granted: &ScopeSet) {
        self.scopes.extend(granted);
        self.granted = Some(granted.clone());
    }
}

/// Why there is no other login for this operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepUpError {
    /// No token is good enough.
    #[error("the server refuses the tokens of {MOST_TRIES} logins")]
    Unauthenticated,
    /// More scopes were asked for, and it did not help.
    #[error("the server wants more scopes than {MOST_TRIES} logins gave it: {scopes}")]
    TooOften {
        /// What was asked for last.
        scopes: ScopeSet,
    },
    /// The server and its issuer do not agree.
    #[error("the server wants scopes that the login just gave it: {scopes}")]
    Granted {
        /// What it wants.
        scopes: ScopeSet,
    },
    /// The server does not say which.
    #[error("the server wants more scopes and does not say which")]
    NamesNoScope,
}

impl StepUpError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooOften { .. } => "ask whoever runs the server for these scopes",
            Self::Unauthenticated | Self::Granted { .. } | Self::NamesNoScope => {
                "tell whoever runs the server"
            }
        }
    }
}

/// Logins for one operation, the one that it may begin with included.
pub const MOST_TRIES: u32 = 3;

/// OpenID Connect Core §11.
pub const OFFLINE_ACCESS: &str = "offline_access";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oauth::metadata::Issuer;
    use crate::oauth::url::SecureUrl;

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    fn server(supported: Option<&str>) -> AuthorizationServer {
        let issuer = Issuer::parse("https://as.example").unwrap();
        let token = SecureUrl::parse("https://as.example/token").unwrap();
        AuthorizationServer {
            scopes_supported: supported.map(set),
            ..AuthorizationServer::configured(issuer, None, token)
        }
    }

    fn challenge(scope: &str) -> TokenChallenge {
        TokenChallenge { scope: Some(set(scope)), ..TokenChallenge::default() }
    }

    #[test]
    fn c13_the_challenge_decides_then_the_list_then_nothing() {
        let (server, listed) = (server(None), set("l1 l2"));
        let ask =
            |challenge: Option<&TokenChallenge>, listed| first_request(None, challenge, listed, &server);
        assert_eq!(ask(Some(&challenge("c")), Some(&listed)), set("c"));
        assert_eq!(ask(Some(&TokenChallenge::default()), Some(&listed)), listed);
        assert_eq!(ask(None, Some(&listed)), listed);
        assert_eq!(ask(None, None), set(""));
        let configured = first_request(Some(&set("mine")), Some(&challenge("c")), Some(&listed), &server);
        assert_eq!(configured, set("mine"));
    }

    #[test]
    fn c13_offline_access_is_asked_for_only_where_the_server_knows_it() {
        let ask =
            |supported, scope: &str| first_request(None, Some(&challenge(scope)), None, &server(supported));
        assert_eq!(ask(Some("a offline_access"), "a"), set("a offline_access"));
        assert_eq!(ask(Some("a"), "a offline_access"), set("a"));
        assert_eq!(ask(None, "a"), set("a"));
        let none = first_request(None, None, None, &server(Some("offline_access")));
        assert!(none.is_empty(), "one scope alone would shut out those the server would give by itself");
    }

    #[test]
    fn c14_old_and_new_scopes_together_and_three_tries_at_most() {
        let mut step_up = StepUp::new(set("a"));
        assert_eq!(step_up.challenged(&challenge("b")), Ok(&set("a b")));
        assert_eq!(step_up.challenged(&challenge("b")), Ok(&set("a b")));
        assert_eq!(step_up.challenged(&challenge("c")), Ok(&set("a b c")));
        let error = step_up.challenged(&challenge("d")).unwrap_err();
        assert_eq!(error, StepUpError::TooOften { scopes: set("a b c") });
        assert_eq!(step_up.unauthenticated(), Err(StepUpError::Unauthenticated));
        let error = step_up.challenged(&TokenChallenge::default()).unwrap_err();
        assert_eq!(error, StepUpError::NamesNoScope);
        assert!(error.hint().contains("whoever runs the server"));
        assert!(StepUpError::TooOften { scopes: set("a") }.hint().contains("for these scopes"));
    }

    #[test]
    fn c14_the_login_that_an_operation_begins_with_is_one_of_the_three() {
        let mut step_up = StepUp::new(ScopeSet::default());
        assert_eq!(step_up.unauthenticated(), Ok(()));
        step_up.logged_in(&set("a"));
        assert_eq!(step_up.challenged(&challenge("b")), Ok(&set("a b")));
        step_up.logged_in(&set("a"));
        assert_eq!(step_up.unauthenticated(), Ok(()));
        assert_eq!(step_up.unauthenticated(), Err(StepUpError::Unauthenticated));
        let error = step_up.challenged(&challenge("b")).unwrap_err();
        assert_eq!(error, StepUpError::TooOften { scopes: set("a b") });
    }

    #[test]
    fn c14_what_the_last_login_was_granted_is_not_asked_for_again() {
        let mut step_up = StepUp::new(set("a b"));
        assert_eq!(step_up.challenged(&challenge("b")), Ok(&set("a b")), "rights may have changed since");
        step_up.logged_in(&set("a b"));
        let error = step_up.challenged(&challenge("b")).unwrap_err();
        assert_eq!(error, StepUpError::Granted { scopes: set("b") });
        assert_eq!(step_up.challenged(&challenge("b c")), Ok(&set("a b c")));
    }

    proptest! {
        #[test]
        fn c14_no_scope_is_ever_lost(first in "[a-d]( [a-d])*", more in proptest::collection::vec("[a-f]", 0..8)) {
            let mut step_up = StepUp::new(set(&first));
            let mut granted = 0;
            for scope in more {
                if let Ok(scopes) = step_up.challenged(&challenge(&scope)) {
                    granted += 1;
                    prop_assert!(set(&first).without(scopes).is_empty() && scopes.contains(&scope));
                }
            }
            prop_assert!(granted <= MOST_TRIES);
        }
    }
}
