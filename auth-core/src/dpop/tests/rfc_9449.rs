//! The examples of RFC 9449, as printed there.

use super::*;

const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMz\
    R0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSI\
    sImNydiI6IlAtMjU2In19";
/// Figure 2, sent to the token endpoint.
const TOKEN_REQUEST: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4\
    YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY\
    -FNyJK70nfbV37xRZT3Lg";
/// Figure 13, sent to a resource server.
const RESOURCE_REQUEST: &str = "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJj\
    ZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hT\
    nk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

fn resource_request(method: &str, url: &str, token: &str, wall: i64) -> Result<DpopBound, DpopRejection> {
    let proof = format!("{HEADER}.{RESOURCE_REQUEST}");
    let url = TargetUri::parse(url).unwrap();
    let request = DpopRequest { proof: &proof, method, url: &url, access_token: token };
    verifier().verify(&request, UnixTime(wall))
}

#[test]
fn the_resource_request_of_section_7_1_is_accepted_and_fits_the_jkt_of_section_6_1() {
    let bound =
        resource_request("GET", "https://resource.example.org/protectedresource", TOKEN, 1_562_262_618)
            .unwrap();
    assert_eq!(bound.thumbprint().as_str(), JKT);
    let cnf = json!({ "jkt": JKT });
    bound.redeem(Some(&cnf), &TokenDigest::of(TOKEN), UnixTime(1_562_262_618)).unwrap();
}

#[test]
fn the_same_proof_is_refused_for_anything_else() {
    const URL: &str = "https://resource.example.org/protectedresource";
    for (method, url, token, time) in [
        ("POST", URL, TOKEN, 1_562_262_618),
        ("GET", "https://resource.example.org/other", TOKEN, 1_562_262_618),
        ("GET", URL, "another", 1_562_262_618),
        ("GET", URL, TOKEN, 1_562_262_618 + 61),
    ] {
        resource_request(method, url, token, time).unwrap_err();
    }
}

#[test]
fn the_proof_of_section_4_1_is_genuine_but_without_ath_no_use_at_a_resource_server() {
    let text = format!("{HEADER}.{TOKEN_REQUEST}");
    let signed = DpopProof::parse(&text).unwrap().verify(&[Algorithm::ES256]).unwrap();
    assert_eq!(signed.thumbprint.as_str(), JKT);
    assert_eq!(signed.claims.jti.as_deref(), Some("-BwC3ESc6acc2lTc"));
    let url = TargetUri::parse("https://server.example.com/token").unwrap();
    let request = DpopRequest { proof: &text, method: "POST", url: &url, access_token: TOKEN };
    let rejection = verifier().verify(&request, UnixTime(1_562_262_616)).unwrap_err();
    assert_eq!(rejection, DpopRejection::MissingClaim("ath"));
}
