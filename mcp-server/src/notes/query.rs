//! What is looked for, parsed from what was typed.
//!
//! | typed | means |
//! |---|---|
//! | `chest pain` | both words, anywhere in the note |
//! | `"chest pain"`, `chest-pain` | these words in this order |
//! | `pneumo*` | a word that begins like this |
//! | `stroke OR tia` | one of them at least; `\|` is the same |
//! | `fever -cough`, `fever NOT cough` | notes with one and without the other |
//!
//! `AND` adds nothing, everything else that is no letter or digit parts words, and an open quote ends with the text: there is
//! no wrong syntax.

use super::words;
use crate::error::Explain;

/// A parsed query: what has to be there, and what must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Each has to be there. At least one.
    pub(super) wanted: Vec<Clause>,
    /// None may be there.
    pub(super) excluded: Vec<Atom>,
}

/// Alternatives of which one is enough. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) atoms: Vec<Atom>,
}

/// A word, or several that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    /// At least one.
    pub(super) words: Vec<String>,
    /// Whether the only word is the beginning of one.
    pub(super) open: bool,
}

impl Query {
    /// Takes a query as it was typed.
    pub fn parse(typed: &str) -> Result<Self, BadQuery> {
        let length = typed.chars().take(LONGEST + 1).count();
        if length > LONGEST {
            return Err(BadQuery::TooLong);
        }
        let mut query = Self { wanted: Vec::new(), excluded: Vec::new() };
        let (mut exclude, mut alternative, mut count) = (false, false, 0);
        for piece in pieces(typed) {
            let (minus, text) = match piece {
                Piece::Or => {
                    alternative = !query.wanted.is_empty();
                    continue;
                }
                Piece::Not => {
                    exclude = true;
                    continue;
                }
                Piece::Text { minus, text } => (minus, text),
            };
            let Some(atom) = Atom::parse(text) else { continue };
            count += atom.words.len();
            if exclude || minus {
                query.excluded.push(atom);
            } else {
                match query.wanted.last_mut().filter(|_| alternative) {
                    Some(clause) => clause.atoms.push(atom),
                    None => query.wanted.push(Clause { atoms: vec![atom] }),
                }
            }
            (exclude, alternative) = (false, false);
        }
        if count > MOST_WORDS {
            return Err(BadQuery::TooManyWords { count });
        }
        if query.wanted.is_empty() {
            return Err(BadQuery::Nothing { only_excluded: !query.excluded.is_empty() });
        }
        Ok(query)
    }

    /// Whether leaving out some of the clauses would still leave something.
    pub(super) fn has_several(&self) -> bool {
        self.wanted.len() > 1
    }
}

impl Atom {
    fn parse(text: &str) -> Option<Self> {
        let words = words::of(text);
        let open = text.ends_with('*') && words.len() == 1 && words[0].chars().count() >= SHORTEST_BEGINNING;
        (!words.is_empty()).then_some(Self { words, open })
    }
}

impl Clause {
    /// As somebody would type it.
    pub(super) fn text(&self) -> String {
        let atom = |atom: &Atom| {
            let words = atom.words.join(" ");
            let star = if atom.open { "*" } else { "" };
            if atom.words.len() > 1 { format!("\"{words}\"") } else { format!("{words}{star}") }
        };
        self.atoms.iter().map(atom).collect::<Vec<_>>().join(" OR ")
    }
}

/// A query that cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// No letter or digit to look for.
    #[error("query has no word to look for")]
    Nothing {
        /// Whether there were words to exclude.
        only_excluded: bool,
    },
    /// Too many characters.
    #[error("query is longer than {LONGEST} characters")]
    TooLong,
    /// Too many words.
    #[error("query has {count} words, more than the {MOST_WORDS} that are looked for")]
    TooManyWords {
        /// How many there are.
        count: usize,
    },
}

impl Explain for BadQuery {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nothing { only_excluded: true } => "add a word that the notes should have".to_owned(),
            Self::Nothing { only_excluded: false } => {
                "give words or a \"phrase in quotes\", such as: pneumonia \"chest pain\"".to_owned()
            }
            Self::TooLong | Self::TooManyWords { .. } => "look for a few telling words".to_owned(),
        })
    }
}

enum Piece<'a> {
    Or,
    Not,
    Text { minus: bool, text: &'a str },
}

/// What stands between spaces, or in quotes.
fn pieces(typed: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = typed;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let minus = rest.starts_with('-');
        let body = rest.strip_prefix('-').unwrap_or(rest);
        let first = body.chars().next();
        if first.is_none() && !minus {
            return None;
        }
        if let Some(quote) = first.filter(|first| QUOTES.contains(first)) {
            let inside = &body[quote.len_utf8()..];
            let end = inside.find(QUOTES).unwrap_or(inside.len());
            let after = inside[end..].chars().next().map_or(end, |quote| end + quote.len_utf8());
            rest = &inside[after..];
            return Some(Piece::Text { minus, text: &inside[..end] });
        }
        let end = body.find(|c: char| c.is_whitespace() || QUOTES.contains(&c)).unwrap_or(body.len());
        let text = &body[..end];
        rest = &body[end..];
        Some(match text {
            "OR" | "|" | "||" if !minus => Piece::Or,
            "NOT" if !minus => Piece::Not,
            "AND" | "&&" if !minus => Piece::Text { minus, text: "" },
            text => Piece::Text { minus, text },
        })
    })
}

const QUOTES: [char; 4] = ['"', '“', '”', '„'];

/// Characters of a query that is read.
const LONGEST: usize = 1_000;
/// Words of a query that are looked for.
const MOST_WORDS: usize = 32;
/// Letters that a beginning has at least; fewer would stand for a good part of all words.
const SHORTEST_BEGINNING: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The query as one line: clauses in brackets, excluded ones with a minus.
    fn shape(typed: &str) -> String {
        let query = Query::parse(typed).unwrap();
        let wanted = query.wanted.iter().map(|clause| format!("({})", clause.text()));
        let excluded =
            query.excluded.iter().map(|atom| format!("-({})", Clause { atoms: vec![atom.clone()] }.text()));
        wanted.chain(excluded).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_form_means_what_the_table_says() {
        for (typed, expected) in [
            ("chest pain", "(chest) (pain)"),
            ("Chest AND Pain", "(chest) (pain)"),
            ("\"Chest  pain\" acute", "(\"chest pain\") (acute)"),
            ("“chest pain”", "(\"chest pain\")"),
            ("x-ray", "(\"x ray\")"),
            ("pneumo*", "(pneumo*)"),
            ("pn*", "(pn)"),
            (
                "stroke OR tia OR \"cerebral infarct\" acute",
                "(stroke OR tia OR \"cerebral infarct\") (acute)",
            ),
            ("a | b", "(a OR b)"),
            ("fever -cough NOT \"chest pain\"", "(fever) -(cough) -(\"chest pain\")"),
            ("-cough fever", "(fever) -(cough)"),
            ("OR fever OR", "(fever)"),
            ("\"open phrase", "(\"open phrase\")"),
            ("and or not", "(and) (or) (not)"),
            ("o'brien; DROP TABLE x --", "(\"o brien\") (drop) (table) (x)"),
            ("10mg 7.4", "(10mg) (\"7 4\")"),
        ] {
            assert_eq!(shape(typed), expected, "{typed}");
        }
    }

    #[test]
    fn a_query_without_words_or_with_too_many_says_so() {
        let error = |typed: &str| Query::parse(typed).unwrap_err();
        for nothing in ["", "  ", "\"\"", "* - OR", "___ ?!", "\0"] {
            assert_eq!(error(nothing), BadQuery::Nothing { only_excluded: false }, "{nothing:?}");
        }
        assert_eq!(error("-fever"), BadQuery::Nothing { only_excluded: true });
        assert_eq!(error(&"x".repeat(1_000_000)), BadQuery::TooLong);
        assert_eq!(error(&"x ".repeat(33)), BadQuery::TooManyWords { count: 33 });
        assert!(Query::parse(&"x ".repeat(32)).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_or_a_clear_no(typed in any::<String>()) {
            if let Ok(query) = Query::parse(&typed) {
                prop_assert!(query.wanted.iter().all(|clause| !clause.atoms.is_empty()));
            }
        }

        #[test]
        fn operators_in_any_order_are_no_trouble(parts in prop::collection::vec(
            prop::sample::select(vec!["OR", "NOT", "AND", "-", "\"", "”", "*", "|", "a", "fever", " "]), 0..30)
        ) {
            for separator in ["", " "] {
                let _ = Query::parse(&parts.join(separator));
            }
        }
    }
}
