//! The credential a request presents: `Authorization`, and the `DPoP` proof that goes with it.

use auth_core::dpop::{DpopRejection, single_proof};
use auth_core::secret::Secret;
use http::header::AUTHORIZATION;
use http::request::Parts;

/// What a request presents.
#[derive(Debug)]
pub(super) enum Presented {
    /// Nothing this server knows.
    Nothing,
    /// `Authorization: Bearer` (RFC 6750 §2.1).
    Bearer(Secret),
    /// `Authorization: DPoP` with its proof (RFC 9449 §7.1).
    Dpop {
        /// The token.
        token: Secret,
        /// The one value of the `DPoP` field.
        proof: Result<String, DpopRejection>,
    },
}

/// A request that cannot be judged because of the way it presents a credential: 400 `invalid_request` (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPresentation {
    /// More than one `Authorization` field.
    #[error("The request has more than one Authorization header field")]
    Several,
    /// A token in the URL, where logs and histories keep it (RFC 6750 §5.3, MCP authorization).
    #[error("The request has an access token in its URL")]
    InUrl,
}

impl BadPresentation {
    /// The one next step.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Several => "Send one, as `Authorization: Bearer <token>`.",
            Self::InUrl => {
                "Send it as `Authorization: Bearer <token>`, and have this one revoked: URLs are logged on their way."
            }
        }
    }
}

/// Reads the credential of a request.
pub(super) fn presented(parts: &Parts) -> Result<Presented, BadPresentation> {
    if parts.uri.query().is_some_and(holds_token) {
        return Err(BadPresentation::InUrl);
    }
    let mut fields = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Ok(Presented::Nothing) };
    if fields.next().is_some() {
        return Err(BadPresentation::Several);
    }
    let text = String::from_utf8_lossy(field.as_bytes());
    let (scheme, token) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let token = Secret::new(token.trim_start());
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Presented::Bearer(token));
    }
    if scheme.eq_ignore_ascii_case("dpop") {
        let fields = parts.headers.get_all("dpop").iter().map(|value| value.to_str().unwrap_or_default());
        return Ok(Presented::Dpop { token, proof: single_proof(fields).map(str::to_owned) });
    }
    Ok(Presented::Nothing)
}

fn holds_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case("access_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str, fields: &[(&str, &str)]) -> Result<Presented, BadPresentation> {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        presented(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_bearer_token_is_taken_whatever_the_case_of_its_scheme() {
        for value in ["Bearer t.o.k", "bearer t.o.k", "BEARER  t.o.k"] {
            match read("/mcp", &[("authorization", value)]).unwrap() {
                Presented::Bearer(token) => assert!(token.matches("t.o.k"), "{value}"),
                other => panic!("{value}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_schemes_present_nothing_and_an_empty_token_presents_a_bad_one() {
        for value in ["Basic dTpw", "t.o.k", "Bearertok"] {
            assert!(matches!(read("/mcp", &[("authorization", value)]), Ok(Presented::Nothing)), "{value}");
        }
        assert!(
            matches!(read("/mcp", &[("authorization", "Bearer")]), Ok(Presented::Bearer(token)) if token.is_empty())
        );
    }

    #[test]
    fn two_credentials_are_none() {
        let fields = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
        assert_eq!(read("/mcp", &fields).unwrap_err(), BadPresentation::Several);
    }

    #[test]
    fn a_token_in_the_url_is_refused_beside_a_good_one_too() {
        for target in ["/mcp?access_token=t", "/mcp?a=1&Access%5Ftoken=t", "/mcp?access_token"] {
            assert_eq!(
                read(target, &[("authorization", "Bearer t")]).unwrap_err(),
                BadPresentation::InUrl,
                "{target}"
            );
        }
        assert!(read("/mcp?session=1", &[]).is_ok());
    }

    #[test]
    fn a_proof_counts_only_under_its_own_scheme_and_alone() {
        let bearer = read("/mcp", &[("authorization", "Bearer t"), ("dpop", "p")]).unwrap();
        assert!(matches!(bearer, Presented::Bearer(_)));
        let proof = |fields: &[(&str, &str)]| match read("/mcp", fields).unwrap() {
            Presented::Dpop { proof, .. } => proof,
            other => panic!("{other:?}"),
        };
        assert_eq!(proof(&[("authorization", "DPoP t"), ("dpop", "p")]).unwrap(), "p");
        assert_eq!(proof(&[("authorization", "dpop t")]), Err(DpopRejection::MissingProof));
        let two = [("authorization", "DPoP t"), ("dpop", "p"), ("dpop", "q")];
        assert_eq!(proof(&two), Err(DpopRejection::SeveralProofs));
    }
}
