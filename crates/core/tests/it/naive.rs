//! Presence as the contract tells it (sections 1.5 to 1.8, 3.1 to 3.3 and 10, and the decisions
//! where the contract is open), with no thought for speed and nothing borrowed from the crate.
//!
//! It remembers every command that was ever accepted, with its time. Whatever is asked, it plays
//! them all again from the first.

/// Milliseconds since the epoch, or between two moments.
pub(crate) type Millis = u64;

/// Availability and activity, as they are written on the wire.
pub(crate) type Pair = (&'static str, &'static str);

/// One minute.
pub(crate) const MINUTE: Millis = 60_000;

/// What shows where no session exists.
pub(crate) const OFFLINE: Pair = ("Offline", "Offline");

const AVAILABLE: Pair = ("Available", "Available");
const INACTIVE: Pair = ("Available", "AvailableInactive");
const AWAY: Pair = ("Away", "Away");

/// So many sessions may one user have (the limit that the crate documents).
pub(crate) const SESSIONS_MAX: usize = 64;

/// A command in the words of the contract.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// `setPresence`
    SetPresence {
        session: String,
        pair: Pair,
        lasts: Millis,
    },
    /// `clearPresence`
    ClearPresence { session: String },
    /// `setUserPreferredPresence`
    SetPreferred { pair: Pair, lasts: Millis },
    /// `clearUserPreferredPresence`
    ClearPreferred,
    /// Nobody says anything, but the time is looked at.
    Tick,
}

/// A visible change: when, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Millis,
    pub(crate) pair: Pair,
}

/// What is answered to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There was nothing to do and nothing had changed.
    Nothing,
    /// Done, and nobody needs to hear of it.
    Quiet,
    /// Done, and watchers hear that this shows now, under this sequence number.
    Told { seen: Seen, sequence: u64 },
    /// 404: no such session.
    NoSuchSession,
    /// 429: no more sessions before so many milliseconds have passed.
    TooManySessions { retry_after: Millis },
}

/// A user's whole past.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    log: Vec<(Said, Millis)>,
    /// The sequence number before the first command.
    first: u64,
}

/// A session that was set and not cleared. It may have expired.
struct Session<'a> {
    name: &'a str,
    pair: Pair,
    set_at: Millis,
    ends_at: Millis,
}

/// Sessions and preferred presence that were set and not cleared.
#[derive(Default)]
struct Standing<'a> {
    sessions: Vec<Session<'a>>,
    preferred: Option<Seen>,
}

impl Naive {
    /// A past that is not known any more, except for its last sequence number: a user whose
    /// numbers ran ahead of the clock.
    pub(crate) fn counting_from(first: u64) -> Self {
        let log = Vec::new();
        Self { log, first }
    }

    /// Says something to the model at `now`; a time before the latest accepted command counts as
    /// the time of that command.
    pub(crate) fn say(&mut self, said: Said, now: Millis) -> Answer {
        let now = now.max(self.latest());
        let standing = replay(&self.log);
        let alive = standing.alive(now);
        let mut does_something = true;
        match &said {
            Said::SetPresence { session, .. } => {
                let exists = alive.iter().any(|other| other.name == session);
                if !exists && alive.len() >= SESSIONS_MAX {
                    let first_end = alive.iter().map(|other| other.ends_at).min();
                    let retry_after = first_end.expect("there are sessions") - now;
                    return Answer::TooManySessions { retry_after };
                }
            }
            Said::ClearPresence { session } => {
                if !alive.iter().any(|other| other.name == session) {
                    return Answer::NoSuchSession;
                }
            }
            Said::SetPreferred { .. } => {}
            Said::ClearPreferred => does_something = standing.preferred_pair(now).is_some(),
            Said::Tick => does_something = false,
        }
        let heard = self.history(self.latest()).len();
        if !does_something && self.history(now).len() == heard {
            return Answer::Nothing;
        }
        self.log.push((said, now));
        let history = self.history(now);
        match history.last() {
            Some(last) if history.len() > heard => Answer::Told {
                seen: Seen {
                    at: now,
                    pair: last.pair,
                },
                sequence: self.sequence(&history, now),
            },
            _ => Answer::Quiet,
        }
    }

    /// The time of the latest accepted command.
    pub(crate) fn latest(&self) -> Millis {
        self.log.last().map_or(0, |(_, at)| *at)
    }

    /// What shows at `at`.
    pub(crate) fn shown(&self, at: Millis) -> Pair {
        replay(&self.log).shown(at.max(self.latest()))
    }

    /// Every moment at which anything that was ever set fades or ends, in order.
    pub(crate) fn moments(&self) -> Vec<Millis> {
        moments(&self.log)
    }

    /// Every visible change from the beginning to `until`, in order: those that commands made and
    /// those that came with time.
    pub(crate) fn history(&self, until: Millis) -> Vec<Seen> {
        let mut history = Vec::new();
        let mut reached = 0;
        for said in 0..=self.log.len() {
            let (past, future) = self.log.split_at(said);
            let next = future.first();
            let pause_ends = next.map_or(until, |(_, at)| *at);
            let standing = replay(past);
            for at in moments(past) {
                if at > reached && at <= pause_ends {
                    note(&mut history, at, standing.shown(at));
                }
            }
            if next.is_some() {
                let (with_it, _) = self.log.split_at(said + 1);
                note(&mut history, pause_ends, replay(with_it).shown(pause_ends));
            }
            reached = pause_ends;
        }
        history
    }

    /// The sequence number after the changes of `history` up to `at`: each change counts one, and
    /// a number is never below the time of its change.
    pub(crate) fn sequence(&self, history: &[Seen], at: Millis) -> u64 {
        let mut sequence = self.first;
        for change in history {
            if change.at <= at {
                sequence += 1;
                if sequence < change.at {
                    sequence = change.at;
                }
            }
        }
        sequence
    }
}

fn note(history: &mut Vec<Seen>, at: Millis, pair: Pair) {
    let before = history.last().map_or(OFFLINE, |change| change.pair);
    if pair != before {
        history.push(Seen { at, pair });
    }
}

fn moments(log: &[(Said, Millis)]) -> Vec<Millis> {
    let mut moments = Vec::new();
    for (said, at) in log {
        match said {
            Said::SetPresence { pair, lasts, .. } => {
                if *pair == AVAILABLE {
                    moments.push(at + 5 * MINUTE);
                    moments.push(at + 10 * MINUTE);
                }
                moments.push(at + lasts);
            }
            Said::SetPreferred { lasts, .. } => moments.push(at + lasts),
            Said::ClearPresence { .. } | Said::ClearPreferred | Said::Tick => {}
        }
    }
    moments.sort_unstable();
    moments.dedup();
    moments
}

fn replay(log: &[(Said, Millis)]) -> Standing<'_> {
    let mut standing = Standing::default();
    for (said, at) in log {
        match said {
            Said::SetPresence {
                session,
                pair,
                lasts,
            } => {
                standing.sessions.retain(|other| other.name != session);
                standing.sessions.push(Session {
                    name: session,
                    pair: *pair,
                    set_at: *at,
                    ends_at: at + lasts,
                });
            }
            Said::ClearPresence { session } => {
                standing.sessions.retain(|other| other.name != session);
            }
            Said::SetPreferred { pair, lasts } => {
                let (at, pair) = (at + lasts, *pair);
                standing.preferred = Some(Seen { at, pair });
            }
            Said::ClearPreferred => standing.preferred = None,
            Said::Tick => {}
        }
    }
    standing
}

impl Standing<'_> {
    /// The sessions that exist at `at`: at the moment of its end a session is gone.
    fn alive(&self, at: Millis) -> Vec<&Session<'_>> {
        let alive = self.sessions.iter().filter(|session| at < session.ends_at);
        alive.collect()
    }

    /// The preferred presence that is set at `at`, whether or not it shows.
    fn preferred_pair(&self, at: Millis) -> Option<Pair> {
        match &self.preferred {
            Some(preferred) if at < preferred.at => Some(preferred.pair),
            _ => None,
        }
    }

    /// Section 3.2, line by line, last line first.
    fn shown(&self, at: Millis) -> Pair {
        let mut best: Option<&Session<'_>> = None;
        for session in &self.sessions {
            if at >= session.ends_at {
                continue;
            }
            match best {
                Some(other) if !session.goes_before(other, at) => {}
                _ => best = Some(session),
            }
        }
        let Some(best) = best else {
            return OFFLINE;
        };
        if let Some(preferred) = self.preferred_pair(at) {
            return preferred;
        }
        best.pair_at(at)
    }
}

impl Session<'_> {
    /// Section 3.3: only Available fades, twice.
    fn pair_at(&self, at: Millis) -> Pair {
        if self.pair != AVAILABLE {
            return self.pair;
        }
        if at < self.set_at + 5 * MINUTE {
            return AVAILABLE;
        }
        if at < self.set_at + 10 * MINUTE {
            return INACTIVE;
        }
        AWAY
    }

    /// Whether this session shows rather than the other one: `DoNotDisturb` > Busy > Available >
    /// Away, then the rules for ties.
    fn goes_before(&self, other: &Session<'_>, at: Millis) -> bool {
        let (mine, theirs) = (self.pair_at(at), other.pair_at(at));
        for strongest in ["DoNotDisturb", "Busy", "Available", "Away"] {
            if mine.0 == strongest && theirs.0 != strongest {
                return true;
            }
            if mine.0 != strongest && theirs.0 == strongest {
                return false;
            }
        }
        if mine == AVAILABLE && theirs == INACTIVE {
            return true;
        }
        if mine == INACTIVE && theirs == AVAILABLE {
            return false;
        }
        if self.set_at != other.set_at {
            return self.set_at > other.set_at;
        }
        self.name > other.name
    }
}
