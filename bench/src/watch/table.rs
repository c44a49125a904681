//! The tables of a watch run.

use std::fmt::Write as _;
use std::time::Duration;

use crate::histogram::Histogram;
use crate::report::thousandths;

/// What was found for one way and number of watchers.
#[derive(Debug)]
pub(crate) struct Line {
    /// How they are told.
    pub(crate) way: &'static str,
    /// How many watch.
    pub(crate) watchers: u64,
    /// How many changes each was told, one after the other.
    pub(crate) changes: u64,
    /// From the answer to the setter to each receipt.
    pub(crate) latencies: Histogram,
    /// What was told when there was always something to tell; `None` with few watchers.
    pub(crate) rate: Option<Rate>,
    /// Memory of the server for each watcher at rest; `None` with few.
    pub(crate) bytes_each: Option<u64>,
}

/// As many notifications as can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Receipts.
    pub(crate) told: u64,
    /// Within so long.
    pub(crate) elapsed: Duration,
    /// CPU time of the server meanwhile.
    pub(crate) server_us: u64,
    /// CPU time of the generator meanwhile.
    pub(crate) generator_us: u64,
}

/// What was found in one storm.
#[derive(Debug)]
pub(crate) struct Gust {
    /// Who watched.
    pub(crate) audience: &'static str,
    /// How many users changed.
    pub(crate) users: u64,
    /// When all changes were committed, from the beginning.
    pub(crate) committed: Duration,
    /// When each was told, from the beginning.
    pub(crate) latencies: Histogram,
    /// When all were told, or waiting for them was given up.
    pub(crate) told: Duration,
    /// Users of whom nothing was told.
    pub(crate) lost: usize,
    /// What was told again.
    pub(crate) repeated: u64,
    /// How often a stream was told to start over.
    pub(crate) behind: u64,
    /// CPU time of the server.
    pub(crate) server_us: u64,
    /// Reads by somebody else meanwhile.
    pub(crate) reads: Histogram,
    /// Memory of the server afterwards.
    pub(crate) resident_kib: u64,
}

fn millis(latencies: &Histogram, permille: u64) -> String {
    thousandths(latencies.permille(permille).as_micros())
}

fn seconds(time: Duration) -> String {
    thousandths(time.as_millis())
}

/// How soon watchers are told, and what it costs, as Markdown.
pub(crate) fn fan_out(lines: &[Line]) -> String {
    let mut text = "### From the answer to the setter to the watcher\n\n\
         | told by | watchers | changes | p50 ms | p99 ms | p99.9 ms | latest ms \
         | 1,000 notifications/s | server CPU µs each | generator CPU µs each | KiB a watcher |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for line in lines {
        write_line(&mut text, line).expect("a String takes all that is written");
    }
    text
}

fn write_line(text: &mut String, line: &Line) -> std::fmt::Result {
    write!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | ",
        line.way,
        line.watchers,
        line.changes,
        millis(&line.latencies, 500),
        millis(&line.latencies, 990),
        millis(&line.latencies, 999),
        millis(&line.latencies, 1_000),
    )?;
    match line.rate {
        Some(rate) => {
            let each = |us| thousandths(u128::from(us) * 1_000 / u128::from(rate.told.max(1)));
            let per_second = u128::from(rate.told) * 1_000 / rate.elapsed.as_millis().max(1);
            let (server, generator) = (each(rate.server_us), each(rate.generator_us));
            write!(
                text,
                "{} | {server} | {generator} | ",
                thousandths(per_second)
            )?;
        }
        None => text.push_str("– | – | – | "),
    }
    match line.bytes_each {
        Some(bytes) => writeln!(text, "{} |", thousandths(u128::from(bytes) * 1_000 / 1_024)),
        None => writeln!(text, "– |"),
    }
}

/// How late a storm is told, as Markdown.
pub(crate) fn storm(gusts: &[Gust]) -> String {
    let mut text = "### A storm: everybody's session fades at one instant\n\n\
         | told to | users | all committed s | told: p50 s | p99 s | the last s | lost \
         | told again | started over | server CPU s | reads meanwhile: p50 ms | p99 ms | longest ms \
         | RSS MiB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for gust in gusts {
        // A bucket ends a little above the latest that lies in it.
        let late = |permille| seconds(gust.latencies.permille(permille).min(gust.told));
        let read = |permille| millis(&gust.reads, permille);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            gust.audience,
            gust.users,
            seconds(gust.committed),
            late(500),
            late(990),
            seconds(gust.told),
            gust.lost,
            gust.repeated,
            gust.behind,
            thousandths(u128::from(gust.server_us / 1_000)),
            read(500),
            read(990),
            read(1_000),
            gust.resident_kib / 1_024,
        )
        .expect("a String takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(latencies: &[Duration]) -> Histogram {
        let mut histogram = Histogram::new();
        for latency in latencies {
            histogram.record(*latency);
        }
        histogram
    }

    /// A line tells times, the rate and what each costs; with few watchers, times only.
    #[test]
    fn a_line_tells_all() {
        let few = Line {
            way: "by word",
            watchers: 1,
            changes: 2,
            latencies: of(&[Duration::from_nanos(20)]),
            rate: None,
            bytes_each: None,
        };
        let many = Line {
            way: "by word",
            watchers: 1_000,
            rate: Some(Rate {
                told: 50_000,
                elapsed: Duration::from_millis(500),
                server_us: 1_000_000,
                generator_us: 250_000,
            }),
            bytes_each: Some(5 * 1_024 + 512),
            latencies: Histogram::new(),
            ..few
        };
        let table = fan_out(&[few, many]);
        let lines: Vec<&str> = table.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| by word | 1 | 2 | 0.00 | 0.00 | 0.00 | 0.00 | – | – | – | – |",
                "| by word | 1000 | 2 | 0.00 | 0.00 | 0.00 | 0.00 | 100 | 20.0 | 5.00 | 5.50 |",
            ]
        );
        assert_columns(&table);
    }

    /// A storm's line tells what was lost and how long others waited.
    #[test]
    fn a_storm_tells_all() {
        let gust = Gust {
            audience: "all",
            users: 10,
            committed: Duration::from_millis(1_500),
            latencies: of(&[Duration::ZERO]),
            told: Duration::from_millis(2_500),
            lost: 1,
            repeated: 2,
            behind: 3,
            server_us: 4_250_000,
            reads: of(&[Duration::ZERO]),
            resident_kib: 5 * 1_024,
        };
        let table = storm(&[gust]);
        assert_eq!(
            table.lines().nth(4).unwrap(),
            "| all | 10 | 1.50 | 0.00 | 0.00 | 2.50 | 1 | 2 | 3 | 4.25 | 0.00 | 0.00 | 0.00 | 5 |"
        );
        assert_columns(&table);
    }

    /// Every line has as many columns as the head.
    #[track_caller]
    fn assert_columns(table: &str) {
        let mut columns = table.lines().skip(2).map(|line| line.matches('|').count());
        let head = columns.next();
        assert!(columns.all(|count| Some(count) == head), "{table}");
    }
}
