//! Proof Key for Code Exchange (RFC 7636): who began a login is the only one who can finish it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::rejection::QuotedList;
use crate::secret::Secret;

/// The code verifier of one login (RFC 7636 §4.1). It leaves this machine once, in the token request.
#[derive(Debug, Clone)]
pub struct CodeVerifier(Secret);

impl CodeVerifier {
    /// Makes a verifier of 32 random bytes, as §4.1 recommends; the caller draws them, once per login.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// The `code_challenge` that goes with [`METHOD`] (§4.2). It is no secret: it goes through the browser.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }

    /// The `code_verifier` itself, for the token request.
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

/// The only `code_challenge_method` used: `plain` protects against nobody who reads the authorization request.
pub const METHOD: &str = "S256";

/// What is known about an authorization server's support for PKCE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PkceSupport {
    /// The metadata lists these methods (`code_challenge_methods_supported`, RFC 8414 §2).
    Advertised(Vec<String>),
    /// The metadata lists none, which RFC 8414 §2 says means that there is no support.
    NotAdvertised,
    /// A person says so, for a server that supports S256 and does not advertise it, or has no metadata at all.
    VouchedFor,
}

impl PkceSupport {
    /// Whether a login may begin. MCP clients have to refuse where support is not advertised: a server that ignores the
    /// challenge would hand out tokens for a stolen code.
    pub fn require_s256(&self) -> Result<(), PkceUnsupported> {
        match self {
            Self::VouchedFor => Ok(()),
            Self::Advertised(methods) if methods.iter().any(|method| method == METHOD) => Ok(()),
            Self::Advertised(methods) => Err(PkceUnsupported::NoS256 { advertised: methods.clone() }),
            Self::NotAdvertised => Err(PkceUnsupported::NotAdvertised),
        }
    }
}

/// A login that would not be protected by PKCE.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PkceUnsupported {
    /// No word about it in the metadata.
    #[error("the authorization server does not advertise PKCE (code_challenge_methods_supported is absent)")]
    NotAdvertised,
    /// Other methods only.
    #[error("the authorization server does not support PKCE with S256, only {}", QuotedList(.advertised))]
    NoS256 {
        /// What it lists.
        advertised: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c05_the_challenge_is_that_of_rfc_7636_appendix_b() {
        let bytes = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = CodeVerifier::from_random(bytes);
        assert_eq!(verifier.secret().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn c05_no_login_without_advertised_s256() {
        let advertised = |methods: &[&str]| {
            PkceSupport::Advertised(methods.iter().map(|&method| method.to_owned()).collect())
        };
        assert_eq!(PkceSupport::NotAdvertised.require_s256(), Err(PkceUnsupported::NotAdvertised));
        for methods in [&[][..], &["plain"], &["s256"], &["S256 "]] {
            assert!(matches!(advertised(methods).require_s256(), Err(PkceUnsupported::NoS256 { .. })));
        }
        assert_eq!(advertised(&["plain", "S256"]).require_s256(), Ok(()));
        assert_eq!(PkceSupport::VouchedFor.require_s256(), Ok(()));
        let error = advertised(&["plain\u{1b}[2J"]).require_s256().unwrap_err().to_string();
        assert!(error.ends_with("only `plain\\u{1b}[2J`"), "{error}");
    }

    #[test]
    fn debug_output_never_holds_the_verifier() {
        let verifier = CodeVerifier::from_random([7; 32]);
        assert_eq!(format!("{verifier:?}"), "CodeVerifier(Secret([redacted]))");
    }
}
