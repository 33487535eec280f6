//! A web server's listing of a folder, read for the data files in it.

use url::Url;

use super::path;

/// What a listing names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Data files directly in the folder, in order, each once.
    pub(super) files: Vec<String>,
    /// Links to data files that are not plainly files of this folder, shortened and without control characters.
    pub(super) refused: Vec<String>,
}

/// Reads the links of the page at `page`, which ends in `/`. Links to anything but data files are passed over: other
/// folders, other orders of the same listing, the parent.
pub(super) fn parse(html: &[u8], page: &Url) -> Listing {
    let html = String::from_utf8_lossy(html);
    let mut listing = Listing::default();
    for link in links(&html) {
        let Ok(url) = page.join(link) else { continue };
        let name = decoded(url.path_segments().and_then(Iterator::last).unwrap_or_default());
        // The last piece is looked at after decoding too, where `%2f` can have hidden a path in it.
        if !path::is_data(&name) {
            continue;
        }
        let list = if is_own(&url, page) && path::is_plain(&name) {
            (&mut listing.files, name)
        } else {
            (&mut listing.refused, shown(link))
        };
        if !list.0.contains(&list.1) {
            list.0.push(list.1);
        }
        if listing.files.len() + listing.refused.len() > MOST {
            break;
        }
    }
    listing.files.sort();
    listing
}

/// Whether a URL is one level below the page, on the same server, and nothing more.
fn is_own(url: &Url, page: &Url) -> bool {
    let rest = url.path().strip_prefix(page.path());
    url.origin() == page.origin()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && rest.is_some_and(|rest| !rest.contains('/'))
}

/// What the `href`s of the page's `a` elements say.
fn links(html: &str) -> impl Iterator<Item = &str> {
    let tags = html.split('<').skip(1).filter(|tag| {
        let mut letters = tag.chars();
        letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'a'))
            && letters.next().is_some_and(char::is_whitespace)
    });
    tags.filter_map(|tag| {
        let at = tag.match_indices('=').find(|(at, _)| {
            let before = tag.get(..*at).unwrap_or_default().trim_end();
            let start = before.len().checked_sub("href".len());
            start.and_then(|start| before.get(start..)).is_some_and(|name| name.eq_ignore_ascii_case("href"))
        })?;
        let value = tag.get(at.0 + 1..)?.trim_start();
        match value.chars().next()? {
            quote @ ('"' | '\'') => value.get(1..)?.split(quote).next(),
            _ => value.split(|c: char| c.is_whitespace() || c == '>').next(),
        }
    })
}

/// With `%41` as `A`. What is not UTF-8 then holds a replacement character, which no plain name does.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                plain.push(value);
                at += 3;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A server's text, fit for a terminal.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_default).collect()
}

/// How many links are read; a dataset has some dozens of files.
const MOST: usize = 10_000;
const SHOWN: usize = 80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(html: &str) -> Listing {
        parse(html.as_bytes(), &Url::parse("https://physionet.org/files/demo/2.2/hosp/").unwrap())
    }

    #[test]
    fn an_index_as_servers_write_it_gives_its_data_files() {
        let html = "<html><h1>Index of /files/demo</h1><pre><a href=\"../\">../</a>\n\
            <a href=\"?C=N;O=D\">Name</a> <a href=\"admissions.csv.gz\">admissions.csv.gz</a> 31-Jan-2023 24K\n\
            <A class='x' HREF = 'omr.csv'>omr</A> <a href=patients.csv.gz>p</a>\
            <a href=\"/files/demo/2.2/hosp/services.csv.gz\">s</a><a href=\"omr.csv\">again</a>\
            <a href=\"index.html\">i</a><a name=x>anchor</a><abbr href=\"no.csv\"></pre>";
        let listing = parsed(html);
        assert_eq!(listing.files, ["admissions.csv.gz", "omr.csv", "patients.csv.gz", "services.csv.gz"]);
        assert_eq!(listing.refused, [""; 0]);
    }

    #[test]
    fn links_that_lead_out_of_the_folder_are_refused_and_told() {
        let hostile = [
            "../../../../home/me/.bashrc.csv",
            "/etc/x.csv",
            "https://evil.example/x.csv.gz",
            "//evil.example/x.csv",
            "..%2f..%2fx.csv",
            "%2e%2e%2fx.csv.gz",
            "a/b.csv",
            "x.csv?token=1",
            "..%5c..%5cx.csv",
            ".hidden.csv",
            "a%00b.csv",
            "https://physionet.org:444/files/demo/2.2/hosp/x.csv",
            "%ff.csv",
            "a%20b.csv",
            "http://physionet.org/files/demo/2.2/hosp/x.csv",
            "https://u@physionet.org/files/demo/2.2/hosp/x.csv",
        ];
        for link in hostile {
            let listing = parsed(&format!("<a href=\"{link}\">x</a>"));
            assert_eq!((listing.files.len(), listing.refused.len()), (0, 1), "{link}");
        }
        let long = parsed(&format!("<a href=\"{}\u{1b}[31m.csv\">", "x".repeat(5000)));
        assert!(long.refused.iter().all(|text| text.len() <= 80 && !text.contains('\u{1b}')), "{long:?}");
    }

    #[test]
    fn an_endless_listing_is_not_read_to_its_end() {
        let names: Vec<String> = (0..50_000).map(|n| format!("f{n}.csv")).collect();
        let html = format!("<a href=\"{}\">", names.join("\"><a href=\""));
        assert_eq!(parsed(&html).files.len(), MOST + 1);
    }

    proptest! {
        #[test]
        fn no_text_gives_a_name_that_is_not_plain(html in "(<a href=|\"|'|\\.\\./|%2e|%2F|x|\\.csv|>|/|\\\\|:|.){0,60}") {
            for name in parsed(&html).files {
                prop_assert!(path::is_plain(&name), "{name:?}");
            }
        }
    }
}
