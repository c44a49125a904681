//! The table.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::histogram::Histogram;
use crate::load::Measured;

/// What was found for one server in one row, over all rounds.
#[derive(Debug)]
pub(crate) struct Line {
    /// What was asked of whom.
    pub(crate) name: String,
    /// One measurement for each round.
    pub(crate) rounds: Vec<Measured>,
}

/// One figure over all rounds: the median, and the least and the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spread {
    least: u64,
    median: u64,
    greatest: u64,
}

impl Spread {
    /// The spread of these figures; zeros where there are none. Of an even number, the lower middle
    /// one is the median.
    fn of(mut figures: Vec<u64>) -> Self {
        figures.sort_unstable();
        let middle = figures.len().saturating_sub(1) / 2;
        let at = |place: usize| figures.get(place).copied().unwrap_or_default();
        Self {
            least: at(0),
            median: at(middle),
            greatest: at(figures.len().saturating_sub(1)),
        }
    }
}

/// Thousands, to one digit: `81.3 k`.
struct Thousands(u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + 50) / 100;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

/// A number of tenths: `12.5`.
struct Tenths(u64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Line {
    /// Answered requests a second.
    fn rate(&self) -> Spread {
        let rates = self.rounds.iter().map(|round| {
            let millis = u64::try_from(round.elapsed.as_millis()).unwrap_or(u64::MAX);
            round.latencies.total() * 1_000 / millis.max(1)
        });
        Spread::of(rates.collect())
    }

    /// CPU time of the server for one request, in tenths of a microsecond; `of` chooses which.
    fn cpu(&self, of: impl Fn(&Measured) -> u64) -> Spread {
        let shares = self
            .rounds
            .iter()
            .map(|round| of(round) * 10 / round.latencies.total().max(1));
        Spread::of(shares.collect())
    }

    fn cpu_whole(&self) -> Spread {
        self.cpu(|round| user_us(round) + kernel_us(round))
    }

    /// The greatest resident memory at the end of a round, in MiB.
    fn resident_mib(&self) -> u64 {
        let resident = self.rounds.iter().map(|round| round.after.resident_kib);
        resident.max().unwrap_or_default() / 1_024
    }
}

fn user_us(round: &Measured) -> u64 {
    round.after.user_us - round.before.user_us
}

fn kernel_us(round: &Measured) -> u64 {
    round.after.kernel_us - round.before.kernel_us
}

/// The table of one row as Markdown. The first line is the floor, to which the others are put in
/// proportion.
pub(crate) fn table(title: &str, lines: &[Line]) -> String {
    let mut text = format!(
        "### {title}\n\n\
         | server | 1,000 requests/s (least to greatest) | of the floor \
         | server CPU µs/request (user + kernel) | of the floor \
         | p50 µs | p99 µs | p99.9 µs | RSS MiB |\n\
         |---|---|---|---|---|---|---|---|---|\n"
    );
    for line in lines {
        write_line(&mut text, line, lines.first().unwrap_or(line));
    }
    text
}

fn write_line(text: &mut String, line: &Line, floor: &Line) {
    let (rate, cpu) = (line.rate(), line.cpu_whole());
    let ratio = |mine: u64, its: u64| {
        let percent = mine * 100 / its.max(1);
        format!("{}.{:02}", percent / 100, percent % 100)
    };
    let mut latencies = Histogram::new();
    for round in &line.rounds {
        latencies.add(&round.latencies);
    }
    let micros = |permille| Duration::as_micros(&latencies.permille(permille));
    writeln!(
        text,
        "| {} | {} ({} to {}) | {} | {} ({} + {}) | {} | {} | {} | {} | {} |",
        line.name,
        Thousands(rate.median),
        Thousands(rate.least),
        Thousands(rate.greatest),
        ratio(rate.median, floor.rate().median),
        Tenths(cpu.median),
        Tenths(line.cpu(user_us).median),
        Tenths(line.cpu(kernel_us).median),
        ratio(cpu.median, floor.cpu_whole().median),
        micros(500),
        micros(990),
        micros(999),
        line.resident_mib(),
    )
    .expect("a String takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    fn round(requests: u64, cpu_us: u64) -> Measured {
        let mut latencies = Histogram::new();
        for _ in 0..requests {
            latencies.record(Duration::from_nanos(20));
        }
        let before = Usage {
            user_us: 1_000,
            kernel_us: 2_000,
            resident_kib: 1,
        };
        Measured {
            latencies,
            elapsed: Duration::from_millis(500),
            before,
            after: Usage {
                user_us: before.user_us + cpu_us,
                kernel_us: before.kernel_us + 2 * cpu_us,
                resident_kib: 5 * 1_024,
            },
        }
    }

    /// Rates, shares and ratios are the medians over the rounds.
    #[test]
    fn a_table_shows_medians() {
        let floor = Line {
            name: "floor".to_owned(),
            rounds: vec![
                round(2_000, 4_000),
                round(4_000, 8_000),
                round(1_000, 9_000),
            ],
        };
        let other = Line {
            name: "other".to_owned(),
            rounds: vec![round(1_000, 3_000)],
        };
        let table = table("row", &[floor, other]);
        let lines: Vec<&str> = table.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| floor | 4.0 (2.0 to 8.0) | 1.00 | 6.0 (2.0 + 4.0) | 1.00 | 0 | 0 | 0 | 5 |",
                "| other | 2.0 (2.0 to 2.0) | 0.50 | 9.0 (3.0 + 6.0) | 1.50 | 0 | 0 | 0 | 5 |",
            ]
        );
    }
}
