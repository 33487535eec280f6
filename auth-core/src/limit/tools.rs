//! Limits of single tools, as written in a setting: `execute_query=20/60, search_notes=10/60`.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::RateLimit;
use super::meter::LONGEST_WINDOW;

/// How often each subject may call certain tools, on top of what it may call in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolLimits {
    /// Sorted by tool.
    limits: Vec<(String, RateLimit)>,
}

/// Why a text is no list of tool limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToolLimits {
    /// An entry without `=` or `/`.
    #[error("{entry:?} is not of the form tool=requests/seconds")]
    Form {
        /// The entry as written.
        entry: String,
    },
    /// A name that no tool can have.
    #[error("{tool:?} is not a tool name: it takes 1 to 128 of the characters A-Z a-z 0-9 _ - .")]
    Tool {
        /// The name as written.
        tool: String,
    },
    /// The first number is not usable.
    #[error("{tool}: {requests:?} is not a number of requests from 1 to 4294967295")]
    Requests {
        /// Whose limit it is.
        tool: String,
        /// The number as written.
        requests: String,
    },
    /// The second number is not usable.
    #[error("{tool}: {seconds:?} is not a number of seconds from 1 to {}", LONGEST_WINDOW.as_secs())]
    Window {
        /// Whose limit it is.
        tool: String,
        /// The number as written.
        seconds: String,
    },
    /// A tool with two limits.
    #[error("{tool} is given twice")]
    Twice {
        /// Its name.
        tool: String,
    },
    /// Each limited tool costs memory for every subject.
    #[error("there are {count} limits, more than {MOST_TOOLS}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
}

impl ToolLimits {
    /// The limit of `tool`, if it has one of its own.
    pub fn find(&self, tool: &str) -> Option<RateLimit> {
        self.position(tool).map(|index| self.limits[index].1)
    }

    /// Tools and their limits, sorted by tool.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, RateLimit)> {
        self.limits.iter().map(|(tool, limit)| (tool.as_str(), *limit))
    }

    /// Whether no tool has a limit of its own.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Limits as a test needs them; `limits` is sorted by tool.
    #[cfg(test)]
    pub(super) fn of<const N: usize>(limits: [(&str, RateLimit); N]) -> Self {
        Self { limits: limits.map(|(tool, limit)| (tool.to_owned(), limit)).into() }
    }

    /// Where `tool` stands in [`iter`](Self::iter).
    pub(super) fn position(&self, tool: &str) -> Option<usize> {
        self.limits.binary_search_by(|(name, _)| name.as_str().cmp(tool)).ok()
    }
}

impl FromStr for ToolLimits {
    type Err = InvalidToolLimits;

    /// Entries `tool=requests/seconds`, separated by commas; empty entries are skipped, so an empty text limits nothing.
    fn from_str(text: &str) -> Result<Self, InvalidToolLimits> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let mut limits = entries.map(parse_entry).collect::<Result<Vec<_>, _>>()?;
        limits.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if let Some([(tool, _), _]) = limits.array_windows().find(|[(a, _), (b, _)]| a == b) {
            return Err(InvalidToolLimits::Twice { tool: tool.clone() });
        }
        if limits.len() > MOST_TOOLS {
            return Err(InvalidToolLimits::TooMany { count: limits.len() });
        }
        Ok(Self { limits })
    }
}

fn parse_entry(entry: &str) -> Result<(String, RateLimit), InvalidToolLimits> {
    let form = || InvalidToolLimits::Form { entry: entry.to_owned() };
    let (tool, limit) = entry.split_once('=').ok_or_else(form)?;
    let (requests, seconds) = limit.split_once('/').ok_or_else(form)?;
    let (tool, requests, seconds) = (tool.trim_end().to_owned(), requests.trim(), seconds.trim());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !(1..=128).contains(&tool.len()) || !tool.bytes().all(is_name) {
        return Err(InvalidToolLimits::Tool { tool });
    }
    let Some(requests) = number(requests).and_then(|n| NonZeroU32::new(u32::try_from(n).ok()?)) else {
        return Err(InvalidToolLimits::Requests { tool, requests: requests.to_owned() });
    };
    let Some(window) = number(seconds).filter(|n| (1..=LONGEST_WINDOW.as_secs()).contains(n)) else {
        return Err(InvalidToolLimits::Window { tool, seconds: seconds.to_owned() });
    };
    Ok((tool, RateLimit { requests, window: Duration::from_secs(window) }))
}

/// Digits only: `u64::from_str` would take `+20` too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

const MOST_TOOLS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(requests: u32, seconds: u64) -> RateLimit {
        RateLimit { requests: NonZeroU32::new(requests).unwrap(), window: Duration::from_secs(seconds) }
    }

    #[test]
    fn limits_are_found_by_tool() {
        let limits: ToolLimits = " search_notes = 10 / 60,execute_query=20/60,".parse().unwrap();
        assert_eq!(limits.find("execute_query"), Some(limit(20, 60)));
        assert_eq!(limits.find("search_notes"), Some(limit(10, 60)));
        assert_eq!(limits.find("get_note"), None);
        assert!(!limits.is_empty());
        let tools: Vec<_> = limits.iter().map(|(tool, _)| tool).collect();
        assert_eq!(tools, ["execute_query", "search_notes"]);
        assert!(" , ".parse::<ToolLimits>().unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("execute_query", r#""execute_query" is not of the form tool=requests/seconds"#),
            ("a=1/2, b=20", r#""b=20" is not of the form tool=requests/seconds"#),
            ("=20/60", r#""" is not a tool name: it takes 1 to 128 of the characters A-Z a-z 0-9 _ - ."#),
            ("a=0/60", r#"a: "0" is not a number of requests from 1 to 4294967295"#),
            ("a=4294967296/60", r#"a: "4294967296" is not a number of requests from 1 to 4294967295"#),
            ("a=+1/60", r#"a: "+1" is not a number of requests from 1 to 4294967295"#),
            ("a=1/0", r#"a: "0" is not a number of seconds from 1 to 31622400"#),
            ("a=1/1h", r#"a: "1h" is not a number of seconds from 1 to 31622400"#),
            ("a=1/2/3", r#"a: "2/3" is not a number of seconds from 1 to 31622400"#),
            ("b=1/60,a=1/60,b=2/60", "b is given twice"),
        ] {
            assert_eq!(text.parse::<ToolLimits>().unwrap_err().to_string(), message);
        }
        assert!(matches!("a b=1/2".parse::<ToolLimits>(), Err(InvalidToolLimits::Tool { .. })));
        let many: Vec<String> = (0..65).map(|n| format!("t{n}=1/2")).collect();
        assert_eq!(many.join(",").parse::<ToolLimits>(), Err(InvalidToolLimits::TooMany { count: 65 }));
        many[1..].join(",").parse::<ToolLimits>().unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"\PC*|([a-z=/,0-9 ]{0,40})") {
            let _ = text.parse::<ToolLimits>();
        }

        #[test]
        fn what_was_written_is_what_is_read(limits in proptest::collection::btree_map(
            "[a-z_]{1,20}", (1..=u32::MAX, 1..=31_622_400_u64), 0..=64))
        {
            let text: Vec<String> = limits.iter().map(|(tool, (n, secs))| format!("{tool}={n}/{secs}")).collect();
            let parsed: ToolLimits = text.join(", ").parse().unwrap();
            let expected: Vec<_> = limits.iter().map(|(tool, (n, secs))| (tool.as_str(), limit(*n, *secs))).collect();
            prop_assert_eq!(parsed.iter().collect::<Vec<_>>(), expected);
        }
    }
}
