//! What a word is: the same in notes, in queries and in snippets.
//!
//! A word is a run of letters and digits, in lower case; everything else parts words. Single letters and digits count, because
//! `vitamin D`, `hepatitis C` and `type 2` turn on them. There is no stemming: `stent` is not `stents`, and a query that wants
//! both says `stent*`. `___`, which stands for what was removed from a note, is no word.

use std::ops::Range;

/// Calls `visit` with every word of `text`, in order: how it is indexed, and where it stands.
pub(super) fn each(text: &str, mut visit: impl FnMut(&str, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut folded = String::with_capacity(LONGEST);
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        folded.clear();
        while at < bytes.len() {
            let byte = bytes[at];
            if byte.is_ascii_alphanumeric() {
                if folded.len() < LONGEST {
                    folded.push(char::from(byte.to_ascii_lowercase()));
                }
                at += 1;
            } else if byte.is_ascii() {
                break;
            } else {
                let Some(letter) = text[at..].chars().next().filter(|letter| letter.is_alphanumeric()) else {
                    break;
                };
                for lower in letter.to_lowercase() {
                    if folded.len() + lower.len_utf8() <= LONGEST {
                        folded.push(lower);
                    }
                }
                at += letter.len_utf8();
            }
        }
        if at > start {
            visit(&folded, start..at);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
}

/// The words of `text`, as they are indexed.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each(text, |word, _| words.push(word.to_owned()));
    words
}

/// Bytes of a word that count; no word is longer, but damaged text has runs of any length.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(
            of("Pt. w/ X-ray: SpO2 97.5%, hepatitis-C; ___ Ménière's"),
            ["pt", "w", "x", "ray", "spo2", "97", "5", "hepatitis", "c", "ménière", "s"]
        );
        assert_eq!(of("ÄRZTE ΣΊΣΥΦΟΣ 東京"), ["ärzte", "σίσυφος".replace('ς', "σ").as_str(), "東京"]);
        assert_eq!(of(" _ -- \n"), Vec::<String>::new());
    }

    #[test]
    fn a_run_without_end_is_one_short_word() {
        for letter in ["x", "ß", "İ"] {
            let words = of(&letter.repeat(10_000));
            assert_eq!(words.len(), 1);
            assert!(words[0].len() <= LONGEST && !words[0].is_empty());
        }
    }

    proptest! {
        #[test]
        fn every_place_is_of_the_text_and_a_word_there_is_found_again(text in any::<String>()) {
            let mut end = 0;
            each(&text, |word, place| {
                assert!(place.start >= end && place.end > place.start);
                end = place.end;
                assert_eq!(of(&text[place]), [word]);
            });
        }
    }
}
