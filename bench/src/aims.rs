//! What is aimed at, and how far it is.

use std::fmt::{self, Write as _};

/// What a row of the first table should come to, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Requests a second beside the floor's: at least.
    RateOfFloor(u64),
    /// CPU time of a request beside the floor's: at most.
    CpuOfFloor(u64),
    /// Requests a second beside Redis': at least.
    RateOfRedis(u64),
    /// Presences a second beside those of the first row: at least.
    PresencesOfFirstRow(u64),
}

/// Where the aim lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// More is better.
    AtLeast(u64),
    /// Less is better.
    AtMost(u64),
}

/// A figure beside its aim, both in hundredths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distance {
    /// What the figure is of, with its unit.
    pub(crate) what: String,
    /// What was found.
    pub(crate) found: u64,
    /// What was aimed at.
    pub(crate) bound: Bound,
}

/// Hundredths as a number: `0.70`.
pub(crate) struct Hundredths(pub(crate) u64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(aim) => write!(f, "at least {}", Hundredths(*aim)),
            Self::AtMost(aim) => write!(f, "at most {}", Hundredths(*aim)),
        }
    }
}

impl Distance {
    /// Whether the aim is met, or by how much it is missed.
    fn outcome(&self) -> String {
        let (aim, missed) = match self.bound {
            Bound::AtLeast(aim) => (aim, aim.saturating_sub(self.found)),
            Bound::AtMost(aim) => (aim, self.found.saturating_sub(aim)),
        };
        if missed == 0 {
            return "met".to_owned();
        }
        let by = Hundredths(missed);
        match missed.saturating_mul(100).checked_div(aim) {
            Some(percent) => format!("missed by {by} ({percent} %)"),
            None => format!("missed by {by}"),
        }
    }
}

/// All distances as a list.
pub(crate) fn list(distances: &[Distance]) -> String {
    let line = |distance: &Distance| {
        let (what, found, bound) = (&distance.what, Hundredths(distance.found), distance.bound);
        let outcome = distance.outcome();
        format!("- {what}: {found}; aim {bound}: {outcome}\n")
    };
    distances.iter().map(line).collect()
}

/// The distances of all rows as a table.
pub(crate) fn table(rows: &[(&str, Vec<Distance>)]) -> String {
    let mut text =
        "### Aims\n\n| row | figure | found | aim | outcome |\n|---|---|---|---|---|\n".to_owned();
    for (row, distance) in rows
        .iter()
        .flat_map(|(row, all)| all.iter().map(move |one| (row, one)))
    {
        let (what, found, bound) = (&distance.what, Hundredths(distance.found), distance.bound);
        let outcome = distance.outcome();
        writeln!(text, "| {row} | {what} | {found} | {bound} | {outcome} |")
            .expect("a String takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A distance says on which side of its aim a figure is, and how far from it.
    #[test]
    fn distances_are_told() {
        let check = |found, bound, expect: &str| {
            let what = "speed".to_owned();
            let distance = Distance { what, found, bound };
            assert_eq!(list(&[distance]), format!("- {expect}\n"));
        };
        check(
            90,
            Bound::AtLeast(90),
            "speed: 0.90; aim at least 0.90: met",
        );
        check(
            72,
            Bound::AtLeast(90),
            "speed: 0.72; aim at least 0.90: missed by 0.18 (20 %)",
        );
        check(99, Bound::AtMost(110), "speed: 0.99; aim at most 1.10: met");
        check(
            180,
            Bound::AtMost(110),
            "speed: 1.80; aim at most 1.10: missed by 0.70 (63 %)",
        );
        // Of nothing there are no percent.
        check(
            300,
            Bound::AtMost(0),
            "speed: 3.00; aim at most 0.00: missed by 3.00",
        );
    }
}
