//! The figures and the aims they are held against.

use std::fmt;
use std::io;
use std::time::Duration;

use super::callers::Sample;
use super::status_line;

/// Everything that was measured.
pub(super) struct Report {
    pub connections: usize,
    pub seconds: u64,
    pub without: Sample,
    pub with: Sample,
    pub resident_before: u64,
    pub resident_after: u64,
    pub quiet: Sample,
    pub flooded: Sample,
    pub worthless: u64,
}

/// One aim: what, how much, at most how much.
struct Aim {
    what: &'static str,
    measured: f64,
    at_most: f64,
}

impl Report {
    pub(super) fn meets_every_aim(&self) -> bool {
        self.aims().iter().all(|aim| aim.measured <= aim.at_most)
    }

    fn aims(&self) -> [Aim; 4] {
        let seconds = |time: Duration| time.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let growth = self.resident_after as f64 / self.resident_before as f64;
        [
            Aim {
                what: "throughput that authentication costs, in percent",
                measured: (1.0 - self.with.rate() / self.without.rate()) * 100.0,
                at_most: 5.0,
            },
            Aim {
                what: "p99 / p50 with authentication",
                measured: seconds(self.with.quantile(0.99)) / seconds(self.with.quantile(0.5)),
                at_most: 10.0,
            },
            Aim { what: "resident memory, after / before", measured: growth, at_most: 1.2 },
            Aim {
                what: "valid callers' p99, flooded / quiet",
                measured: seconds(self.flooded.quantile(0.99)) / seconds(self.quiet.quantile(0.99)),
                at_most: 2.0,
            },
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "list_datasets, {} connections, {} s on each server, in turns",
            self.connections, self.seconds
        )?;
        writeln!(f, "{:<28}{:>10}{:>12}{:>12}{:>12}", "", "calls", "calls/s", "p50", "p99")?;
        let rows = [
            ("without authentication", &self.without),
            ("with authentication", &self.with),
            ("8 callers, quiet", &self.quiet),
            ("8 callers, flooded", &self.flooded),
        ];
        for (name, sample) in rows {
            let (p50, p99) = (micros(sample.quantile(0.5)), micros(sample.quantile(0.99)));
            writeln!(f, "{name:<28}{:>10}{:>12.0}{p50:>12}{p99:>12}", sample.calls(), sample.rate())?;
        }
        let mib = |bytes: u64| bytes >> 20;
        writeln!(
            f,
            "resident: {} MiB before, {} MiB after",
            mib(self.resident_before),
            mib(self.resident_after)
        )?;
        writeln!(f, "worthless tokens refused during the flood: {}", self.worthless)?;
        for aim in self.aims() {
            let met = if aim.measured <= aim.at_most { "ok" } else { "MISSED" };
            writeln!(f, "{met:<7}{}: {:.2} (at most {})", aim.what, aim.measured, aim.at_most)?;
        }
        Ok(())
    }
}

fn micros(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}

/// How much memory of a process is in use.
pub(super) fn resident_bytes(id: u32) -> io::Result<u64> {
    let line = status_line(id, "VmRSS:")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().map_err(io::Error::other)?;
    Ok(kib << 10)
}
