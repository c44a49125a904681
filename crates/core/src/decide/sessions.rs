//! What commands do to the sessions of a record.

use super::Refusal;
use crate::id::SessionId;
use crate::record::Record;
use crate::session::{Session, SessionLifetime, SessionState, SessionsMax};
use crate::time::Timestamp;

/// Whether there is room for a session of this name: there is for one that exists. A user has more
/// than may be where fewer may be than before; then as many have to go as are too many.
pub(super) fn require_room(
    record: &Record,
    id: &SessionId,
    sessions_max: SessionsMax,
) -> Result<(), Refusal> {
    let sessions = &record.sessions;
    let too_many = sessions.len().checked_sub(sessions_max.count());
    let Some(too_many) = too_many else {
        return Ok(());
    };
    if sessions.iter().any(|session| session.id == *id) {
        return Ok(());
    }
    let mut ends: Vec<Timestamp> = sessions.iter().map(|session| session.expires_at).collect();
    ends.sort_unstable();
    let room_at = ends.get(too_many).copied().unwrap_or(record.as_of);
    Err(Refusal::TooManySessions {
        sessions_max,
        retry_after: room_at.since(record.as_of),
    })
}

/// Sets or renews the session of this name.
pub(super) fn set_session(
    record: &mut Record,
    id: &SessionId,
    state: SessionState,
    lifetime: SessionLifetime,
) {
    let now = record.as_of;
    let expires_at = now.plus(lifetime.length());
    if let Some(session) = record.sessions.iter_mut().find(|session| session.id == *id) {
        session.state = state;
        session.set_at = now;
        session.expires_at = expires_at;
        return;
    }
    record.sessions.push(Session {
        id: id.clone(),
        state,
        set_at: now,
        expires_at,
    });
}

/// Ends the session of this name.
pub(super) fn clear_session(record: &mut Record, id: &SessionId) -> Result<(), Refusal> {
    let at = record.sessions.iter().position(|session| session.id == *id);
    record
        .sessions
        .swap_remove(at.ok_or(Refusal::NoSuchSession)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{MINUTE, minute, session};

    /// Where fewer sessions may be than there are, those there are can be renewed, and a new one has to
    /// wait until enough of them are gone.
    #[test]
    fn fewer_sessions_may_be_than_there_are() {
        // They end after 10, 20, … 50 minutes, and do not stand in that order.
        let ends = [(3, 30), (1, 10), (5, 50), (2, 20), (4, 40)];
        let sessions = ends.map(|(id, ends)| session(id, SessionState::Away, 0, ends));
        let record = Record {
            sessions: sessions.into(),
            as_of: minute(2),
            ..Record::default()
        };
        let one_more = SessionId::from_u128(6);
        for (count, room_at) in [(5, 10), (4, 20), (1, 50)] {
            let sessions_max = SessionsMax::new(count).unwrap();
            let refusal = Refusal::TooManySessions {
                sessions_max,
                retry_after: Duration::from_millis((room_at - 2) * MINUTE),
            };
            let told = require_room(&record, &one_more, sessions_max);
            assert_eq!(told, Err(refusal), "{count}");
            let renewed = require_room(&record, &SessionId::from_u128(3), sessions_max);
            assert_eq!(renewed, Ok(()), "{count}");
        }
        let six = SessionsMax::new(6).unwrap();
        assert_eq!(require_room(&record, &one_more, six), Ok(()));
    }
}
