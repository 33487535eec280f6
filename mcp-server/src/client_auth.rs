//! How this server proves to an issuer which client it is, as configured.

use std::sync::Arc;

use auth_core::algorithm::Algorithm;
use auth_core::oauth::client_auth::{AssertionTimes, ClientAuth, SigningFailed};
use auth_core::oauth::client_key::ClientKey;
use auth_core::oauth::metadata::Issuer;
use auth_core::secret::Secret;
use auth_core::time::UnixTime;

use crate::config::client::{Client, ClientAuthMethod};

/// The client's credentials for one issuer, presented by this method. Reads the key's file where the method needs it.
///
/// The error is for callers: it names settings and no values.
pub(crate) fn of(client: &Client, method: ClientAuthMethod, issuer: &Issuer) -> Result<ClientAuth, String> {
    let client_id = client.id.clone();
    let secret = || client.secret.clone().ok_or_else(|| "M4_OAUTH2_CLIENT_SECRET is not set".to_owned());
    Ok(match method {
        ClientAuthMethod::Basic => ClientAuth::Basic { client_id, secret: secret()? },
        ClientAuthMethod::Post => ClientAuth::Post { client_id, secret: secret()? },
        ClientAuthMethod::PrivateKeyJwt => ClientAuth::PrivateKeyJwt {
            client_id,
            audience: issuer.as_str().to_owned(),
            signer: Arc::new(key(client)?),
        },
    })
}

/// What makes one assertion unlike every other.
pub(crate) struct Assertion {
    jti: String,
    issued_at: UnixTime,
}

impl Assertion {
    /// One that is issued `now`. Fails where the operating system gives no random bytes.
    pub(crate) fn now(now: UnixTime) -> Result<Self, SigningFailed> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SigningFailed)?;
        Ok(Self { jti: format!("{:032x}", u128::from_ne_bytes(bytes)), issued_at: now })
    }

    pub(crate) fn times(&self) -> AssertionTimes<'_> {
        let expires_at = self.issued_at.saturating_add(ASSERTION_SECONDS);
        AssertionTimes { jti: &self.jti, issued_at: self.issued_at, expires_at }
    }
}

/// Long enough for the way there and a clock that is a little off.
const ASSERTION_SECONDS: i64 = 60;

/// The client's key, for the first algorithm it can be used with.
fn key(client: &Client) -> Result<ClientKey, String> {
    let path = client.key_file.as_ref().ok_or("M4_OAUTH2_CLIENT_KEY_FILE is not set")?;
    let pem = std::fs::read_to_string(path).map_err(|error| {
        tracing::error!(target: "m4::config", path = %path.display(), %error, "the client's key cannot be read");
        "the file that M4_OAUTH2_CLIENT_KEY_FILE names cannot be read".to_owned()
    })?;
    let pem = Secret::new(pem);
    let usable = |algorithm| ClientKey::from_pem(&pem, algorithm, None).ok();
    Algorithm::ALL
        .into_iter()
        .find_map(usable)
        .ok_or_else(|| "the file that M4_OAUTH2_CLIENT_KEY_FILE names holds no usable private key".to_owned())
}
