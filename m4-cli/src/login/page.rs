//! The pages a browser shows at the end of a login. They load nothing, run nothing and tell nobody where they are.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the browser is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The document; empty for requests that were none of a person's.
    pub html: String,
}

impl Page {
    /// The login is stored.
    pub fn success(issuer: &str) -> Self {
        let told = [format!("M4 has your login at {issuer}."), CLOSE.to_owned()];
        Self { status: 200, html: document("You are logged in", "✓", &told) }
    }

    /// The login is over without tokens.
    pub fn failure(error: &str, hint: Option<&str>) -> Self {
        let mut told = vec![sentence(error)];
        told.extend(hint.map(sentence));
        told.push("The terminal where the login began says the same.".to_owned());
        Self { status: 400, html: document("You are not logged in", "!", &told) }
    }

    /// This answer does not count, and the login goes on waiting.
    pub fn stray(error: &str, hint: &str) -> Self {
        let told = [sentence(error), sentence(hint)];
        Self { status: 400, html: document("This page is not part of the login", "!", &told) }
    }

    /// The login has been answered before.
    pub fn again() -> Self {
        let told = ["This login has been answered already.".to_owned(), CLOSE.to_owned()];
        Self { status: 400, html: document("Nothing was done", "!", &told) }
    }

    /// There is nothing here.
    pub const fn nothing() -> Self {
        Self { status: 404, html: String::new() }
    }

    /// The policy the page is sent with: its own style and nothing else.
    pub fn content_security_policy() -> String {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }
}

fn document(title: &str, sign: &str, told: &[String]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} – M4</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"sign\" aria-hidden=\"true\">{sign}</p>\n<h1>{title}</h1>\n"
    );
    for text in told {
        // Writing to a string cannot fail.
        let _ = writeln!(html, "<p>{}</p>", escaped(text));
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// Text as HTML shows it, whoever wrote it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// Errors and hints begin small and have no full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    first.chain(chars).chain(['.']).collect()
}

const CLOSE: &str = "You can close this page and go back to the terminal.";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.0625rem/1.6 system-ui,sans-serif;\
background:#f6f7f9;color:#1c2024}\
main{max-width:32rem;margin:1.5rem;padding:2rem 2.5rem;background:#fff;border:1px solid #d5d9df;border-radius:.75rem;\
overflow-wrap:anywhere}\
.sign{margin:0 0 .75rem;width:2.5rem;height:2.5rem;line-height:2.5rem;text-align:center;font-weight:700;\
border-radius:50%;background:#1c5d99;color:#fff}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}\
p{margin:0 0 .75rem}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e8eaed}\
main{background:#1d2125;border-color:#3a4047}.sign{background:#8ec5f4;color:#10202e}}";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_provider_says_is_text_on_the_page_and_never_markup() {
        let page = Page::failure("refused: <script>alert('x')</script> & \"more\"", Some("<b>"));
        assert!(!page.html.contains("<script") && !page.html.contains("<b>"), "{}", page.html);
        assert!(
            page.html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;.")
        );
        assert!(page.html.contains("<p>&lt;b&gt;.</p>"));
    }

    #[test]
    fn pages_load_nothing() {
        let pages = [Page::success("https://i.example"), Page::again(), Page::stray("a", "b")];
        for page in pages {
            for outside in ["src=", "href=", "url(", "@import", "<script", "http-equiv", "style=\""] {
                assert!(!page.html.contains(outside), "{outside}");
            }
            assert!(page.html.contains(&format!("<style>{STYLE}</style>")));
        }
        let policy = Page::content_security_policy();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"));
    }

    proptest! {
        #[test]
        fn no_text_opens_or_closes_an_element(text in "\\PC{0,60}") {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
