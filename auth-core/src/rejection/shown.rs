//! How values are shown in messages: foreign text made safe, lists and waits readable.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::algorithm::Algorithm;

/// Whole seconds, rounded up, because a caller who comes back too early is refused again.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0);
        write!(f, "{seconds} second{}", if seconds == 1 { "" } else { "s" })
    }
}

/// Foreign text made safe to show: control and invisible characters escaped, cut at a readable length.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 200;
        f.write_char('`')?;
        for c in self.0.chars().take(MOST) {
            write!(f, "{}", c.escape_debug())?;
        }
        if self.0.chars().nth(MOST).is_some() {
            f.write_char('…')?;
        }
        f.write_char('`')
    }
}

pub(crate) struct QuotedList<'a>(pub(crate) &'a [String]);

impl fmt::Display for QuotedList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 8;
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, text) in self.0.iter().take(MOST).enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, Quoted(text))?;
        }
        if self.0.len() > MOST {
            write!(f, " and {} more", self.0.len() - MOST)?;
        }
        Ok(())
    }
}

pub(crate) struct Listed<'a>(pub(crate) &'a [Algorithm]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, algorithm) in self.0.iter().enumerate() {
            write!(f, "{}{algorithm}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_eight_and_counts_the_rest() {
        let list = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            QuotedList(&names).to_string()
        };
        let eight = "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`";
        assert_eq!([list(0), list(1), list(2)], ["none", "`0`", "`0`, `1`"]);
        assert_eq!([list(8), list(9)], [eight.to_owned(), format!("{eight} and 1 more")]);
        assert_eq!(list(20), format!("{eight} and 12 more"));
        assert_eq!(Listed(&[Algorithm::ES256, Algorithm::PS256]).to_string(), "ES256, PS256");
    }

    #[test]
    fn a_text_is_cut_after_200_characters_and_says_so() {
        let (whole, more) = ("ü".repeat(200), "ü".repeat(201));
        assert_eq!(Quoted(&whole).to_string(), format!("`{whole}`"));
        assert_eq!(Quoted(&more).to_string(), format!("`{whole}…`"));
    }

    #[test]
    fn a_wait_is_never_told_too_short() {
        let told = |nanos| Seconds(Duration::from_nanos(nanos)).to_string();
        assert_eq!([told(0), told(1), told(1_000_000_000)], ["0 seconds", "1 second", "1 second"]);
        assert_eq!([told(1_000_000_001), told(2_000_000_000)], ["2 seconds", "2 seconds"]);
    }
}
