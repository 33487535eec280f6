//! Times as people say them.

use auth_core::time::UnixTime;

/// How far `at` is from `now`, in whole units of which it is at least two: `in 43 minutes`, `2 days ago`.
pub fn relative(at: UnixTime, now: UnixTime) -> String {
    let seconds = at.seconds_since(now);
    let away = seconds.unsigned_abs();
    let (unit, length) = UNITS.into_iter().find(|(_, length)| away >= 2 * length).unwrap_or(("second", 1));
    let count = away / length;
    let plural = if count == 1 { "" } else { "s" };
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {count} {unit}{plural}"),
        _ => format!("{count} {unit}{plural} ago"),
    }
}

const UNITS: [(&str, u64); 3] = [("day", 86_400), ("hour", 3600), ("minute", 60)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_by_its_distance() {
        let now = UnixTime(1_800_000_000);
        for (seconds, text) in [
            (0, "now"),
            (1, "in 1 second"),
            (119, "in 119 seconds"),
            (2580, "in 43 minutes"),
            (7199, "in 119 minutes"),
            (7200, "in 2 hours"),
            (-90_000, "25 hours ago"),
            (-172_800, "2 days ago"),
        ] {
            assert_eq!(relative(now.saturating_add(seconds), now), text);
        }
        assert_eq!(relative(UnixTime(i64::MAX), UnixTime(i64::MIN)), "in 106751991167300 days");
    }
}
