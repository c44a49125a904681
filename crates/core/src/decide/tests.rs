//! Each command by itself; `tests/it` replays all of them together.

use super::*;
use crate::limits::SESSION_LIFETIME_MAX;
use crate::location::{LocationKind, LocationSource, ScheduledLocation};
use crate::testing::{MINUTE, minute};
use crate::view::next_change;

fn set(id: u128, state: SessionState, minutes: u64) -> Command {
    let lifetime = SessionLifetime::new(Duration::from_millis(minutes * MINUTE)).unwrap();
    Command::SetSession {
        session: SessionId::from_u128(id),
        state,
        lifetime,
        sessions_max: SessionsMax::default(),
    }
}

fn prefer(state: PreferredState) -> Command {
    Command::SetPreferred {
        state,
        lifetime: state.default_lifetime(),
    }
}

fn clear(id: u128) -> Command {
    Command::ClearSession {
        session: SessionId::from_u128(id),
    }
}

/// Applies a command that must be carried out, and returns the presence it told watchers of.
#[track_caller]
fn apply(record: &mut Record, command: &Command, now: Timestamp) -> Option<String> {
    let decision = decide(record, command, now).unwrap()?;
    *record = decision.record;
    decision.change.map(|change| change.presence.to_string())
}

/// The life of one session, as the contract's example tells it.
#[test]
fn a_session_is_set_renewed_and_ended() {
    let mut record = Record::default();
    let available = set(1, SessionState::Available, 60);
    let told = apply(&mut record, &available, minute(0));
    assert_eq!(told.as_deref(), Some("Available/Available"));
    // A keep-alive alters nothing that anybody sees.
    assert_eq!(apply(&mut record, &available, minute(4)), None);
    assert_eq!(record.sessions[0].expires_at, minute(64));
    assert_eq!(apply(&mut record, &Command::Tick, minute(5)), None);
    let told = apply(&mut record, &Command::Tick, minute(9));
    assert_eq!(told.as_deref(), Some("Available/AvailableInactive"));
    assert_eq!(
        apply(&mut record, &clear(1), minute(9)).as_deref(),
        Some("Offline/Offline")
    );
    assert_eq!(
        decide(&record, &clear(1), minute(9)),
        Err(Refusal::NoSuchSession)
    );
}

/// An expired session cannot be cleared: it no longer exists.
#[test]
fn an_expired_session_does_not_exist() {
    let mut record = Record::default();
    apply(&mut record, &set(1, SessionState::InACall, 5), minute(0));
    assert_eq!(
        decide(&record, &clear(1), minute(5)),
        Err(Refusal::NoSuchSession)
    );
}

/// A shorter renewal shortens the expiry.
#[test]
fn renewing_may_shorten() {
    let mut record = Record::default();
    apply(&mut record, &set(1, SessionState::InACall, 240), minute(0));
    apply(&mut record, &set(1, SessionState::InACall, 5), minute(1));
    assert_eq!(view(&record, minute(6)).presence, Presence::OFFLINE);
}

/// A preferred presence set without a session is kept and shows when one appears.
#[test]
fn preferred_waits_for_a_session() {
    let mut record = Record::default();
    assert_eq!(
        apply(&mut record, &prefer(PreferredState::Busy), minute(0)),
        None
    );
    let told = apply(&mut record, &set(1, SessionState::Available, 5), minute(1));
    assert_eq!(told.as_deref(), Some("Busy/Busy"));
    let told = apply(&mut record, &Command::ClearPreferred, minute(2));
    assert_eq!(told.as_deref(), Some("Available/Available"));
    assert_eq!(
        decide(&record, &Command::ClearPreferred, minute(3)),
        Ok(None)
    );
}

/// A clock that jumps back cannot bring an ended session back.
#[test]
fn time_never_goes_back() {
    let mut record = Record::default();
    apply(&mut record, &set(1, SessionState::InACall, 5), minute(0));
    apply(&mut record, &Command::Tick, minute(5));
    assert_eq!(view(&record, minute(1)).presence, Presence::OFFLINE);
    let told = apply(&mut record, &set(2, SessionState::Away, 5), minute(1));
    assert_eq!(told.as_deref(), Some("Away/Away"));
    assert_eq!(record.as_of, minute(5));
    assert_eq!(record.sessions[0].expires_at, minute(10));
}

/// Beyond the limit a new session is refused, and the answer says when there is room again;
/// renewing an existing one still works.
#[test]
fn sessions_are_limited_per_user() {
    let mut record = Record::default();
    let sessions_max = SessionsMax::default();
    let limit = u64::try_from(sessions_max.count()).unwrap();
    for id in 0..limit {
        apply(
            &mut record,
            &set(id.into(), SessionState::Available, 60 + id),
            minute(0),
        );
    }
    let one_more = set(limit.into(), SessionState::Available, 60);
    let retry_after = Duration::from_millis(50 * MINUTE);
    let refusal = Refusal::TooManySessions {
        sessions_max,
        retry_after,
    };
    assert_eq!(decide(&record, &one_more, minute(10)), Err(refusal));
    assert!(decide(&record, &set(0, SessionState::Away, 60), minute(10)).is_ok());
    // At the first expiry there is room.
    assert!(decide(&record, &one_more, minute(60)).is_ok());
}

/// A sequence number is never below the time of its change, so that a record that begins anew
/// counts on from where a lost one was.
#[test]
fn sequences_survive_a_lost_record() {
    let mut first = Record::default();
    apply(&mut first, &set(1, SessionState::Away, 5), minute(0));
    apply(&mut first, &clear(1), minute(1));
    let mut second = Record::default();
    apply(&mut second, &set(1, SessionState::Away, 5), minute(2));
    assert!(second.sequence > first.sequence);
}

/// The far end of time does not overflow.
#[test]
fn the_end_of_time_is_survivable() {
    let mut record = Record::default();
    let lifetime = SessionLifetime::new(SESSION_LIFETIME_MAX).unwrap();
    let session = SessionId::from_u128(1);
    let command = Command::SetSession {
        session,
        state: SessionState::Available,
        lifetime,
        sessions_max: SessionsMax::default(),
    };
    let end = Timestamp::from_millis(u64::MAX);
    assert_eq!(
        apply(&mut record, &command, end),
        None,
        "it expires in the same instant"
    );
    assert_eq!(apply(&mut record, &Command::Tick, end), None);
}

fn note(text: &str, ends: Option<u64>) -> Command {
    let text = StatusText::new(text).unwrap();
    Command::SetStatusMessage {
        text,
        expires_at: ends.map(minute),
    }
}

fn place(layer: LocationLayer, kind: LocationKind, ends: u64) -> Command {
    let location = Location { kind, place: None };
    Command::SetLocation {
        layer,
        location,
        expires_at: minute(ends),
    }
}

/// A status message is a visible change of its own, shows without any session, ends at its
/// instant, and can be removed.
#[test]
fn a_status_message_comes_and_goes() {
    let mut record = Record::default();
    let told = apply(&mut record, &note("Back at noon", Some(30)), minute(0));
    assert_eq!(told.as_deref(), Some("Offline/Offline"));
    let text = |record: &Record, at| {
        view(record, at)
            .status_message
            .map(|message| message.text.as_str().to_owned())
    };
    assert_eq!(text(&record, minute(29)).as_deref(), Some("Back at noon"));
    assert_eq!(text(&record, minute(30)), None);
    let first = record.sequence;
    assert!(view(&record, minute(30)).sequence > first);
    assert!(apply(&mut record, &Command::Tick, minute(30)).is_some());
    assert_eq!(record.status_message, None);
    // One without an end stays until it is replaced or removed.
    apply(&mut record, &note("Reading", None), minute(31));
    assert_eq!(text(&record, minute(1_000_000)).as_deref(), Some("Reading"));
    assert!(apply(&mut record, &Command::ClearStatusMessage, minute(32)).is_some());
    assert_eq!(
        decide(&record, &Command::ClearStatusMessage, minute(33)),
        Ok(None)
    );
    // One that ended before it was set never shows.
    assert_eq!(
        apply(&mut record, &note("Late", Some(33)), minute(33)),
        None
    );
    assert_eq!(text(&record, minute(33)), None);
}

/// Each clearing action forgets its own layers and no other.
#[test]
fn locations_are_set_and_cleared_layer_by_layer() {
    use LocationLayer::{Automatic, Manual};
    let mut record = Record::default();
    apply(
        &mut record,
        &place(Automatic, LocationKind::Office, 60),
        minute(0),
    );
    apply(
        &mut record,
        &place(Manual, LocationKind::Remote, 50),
        minute(0),
    );
    let shown = |record: &Record, at| {
        view(record, minute(at))
            .work_location
            .map(|(source, _)| source)
    };
    assert_eq!(shown(&record, 1), Some(LocationSource::Manual));
    assert_eq!(shown(&record, 50), Some(LocationSource::Automatic));
    assert_eq!(shown(&record, 60), None);
    // What shows is the manual layer, so nobody hears of the automatic one's end.
    let told = apply(&mut record, &Command::ClearAutomaticLocation, minute(1));
    assert_eq!((told, shown(&record, 50)), (None, None));
    assert!(apply(&mut record, &Command::ClearLocation, minute(2)).is_some());
    assert_eq!(
        decide(&record, &Command::ClearLocation, minute(2)),
        Ok(None)
    );
    assert_eq!(
        decide(&record, &Command::ClearAutomaticLocation, minute(2)),
        Ok(None)
    );
}

/// Out of office begins and ends by itself, and leaves the presence alone.
#[test]
fn out_of_office_is_a_span() {
    let mut record = Record::default();
    apply(&mut record, &set(1, SessionState::InACall, 60), minute(0));
    let away = OutOfOffice {
        message: None,
        starts_at: minute(10),
        ends_at: Some(minute(20)),
    };
    assert_eq!(
        apply(&mut record, &Command::SetOutOfOffice(Some(away)), minute(1)),
        None
    );
    let away = |record: &Record, at| view(record, minute(at)).out_of_office.is_some();
    assert_eq!(
        [9, 10, 19, 20].map(|at| away(&record, at)),
        [false, true, true, false]
    );
    for at in [10, 20] {
        let told = apply(&mut record, &Command::Tick, minute(at));
        assert_eq!(told.as_deref(), Some("Busy/InACall"));
    }
    assert_eq!(record.out_of_office, None);
}

/// A planned location shows and ends by itself.
#[test]
fn a_schedule_takes_its_course() {
    let mut record = Record::default();
    let location = Location {
        kind: LocationKind::Office,
        place: None,
    };
    let entry = ScheduledLocation {
        location,
        starts_at: minute(5),
        ends_at: minute(9),
    };
    let schedule = Command::SetSchedule(Schedule::new(vec![entry]).unwrap());
    assert_eq!(apply(&mut record, &schedule, minute(0)), None);
    assert_eq!(next_change(&record, minute(0)), Some(minute(5)));
    assert!(apply(&mut record, &Command::Tick, minute(5)).is_some());
    assert_eq!(next_change(&record, minute(5)), Some(minute(9)));
    assert!(apply(&mut record, &Command::Tick, minute(9)).is_some());
    assert!(record.locations.is_empty());
}
