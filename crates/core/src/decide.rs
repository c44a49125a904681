//! The only way a record changes.

mod sessions;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::id::SessionId;
use crate::location::{DayLocation, Location, LocationLayer, Schedule};
use crate::out_of_office::OutOfOffice;
use crate::preferred::{Preferred, PreferredLifetime, PreferredState};
use crate::presence::Presence;
use crate::record::Record;
use crate::session::{SessionLifetime, SessionState, SessionsMax};
use crate::status::{StatusMessage, StatusText};
use crate::time::Timestamp;
use crate::view::{next_sequence, shown, view};
use sessions::{clear_session, require_room, set_session};

/// What can be done to a user's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `setPresence`: sets or renews one session. State, fade clock and expiry are replaced
    /// together, also where that shortens the expiry.
    SetSession {
        /// Which session.
        session: SessionId,
        /// What it says from now on.
        state: SessionState,
        /// How long it lives without renewal.
        lifetime: SessionLifetime,
        /// How many sessions the user may then have. Renewing one takes no room.
        sessions_max: SessionsMax,
    },
    /// `clearPresence`: ends one session.
    ClearSession {
        /// Which session.
        session: SessionId,
    },
    /// `setUserPreferredPresence`: sets what shows over the sessions. It is kept also where no
    /// session exists, and shows as soon as one does.
    SetPreferred {
        /// What was chosen.
        state: PreferredState,
        /// How long it lasts.
        lifetime: PreferredLifetime,
    },
    /// `clearUserPreferredPresence`: lets the sessions show again. Nothing to clear is no error.
    ClearPreferred,
    /// `setStatusMessage`: sets the note beside the presence.
    SetStatusMessage {
        /// What it says.
        text: StatusText,
        /// The instant from which it no longer shows; `None` for one that stays. One in the past
        /// is a note that is gone already.
        expires_at: Option<Timestamp>,
    },
    /// Removes the note. Nothing to remove is no error.
    ClearStatusMessage,
    /// `setManualLocation`, `setAutomaticLocation`: replaces one layer whole, also a more exact
    /// value by a less exact one.
    SetLocation {
        /// Which layer.
        layer: LocationLayer,
        /// Where the user is.
        location: Location,
        /// The end of the day in the tenant's time zone.
        expires_at: Timestamp,
    },
    /// `clearLocation`: forgets the manual and the automatic layer. Nothing to forget is no error.
    ClearLocation,
    /// `clearAutomaticLocation`: forgets the automatic layer. Nothing to forget is no error.
    ClearAutomaticLocation,
    /// Replaces the planned locations; an empty schedule forgets them.
    SetSchedule(Schedule),
    /// Says when the user is out of office; `None` for never.
    SetOutOfOffice(Option<OutOfOffice>),
    /// Time has passed: writes down what changed by itself, so that watchers hear of it.
    Tick,
}

/// Why a command was not carried out. The record is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `clearPresence` for a session that does not exist (any more).
    #[error("the user has no such session")]
    NoSuchSession,
    /// The user has as many sessions as may be, and this would be one more.
    #[error("the user may have {} sessions and has as many", sessions_max.count())]
    TooManySessions {
        /// How many may be.
        sessions_max: SessionsMax,
        /// How long until so many of them have expired that there is room, unless they are renewed.
        retry_after: Duration,
    },
}

/// Something that became visible: a presence, or what stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is shown now.
    pub presence: Presence,
    /// Its sequence number, greater than that of any earlier change of this user.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
}

/// What a command comes to. Record and change belong together: a store commits both or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The record from now on.
    pub record: Record,
    /// What watchers are to be told; `None` where nothing visible changed, as for a keep-alive.
    pub change: Option<Change>,
}

/// What `command` makes of `record` at `now`. `Ok(None)`: nothing, and nothing needs to be stored.
///
/// A `now` before `record.as_of` counts as `record.as_of`.
pub fn decide(
    record: &Record,
    command: &Command,
    now: Timestamp,
) -> Result<Option<Decision>, Refusal> {
    let now = now.max(record.as_of);
    let before = view(record, now);
    let mut next = Record {
        as_of: now,
        sequence: before.sequence,
        ..live_part(record, now)
    };
    let touched = carry_out(&mut next, command)?;
    let after = shown(&next, now);
    let (presence, differs) = (after.presence, after != before);
    if differs {
        next.sequence = next_sequence(before.sequence, now);
    }
    let changed = next.sequence != record.sequence;
    let change = changed.then_some(Change {
        presence,
        sequence: next.sequence,
        at: now,
    });
    Ok((touched || changed).then_some(Decision {
        record: next,
        change,
    }))
}

/// Does to the record, at its `as_of`, what the command says. Whether there is anything to store.
fn carry_out(record: &mut Record, command: &Command) -> Result<bool, Refusal> {
    let now = record.as_of;
    match command {
        Command::SetSession {
            session,
            state,
            lifetime,
            sessions_max,
        } => {
            require_room(record, session, *sessions_max)?;
            set_session(record, session, *state, *lifetime);
        }
        Command::ClearSession { session } => clear_session(record, session)?,
        Command::SetPreferred { state, lifetime } => {
            let expires_at = now.plus(lifetime.length());
            record.preferred = Some(Preferred {
                state: *state,
                expires_at,
            });
        }
        Command::ClearPreferred => return Ok(record.preferred.take().is_some()),
        Command::SetStatusMessage { text, expires_at } => {
            let (text, expires_at) = (text.clone(), *expires_at);
            let message = StatusMessage {
                text,
                published_at: now,
                expires_at,
            };
            record.status_message = Some(message).filter(|message| message.is_live(now));
        }
        Command::ClearStatusMessage => return Ok(record.status_message.take().is_some()),
        Command::SetLocation {
            layer,
            location,
            expires_at,
        } => {
            let (location, expires_at) = (location.clone(), *expires_at);
            let day = Some(DayLocation {
                location,
                expires_at,
            })
            .filter(|day| now < day.expires_at);
            match layer {
                LocationLayer::Manual => record.locations.manual = day,
                LocationLayer::Automatic => record.locations.automatic = day,
            }
        }
        Command::ClearLocation => {
            let manual = record.locations.manual.take();
            let automatic = record.locations.automatic.take();
            return Ok(manual.is_some() || automatic.is_some());
        }
        Command::ClearAutomaticLocation => return Ok(record.locations.automatic.take().is_some()),
        Command::SetSchedule(schedule) => record.locations.scheduled = schedule.clone(),
        Command::SetOutOfOffice(away) => {
            record.out_of_office = away.clone().filter(|away| away.is_live(now));
        }
        Command::Tick => return Ok(false),
    }
    Ok(true)
}

/// The record without what has expired by `now`.
fn live_part(record: &Record, now: Timestamp) -> Record {
    // Room for one more, since the usual command sets a session.
    let mut sessions = Vec::with_capacity(record.sessions.len() + 1);
    sessions.extend(
        record
            .sessions
            .iter()
            .filter(|session| session.is_live(now))
            .cloned(),
    );
    Record {
        as_of: record.as_of,
        sequence: record.sequence,
        sessions,
        preferred: record.preferred.filter(|preferred| preferred.is_live(now)),
        status_message: record
            .status_message
            .clone()
            .filter(|message| message.is_live(now)),
        locations: record.locations.live(now),
        out_of_office: record
            .out_of_office
            .clone()
            .filter(|away| away.is_live(now)),
    }
}
