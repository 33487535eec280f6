//! Requests to the token endpoint: one form for each grant (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8628 §3.4; RFC 8707 §2).

use super::redirect::CodeGrant;
use crate::oauth::client_auth::{AssertionTimes, AuthenticatedForm, ClientAuth, SigningFailed};
use crate::scope::ScopeSet;
use crate::secret::Secret;

/// What is exchanged for tokens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Grant<'a> {
    /// The code of a login, with the verifier that proves whose login it was.
    AuthorizationCode(&'a CodeGrant),
    /// A refresh token.
    RefreshToken {
        /// The token; it may work only once.
        refresh_token: &'a Secret,
        /// Fewer scopes than before; `None` keeps them.
        scope: Option<&'a ScopeSet>,
    },
    /// The client's own credentials, for programs without a person.
    ClientCredentials {
        /// The scopes; an empty set leaves them to the server.
        scope: &'a ScopeSet,
        /// The `audience` parameter, which some servers (Auth0) have instead of `resource`.
        audience: Option<&'a str>,
    },
    /// A device code that a person is confirming elsewhere.
    DeviceCode {
        /// The code.
        device_code: &'a Secret,
    },
}

impl Grant<'_> {
    /// The form to POST to the token endpoint. No redirect may be followed with it.
    ///
    /// `resource` is the protected resource the token is for; `None` leaves it out, for issuers that refuse the parameter.
    /// `assertion` is used by `private_key_jwt` only, see [`ClientAuth::authenticate`].
    pub fn form(
        &self,
        resource: Option<&str>,
        auth: &ClientAuth,
        assertion: &AssertionTimes<'_>,
    ) -> Result<AuthenticatedForm, SigningFailed> {
        let joined = self.scope().map(ScopeSet::joined).filter(|scope| !scope.is_empty());
        let mut fields = vec![("grant_type", self.grant_type())];
        match self {
            Self::AuthorizationCode(grant) => fields.extend([
                ("code", grant.code.expose()),
                ("redirect_uri", grant.redirect_uri.as_str()),
                ("code_verifier", grant.verifier.secret().expose()),
            ]),
            Self::RefreshToken { refresh_token, .. } => {
                fields.push(("refresh_token", refresh_token.expose()));
            }
            Self::ClientCredentials { audience, .. } => {
                fields.extend(audience.map(|audience| ("audience", audience)));
            }
            Self::DeviceCode { device_code } => fields.push(("device_code", device_code.expose())),
        }
        fields.extend(joined.as_deref().map(|scope| ("scope", scope)));
        fields.extend(resource.map(|resource| ("resource", resource)));
        auth.authenticate(&fields, assertion)
    }

    /// The `grant_type`.
    pub const fn grant_type(&self) -> &'static str {
        match self {
            Self::AuthorizationCode(_) => "authorization_code",
            Self::RefreshToken { .. } => "refresh_token",
            Self::ClientCredentials { .. } => "client_credentials",
            Self::DeviceCode { .. } => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    const fn scope(&self) -> Option<&ScopeSet> {
        match self {
            Self::RefreshToken { scope, .. } => *scope,
            Self::ClientCredentials { scope, .. } => Some(scope),
            Self::AuthorizationCode(_) | Self::DeviceCode { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::client::authorization::{AuthorizationRequest, LoginRandomness, RedirectUri};
    use crate::oauth::client::redirect::Redirect;
    use crate::oauth::client::server::AuthorizationServer;
    use crate::oauth::metadata::Issuer;
    use crate::oauth::url::SecureUrl;
    use crate::time::UnixTime;

    const TIMES: AssertionTimes<'_> =
        AssertionTimes { jti: "j", issued_at: UnixTime(1_800_000_000), expires_at: UnixTime(1_800_000_060) };
    const RESOURCE: Option<&str> = Some("https://m.example/mcp");

    fn public() -> ClientAuth {
        ClientAuth::Public { client_id: "m4".into() }
    }

    fn body(grant: Grant<'_>, resource: Option<&str>) -> String {
        grant.form(resource, &public(), &TIMES).unwrap().body.expose().to_owned()
    }

    #[test]
    fn c06_a_code_goes_with_its_verifier_its_redirect_uri_and_the_resource() {
        let issuer = Issuer::parse("https://as.example").unwrap();
        let url = SecureUrl::parse("https://as.example/x").unwrap();
        let server = AuthorizationServer::configured(issuer, Some(url.clone()), url);
        let request = AuthorizationRequest {
            server: &server,
            client_id: "m4",
            redirect_uri: &RedirectUri::parse("http://127.0.0.1:8088/callback").unwrap(),
            scope: &ScopeSet::default(),
            resource: RESOURCE,
            extra: &[],
        };
        let (_, mut pending) = request.begin(LoginRandomness::new([0; 32], [0; 32])).unwrap();
        let state = "A".repeat(43);
        let Ok(Redirect::Code(grant)) = pending.receive(&format!("/callback?code=c+1&state={state}")) else {
            panic!()
        };
        let form = body(Grant::AuthorizationCode(&grant), grant.resource.as_deref());
        assert_eq!(
            form,
            format!(
                "grant_type=authorization_code&code=c+1&redirect_uri=http%3A%2F%2F127.0.0.1%3A8088%2Fcallback\
                 &code_verifier={state}&resource=https%3A%2F%2Fm.example%2Fmcp&client_id=m4"
            )
        );
        assert!(!body(Grant::AuthorizationCode(&grant), None).contains("resource"));
    }

    #[test]
    fn c06_a_refresh_token_goes_with_the_resource() {
        let (refresh_token, scope) = (&Secret::new("r"), ScopeSet::parse("b a").unwrap());
        assert_eq!(
            body(Grant::RefreshToken { refresh_token, scope: Some(&scope) }, RESOURCE),
            "grant_type=refresh_token&refresh_token=r&scope=a+b&resource=https%3A%2F%2Fm.example%2Fmcp&client_id=m4"
        );
        assert_eq!(
            body(Grant::RefreshToken { refresh_token, scope: None }, None),
            "grant_type=refresh_token&refresh_token=r&client_id=m4"
        );
    }

    #[test]
    fn a_device_code_and_a_clients_own_credentials() {
        assert_eq!(
            body(Grant::DeviceCode { device_code: &Secret::new("d") }, None),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d&client_id=m4"
        );
        let auth = ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s") };
        let form = |scope: &str, audience, resource| {
            let scope = &ScopeSet::parse(scope).unwrap();
            let form = Grant::ClientCredentials { scope, audience }.form(resource, &auth, &TIMES).unwrap();
            assert!(form.authorization.is_some());
            form.body.expose().to_owned()
        };
        assert_eq!(
            form("", None, RESOURCE),
            "grant_type=client_credentials&resource=https%3A%2F%2Fm.example%2Fmcp"
        );
        assert_eq!(
            form("b a", Some("m4-api"), None),
            "grant_type=client_credentials&audience=m4-api&scope=a+b"
        );
    }
}
