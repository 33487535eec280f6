//! What people are told to do when a login fails: for each way to fail, words that lead to the remedy.

use super::*;
use crate::oauth::client::authorization::AuthorizationError;
use crate::oauth::client::discovery::DiscoveryError;
use crate::oauth::client::pkce::PkceUnsupported;
use crate::oauth::client::redirect::ProviderError;
use crate::oauth::client::registration::RegistrationError;
use crate::oauth::client::resource_metadata::ResourceMetadataError;
use crate::oauth::client::server::ServerMetadataError;
use crate::oauth::client_auth::SigningFailed;
use crate::oauth::metadata::{Issuer, MetadataError};
use crate::oauth::url::InvalidUrl;

fn assert_hints<const N: usize>(expected: [(LoginError, &str); N]) {
    for (error, words) in expected {
        assert!(error.hint().contains(words), "{error}: {}", error.hint());
    }
}

fn issuer() -> Issuer {
    Issuer::parse("https://as.example").unwrap()
}

fn refusal(error: &str) -> ProviderError {
    ProviderError { error: error.into(), description: None }
}

#[test]
fn a_failed_discovery_says_whom_to_name_or_to_tell() {
    let wrong = ResourceMetadataError::WrongResource { asked: "https://m.example".into() };
    let slash = ServerMetadataError::Document(MetadataError::WrongIssuerBySlash);
    assert_hints(
        [
            (DiscoveryError::ChallengeUrl(InvalidUrl::Insecure), InvalidUrl::Insecure.hint()),
            (DiscoveryError::NoResourceMetadata, "--issuer"),
            (DiscoveryError::Resource(wrong), "publishes itself"),
            (DiscoveryError::Resource(ResourceMetadataError::NoIssuer), "whoever runs the server"),
            (DiscoveryError::OtherIssuer, "leave out the issuer"),
            (DiscoveryError::NoServerMetadata { issuer: issuer() }, "name its endpoints"),
            (DiscoveryError::Server(slash), "slash"),
            (DiscoveryError::Server(ServerMetadataError::NoTokenEndpoint), "whoever runs the server"),
            (DiscoveryError::Status { status: 503 }, "network"),
            (DiscoveryError::Unreachable, "network"),
        ]
        .map(|(error, words)| (error.into(), words)),
    );
}

#[test]
fn a_failed_redirect_says_whether_to_mend_to_wait_or_to_beware() {
    assert_hints(
        [
            (RedirectError::Refused(refusal("access_denied")), "allow it"),
            (RedirectError::Refused(refusal("invalid_scope")), "mend what the authorization server names"),
            (RedirectError::WrongState, "close this page"),
            (RedirectError::SecondAnswer, "close this page"),
            (RedirectError::NoIssuer { expected: issuer() }, "do not log in on the page"),
            (RedirectError::WrongIssuer { expected: issuer() }, "do not log in on the page"),
            (RedirectError::TooLarge, "log in again"),
            (RedirectError::Repeated { name: "state" }, "log in again"),
            (RedirectError::Contradictory, "log in again"),
        ]
        .map(|(error, words)| (error.into(), words)),
    );
}

#[test]
fn a_refusal_of_the_token_endpoint_says_what_to_change() {
    assert_hints(
        [
            (TokenError::Refused(refusal("invalid_grant")), "log in again"),
            (TokenError::Refused(refusal("invalid_client")), "client ID"),
            (TokenError::Refused(refusal("unauthorized_client")), "client ID"),
            (TokenError::Refused(refusal("invalid_scope")), "other scopes"),
            (TokenError::Refused(refusal("invalid_target")), "resource parameter"),
            (TokenError::Refused(refusal("server_error")), "try again later"),
            (TokenError::Status { status: 429 }, "try again later"),
            (TokenError::Unreachable, "try again later"),
            (TokenError::Refused(refusal("odd")), "whoever runs the authorization server"),
            (TokenError::Status { status: 499 }, "whoever runs the authorization server"),
            (TokenError::Redirected, "whoever runs the authorization server"),
            (TokenError::TooLarge, "whoever runs the authorization server"),
            (TokenError::NotTokens, "whoever runs the authorization server"),
            (TokenError::UnknownType, "whoever runs the authorization server"),
        ]
        .map(|(error, words)| (error.into(), words)),
    );
}

#[test]
fn everything_else_says_what_to_do_too() {
    let by_hand = "register a native client";
    let parameter = AuthorizationError::ReservedParameter { name: "state".into() };
    assert_hints([
        (RegistrationError::Refused(refusal("invalid_client_metadata")).into(), by_hand),
        (LoginError::UnusableClient, by_hand),
        (AuthorizationError::Pkce(PkceUnsupported::NotAdvertised).into(), "PKCE with S256"),
        (AuthorizationError::NoAuthorizationEndpoint.into(), "--device"),
        (parameter.into(), "leave the parameter out"),
        (SigningFailed.into(), "private key"),
        (LoginError::BoundToken, "bearer tokens"),
        (LoginError::RegistrationUnreachable, "try again"),
        (LoginError::Interrupted, "try again"),
    ]);
}
