//! Reading `WWW-Authenticate`: what a resource server wants instead of what it got (RFC 9110 §11.6.1).
//!
//! A field value holds any number of challenges, and commas separate both challenges and parameters, so this is a small
//! parser and no split. It never fails: what follows a mistake in a field value is dropped, what came before it counts.

use crate::scope::ScopeSet;

/// Takes at most this many bytes of a field value.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedChallenge {
    /// The scheme, as it was written; compare without regard to case.
    pub scheme: String,
    /// What some schemes have in place of parameters.
    pub token68: Option<String>,
    /// Names in lower case and unquoted values, in order.
    parameters: Vec<(String, String)>,
}

impl ReceivedChallenge {
    /// Whether the challenge is of `scheme`.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The value of a parameter, by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// What a resource server said about tokens: the parameters of its `Bearer` or `DPoP` challenge (RFC 6750 §3, RFC 9449
/// §7.1, RFC 9728 §5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenChallenge {
    /// `error`, such as `invalid_token` or `insufficient_scope`.
    pub error: Option<String>,
    /// `error_description`: foreign text, to be shown escaped only.
    pub error_description: Option<String>,
    /// `scope`, where it names any: what a token has to hold for this request.
    pub scope: Option<ScopeSet>,
    /// `resource_metadata`, still to be checked.
    pub resource_metadata: Option<String>,
    /// `algs` of a DPoP challenge.
    pub dpop_algorithms: Option<String>,
}

impl TokenChallenge {
    /// The challenge to follow among those of all `WWW-Authenticate` fields of an answer: the first `Bearer`, and beside
    /// it what a `DPoP` challenge adds. `None` when the server asks for other things than tokens.
    pub fn find<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let challenges: Vec<_> = fields.into_iter().flat_map(parse).collect();
        let first = |scheme| challenges.iter().find(|challenge| challenge.is(scheme));
        let (bearer, dpop) = (first("Bearer"), first("DPoP"));
        let of = |name| {
            let given = bearer.into_iter().chain(dpop).find_map(|challenge| challenge.parameter(name));
            given.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        (bearer.is_some() || dpop.is_some()).then(|| Self {
            error: of("error"),
            error_description: of("error_description"),
            scope: of("scope").and_then(|text| scopes(&text)),
            resource_metadata: of("resource_metadata"),
            dpop_algorithms: dpop.and_then(|challenge| challenge.parameter("algs")).map(str::to_owned),
        })
    }

    /// Whether another token with more scopes would pass (RFC 6750 §3.1).
    pub fn is_insufficient_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

/// An answer that another token would change (RFC 6750 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// 401: there was no token, or it is of no use.
    Unauthenticated(Option<TokenChallenge>),
    /// 403 with `insufficient_scope`.
    InsufficientScope(TokenChallenge),
}

impl TokenRefusal {
    /// Reads an answer's status and all its `WWW-Authenticate` fields. `None` where no login would help.
    pub fn find<'a>(status: u16, fields: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let challenge = TokenChallenge::find(fields);
        match status {
            401 => Some(Self::Unauthenticated(challenge)),
            403 => challenge.filter(TokenChallenge::is_insufficient_scope).map(Self::InsufficientScope),
            _ => None,
        }
    }
}

/// The challenges of one field value. A challenge that names a parameter twice is ambiguous (RFC 9110 §11.2) and is left
/// out.
pub fn parse(field: &str) -> Vec<ReceivedChallenge> {
    let mut rest = Rest(&field[..field.floor_char_boundary(MAX_HEADER_BYTES)]);
    let mut found: Vec<(ReceivedChallenge, bool)> = Vec::new();
    loop {
        rest.skip(|c| c == ',' || is_space(c));
        if let Some((name, value)) = rest.parameter() {
            // A parameter before any scheme belongs to nothing.
            let Some((challenge, is_ambiguous)) = found.last_mut() else { break };
            if challenge.token68.is_some() {
                break;
            }
            *is_ambiguous |= challenge.parameter(&name).is_some();
            challenge.parameters.push((name, value));
        } else if let Some(scheme) = rest.token() {
            let mut challenge =
                ReceivedChallenge { scheme: scheme.to_owned(), token68: None, parameters: Vec::new() };
            if rest.skip(is_space) > 0 && rest.clone().parameter().is_none() {
                challenge.token68 = rest.token68().map(str::to_owned);
            } else if let Some(parameter) = rest.parameter() {
                challenge.parameters.push(parameter);
            }
            found.push((challenge, false));
        } else {
            break;
        }
        rest.skip(is_space);
        if !rest.0.starts_with(',') {
            break;
        }
    }
    found.into_iter().filter(|(_, is_ambiguous)| !is_ambiguous).map(|(challenge, _)| challenge).collect()
}

/// What is still to be read of a field value.
#[derive(Clone)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes the longest beginning of such characters.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, is_part: impl Fn(char) -> bool) -> usize {
        self.take(is_part).len()
    }

    fn token(&mut self) -> Option<&'a str> {
        Some(self.take(is_token)).filter(|token| !token.is_empty())
    }

    fn token68(&mut self) -> Option<&'a str> {
        let all = self.0;
        let body = self.skip(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let padding = self.skip(|c| c == '=');
        Some(&all[..body + padding]).filter(|_| body > 0)
    }

    /// `name = value`; takes nothing where there is none.
    fn parameter(&mut self) -> Option<(String, String)> {
        let mut ahead = self.clone();
        let name = ahead.token()?.to_ascii_lowercase();
        ahead.skip(is_space);
        ahead.0 = ahead.0.strip_prefix('=')?;
        ahead.skip(is_space);
        let value = match ahead.0.strip_prefix('"') {
            Some(quoted) => {
                ahead.0 = quoted;
                ahead.quoted()?
            }
            None => ahead.token()?.to_owned(),
        };
        *self = ahead;
        Some((name, value))
    }

    /// The rest of a quoted string, its closing quote included (RFC 9110 §5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(chars.next()?),
                c => text.push(c),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// RFC 9110 §5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// A scope that no server could mean is no reason to ask for none: the challenge then says nothing about scopes.
fn scopes(text: &str) -> Option<ScopeSet> {
    // A comma is a scope character here; only configuration takes it for a separator.
    let scopes: ScopeSet = text.split(' ').filter(|scope| !scope.is_empty()).collect();
    let is_sound = scopes.iter().all(|scope| scope.bytes().all(crate::scope::is_scope_byte));
    (is_sound && !scopes.is_empty()).then_some(scopes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oauth::challenge::Challenge;
    use crate::rejection::Rejection;

    fn find(fields: &[&str]) -> TokenChallenge {
        TokenChallenge::find(fields.iter().copied()).unwrap()
    }

    #[test]
    fn c02_the_challenge_of_a_first_request_is_read() {
        let challenge = find(&[concat!(
            r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource", "#,
            r#"scope="files:read files:write""#
        )]);
        assert_eq!(
            challenge.resource_metadata.as_deref(),
            Some("https://mcp.example.com/.well-known/oauth-protected-resource")
        );
        assert_eq!(challenge.scope, ScopeSet::parse("files:read files:write").ok());
        assert_eq!(challenge.error, None);
    }

    #[test]
    fn c02_a_401_asks_for_a_token_and_only_insufficient_scope_for_another() {
        let bearer = |field| TokenChallenge::find([field]);
        let more = r#"Bearer error="insufficient_scope", scope="a""#;
        let refused = |status, field| TokenRefusal::find(status, [field]);
        assert_eq!(refused(401, more), Some(TokenRefusal::Unauthenticated(bearer(more))));
        assert_eq!(refused(401, "Negotiate"), Some(TokenRefusal::Unauthenticated(None)));
        assert_eq!(refused(403, more), bearer(more).map(TokenRefusal::InsufficientScope));
        assert_eq!(refused(403, r#"Bearer error="access_denied""#), None);
        assert_eq!(refused(400, more), None);
    }

    #[test]
    fn c02_several_challenges_in_one_field_and_in_several() {
        let field = r#"Basic realm="a, Bearer scope=\"no\"", Negotiate abc==, bEaReR Error = invalid_token , SCOPE="x""#;
        let challenges = parse(field);
        let schemes: Vec<_> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
        assert_eq!(schemes, ["Basic", "Negotiate", "bEaReR"]);
        assert_eq!(challenges[0].parameter("realm"), Some(r#"a, Bearer scope="no""#));
        assert_eq!(challenges[1].token68.as_deref(), Some("abc=="));
        let several = find(&["Negotiate", field, r#"DPoP algs="ES256", resource_metadata="u""#]);
        assert_eq!(several.error.as_deref(), Some("invalid_token"));
        assert_eq!(several.scope, ScopeSet::parse("x").ok());
        assert_eq!(several.resource_metadata.as_deref(), Some("u"));
        assert_eq!(several.dpop_algorithms.as_deref(), Some("ES256"));
    }

    #[test]
    fn c02_schemes_without_parameters_and_empty_list_elements() {
        let schemes = |field: &str| parse(field).into_iter().map(|found| found.scheme).collect::<Vec<_>>();
        assert_eq!(schemes(",, Bearer , ,DPoP,"), ["Bearer", "DPoP"]);
        assert_eq!(schemes(""), [""; 0]);
        assert_eq!(find(&["Bearer"]), TokenChallenge::default());
        assert_eq!((parse("a b/c")[0].token68.as_deref(), &parse("a/b/c")[0].token68), (Some("b/c"), &None));
        assert_eq!(TokenChallenge::find(["Basic realm=x"]), None);
    }

    #[test]
    fn c02_a_parameter_given_twice_spoils_its_challenge_only() {
        let field =
            r#"Bearer resource_metadata="https://a", Resource_Metadata="https://evil", DPoP scope="x""#;
        assert_eq!(find(&[field]).resource_metadata, None);
        assert_eq!(find(&[field]).scope, ScopeSet::parse("x").ok());
    }

    #[test]
    fn c02_what_follows_a_mistake_is_dropped() {
        let challenge = find(&[r#"Bearer scope="a", error="never ends, resource_metadata="u""#]);
        assert_eq!((challenge.scope, challenge.resource_metadata), (ScopeSet::parse("a").ok(), None));
        assert!(parse("=x, Bearer").is_empty() && parse("scope=x, Bearer").is_empty());
    }

    #[test]
    fn c13_an_empty_or_impossible_scope_says_nothing() {
        assert_eq!(find(&[r#"Bearer scope="""#]).scope, None);
        assert_eq!(find(&[r#"Bearer scope="a \"b""#]).scope, None);
        assert_eq!(find(&["Bearer scope=\"a\tb\""]).scope, None);
        assert_eq!(find(&[r#"Bearer scope="a,b""#]).scope.unwrap().len(), 1);
    }

    #[test]
    fn a_field_is_read_up_to_16384_bytes() {
        let padded = |spaces: usize| format!("Bearer{},scope=a", " ".repeat(spaces));
        assert_eq!(find(&[&padded(16_384 - 14)]).scope, ScopeSet::parse("a").ok());
        assert_eq!(find(&[&padded(16_384)]).scope, None);
        parse(&format!("a{}", "ü".repeat(10_000)));
    }

    proptest! {
        #[test]
        fn c02_no_text_makes_it_panic(text in "(\\PC|[ ,=\"\\\\a-c\t]){0,200}") {
            for challenge in parse(&text) {
                prop_assert!(!challenge.scheme.is_empty());
            }
            let _ = TokenChallenge::find([text.as_str()]);
        }

        #[test]
        fn c02_what_is_quoted_comes_out_as_it_went_in(value in "\\PC{0,40}", other in "[a-z\"\\\\, =]{0,20}") {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!("X a=\"{}\",b = \"{}\" , Bearer realm=\"r\"", quoted(&value), quoted(&other));
            let challenges = parse(&field);
            prop_assert_eq!(challenges[0].parameter("a"), Some(value.as_str()));
            prop_assert_eq!(challenges[0].parameter("b"), Some(other.as_str()));
            prop_assert_eq!(challenges[1].parameter("realm"), Some("r"));
        }

        #[test]
        fn c02_our_own_challenges_are_understood(found in any::<String>(), scope in "[a-z:]{1,8}( [a-z:]{1,8}){0,3}") {
            let rejection = Rejection::WrongIssuer { expected: "https://a.example".into(), found };
            let least = ScopeSet::parse(&scope).unwrap();
            let sent = Challenge::new(&rejection, &least, Some("https://m4.example/prm".into()));
            let read = find(&[&sent.dpop(&[]), &sent.bearer()]);
            prop_assert_eq!(read.error.as_deref(), Some("invalid_token"));
            prop_assert_eq!(read.scope, Some(sent.scope.clone()));
            prop_assert_eq!(read.resource_metadata, sent.resource_metadata);
        }
    }
}
