//! The `WWW-Authenticate: DPoP` challenge of a refusal (RFC 9449 §7.1, §9).

use super::rejection::DpopRejection;
use crate::algorithm::Algorithm;
use crate::oauth::challenge::quotable;

/// What the HTTP layer sends with a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpopChallenge {
    /// Algorithms a proof may be signed with (`algs`).
    pub algorithms: Vec<Algorithm>,
    /// The `error`; none when the request had no credentials at all (RFC 6750 §3.1).
    pub error: Option<&'static str>,
    /// The `error_description`.
    pub description: Option<String>,
    /// The value of a `DPoP-Nonce` header field to send with it.
    pub nonce: Option<String>,
}

impl DpopChallenge {
    pub(super) fn new(
        algorithms: &[Algorithm],
        rejection: Option<&DpopRejection>,
        nonce: Option<String>,
    ) -> Self {
        let error = rejection.and_then(DpopRejection::oauth_error);
        Self {
            algorithms: algorithms.to_vec(),
            error,
            description: rejection.filter(|_| error.is_some()).map(DpopRejection::message),
            nonce: rejection.and_then(DpopRejection::nonce).map(str::to_owned).or(nonce),
        }
    }

    /// The value of a `WWW-Authenticate` header field: visible ASCII on one line, whatever the proof held.
    pub fn www_authenticate(&self) -> String {
        let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let mut text = format!("DPoP algs=\"{}\"", names.join(" "));
        if let Some(error) = self.error {
            text.push_str(", error=\"");
            text.push_str(error);
            text.push('"');
        }
        if let Some(description) = &self.description {
            text.push_str(", error_description=\"");
            text.push_str(&quotable(description));
            text.push('"');
        }
        text
    }
}
