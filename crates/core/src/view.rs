//! From a record and a time to the presence that others see.

use std::cmp::Ordering;

use crate::location::{Location, LocationSource};
use crate::out_of_office::OutOfOffice;
use crate::preferred::Preferred;
use crate::presence::{Availability, Presence};
use crate::record::Record;
use crate::session::Session;
use crate::status::StatusMessage;
use crate::time::Timestamp;

/// A user's presence at one instant, with what stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// What is shown.
    pub presence: Presence,
    /// Grows with every visible change and never shrinks; 0 where nothing was ever set.
    pub sequence: u64,
    /// The note beside the presence.
    pub status_message: Option<&'a StatusMessage>,
    /// Where the user works from, and who says so.
    pub work_location: Option<(LocationSource, &'a Location)>,
    /// The out-of-office span that the user is in. It does not alter the presence: that comes from
    /// the sessions and the user's choice alone.
    pub out_of_office: Option<&'a OutOfOffice>,
}

impl View<'_> {
    /// A user of whom nothing was ever set.
    pub const NEVER_SET: Self = Self {
        presence: Presence::OFFLINE,
        sequence: 0,
        status_message: None,
        work_location: None,
        out_of_office: None,
    };
}

/// The presence that `record` gives at `now`: fading, expiry and precedence included, and the
/// changes that came about by time since the record was written counted in the sequence number.
///
/// A `now` before `record.as_of` counts as `record.as_of`.
pub fn view(record: &Record, now: Timestamp) -> View<'_> {
    let mut at = record.as_of;
    let mut sequence = record.sequence;
    let mut seen = shown(record, at);
    // Only what lies behind `now` is walked: a read need not know what is to come.
    while let Some(instant) = next_instant(record, at).filter(|instant| *instant <= now) {
        at = instant;
        let here = shown(record, at);
        if here != seen {
            sequence = next_sequence(sequence, at);
            seen = here;
        }
    }
    View { sequence, ..seen }
}

/// The sequence number that follows `last` for a change at `at`.
///
/// One more than the last, and never below the time: a user whose record was lost and begins anew,
/// or a node that takes over without the newest write, still counts upward.
pub(crate) fn next_sequence(last: u64, at: Timestamp) -> u64 {
    last.saturating_add(1).max(at.as_millis())
}

/// The first instant after `after` at which `record` by itself shows something else; `None` where
/// it will stay as it is for ever.
///
/// An `after` before `record.as_of` counts as `record.as_of`: what changed up to then is told, and
/// a deadline in the past would be ticked again and again to no effect.
pub fn next_change(record: &Record, after: Timestamp) -> Option<Timestamp> {
    let after = after.max(record.as_of);
    let before = shown(record, after);
    let mut at = after;
    while let Some(instant) = next_instant(record, at) {
        if shown(record, instant) != before {
            return Some(instant);
        }
        at = instant;
    }
    None
}

/// The next instant after `after` at which anything in the record begins, fades or ends, visible or
/// not: [`next_change`] is never earlier, and takes more to find out.
pub fn next_instant(record: &Record, after: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    // Not one long chain of iterators: that takes three times as many instructions.
    let mut consider = |instant: Timestamp| {
        if instant > after && next.is_none_or(|next| instant < next) {
            next = Some(instant);
        }
    };
    for session in &record.sessions {
        session.instants().into_iter().for_each(&mut consider);
    }
    if let Some(preferred) = &record.preferred {
        consider(preferred.expires_at);
    }
    if let Some(message) = &record.status_message {
        message.expires_at.into_iter().for_each(&mut consider);
    }
    if let Some(away) = &record.out_of_office {
        consider(away.starts_at);
        away.ends_at.into_iter().for_each(&mut consider);
    }
    // Hardly anybody has any, and this is asked several times for each write.
    if !record.locations.is_empty() {
        record.locations.instants().for_each(&mut consider);
    }
    next
}

/// What the record shows at `now`, under the sequence number that it had when it was written: two
/// of these are equal where nobody can tell the instants apart.
pub(crate) fn shown(record: &Record, now: Timestamp) -> View<'_> {
    View {
        presence: presence(record, now),
        sequence: record.sequence,
        status_message: record
            .status_message
            .as_ref()
            .filter(|message| message.is_live(now)),
        work_location: record.locations.shown(now),
        out_of_office: record
            .out_of_office
            .as_ref()
            .filter(|away| away.is_current(now)),
    }
}

/// The presence at `now`.
fn presence(record: &Record, now: Timestamp) -> Presence {
    verdict(record, now).presence(now)
}

/// What decides a user's presence at one instant (contract section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No session counts, so the user is Offline, whatever was preferred.
    NoSession,
    /// A session exists, and the user's choice shows over it.
    Preferred(&'a Preferred),
    /// Nothing was chosen, and this is the strongest session.
    Session(&'a Session),
}

impl Verdict<'_> {
    /// The presence that comes of it at `now`.
    pub fn presence(self, now: Timestamp) -> Presence {
        match self {
            Self::NoSession => Presence::OFFLINE,
            Self::Preferred(preferred) => preferred.state.presence(),
            Self::Session(session) => session.faded(now),
        }
    }
}

/// What decides the presence at `now`: the preferred one where a session exists, otherwise the
/// strongest session, otherwise nothing.
///
/// Unlike [`view`] it looks at this very instant, also where that lies before `record.as_of`.
pub fn verdict(record: &Record, now: Timestamp) -> Verdict<'_> {
    let live = record
        .sessions
        .iter()
        .filter(|session| session.is_live(now));
    let Some(strongest) = live.max_by(|a, b| by_strength(a, b, now)) else {
        return Verdict::NoSession;
    };
    match &record.preferred {
        Some(preferred) if preferred.is_live(now) => Verdict::Preferred(preferred),
        Some(_) | None => Verdict::Session(strongest),
    }
}

/// The session that shows, the strongest last: by [`rank`], then the greater id, so that every node
/// answers alike.
pub(crate) fn by_strength(a: &Session, b: &Session, now: Timestamp) -> Ordering {
    let by_rank = rank(a, now).cmp(&rank(b, now));
    by_rank.then_with(|| a.id.cmp(&b.id))
}

/// How strong a session is: availability first; then an unfaded Available before a faded one; then
/// the one set last.
pub(crate) fn rank(session: &Session, now: Timestamp) -> (u8, bool, Timestamp) {
    let presence = session.faded(now);
    (
        strength(presence.availability),
        presence == session.state.presence(),
        session.set_at,
    )
}

/// `DoNotDisturb` > Busy > Available > Away (contract section 3.2). The others never come from a
/// session.
const fn strength(availability: Availability) -> u8 {
    match availability {
        Availability::DoNotDisturb => 4,
        Availability::Busy => 3,
        Availability::Available => 2,
        Availability::Away => 1,
        Availability::BeRightBack | Availability::Offline | Availability::PresenceUnknown => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preferred::PreferredState;
    use crate::session::SessionState;
    use crate::testing::{minute, session};

    fn record(sessions: Vec<Session>, preferred: Option<Preferred>) -> Record {
        Record {
            sequence: 1,
            sessions,
            preferred,
            ..Record::default()
        }
    }

    /// The strongest session shows; the order does not depend on where it stands in the record.
    #[test]
    fn the_strongest_session_shows() {
        use SessionState::{Available, Away, InACall, InAConferenceCall, Presenting};
        let check = |first, second, expect: &str| {
            let mut sessions = vec![session(1, first, 0, 60), session(2, second, 1, 60)];
            for _ in 0..2 {
                let shown = presence(&record(sessions.clone(), None), minute(2));
                assert_eq!(shown.to_string(), expect, "{first:?} then {second:?}");
                sessions.reverse();
            }
        };
        check(Presenting, InACall, "DoNotDisturb/Presenting");
        check(InACall, Available, "Busy/InACall");
        check(Available, Away, "Available/Available");
        check(Away, Presenting, "DoNotDisturb/Presenting");
        // Of two Busy sessions, the one set last.
        check(InACall, InAConferenceCall, "Busy/InAConferenceCall");
        check(InAConferenceCall, InACall, "Busy/InACall");
    }

    /// Of two sessions set in the same millisecond, the greater id shows.
    #[test]
    fn the_greater_id_breaks_a_tie() {
        use SessionState::{InACall, InAConferenceCall};
        let mut sessions = vec![
            session(1, InAConferenceCall, 0, 60),
            session(0xF << 124, InACall, 0, 60),
        ];
        for _ in 0..2 {
            assert_eq!(
                presence(&record(sessions.clone(), None), minute(1)).to_string(),
                "Busy/InACall"
            );
            sessions.reverse();
        }
    }

    /// A fresh Available session hides a faded one, also one whose expiry is further away.
    #[test]
    fn an_unfaded_available_shows_before_a_faded_one() {
        let sessions = vec![
            session(1, SessionState::Available, 0, 60),
            session(2, SessionState::Available, 4, 9),
        ];
        let record = record(sessions, None);
        let at = |minutes| presence(&record, minute(minutes)).to_string();
        assert_eq!(at(5), "Available/Available");
        assert_eq!(at(9), "Available/AvailableInactive");
        assert_eq!(at(10), "Away/Away");
        assert_eq!(at(60), "Offline/Offline");
    }

    /// A preferred presence shows over any session, a faded one included, and over none alone.
    #[test]
    fn preferred_needs_a_session() {
        for state in PreferredState::ALL {
            let preferred = Some(Preferred {
                state,
                expires_at: minute(30),
            });
            let without = record(Vec::new(), preferred);
            assert_eq!(presence(&without, minute(1)), Presence::OFFLINE);
            let with = record(vec![session(1, SessionState::Available, 0, 60)], preferred);
            assert_eq!(presence(&with, minute(20)), state.presence());
            assert_eq!(presence(&with, minute(30)), Presence::AWAY);
        }
    }

    /// The sequence number of a read counts each change that time brought since the last write.
    #[test]
    fn a_read_counts_the_changes_that_time_brought() {
        let mut record = record(vec![session(1, SessionState::Available, 0, 60)], None);
        record.sequence = u64::MAX / 2;
        let sequence = |minutes| view(&record, minute(minutes)).sequence - record.sequence;
        assert_eq!(
            [0, 4, 5, 9, 10, 59, 60, 99].map(sequence),
            [0, 0, 1, 1, 2, 2, 3, 3]
        );
    }

    /// Where the record was decided later than the instant asked about, that later instant counts:
    /// the fade at 5 minutes is behind it.
    #[test]
    fn next_change_lies_after_the_decision() {
        let mut record = record(vec![session(1, SessionState::Available, 0, 60)], None);
        record.as_of = minute(7);
        assert_eq!(next_change(&record, minute(0)), Some(minute(10)));
    }

    /// The next change skips what nobody can see.
    #[test]
    fn next_change_names_visible_changes_only() {
        let sessions = vec![
            session(1, SessionState::Available, 0, 60),
            session(2, SessionState::InACall, 0, 30),
        ];
        let record = record(sessions, None);
        let next = |minutes| next_change(&record, minute(minutes));
        // The fades at 5 and 10 hide behind the call.
        assert_eq!(next(0), Some(minute(30)));
        assert_eq!(next(30), Some(minute(60)));
        assert_eq!(next(60), None);
    }
}
