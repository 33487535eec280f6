//! How this server proves to an authorization server which client it is (RFC 6749 §2.3, RFC 7523).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::algorithm::Algorithm;
use crate::secret::Secret;
use crate::time::UnixTime;

/// A client's credentials and the way they are presented.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientAuth {
    /// `none`: a public client says who it is and proves nothing (RFC 6749 §3.2.1). What a person's own machine uses;
    /// PKCE binds the answer to it instead.
    Public {
        /// Client identifier.
        client_id: String,
    },
    /// `client_secret_basic`: in the `Authorization` header. Every authorization server supports it.
    Basic {
        /// Client identifier.
        client_id: String,
        /// Client secret.
        secret: Secret,
    },
    /// `client_secret_post`: in the form.
    Post {
        /// Client identifier.
        client_id: String,
        /// Client secret.
        secret: Secret,
    },
    /// `private_key_jwt`: a signed assertion in the form; no secret leaves this machine.
    PrivateKeyJwt {
        /// Client identifier.
        client_id: String,
        /// Whom the assertion is for: the issuer identifier, or the endpoint's URL where the server insists on it.
        audience: String,
        /// What signs it.
        signer: Arc<dyn AssertionSigner>,
    },
}

impl ClientAuth {
    /// The name in the registry of token endpoint authentication methods.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Public { .. } => "none",
            Self::Basic { .. } => "client_secret_basic",
            Self::Post { .. } => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
        }
    }

    /// Which client this is.
    pub fn client_id(&self) -> &str {
        match self {
            Self::Public { client_id }
            | Self::Basic { client_id, .. }
            | Self::Post { client_id, .. }
            | Self::PrivateKeyJwt { client_id, .. } => client_id,
        }
    }

    /// The form of a request with these credentials in it or beside it.
    ///
    /// Only `private_key_jwt` looks at `assertion`; and only it can fail.
    pub fn authenticate(
        &self,
        fields: &[(&str, &str)],
        assertion: &AssertionTimes<'_>,
    ) -> Result<AuthenticatedForm, SigningFailed> {
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut authorization = None;
        match self {
            Self::Public { client_id } => {
                form.append_pair("client_id", client_id);
            }
            Self::Basic { client_id, secret } => authorization = Some(basic(client_id, secret)),
            Self::Post { client_id, secret } => {
                form.append_pair("client_id", client_id).append_pair("client_secret", secret.expose());
            }
            Self::PrivateKeyJwt { client_id, audience, signer } => {
                let signed = sign_assertion(client_id, audience, signer.as_ref(), assertion)?;
                form.append_pair("client_id", client_id)
                    .append_pair("client_assertion_type", ASSERTION_TYPE)
                    .append_pair("client_assertion", signed.expose());
            }
        }
        Ok(AuthenticatedForm { authorization, body: Secret::new(form.finish()) })
    }
}

/// What makes one assertion unlike every other. The caller brings it, because nothing here reads a clock or draws lots.
#[derive(Debug, Clone, Copy)]
pub struct AssertionTimes<'a> {
    /// A value never used before (`jti`), at least 128 random bits as text.
    pub jti: &'a str,
    /// Now (`iat`).
    pub issued_at: UnixTime,
    /// Shortly after (`exp`); a minute is plenty.
    pub expires_at: UnixTime,
}

/// An authenticated request, to be sent as `application/x-www-form-urlencoded`.
#[derive(Debug, Clone)]
pub struct AuthenticatedForm {
    /// The `Authorization` header, where the method uses it.
    pub authorization: Option<Secret>,
    /// The body.
    pub body: Secret,
}

/// Signs assertions with a private key. The key may be anywhere: in memory, in a device, behind a service.
pub trait AssertionSigner: fmt::Debug + Send + Sync {
    /// The algorithm of the signatures.
    fn algorithm(&self) -> Algorithm;

    /// The id under which the authorization server knows the key, where it needs one.
    fn kid(&self) -> Option<&str>;

    /// The JWS signature of `message` (RFC 7515 §5.1).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed>;
}

/// A signer could not sign. It says no more, because what it could say is about a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client assertion could not be signed")]
pub struct SigningFailed;

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so a colon or a `%` in one of them is safe.
fn basic(client_id: &str, secret: &Secret) -> Secret {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

/// RFC 7523 §3 and OpenID Connect Core §9: issuer and subject are the client.
fn sign_assertion(
    client_id: &str,
    audience: &str,
    signer: &dyn AssertionSigner,
    times: &AssertionTimes<'_>,
) -> Result<Secret, SigningFailed> {
    let mut header = json!({ "alg": signer.algorithm().name(), "typ": "JWT" });
    if let Some(kid) = signer.kid() {
        header["kid"] = kid.into();
    }
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": audience,
        "jti": times.jti, "iat": times.issued_at.0, "exp": times.expires_at.0,
    });
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let input =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = signer.sign(input.as_bytes())?;
    Ok(Secret::new(format!("{input}.{}", encode(&signature))))
}

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::key::VerifyingKey;
    use crate::testing::Signer;

    const TIMES: AssertionTimes<'_> = AssertionTimes {
        jti: "one-of-a-kind",
        issued_at: UnixTime(1_800_000_000),
        expires_at: UnixTime(1_800_000_060),
    };

    fn authorization(client_id: &str, secret: &str) -> String {
        let auth = ClientAuth::Basic { client_id: client_id.into(), secret: Secret::new(secret) };
        auth.authenticate(&[], &TIMES).unwrap().authorization.unwrap().expose().to_owned()
    }

    fn fields(form: &AuthenticatedForm) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(form.body.expose().as_bytes()).into_owned().collect()
    }

    #[test]
    fn basic_credentials_are_those_of_rfc_6749() {
        // §2.3.1 and §4.1.3 carry these two headers for the client of their examples.
        assert_eq!(authorization("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"), {
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        });
        assert_eq!(authorization("s6BhdRkqt3", "gX1fBat3bV"), "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW");
    }

    #[test]
    fn basic_credentials_are_form_encoded_first() {
        // RFC 6749 appendix B.
        let encoded = STANDARD.encode("a%3Ab:+%25%26%2B%C2%A3%E2%82%AC");
        assert_eq!(authorization("a:b", " %&+£€"), format!("Basic {encoded}"));
    }

    #[test]
    fn a_basic_form_holds_the_fields_only() {
        let auth = ClientAuth::Basic { client_id: "id".into(), secret: Secret::new("s3cr3t") };
        let form = auth.authenticate(&[("token", "a&b=c")], &TIMES).unwrap();
        assert_eq!(form.body.expose(), "token=a%26b%3Dc");
    }

    #[test]
    fn a_post_form_holds_the_credentials_and_no_header() {
        let auth = ClientAuth::Post { client_id: "s6BhdRkqt3".into(), secret: Secret::new("a b&c") };
        let form = auth.authenticate(&[("token", "t")], &TIMES).unwrap();
        assert!(form.authorization.is_none());
        assert_eq!(form.body.expose(), "token=t&client_id=s6BhdRkqt3&client_secret=a+b%26c");
    }

    #[test]
    fn a_public_client_sends_its_name_and_nothing_else() {
        let auth = ClientAuth::Public { client_id: "s6BhdRkqt3".into() };
        let form = auth.authenticate(&[("code", "c")], &TIMES).unwrap();
        assert!(form.authorization.is_none());
        assert_eq!(form.body.expose(), "code=c&client_id=s6BhdRkqt3");
        assert_eq!((auth.method(), auth.client_id()), ("none", "s6BhdRkqt3"));
    }

    impl fmt::Debug for Signer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Signer")
        }
    }

    impl AssertionSigner for Signer {
        fn algorithm(&self) -> Algorithm {
            Signer::algorithm(self).parse().unwrap()
        }

        fn kid(&self) -> Option<&str> {
            Some(Signer::kid(self))
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
            Ok(Signer::sign(self, message))
        }
    }

    #[test]
    fn an_assertion_is_signed_and_says_who_to_whom_and_when() {
        let signer = Arc::new(Signer::p256("k1"));
        let auth = ClientAuth::PrivateKeyJwt {
            client_id: "m4".into(),
            audience: "https://issuer.example".into(),
            signer: signer.clone(),
        };
        let form = auth.authenticate(&[("token", "t")], &TIMES).unwrap();
        assert!(form.authorization.is_none());
        let fields = fields(&form);
        assert_eq!(fields["client_assertion_type"], ASSERTION_TYPE);
        assert_eq!(fields["client_id"], "m4");
        let parts: Vec<&str> = fields["client_assertion"].split('.').collect();
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let value = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        assert_eq!(value(parts[0]), json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }));
        assert_eq!(
            value(parts[1]),
            json!({ "iss": "m4", "sub": "m4", "aud": "https://issuer.example", "jti": "one-of-a-kind",
                    "iat": 1_800_000_000, "exp": 1_800_000_060 })
        );
        let key = VerifyingKey::from_jwk(&serde_json::from_value(signer.jwk()).unwrap(), &Algorithm::ALL);
        let message = format!("{}.{}", parts[0], parts[1]);
        assert!(key.unwrap().verify(Algorithm::ES256, message.as_bytes(), &decode(parts[2])));
    }

    #[derive(Debug)]
    struct Broken;

    impl AssertionSigner for Broken {
        fn algorithm(&self) -> Algorithm {
            Algorithm::ES256
        }

        fn kid(&self) -> Option<&str> {
            None
        }

        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SigningFailed> {
            Err(SigningFailed)
        }
    }

    #[test]
    fn without_a_signature_nothing_is_sent() {
        let (client_id, audience) = ("m4".to_owned(), "a".to_owned());
        let auth = ClientAuth::PrivateKeyJwt { client_id, audience, signer: Arc::new(Broken) };
        assert_eq!(auth.authenticate(&[("token", "t")], &TIMES).unwrap_err(), SigningFailed);
    }

    #[test]
    fn debug_output_never_holds_a_secret() {
        let secret = || Secret::new("s3cr3t");
        for auth in [
            ClientAuth::Basic { client_id: "id".into(), secret: secret() },
            ClientAuth::Post { client_id: "id".into(), secret: secret() },
        ] {
            let form = auth.authenticate(&[("token", "t0k3n")], &TIMES).unwrap();
            let shown = format!("{auth:?} {form:?}");
            let encoded = STANDARD.encode("id:s3cr3t");
            assert!(!["s3cr3t", "t0k3n", &encoded].iter().any(|secret| shown.contains(secret)), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn basic_credentials_decode_to_what_was_given(id in "\\PC{1,20}", secret in "\\PC{0,20}") {
            let header = authorization(&id, &secret);
            let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
            let pair = String::from_utf8(pair).unwrap();
            let (left, right) = pair.split_once(':').unwrap();
            prop_assert!(!right.contains(':'));
            let decode = |text: &str| {
                let text = format!("x={text}");
                url::form_urlencoded::parse(text.as_bytes()).next().unwrap().1.into_owned()
            };
            prop_assert_eq!((decode(left), decode(right)), (id, secret));
        }
    }
}
