//! What a resource server sends with a refusal: `WWW-Authenticate` (RFC 6750 §3, RFC 9728 §5.1).

use crate::rejection::Rejection;
use crate::scope::ScopeSet;

/// The parameters of one challenge, whatever the scheme.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `error`; none when the request had no credential at all (RFC 6750 §3.1).
    pub error: Option<&'static str>,
    /// `error_description`.
    pub description: Option<String>,
    /// `scope`: everything the request needs, so that one more authorization suffices.
    pub scope: ScopeSet,
    /// `resource_metadata`: where the client learns who issues tokens for this server.
    pub resource_metadata: Option<String>,
}

impl Challenge {
    /// The challenge for a refusal.
    ///
    /// `least` are the scopes a caller needs for anything at all; they are asked for unless the refusal knows better.
    pub fn new(rejection: &Rejection, least: &ScopeSet, resource_metadata: Option<String>) -> Self {
        let error = rejection.oauth_error();
        let scope = match rejection {
            Rejection::MissingScopes { required, .. } => required,
            _ => least,
        };
        Self {
            error,
            description: error.map(|_| rejection.message()),
            scope: scope.iter().filter(|scope| is_for_resources(scope)).collect(),
            resource_metadata,
        }
    }

    /// The value of a `WWW-Authenticate` header field for bearer tokens: visible ASCII on one line.
    pub fn bearer(&self) -> String {
        self.under("Bearer", None)
    }

    /// The same for DPoP-bound tokens (RFC 9449 §7.1), with the algorithms a proof may be signed with.
    pub fn dpop(&self, algorithms: &[crate::algorithm::Algorithm]) -> String {
        let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        self.under("DPoP", Some(names.join(" ")))
    }

    fn under(&self, scheme: &str, algorithms: Option<String>) -> String {
        let scope: Vec<&str> = self.scope.iter().collect();
        let scope = Some(scope.join(" ")).filter(|scope| !scope.is_empty());
        let parameters = [
            ("algs", algorithms),
            ("error", self.error.map(str::to_owned)),
            ("error_description", self.description.clone()),
            ("scope", scope),
            ("resource_metadata", self.resource_metadata.clone()),
        ];
        let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let written: Vec<String> =
            given.map(|(name, value)| format!("{name}=\"{}\"", quotable(&value))).collect();
        if written.is_empty() { scheme.to_owned() } else { format!("{scheme} {}", written.join(", ")) }
    }
}

/// Text that can stand between quotes: RFC 6750 §3 leaves out quotes, backslashes and what is not visible ASCII.
pub fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '"' | '`' => '\'',
            '\\' => '/',
            ' '..='~' => c,
            _ => '?',
        })
        .collect()
}

/// `offline_access` asks the issuer for a refresh token; it is no scope of a resource (MCP authorization, "Refresh
/// Tokens").
pub(crate) fn is_for_resources(scope: &str) -> bool {
    scope != "offline_access"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::algorithm::Algorithm;

    const METADATA: &str = "https://m4.example/.well-known/oauth-protected-resource/mcp";

    fn set(text: &str) -> ScopeSet {
        ScopeSet::parse(text).unwrap()
    }

    fn missing_scopes() -> Rejection {
        Rejection::MissingScopes {
            missing: set("query:database"),
            required: set("read:mimic-data query:database"),
            granted: set("read:mimic-data"),
        }
    }

    #[test]
    fn a_caller_without_a_credential_is_told_where_to_get_one_and_not_that_it_erred() {
        let challenge =
            Challenge::new(&Rejection::MissingToken, &set("read:mimic-data"), Some(METADATA.to_owned()));
        assert_eq!(
            challenge.bearer(),
            format!(r#"Bearer scope="read:mimic-data", resource_metadata="{METADATA}""#)
        );
    }

    #[test]
    fn missing_scopes_are_asked_for_all_at_once_and_in_one_order() {
        let challenge = Challenge::new(&missing_scopes(), &set("read:mimic-data"), Some(METADATA.to_owned()));
        assert_eq!(
            challenge.bearer(),
            format!(
                "Bearer error=\"insufficient_scope\", error_description=\"Missing required scopes: query:database\", \
                 scope=\"query:database read:mimic-data\", resource_metadata=\"{METADATA}\""
            )
        );
    }

    #[test]
    fn the_scheme_of_key_bound_tokens_names_the_algorithms_of_proofs() {
        let challenge = Challenge::new(&Rejection::MissingToken, &ScopeSet::default(), None);
        assert_eq!(challenge.dpop(&[Algorithm::ES256, Algorithm::RS256]), r#"DPoP algs="ES256 RS256""#);
        assert_eq!(challenge.bearer(), "Bearer");
    }

    #[test]
    fn no_challenge_asks_for_offline_access() {
        let challenge = Challenge::new(&Rejection::MissingToken, &set("a offline_access"), None);
        assert_eq!(challenge.bearer(), r#"Bearer scope="a""#);
        let rejection = Rejection::MissingScopes {
            missing: set("offline_access"),
            required: set("a offline_access"),
            granted: set(""),
        };
        assert_eq!(Challenge::new(&rejection, &set(""), None).scope, set("a"));
    }

    #[test]
    fn a_refusal_that_is_not_about_the_token_carries_no_error() {
        let rejection = Rejection::RateLimited { retry_after: std::time::Duration::from_secs(3) };
        assert_eq!(Challenge::new(&rejection, &set(""), None).bearer(), "Bearer");
    }

    proptest! {
        #[test]
        fn whatever_a_token_holds_the_challenge_stays_one_line_of_visible_ascii(found in any::<String>()) {
            let rejection = Rejection::WrongIssuer { expected: "https://a.example".into(), found };
            let text = Challenge::new(&rejection, &set("a"), None).bearer();
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
            prop_assert_eq!(text.matches('"').count(), 6, "{}", text);
            prop_assert!(!text.contains('\\'));
        }
    }
}
