//! Why a presence is what it is: what decided it, what lost, and what will change next.

use crate::location::{Location, LocationSource};
use crate::out_of_office::OutOfOffice;
use crate::preferred::Preferred;
use crate::presence::Presence;
use crate::record::Record;
use crate::session::Session;
use crate::time::Timestamp;
use crate::view::{Verdict, View, by_strength, next_change, rank, verdict, view};

/// Everything that has a say in a user's presence at one instant. What has expired has none and is
/// not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The instant explained.
    pub at: Timestamp,
    /// What is shown then.
    pub view: View<'a>,
    /// What decided it.
    pub verdict: Verdict<'a>,
    /// The sessions that count, the strongest first.
    pub sessions: Vec<SessionPart<'a>>,
    /// What the user chose, whether or not it shows; it does where the verdict says so.
    pub preferred: Option<&'a Preferred>,
    /// The locations that are known, now or for later: manual, automatic, then as planned.
    pub locations: Vec<LocationPart<'a>>,
    /// The span out of office that is, or that is to come.
    pub out_of_office: Option<&'a OutOfOffice>,
    /// When something visible changes by itself, and into what; `None` where it will stay.
    pub next: Option<Next<'a>>,
}

/// What one session contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPart<'a> {
    /// The session.
    pub session: &'a Session,
    /// What it says at this instant, faded if it has.
    pub now: Presence,
    /// When it fades next, and to what; `None` where it will not fade before it ends.
    pub next_fade: Option<(Timestamp, Presence)>,
    /// Whether it shows, and if not, why not.
    pub standing: Standing,
}

/// Whether a session shows, or the first rule that decided against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the presence.
    Shows,
    /// The user's choice goes before every session.
    UnderPreferred,
    /// Another session has a stronger availability.
    Weaker,
    /// Another session is as available and has not faded, as this one has.
    Faded,
    /// Another session is alike and was set later.
    SetEarlier,
    /// Another session is alike, was set in the same millisecond, and has the greater id.
    LesserId,
}

/// What one source says about the user's location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocationPart<'a> {
    /// Who says so.
    pub source: LocationSource,
    /// Where.
    pub location: &'a Location,
    /// The first instant at which it counts; `None` where it does already by its nature.
    pub starts_at: Option<Timestamp>,
    /// The instant from which it no longer counts.
    pub expires_at: Timestamp,
    /// Whether it is the location shown.
    pub shows: bool,
}

/// What time alone will bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next<'a> {
    /// When.
    pub at: Timestamp,
    /// What is shown from then on.
    pub view: View<'a>,
}

/// Why `record` shows what it shows at `now`.
///
/// A `now` before `record.as_of` counts as `record.as_of`, as for [`view`].
pub fn explain(record: &Record, now: Timestamp) -> Explanation<'_> {
    let at = now.max(record.as_of);
    let view_at = view(record, at);
    let verdict = verdict(record, at);
    let preferred = record.preferred.as_ref();
    let away = record.out_of_office.as_ref();
    let next = next_change(record, at).map(|change| Next {
        at: change,
        view: view(record, change),
    });
    Explanation {
        at,
        view: view_at,
        verdict,
        sessions: sessions(record, at, verdict),
        preferred: preferred.filter(|preferred| preferred.is_live(at)),
        locations: locations(record, at),
        out_of_office: away.filter(|away| away.is_live(at)),
        next,
    }
}

fn sessions<'a>(record: &'a Record, at: Timestamp, verdict: Verdict<'a>) -> Vec<SessionPart<'a>> {
    let live = record.sessions.iter().filter(|session| session.is_live(at));
    let mut live: Vec<&Session> = live.collect();
    live.sort_unstable_by(|a, b| by_strength(b, a, at));
    let part = |session: &'a Session| {
        let fade = session.instants().into_iter().find(|instant| *instant > at);
        let fade = fade.filter(|instant| session.is_live(*instant));
        SessionPart {
            session,
            now: session.faded(at),
            next_fade: fade.map(|instant| (instant, session.faded(instant))),
            standing: standing(session, at, verdict),
        }
    };
    live.into_iter().map(part).collect()
}

fn standing(session: &Session, at: Timestamp, verdict: Verdict<'_>) -> Standing {
    let strongest = match verdict {
        Verdict::Session(strongest) => strongest,
        // Where no session counts, none is asked about.
        Verdict::Preferred(_) | Verdict::NoSession => return Standing::UnderPreferred,
    };
    let (mine, theirs) = (rank(session, at), rank(strongest, at));
    if session.id == strongest.id {
        Standing::Shows
    } else if mine.0 != theirs.0 {
        Standing::Weaker
    } else if mine.1 != theirs.1 {
        Standing::Faded
    } else if mine.2 != theirs.2 {
        Standing::SetEarlier
    } else {
        Standing::LesserId
    }
}

fn locations(record: &Record, at: Timestamp) -> Vec<LocationPart<'_>> {
    let layers = &record.locations;
    let current = layers.shown(at).map(|(_, location)| location);
    // The very one, since two plans may say the same.
    let shows =
        |location: &Location| current.is_some_and(|current| std::ptr::eq(current, location));
    let days = [
        (LocationSource::Manual, &layers.manual),
        (LocationSource::Automatic, &layers.automatic),
    ];
    let days = days.into_iter().filter_map(|(source, day)| {
        let day = day.as_ref()?;
        Some(LocationPart {
            source,
            location: &day.location,
            starts_at: None,
            expires_at: day.expires_at,
            shows: shows(&day.location),
        })
    });
    let planned = layers.scheduled.entries().iter().map(|entry| LocationPart {
        source: LocationSource::Scheduled,
        location: &entry.location,
        starts_at: Some(entry.starts_at),
        expires_at: entry.ends_at,
        shows: shows(&entry.location),
    });
    let parts = days.chain(planned).filter(|part| at < part.expires_at);
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::{DayLocation, LocationKind, Locations, Schedule, ScheduledLocation};
    use crate::preferred::PreferredState;
    use crate::session::SessionState;
    use crate::testing::{minute, session};

    fn record(sessions: Vec<Session>, preferred: Option<PreferredState>) -> Record {
        let expires_at = minute(30);
        let preferred = preferred.map(|state| Preferred { state, expires_at });
        Record {
            sessions,
            preferred,
            ..Record::default()
        }
    }

    /// The sessions by number with what became of each, the strongest first.
    fn standings(record: &Record, minutes: u64) -> Vec<(u128, Standing)> {
        let explanation = explain(record, minute(minutes));
        let parts = explanation.sessions.iter();
        parts
            .map(|part| (part.session.id.as_u128().unwrap(), part.standing))
            .collect()
    }

    /// Each session that does not show is told the rule that decided against it.
    #[test]
    fn each_loser_has_its_reason() {
        use SessionState::{Available, Away, InACall, Presenting};
        let check = |sessions: Vec<Session>, minutes, expect: &[(u128, Standing)]| {
            assert_eq!(standings(&record(sessions, None), minutes), expect);
        };
        let sessions = vec![
            session(1, Away, 0, 60),
            session(2, Presenting, 0, 60),
            session(3, InACall, 0, 60),
        ];
        let weaker = [
            (2, Standing::Shows),
            (3, Standing::Weaker),
            (1, Standing::Weaker),
        ];
        check(sessions, 1, &weaker);
        let sessions = vec![session(1, Available, 0, 60), session(2, Available, 4, 9)];
        check(
            sessions.clone(),
            5,
            &[(2, Standing::Shows), (1, Standing::Faded)],
        );
        // What has expired is no session any more.
        check(sessions, 9, &[(1, Standing::Shows)]);
        let sessions = vec![
            session(9, InACall, 0, 60),
            session(3, InACall, 1, 60),
            session(4, InACall, 1, 60),
        ];
        let ties = [
            (4, Standing::Shows),
            (3, Standing::LesserId),
            (9, Standing::SetEarlier),
        ];
        check(sessions, 2, &ties);
    }

    /// A preferred presence hides every session, and has nothing to show over without one.
    #[test]
    fn preferred_hides_sessions_and_needs_one() {
        let preferred = Some(PreferredState::OffWork);
        let with = record(vec![session(1, SessionState::InACall, 0, 60)], preferred);
        let explanation = explain(&with, minute(1));
        assert!(matches!(explanation.verdict, Verdict::Preferred(_)));
        assert_eq!(standings(&with, 1), [(1, Standing::UnderPreferred)]);
        let next = explanation.next.unwrap();
        assert_eq!(next.at, minute(30));
        assert_eq!(next.view.presence.to_string(), "Busy/InACall");
        // Its end is the end of its part in the explanation.
        let later = explain(&with, minute(30));
        assert_eq!(later.preferred, None);
        assert_eq!(standings(&with, 30), [(1, Standing::Shows)]);

        let without = record(Vec::new(), preferred);
        let explanation = explain(&without, minute(1));
        assert_eq!(explanation.verdict, Verdict::NoSession);
        assert_eq!(explanation.preferred, without.preferred.as_ref());
        assert_eq!(explanation.next, None);
    }

    /// A session's next fade is named with what it fades to, and none where it ends before.
    #[test]
    fn the_next_fade_is_told() {
        let fade = |ends, minutes| {
            let record = record(vec![session(1, SessionState::Available, 0, ends)], None);
            let explanation = explain(&record, minute(minutes));
            let fade = explanation.sessions[0].next_fade;
            fade.map(|(at, to)| (at, to.to_string()))
        };
        let fades_to = |at, to: &str| Some((minute(at), to.to_owned()));
        assert_eq!(fade(60, 0), fades_to(5, "Available/AvailableInactive"));
        assert_eq!(fade(60, 5), fades_to(10, "Away/Away"));
        assert_eq!(fade(60, 10), None);
        assert_eq!(fade(5, 0), None);
        assert_eq!(fade(10, 5), None);
    }

    /// A clock behind the record explains the record's own instant, as `view` shows it.
    #[test]
    fn the_past_is_not_explained() {
        let mut record = record(vec![session(1, SessionState::Available, 0, 60)], None);
        record.as_of = minute(7);
        let explanation = explain(&record, minute(1));
        assert_eq!(explanation.at, minute(7));
        assert_eq!(explanation.view, view(&record, minute(1)));
        assert_eq!(explanation.sessions[0].now, Presence::INACTIVE);
    }

    /// Of the locations that are known the one shown is marked, and of two alike only one.
    #[test]
    fn one_location_shows() {
        let place = |kind| Location { kind, place: None };
        let day = |kind, ends| {
            let (location, expires_at) = (place(kind), minute(ends));
            Some(DayLocation {
                location,
                expires_at,
            })
        };
        let planned = |starts, ends| ScheduledLocation {
            location: place(LocationKind::Office),
            starts_at: minute(starts),
            ends_at: minute(ends),
        };
        let plans = vec![planned(0, 60), planned(0, 60), planned(70, 80)];
        let locations = Locations {
            manual: day(LocationKind::TimeOff, 10),
            automatic: day(LocationKind::Remote, 20),
            scheduled: Schedule::new(plans).unwrap(),
        };
        let record = Record {
            locations,
            ..Record::default()
        };
        let at = |minutes| {
            let explanation = explain(&record, minute(minutes));
            let shown = explanation.locations.iter().filter(|part| part.shows);
            let sources: Vec<_> = shown.map(|part| part.source.as_str()).collect();
            (explanation.locations.len(), sources)
        };
        assert_eq!(at(0), (5, vec!["manual"]));
        assert_eq!(at(10), (4, vec!["automatic"]));
        assert_eq!(at(20), (3, vec!["scheduled"]));
        assert_eq!(at(60), (1, vec![]));
        assert_eq!(at(80), (0, vec![]));
    }
}
