//! Issuers and their metadata: one issuer never speaks for another, and no address is asked that is not encrypted.
#![no_main]

use auth_core::oauth::metadata::{Issuer, Metadata};
use auth_core::oauth::url::SecureUrl;
use auth_core_fuzz::{SEPARATOR, Signers, plant};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(init: plant(&Signers::fixed().metadata_seeds()), |data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == SEPARATOR);
    let Some(Ok(text)) = parts.next().map(std::str::from_utf8) else { return };
    let document = parts.next().unwrap_or_default();
    let Ok(issuer) = Issuer::parse(text) else { return };
    assert_eq!(issuer.as_str(), text, "kept byte for byte");
    let own = SecureUrl::parse(text).expect("an issuer is a URL");
    for url in issuer.metadata_urls().into_iter().chain([issuer.fallback_jwks_url()]) {
        assert_eq!(url.origin(), own.url().origin(), "{url} is asked in place of {text}");
        assert!(url.path().contains("/.well-known/"), "{url}");
        assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
    }
    let Ok(metadata) = Metadata::parse(document, &issuer) else { return };
    // Members that nobody reads may hold what strict JSON does not allow: broken UTF-8, numbers past all bounds.
    let Ok(document) = serde_json::from_slice::<Value>(document) else { return };
    assert_eq!(document["issuer"], text, "metadata of another issuer");
    let url = metadata.jwks_uri.url();
    let host = url.host_str().unwrap_or_default();
    let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    assert!(url.scheme() == "https" || (url.scheme() == "http" && local), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
});
