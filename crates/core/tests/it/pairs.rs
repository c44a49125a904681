//! Every small case: two sessions and a preferred presence in all their states, lifetimes and
//! relative times, looked at on both sides of every moment at which anything fades or ends.

use presenced_core::record::Record;
use presenced_core::view::{next_change, view};

use crate::naive::{MINUTE, Millis, Naive, Pair, Said};
use crate::story::{PREFERRED_PAIRS, SESSION_PAIRS, SESSIONS, START, at, pair, tell};

const LIFETIMES: [Millis; 5] = [
    5 * MINUTE,
    7 * MINUTE,
    10 * MINUTE,
    12 * MINUTE,
    240 * MINUTE,
];

/// How long after the first session the second is set. At 0 it matters whose id is greater, so the
/// first two entries differ in the order of the names only.
const LAGS: [(Millis, [&str; 2]); 8] = [
    (0, [SESSIONS[0], SESSIONS[1]]),
    (0, [SESSIONS[1], SESSIONS[0]]),
    (1, [SESSIONS[0], SESSIONS[1]]),
    (4 * MINUTE, [SESSIONS[0], SESSIONS[1]]),
    (5 * MINUTE - 1, [SESSIONS[0], SESSIONS[1]]),
    (5 * MINUTE, [SESSIONS[0], SESSIONS[1]]),
    (6 * MINUTE, [SESSIONS[0], SESSIONS[1]]),
    (10 * MINUTE, [SESSIONS[0], SESSIONS[1]]),
];

/// Preferred presences by the time from the first session to their set, and their length: one that
/// ends before, at and after the fades and ends of the sessions, and one set when they are gone.
const PREFERENCES: [(Millis, Millis); 4] = [
    (0, 5 * MINUTE),
    (4 * MINUTE, MINUTE - 1),
    (0, 12 * MINUTE),
    (10 * MINUTE, 1_440 * MINUTE),
];

/// A command and when it is said.
type Line = (Millis, Said);

fn set(after: Millis, session: &str, pair: Pair, lasts: Millis) -> Line {
    let session = session.to_owned();
    (
        START + after,
        Said::SetPresence {
            session,
            pair,
            lasts,
        },
    )
}

/// Every pair of sessions with every lag and lifetime, handed to `each`.
fn every_two_sessions(first: Pair, mut each: impl FnMut(&[Line])) {
    for (second, _) in SESSION_PAIRS {
        for first_lasts in LIFETIMES {
            for second_lasts in LIFETIMES {
                for (lag, [first_name, second_name]) in LAGS {
                    each(&[
                        set(0, first_name, first, first_lasts),
                        set(lag, second_name, second, second_lasts),
                    ]);
                }
            }
        }
    }
}

/// The lines with a preferred presence put in at its place in time.
fn with_preferred(lines: &[Line], after: Millis, said: &Said) -> Vec<Line> {
    let mut lines = lines.to_vec();
    lines.push((START + after, said.clone()));
    // A stable sort: at equal times the sessions come first.
    lines.sort_by_key(|(at, _)| *at);
    lines
}

/// Plays the lines to both and compares what they show, number and announce. Returns the number of
/// moments compared.
fn check(lines: &[Line]) -> usize {
    let (mut record, mut naive) = (Record::default(), Naive::default());
    for (now, said) in lines {
        let expected = naive.say(said.clone(), *now);
        assert_eq!(tell(&mut record, said, *now), expected, "{lines:?}");
    }
    let latest = naive.latest();
    let moments = naive.moments().into_iter().filter(|at| *at >= latest);
    let probes = moments.flat_map(|at| [at - 1, at, at + 1]).chain([latest]);
    let history = naive.history(Millis::MAX);
    let mut compared = 0;
    for probe in probes.filter(|at| *at >= latest) {
        let seen = view(&record, at(probe));
        assert_eq!(
            (pair(seen.presence), seen.sequence),
            (naive.shown(probe), naive.sequence(&history, probe)),
            "at {} of {lines:?}",
            probe - START
        );
        let next = history.iter().find(|change| change.at > probe);
        assert_eq!(
            next_change(&record, at(probe)),
            next.map(|change| at(change.at)),
            "after {} of {lines:?}",
            probe - START
        );
        compared += 1;
    }
    compared
}

/// Plays every case that begins with a session in this state, and expects so many comparisons: a
/// slip in the loops that leaves cases out would show as a smaller number.
#[track_caller]
fn check_all(first: Pair, expect_compared: usize) {
    let mut compared = 0;
    every_two_sessions(first, |lines| {
        compared += check(lines);
        for (preferred, _) in PREFERRED_PAIRS {
            for (after, lasts) in PREFERENCES {
                let pair = preferred;
                let said = Said::SetPreferred { pair, lasts };
                compared += check(&with_preferred(lines, after, &said));
            }
        }
    });
    assert_eq!(compared, expect_compared);
}

/// An Available session beside any other, at every moment.
#[test]
fn available_beside_any_other() {
    check_all(("Available", "Available"), 289_695);
}

/// A call beside any other session, at every moment.
#[test]
fn a_call_beside_any_other() {
    check_all(("Busy", "InACall"), 224_555);
}

/// A conference call beside any other session, at every moment.
#[test]
fn a_conference_call_beside_any_other() {
    check_all(("Busy", "InAConferenceCall"), 224_555);
}

/// An Away session beside any other, at every moment.
#[test]
fn away_beside_any_other() {
    check_all(("Away", "Away"), 224_555);
}

/// A presentation beside any other session, at every moment.
#[test]
fn presenting_beside_any_other() {
    check_all(("DoNotDisturb", "Presenting"), 224_555);
}
