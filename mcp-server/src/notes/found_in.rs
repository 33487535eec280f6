//! Where a text has what is looked for.

use std::ops::Range;

use super::query::Atom;
use super::words;

/// A text's words, each with its place.
pub(super) struct Text {
    words: Vec<(String, Range<usize>)>,
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let mut found = Vec::new();
        words::each(text, |word, place| found.push((word.to_owned(), place)));
        Self { words: found }
    }

    /// How many words it has.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The places of an atom, in bytes, in order.
    pub(super) fn places<'a>(&'a self, atom: &'a Atom) -> impl Iterator<Item = Range<usize>> + 'a {
        let fits = move |wanted: &String, word: &String| {
            if atom.open { word.starts_with(wanted.as_str()) } else { word == wanted }
        };
        self.words.windows(atom.words.len()).filter_map(move |window| {
            let all = atom.words.iter().zip(window).all(|(wanted, (word, _))| fits(wanted, word));
            let (first, last) = (window.first()?, window.last()?);
            all.then_some(first.1.start..last.1.end)
        })
    }
}
