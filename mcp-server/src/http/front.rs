//! What strangers are told: challenges, and the metadata that says where tokens come from.

use auth_core::oauth::challenge::Challenge;
use auth_core::oauth::resource_metadata::ResourceMetadata;
use auth_core::rejection::Rejection;
use auth_core::scope::{Access, ScopePolicy as _, ScopeSet};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};

use super::answer::{self, Response};
use super::guard::Guard;
use super::presented::Presented;
use super::site::{Host, Site};
use crate::config::{AuthSetting, Config, HttpConfig};
use crate::gate::Gate;

/// The server as strangers see it. Made anew for each configuration.
#[derive(Debug)]
pub(super) struct Front {
    pub site: Site,
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Issuers, byte for byte.
    issuers: Vec<String>,
    /// What every call needs.
    least: ScopeSet,
    /// What any call can need.
    scopes: ScopeSet,
}

/// `DPoP-Nonce` (RFC 9449 §8.1).
pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

impl Front {
    pub(super) fn new(config: &Config, http: &HttpConfig, listen: std::net::SocketAddr) -> Self {
        let mut front = Self {
            site: Site::new(http, listen),
            trusted_proxies: http.trusted_proxies.clone(),
            issuers: Vec::new(),
            least: ScopeSet::default(),
            scopes: ScopeSet::default(),
        };
        if let AuthSetting::Enabled(auth) = &config.auth {
            front.issuers = auth.issuers.iter().map(|issuer| issuer.issuer.as_str().to_owned()).collect();
            for issuer in &auth.issuers {
                let needs = &issuer.scopes;
                let sets = needs.tools.values().chain(needs.datasets.values());
                sets.chain([&needs.base]).for_each(|set| front.scopes.extend(set));
            }
            // Which issuer a stranger will go to is not known; the first is the one for everybody.
            let anything = Access { tool: "", dataset: None };
            front.least =
                auth.issuers.first().map(|issuer| issuer.scopes.required(&anything)).unwrap_or_default();
        }
        front
    }

    /// The metadata of this resource (RFC 9728 §3.2); `None` where no issuer's tokens are accepted.
    pub(super) fn metadata(&self, host: &Host, guard: &Guard) -> Option<ResourceMetadata> {
        if self.issuers.is_empty() {
            return None;
        }
        let metadata =
            ResourceMetadata::new(self.site.resource(host), self.issuers.clone(), self.scopes.iter());
        Some(match guard.dpop() {
            Some(dpop) => metadata.with_dpop(&dpop.settings().algorithms, guard.requires_dpop()),
            None => metadata,
        })
    }

    /// A refusal with everything a client needs to do better.
    pub(super) fn refuse(
        &self,
        rejection: &Rejection,
        presented: &Presented,
        host: &Host,
        guard: &Guard,
        gate: &Gate,
    ) -> Response {
        let mut response = answer::refusal(rejection);
        if !matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return response;
        }
        let metadata_url = (!self.issuers.is_empty()).then(|| self.site.metadata_url(host));
        let challenge = Challenge::new(rejection, &self.least, metadata_url);
        let bearer = || (!guard.requires_dpop()).then(|| challenge.bearer());
        let dpop = || guard.dpop().map(|dpop| challenge.dpop(&dpop.settings().algorithms));
        // Who used a scheme is answered in it, unless it is the wrong one for this token.
        let needs_proof = guard.requires_dpop() || matches!(rejection, Rejection::SenderConstrained);
        let challenges = match presented {
            Presented::Dpop { .. } if guard.dpop().is_some() => [dpop(), None],
            Presented::Bearer(_) if !needs_proof => [bearer(), None],
            _ => [bearer(), dpop()],
        };
        for challenge in challenges.into_iter().flatten() {
            if let Ok(value) = HeaderValue::try_from(challenge) {
                response.headers_mut().append(WWW_AUTHENTICATE, value);
            }
        }
        Self::add_nonce(&mut response, presented, guard, gate);
        response
    }

    /// Gives a client that uses proofs the nonce for its next one (RFC 9449 §8.2).
    pub(super) fn add_nonce(response: &mut Response, presented: &Presented, guard: &Guard, gate: &Gate) {
        let uses_proofs = matches!(presented, Presented::Dpop { .. }) || guard.requires_dpop();
        let nonce = guard.dpop().filter(|_| uses_proofs).and_then(|dpop| dpop.nonce(gate.now().wall));
        if let Some(value) = nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
            response.headers_mut().insert(DPOP_NONCE, value);
        }
    }
}
