//! Tokens an attacker would make from what an issuer publishes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys::{KeyKind, SigningKey, hs256};

/// A way to make a token that must not be accepted. The `kid` is that of a published key unless the spec says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgery {
    /// `alg: none` with an empty signature (RFC 8725 §2.1).
    AlgNone,
    /// HS256 with the RSA public key's PEM text as the secret (RFC 8725 §2.1, algorithm confusion).
    HmacWithPublicPem,
    /// HS256 with the RSA public key's DER bytes as the secret.
    HmacWithPublicDer,
    /// HS256 with the RSA key's JWK text as the secret.
    HmacWithPublicJwk,
    /// An RS256 header and signature under the `kid` of the elliptic-curve key.
    RsaHeaderOnEcKid,
    /// A valid token whose `sub` was changed after signing.
    TamperedPayload,
    /// Signed by a key the issuer never had, under the `kid` of one it has.
    ForeignSignature,
}

/// The keys a forger works with.
pub(crate) struct Materials<'a> {
    pub(crate) signer: &'a SigningKey,
    pub(crate) elliptic: &'a SigningKey,
    pub(crate) rsa: &'a SigningKey,
}

/// The forged token. `header` and `claims` are those of the honest token the forger starts from.
pub(crate) fn forge(
    forgery: Forgery,
    materials: &Materials<'_>,
    mut header: Map<String, Value>,
    mut claims: Map<String, Value>,
) -> String {
    match forgery {
        Forgery::AlgNone => {
            header.insert("alg".into(), "none".into());
            format!("{}.", signing_input(&header, &claims))
        }
        Forgery::HmacWithPublicPem => hmac(materials, materials.rsa.public_pem().as_bytes(), header, &claims),
        Forgery::HmacWithPublicDer => hmac(materials, &materials.rsa.public_der(), header, &claims),
        Forgery::HmacWithPublicJwk => {
            hmac(materials, materials.rsa.jwk().to_string().as_bytes(), header, &claims)
        }
        Forgery::RsaHeaderOnEcKid => {
            header.insert("alg".into(), "RS256".into());
            header.insert("kid".into(), materials.elliptic.kid.clone().into());
            sign(materials.rsa, "RS256", &header, &claims)
        }
        Forgery::TamperedPayload => {
            let alg = alg_of(&header);
            let honest = sign(materials.signer, &alg, &header, &claims);
            let signature = honest.rsplit('.').next().unwrap_or_default();
            claims.insert("sub".into(), "somebody-else".into());
            format!("{}.{signature}", signing_input(&header, &claims))
        }
        Forgery::ForeignSignature => {
            let foreign = match materials.signer.kind {
                KeyKind::P256 => SigningKey::generate(KeyKind::P256),
                _ => SigningKey::generate(KeyKind::Unknown),
            };
            sign(&foreign, &alg_of(&header), &header, &claims)
        }
    }
}

/// A token in compact form (RFC 7515 §7.1).
pub(crate) fn sign(
    key: &SigningKey,
    alg: &str,
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> String {
    let input = signing_input(header, claims);
    let signature = key.sign(alg, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hmac(
    materials: &Materials<'_>,
    secret: &[u8],
    mut header: Map<String, Value>,
    claims: &Map<String, Value>,
) -> String {
    header.insert("alg".into(), "HS256".into());
    header.insert("kid".into(), materials.rsa.kid.clone().into());
    let input = signing_input(&header, claims);
    let signature = URL_SAFE_NO_PAD.encode(hs256(secret, input.as_bytes()));
    format!("{input}.{signature}")
}

fn signing_input(header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let part = |map: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(map.clone()).to_string());
    format!("{}.{}", part(header), part(claims))
}

fn alg_of(header: &Map<String, Value>) -> String {
    header.get("alg").and_then(Value::as_str).unwrap_or("RS256").to_owned()
}
