//! Medians and spreads of what was measured several times.

use std::time::Duration;

/// Measurements of one thing; at least one.
#[derive(Clone, Debug, Default)]
pub(in crate::bench) struct Sample(Vec<Duration>);

impl Sample {
    pub(in crate::bench) fn add(&mut self, measured: Duration) {
        self.0.push(measured);
        self.0.sort_unstable();
    }

    /// The middle one; of an even number the mean of the two in the middle.
    pub(in crate::bench) fn median(&self) -> Duration {
        let middle = self.0.len() / 2;
        match (self.0.get(middle), self.0.len() % 2) {
            (None, _) => Duration::ZERO,
            (Some(upper), 1) => *upper,
            (Some(upper), _) => (*upper + self.0[middle - 1]) / 2,
        }
    }

    /// The median with the least and the most beside it, in milliseconds.
    pub(in crate::bench) fn shown(&self) -> String {
        let least = self.0.first().copied().unwrap_or_default();
        let most = self.0.last().copied().unwrap_or_default();
        format!("{} ({}–{})", milliseconds(self.median()), milliseconds(least), milliseconds(most))
    }
}

/// How often `ours` fits into `theirs`.
pub(in crate::bench) fn ratio(theirs: Duration, ours: Duration) -> f64 {
    theirs.as_secs_f64() / ours.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Milliseconds with as many digits as say something.
pub(in crate::bench) fn milliseconds(duration: Duration) -> String {
    let value = duration.as_secs_f64() * 1000.0;
    let decimals = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// The middle of some ratios.
pub(in crate::bench) fn median_of(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(upper), 1) => *upper,
        (Some(upper), _) => f64::midpoint(*upper, values[middle - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_spread_goes_from_least_to_most() {
        let mut sample = Sample::default();
        for milliseconds in [30, 10, 500] {
            sample.add(Duration::from_millis(milliseconds));
        }
        assert_eq!(sample.median(), Duration::from_millis(30));
        assert_eq!(sample.shown(), "30.0 (10.0–500)");
        sample.add(Duration::from_millis(10));
        assert_eq!(sample.median(), Duration::from_millis(20));
        assert!((median_of(vec![4.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((ratio(Duration::from_secs(6), Duration::from_secs(2)) - 3.0).abs() < 1e-9);
    }
}
