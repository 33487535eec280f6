//! JSON objects, for documents that have to be one.

use serde::Deserialize;

/// Reads a JSON object; `None` for anything else.
///
/// serde fills a structure from an array too, member by member, so `["ES256","key",null,null]` would pass for a header,
/// which RFC 7515 §4 says is an object. RFC 7517 §5 says the same of key sets, RFC 8414 §3.2 of metadata.
pub(crate) fn object<T: for<'de> Deserialize<'de>>(text: &[u8]) -> Option<T> {
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    is_object.then(|| serde_json::from_slice(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::jwks::KeySet;
    use crate::oauth::metadata::{Issuer, Metadata};
    use crate::token::Header;

    #[test]
    fn an_array_is_no_header_no_key_set_and_no_metadata() {
        assert!(object::<Header>(b" \n{\"alg\":\"ES256\"}").is_some());
        assert!(object::<Header>(br#"["ES256","key",null,null]"#).is_none());
        assert!(KeySet::parse(b"[[]]", &Algorithm::ALL).is_err());
        let issuer = Issuer::parse("https://a.example").unwrap();
        assert!(Metadata::parse(br#"["https://a.example","https://a.example/k"]"#, &issuer).is_err());
    }
}
