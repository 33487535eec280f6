//! Logins as `m4 login` leaves them, for tests of what comes after it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use auth_core::time::UnixTime;
use m4_tests::ambient;
use m4_tests::issuer::{MockIssuer, TokenSpec};
use m4_tests::sandbox::Sandbox;
use serde_json::{Value, json};

/// When a token expired that nobody renewed.
pub(crate) const LONG_AGO: &str = "2026-01-01T01:00:00Z";

/// A login at this issuer that began now and lasts for [`LIFETIME`].
pub(crate) fn login(issuer: &MockIssuer) -> Value {
    let (client_id, client_secret) = issuer.client();
    let now = ambient::unix_now();
    let at = |seconds: u64| UnixTime(i64::try_from(now + seconds).unwrap()).to_string();
    json!({
        "version": 1,
        "issuer": issuer.url(),
        "client_id": client_id,
        "client_secret": client_secret,
        "client_auth_method": "client_secret_post",
        "token_endpoint": issuer.token_endpoint(),
        "revocation_endpoint": issuer.revocation_endpoint(),
        "token_type": "Bearer",
        "access_token": issuer.mint(lasting()),
        "refresh_token": issuer.issue_refresh_token(),
        "scope": "read:mimic-data",
        "issued_at": at(0),
        "expires_at": at(LIFETIME),
    })
}

/// The specification of a token that lasts as long as a login.
pub(crate) fn lasting() -> TokenSpec {
    TokenSpec::new().expires_in(LIFETIME.try_into().unwrap())
}

/// Seconds: "in 3 hours", however slow the machine is.
const LIFETIME: u64 = 12_600;

/// Stores these logins, each under its profile, and no others.
pub(crate) fn store(sandbox: &Sandbox, logins: &[(&str, Value)]) {
    let mut profiles = json!({});
    for (profile, login) in logins {
        let known = &mut profiles[*profile];
        if known.is_null() {
            *known = json!([]);
        }
        known.as_array_mut().unwrap().push(login.clone());
    }
    let path = sandbox.config_dir().join("tokens.json");
    fs::write(&path, json!({ "version": 1, "profiles": profiles }).to_string()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The first stored login of a profile; null where there is none.
pub(crate) fn stored(sandbox: &Sandbox, profile: &str) -> Value {
    let text = fs::read(sandbox.config_dir().join("tokens.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["profiles"][profile][0].clone()
}
