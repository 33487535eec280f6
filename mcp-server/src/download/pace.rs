//! When a request that failed is made again.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

/// The waits between the attempts at one file.
#[derive(Debug, Default)]
pub(super) struct Pace {
    in_a_row: u32,
    in_all: u32,
}

impl Pace {
    /// How long to wait before the next attempt; `None` when there have been enough. `asked` is what the server said,
    /// which is never undercut, and `progressed` is whether the attempt brought anything.
    pub(super) fn next(&mut self, progressed: bool, asked: Option<Duration>) -> Option<Duration> {
        self.in_row_after(progressed);
        self.in_all += 1;
        if self.in_a_row > TRIES || self.in_all > TRIES_IN_ALL {
            return None;
        }
        let own = FIRST.saturating_mul(1 << (self.in_a_row - 1).min(8)).min(LONGEST);
        Some(asked.unwrap_or_default().max(own))
    }

    fn in_row_after(&mut self, progressed: bool) {
        self.in_a_row = if progressed { 1 } else { self.in_a_row + 1 };
    }
}

/// What `Retry-After` asks for: seconds, or a date that is told from the answer's own `Date`. `None` for nonsense.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let parser = DateTimeParser::new();
    let until = parser.parse_timestamp(value).ok()?;
    let now = parser.parse_timestamp(date?.trim()).ok()?;
    let seconds = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// The longest wait a server may ask for; beyond it, the person is told instead.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

const TRIES: u32 = 5;
/// A server that sends a little and then drops the connection, over and over, is not worth more.
const TRIES_IN_ALL: u32 = 200;
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_and_start_anew_after_progress() {
        let mut pace = Pace::default();
        let waits: Vec<_> =
            std::iter::from_fn(|| pace.next(false, None)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000]);
        assert_eq!(pace.next(true, None), Some(FIRST));
    }

    #[test]
    fn a_server_that_only_drips_is_given_up_in_the_end() {
        let mut pace = Pace::default();
        assert_eq!(std::iter::from_fn(|| pace.next(true, None)).take(1000).count(), TRIES_IN_ALL as usize);
    }

    #[test]
    fn what_the_server_asks_for_is_never_undercut() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(false, Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        assert_eq!(pace.next(false, Some(Duration::ZERO)), Some(Duration::from_millis(500)));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        let seconds = |value, date| retry_after(value, date).map(|wait| wait.as_secs());
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:29:30 GMT", date), Some(90));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:00:00 GMT", date), Some(0));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:29:30 GMT", None), None);
        for nonsense in ["", "-1", "soon", "99999999999999999999999", "1e3"] {
            assert_eq!(seconds(nonsense, date), None, "{nonsense}");
        }
    }
}
