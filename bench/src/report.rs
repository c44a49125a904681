//! The table.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::aims::{Aim, Bound, Distance, Hundredths};
use crate::histogram::Histogram;
use crate::load::Measured;
use crate::pace::Paced;

/// What was found for one server in one row, over all rounds.
#[derive(Debug)]
pub(crate) struct Line {
    /// What was asked of whom.
    pub(crate) name: String,
    /// Who was asked.
    pub(crate) who: Who,
    /// One measurement for each round.
    pub(crate) rounds: Vec<Measured>,
    /// The same at a fixed rate; none where that was not measured.
    pub(crate) paced: Vec<Paced>,
}

/// The servers that stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The handlers that do nothing, to which the others are put in proportion.
    Floor,
    /// The same behind presenced's listener.
    Listener,
    /// presenced.
    Presenced,
    /// Redis.
    Redis,
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

/// A number of thousandths, with as many digits as tell something.
pub(crate) fn thousandths(value: u128) -> String {
    let (whole, rest) = (value / 1_000, value % 1_000);
    match whole {
        0..10 => format!("{whole}.{:02}", rest / 10),
        10..100 => format!("{whole}.{}", rest / 100),
        _ => whole.to_string(),
    }
}

impl Line {
    /// Answered requests a second.
    fn rate(&self) -> Spread {
        Spread::of(self.rounds.iter().map(rate).collect())
    }

    /// The median of it.
    pub(crate) fn rate_median(&self) -> u64 {
        self.rate().median
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

/// Answered requests a second of one measurement.
fn rate(round: &Measured) -> u64 {
    a_second(round.latencies.total(), round)
}

/// So many of anything during a measurement, as many a second.
fn a_second(count: u64, round: &Measured) -> u64 {
    let millis = u64::try_from(round.elapsed.as_millis()).unwrap_or(u64::MAX);
    count * 1_000 / millis.max(1)
}

fn user_us(round: &Measured) -> u64 {
    round.after.user_us - round.before.user_us
}

fn kernel_us(round: &Measured) -> u64 {
    round.after.kernel_us - round.before.kernel_us
}

/// The table of one row as Markdown. The lines are put in proportion to the first, which is the floor
/// where there is one.
pub(crate) fn table(title: &str, lines: &[Line]) -> String {
    let mut text = format!(
        "### {title}\n\n\
         | server | 1,000 requests/s (least to greatest) | of the first \
         | server CPU µs/request (user + kernel) | of the first \
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
    let ratio = |mine: u64, its: u64| Hundredths(percent(mine, its));
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

fn percent(mine: u64, its: u64) -> u64 {
    mine * 100 / its.max(1)
}

/// What was found at a fixed rate, as Markdown; nothing where nothing was measured at one. Of rounds in
/// which the generator was too late nothing is told but their number.
pub(crate) fn paced(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| !line.paced.is_empty()) {
        if text.is_empty() {
            text.push_str(
                "\n| at a fixed rate | 1,000 requests/s, sent | answered | p50 µs | p99 µs | p99.9 µs \
                 | longest µs | server CPU µs/request | generator late, p99 µs | machine busy % \
                 | rounds overrun |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
            );
        }
        let (overrun, good): (Vec<_>, Vec<_>) =
            line.paced.iter().partition(|round| round.is_overrun());
        let figures = if good.is_empty() {
            "overrun: not to be used | – | – | – | – | – | – | – | –".to_owned()
        } else {
            paced_figures(&good)
        };
        let (name, overrun, all) = (&line.name, overrun.len(), line.paced.len());
        writeln!(text, "| {name} | {figures} | {overrun} of {all} |")
            .expect("a String takes all that is written");
    }
    text
}

/// The cells of what these rounds found.
fn paced_figures(rounds: &[&Paced]) -> String {
    let (mut latencies, mut late) = (Histogram::new(), Histogram::new());
    for round in rounds {
        latencies.add(&round.measured.latencies);
        late.add(&round.late);
    }
    let median = |figure: fn(&Paced) -> u64| {
        Spread::of(rounds.iter().map(|round| figure(round)).collect()).median
    };
    let micros = |permille| latencies.permille(permille).as_micros();
    format!(
        "{} | {} | {} | {} | {} | {} | {} | {} | {}",
        Thousands(median(|round| rate(&round.measured))),
        Thousands(median(|round| a_second(round.answered, &round.measured))),
        micros(500),
        micros(990),
        micros(999),
        micros(1_000),
        Tenths(median(|round| {
            let used = user_us(&round.measured) + kernel_us(&round.measured);
            used * 10 / round.answered.max(1)
        })),
        late.permille(990).as_micros(),
        median(|round| round.busy_percent),
    )
}

/// How far presenced is from its aims in this row. `first_row` is how many presences it has set a
/// second in the first row. An aim beside a server that was not measured is left out.
pub(crate) fn distances(
    aims: &[Aim],
    lines: &[Line],
    presences: u64,
    first_row: u64,
) -> Vec<Distance> {
    let of = |who| lines.iter().find(|line| line.who == who);
    let distance = |aim: &Aim| {
        let mine = of(Who::Presenced)?;
        let (what, found, bound) = match *aim {
            Aim::RateOfFloor(aim) => {
                let found = percent(mine.rate_median(), of(Who::Floor)?.rate_median());
                ("requests/s of the floor's", found, Bound::AtLeast(aim))
            }
            Aim::CpuOfFloor(aim) => {
                let floor = of(Who::Floor)?.cpu_whole().median;
                let found = percent(mine.cpu_whole().median, floor);
                ("CPU per request of the floor's", found, Bound::AtMost(aim))
            }
            Aim::RateOfRedis(aim) => {
                let found = percent(mine.rate_median(), of(Who::Redis)?.rate_median());
                ("requests/s of Redis'", found, Bound::AtLeast(aim))
            }
            Aim::PresencesOfFirstRow(aim) => {
                let found = percent(mine.rate_median() * presences, first_row);
                let what = "presences/s of those of setPresence alone";
                (what, found, Bound::AtLeast(aim))
            }
        };
        let what = what.to_owned();
        Some(Distance { what, found, bound })
    };
    aims.iter().filter_map(distance).collect()
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

    /// Figures have three digits that count, whatever their size.
    #[test]
    fn figures_are_short() {
        for (value, text) in [
            (0, "0.00"),
            (7, "0.00"),
            (1_239, "1.23"),
            (12_390, "12.3"),
            (123_900, "123"),
            (1_239_000, "1239"),
        ] {
            assert_eq!(thousandths(value), text);
        }
    }

    /// A round at a rate in which only so much was answered in time, and the generator was late.
    fn paced_round(answered: u64, late_us: u64) -> Paced {
        let mut late = Histogram::new();
        late.record(Duration::from_micros(late_us));
        Paced {
            measured: round(1_000, 3_000),
            answered,
            late,
            busy_percent: 60,
        }
    }

    /// At a rate the CPU time is shared by what was answered, and a round in which the generator was
    /// too late counts for nothing.
    #[test]
    fn overrun_rounds_are_left_out() {
        let line = |paced| Line {
            name: "other".to_owned(),
            who: Who::Presenced,
            rounds: Vec::new(),
            paced,
        };
        let check = |rounds: &[u64], expect: &str| {
            let rounds = rounds.iter().map(|late| paced_round(500, *late));
            let text = paced(&[line(rounds.collect())]);
            assert_eq!(text.lines().skip(3).collect::<Vec<_>>(), [expect]);
        };
        let found = "| other | 2.0 | 1.0 | 0 | 0 | 0 | 0 | 18.0 | 483 | 60 |";
        check(&[480, 5_000, 480], &format!("{found} 1 of 3 |"));
        let nothing = "| other | overrun: not to be used | – | – | – | – | – | – | – | – |";
        check(&[5_000], &format!("{nothing} 1 of 1 |"));
        assert_eq!(paced(&[line(Vec::new())]), "");
    }

    /// Rates, shares and ratios are the medians over the rounds.
    #[test]
    fn a_table_shows_medians() {
        let floor = Line {
            name: "floor".to_owned(),
            who: Who::Floor,
            paced: Vec::new(),
            rounds: vec![
                round(2_000, 4_000),
                round(4_000, 8_000),
                round(1_000, 9_000),
            ],
        };
        let other = Line {
            name: "other".to_owned(),
            who: Who::Presenced,
            paced: Vec::new(),
            rounds: vec![round(1_000, 3_000)],
        };
        let both = [floor, other];
        let table = table("row", &both);
        let lines: Vec<&str> = table.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| floor | 4.0 (2.0 to 8.0) | 1.00 | 6.0 (2.0 + 4.0) | 1.00 | 0 | 0 | 0 | 5 |",
                "| other | 2.0 (2.0 to 2.0) | 0.50 | 9.0 (3.0 + 6.0) | 1.50 | 0 | 0 | 0 | 5 |",
            ]
        );
        let found: Vec<u64> = distances(
            &[
                Aim::RateOfFloor(90),
                Aim::CpuOfFloor(110),
                Aim::RateOfRedis(100),
                Aim::PresencesOfFirstRow(500),
            ],
            &both,
            20,
            4_000,
        )
        .into_iter()
        .map(|distance| distance.found)
        .collect();
        // There is no Redis to compare with.
        assert_eq!(found, [50, 150, 1_000]);
    }
}
