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
