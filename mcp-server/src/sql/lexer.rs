//! Splits SQL into tokens the way `DuckDB` does: comments, four kinds of quotes, words, punctuation.
//!
//! Nothing is *allowed* on the word of this lexer. It finds where `EXPLAIN` ends and where a `PIVOT` element ends, names what
//! is refused, and measures nesting; what it finds is then put to the engine's own parser. A mistake here refuses a query.

use std::ops::Range;

/// What a token is; text is cut out of the source by its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An unquoted word: keyword or identifier.
    Word,
    /// Anything between quotes: `'…'`, `"…"`, `$tag$…$tag$`, with the prefix letter of `e'…'`.
    Quoted,
    /// One of `( [ {`.
    Open,
    /// One of `) ] }`.
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A number, operator or parameter.
    Other,
}

/// One token of a statement. Whitespace and comments are between tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

impl Token {
    /// Whether this is the unquoted word `word`, in any case.
    pub(super) fn is_word(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && sql[self.span.clone()].eq_ignore_ascii_case(word)
    }
}

/// A quote or comment that never ends, with the byte where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unterminated(pub(super) usize);

/// Splits `sql` into tokens.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token>, Unterminated> {
    let mut lexer = Lexer { sql, at: 0 };
    let mut out = Vec::new();
    while let Some(token) = lexer.next()? {
        out.push(token);
    }
    Ok(out)
}

/// How deep brackets of any kind are nested.
pub(super) fn nesting(tokens: &[Token]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for token in tokens {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

struct Lexer<'a> {
    sql: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<Token>, Unterminated> {
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let kind = match first {
            '(' | '[' | '{' => self.single(Kind::Open),
            ')' | ']' | '}' => self.single(Kind::Close),
            ',' => self.single(Kind::Comma),
            ';' => self.single(Kind::Semicolon),
            '\'' => self.quoted(1, '\'', false)?,
            '"' => self.quoted(1, '"', false)?,
            '$' => self.dollar()?,
            'e' | 'E' if self.rest().as_bytes().get(1) == Some(&b'\'') => self.quoted(2, '\'', true)?,
            c if starts_word(c) => {
                self.skip_while(continues_word);
                Kind::Word
            }
            c if c.is_ascii_digit() => {
                self.skip_while(|c| continues_word(c) || c == '.');
                Kind::Other
            }
            c => {
                self.at += c.len_utf8();
                Kind::Other
            }
        };
        Ok(Some(Token { kind, span: start..self.at }))
    }

    fn skip_blank(&mut self) -> Result<(), Unterminated> {
        loop {
            self.skip_while(is_blank);
            if self.rest().starts_with("--") {
                self.skip_while(|c| c != '\n' && c != '\r');
            } else if self.rest().starts_with("/*") {
                self.block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), Unterminated> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else {
                self.at += self.peek().ok_or(Unterminated(start))?.len_utf8();
            }
        }
    }

    fn quoted(&mut self, opening: usize, quote: char, backslash: bool) -> Result<Kind, Unterminated> {
        let start = self.at;
        self.at += opening;
        loop {
            let c = self.peek().ok_or(Unterminated(start))?;
            self.at += c.len_utf8();
            if c == '\\' && backslash {
                self.at += self.peek().ok_or(Unterminated(start))?.len_utf8();
            } else if c == quote {
                if self.peek() != Some(quote) {
                    return Ok(Kind::Quoted);
                }
                self.at += 1;
            }
        }
    }

    /// `$tag$…$tag$`, or else a parameter such as `$1`.
    fn dollar(&mut self) -> Result<Kind, Unterminated> {
        let start = self.at;
        let rest = self.rest();
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
        let Some(tag) = tag.filter(|tag| is_dollar_tag(&tag[1..tag.len() - 1])) else {
            self.at += 1;
            self.skip_while(continues_word);
            return Ok(Kind::Other);
        };
        let close = rest[tag.len()..].find(tag).ok_or(Unterminated(start))?;
        self.at += 2 * tag.len() + close;
        Ok(Kind::Quoted)
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    fn rest(&self) -> &str {
        &self.sql[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_word(c: char) -> bool {
    starts_word(c) && !is_blank(c) || c.is_ascii_digit() || c == '$'
}

/// `DuckDB` takes Unicode spaces, zero-width ones included, for plain ones.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{180e}')
}

fn is_dollar_tag(tag: &str) -> bool {
    !tag.starts_with(|c: char| c.is_ascii_digit())
        && tag.chars().all(|c| starts_word(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(sql: &str) -> Vec<&str> {
        tokens(sql).unwrap().iter().map(|token| &sql[token.span.clone()]).collect()
    }

    #[test]
    fn quotes_hide_what_is_inside_them() {
        assert_eq!(texts("a 'b;''c' \"d;\"\"e\""), ["a", "'b;''c'", "\"d;\"\"e\""]);
        assert_eq!(texts(r"e'a\';b' x"), [r"e'a\';b'", "x"]);
        assert_eq!(texts("$$a;b$$ $t$ $$ $t$ $1"), ["$$a;b$$", "$t$ $$ $t$", "$1"]);
    }

    #[test]
    fn comments_and_odd_spaces_separate_tokens() {
        assert_eq!(texts("a--x;\nb/* c /* d */ e */f"), ["a", "b", "f"]);
        assert_eq!(texts("a\u{200b}b\u{a0}c"), ["a", "b", "c"]);
    }

    #[test]
    fn an_open_quote_or_comment_is_reported_where_it_starts() {
        for (sql, at) in [("a 'b", 2), ("a \"b", 2), ("a /* b", 2), ("$$x", 0), ("e'\\", 0)] {
            assert_eq!(tokens(sql), Err(Unterminated(at)), "{sql}");
        }
    }

    #[test]
    fn nesting_counts_the_deepest_bracket() {
        assert_eq!(nesting(&tokens("f(a, [b, {c}]) + (d)").unwrap()), 3);
        assert_eq!(nesting(&tokens("'((((' )))").unwrap()), 0);
    }

    proptest! {
        #[test]
        fn tokens_cover_the_text_in_order_without_overlap(sql in any::<String>()) {
            if let Ok(tokens) = tokens(&sql) {
                let mut end = 0;
                for token in tokens {
                    prop_assert!(token.span.start >= end && token.span.end > token.span.start);
                    prop_assert!(sql.get(token.span.clone()).is_some());
                    end = token.span.end;
                }
                prop_assert!(end <= sql.len());
            }
        }

        #[test]
        fn quoting_any_text_makes_one_token(text in any::<String>()) {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            prop_assert_eq!(texts(&quoted).len(), 1);
        }
    }
}
