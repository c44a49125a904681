//! Commands and moments, made up by chance, and told to the crate and to the naive model alike.

use std::time::Duration;

use presenced_core::decide::{Command, Refusal, decide};
use presenced_core::id::SessionId;
use presenced_core::preferred::{PreferredLifetime, PreferredState};
use presenced_core::presence::Presence;
use presenced_core::record::Record;
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::naive::{Answer, MINUTE, Millis, Naive, Pair, Said, Seen};

/// When every story begins: far enough from the epoch to step back from.
pub(crate) const START: Millis = 1_000_000_000_000;

/// The sessions of a story: GUIDs and other names, in an order that differs from that of their
/// text.
pub(crate) const SESSIONS: [&str; 4] = [
    "fa8bf3dc-eca7-46b7-bad1-db199b62afc3",
    "22553876-f5ab-4529-bffb-cfe50aa89f87",
    "desk phone",
    "~",
];

/// The five pairs of section 1.5.
pub(crate) const SESSION_PAIRS: [(Pair, SessionState); 5] = [
    (("Available", "Available"), SessionState::Available),
    (("Busy", "InACall"), SessionState::InACall),
    (
        ("Busy", "InAConferenceCall"),
        SessionState::InAConferenceCall,
    ),
    (("Away", "Away"), SessionState::Away),
    (("DoNotDisturb", "Presenting"), SessionState::Presenting),
];

/// The six pairs of section 1.7.
pub(crate) const PREFERRED_PAIRS: [(Pair, PreferredState); 6] = [
    (("Available", "Available"), PreferredState::Available),
    (("Busy", "Busy"), PreferredState::Busy),
    (
        ("DoNotDisturb", "DoNotDisturb"),
        PreferredState::DoNotDisturb,
    ),
    (("BeRightBack", "BeRightBack"), PreferredState::BeRightBack),
    (("Away", "Away"), PreferredState::Away),
    (("Offline", "OffWork"), PreferredState::OffWork),
];

/// How the time moves before a command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// On, by so much; by nothing where it is 0.
    Ahead(Millis),
    /// Back, by so much.
    Back(Millis),
    /// To the n-th moment from now at which something fades or ends, or one millisecond beside it.
    Moment { nth: usize, beside: i64 },
}

impl Move {
    /// Where the time is after this move.
    pub(crate) fn apply(self, now: Millis, naive: &Naive) -> Millis {
        match self {
            Self::Ahead(by) => now + by,
            Self::Back(by) => now - by,
            Self::Moment { nth, beside } => {
                let mut ahead = naive.moments().into_iter().filter(|at| *at > now);
                ahead
                    .nth(nth)
                    .map_or(now, |at| at.saturating_add_signed(beside))
            }
        }
    }
}

/// Moves of the time; steps back only where `back` is given.
pub(crate) fn moves(back: bool) -> impl Strategy<Value = Move> {
    let edges = [5 * MINUTE, 10 * MINUTE].map(|edge| [edge - 1, edge, edge + 1]);
    let backward = if back { 2 } else { 0 };
    prop_oneof![
        2 => Just(Move::Ahead(0)),
        1 => Just(Move::Ahead(1)),
        2 => select(edges.as_flattened().to_vec()).prop_map(Move::Ahead),
        3 => (0..20 * MINUTE).prop_map(Move::Ahead),
        6 => (0..3_usize, -1..=1_i64).prop_map(|(nth, beside)| Move::Moment { nth, beside }),
        backward => (1..15 * MINUTE).prop_map(Move::Back),
    ]
}

/// A `setPresence` for one of `sessions` sessions.
pub(crate) fn sets(sessions: usize) -> impl Strategy<Value = Said> {
    let length = prop_oneof![
        4 => select(vec![5_u64, 7, 10, 12, 240]).prop_map(|minutes| minutes * MINUTE),
        1 => 5 * MINUTE..=240 * MINUTE,
    ];
    let session = (0..sessions).prop_map(session_name);
    (session, select(SESSION_PAIRS.to_vec()), length).prop_map(|(session, (pair, _), lasts)| {
        Said::SetPresence {
            session,
            pair,
            lasts,
        }
    })
}

/// Any command about one of `sessions` sessions.
pub(crate) fn commands(sessions: usize) -> impl Strategy<Value = Said> {
    let preferred_length = prop_oneof![
        1 => Just(1),
        4 => select(vec![1_u64, 5, 6, 10, 30, 10_080]).prop_map(|minutes| minutes * MINUTE),
        1 => 1..=30 * MINUTE,
    ];
    prop_oneof![
        8 => sets(sessions),
        3 => (0..sessions).prop_map(|nth| Said::ClearPresence { session: session_name(nth) }),
        3 => (select(PREFERRED_PAIRS.to_vec()), preferred_length)
            .prop_map(|((pair, _), lasts)| Said::SetPreferred { pair, lasts }),
        2 => Just(Said::ClearPreferred),
        4 => Just(Said::Tick),
    ]
}

/// The name of the n-th session: the four of [`SESSIONS`], then as many as a test likes.
fn session_name(nth: usize) -> String {
    let fixed = SESSIONS.get(nth).map(|name| (*name).to_owned());
    fixed.unwrap_or_else(|| format!("session {nth}"))
}

/// The command in the crate's terms.
pub(crate) fn command(said: &Said) -> Command {
    match said {
        Said::SetPresence {
            session,
            pair,
            lasts,
        } => Command::SetSession {
            session: session_id(session),
            state: state_of(&SESSION_PAIRS, *pair),
            lifetime: SessionLifetime::new(Duration::from_millis(*lasts))
                .expect("stories keep to the range"),
            sessions_max: SessionsMax::default(),
        },
        Said::ClearPresence { session } => Command::ClearSession {
            session: session_id(session),
        },
        Said::SetPreferred { pair, lasts } => Command::SetPreferred {
            state: state_of(&PREFERRED_PAIRS, *pair),
            lifetime: PreferredLifetime::new(Duration::from_millis(*lasts))
                .expect("stories keep to the range"),
        },
        Said::ClearPreferred => Command::ClearPreferred,
        Said::Tick => Command::Tick,
    }
}

fn session_id(name: &str) -> SessionId {
    SessionId::parse(name).expect("stories name sessions in printable ASCII")
}

fn state_of<S: Copy>(pairs: &[(Pair, S)], pair: Pair) -> S {
    let known = pairs.iter().find(|(known, _)| *known == pair);
    known.expect("stories use the contract's pairs").1
}

/// A moment in the crate's terms.
pub(crate) fn at(millis: Millis) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A presence in the model's terms.
pub(crate) fn pair(presence: Presence) -> Pair {
    (presence.availability.as_str(), presence.activity.as_str())
}

/// Tells the crate a command: puts the new record in place, and answers in the model's terms.
pub(crate) fn tell(record: &mut Record, said: &Said, now: Millis) -> Answer {
    match decide(record, &command(said), at(now)) {
        Ok(None) => Answer::Nothing,
        Ok(Some(decision)) => {
            *record = decision.record;
            decision.change.map_or(Answer::Quiet, |change| {
                let (at, pair) = (change.at.as_millis(), pair(change.presence));
                Answer::Told {
                    seen: Seen { at, pair },
                    sequence: change.sequence,
                }
            })
        }
        Err(Refusal::NoSuchSession) => Answer::NoSuchSession,
        Err(Refusal::TooManySessions { retry_after, .. }) => Answer::TooManySessions {
            retry_after: u64::try_from(retry_after.as_millis()).expect("a session's life fits"),
        },
    }
}
