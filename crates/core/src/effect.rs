//! Whether what was set became visible, and what hides it otherwise.

use crate::decide::Command;
use crate::location::LocationLayer;
use crate::preferred::PreferredState;
use crate::presence::Presence;
use crate::record::Record;
use crate::session::SessionState;
use crate::view::{Verdict, verdict};

/// What a command wants to be seen. It is taken before the command is handed over, and asked
/// afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// This session's state shall show.
    Session(SessionState),
    /// A session shall show no longer.
    SessionEnd,
    /// This choice shall show.
    Preferred(PreferredState),
    /// The location that a client found out shall show.
    AutomaticLocation,
    /// What nothing else can hide.
    Unhidden,
}

/// What hides a thing that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shadow {
    /// The preferred presence, which goes before every session.
    Preferred,
    /// A session that goes before the one that was set or cleared.
    Session,
    /// There is no session, and without one no preferred presence shows.
    NoSession,
    /// The location that the user chose, which goes before one that a client found out.
    ManualLocation,
}

impl Aim {
    /// What `command` wants to be seen.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::SetSession { state, .. } => Self::Session(*state),
            Command::ClearSession { .. } => Self::SessionEnd,
            Command::SetPreferred { state, .. } => Self::Preferred(*state),
            Command::SetLocation {
                layer: LocationLayer::Automatic,
                ..
            } => Self::AutomaticLocation,
            // What shows over the sessions is gone with these, a note has no rival, and the others
            // are an administrator's or nobody's.
            Command::ClearPreferred
            | Command::SetStatusMessage { .. }
            | Command::ClearStatusMessage
            | Command::SetLocation {
                layer: LocationLayer::Manual,
                ..
            }
            | Command::ClearLocation
            | Command::ClearAutomaticLocation
            | Command::SetSchedule(_)
            | Command::SetOutOfOffice(_)
            | Command::Tick => Self::Unhidden,
        }
    }

    /// What hides the thing aimed at, in the record that the command left behind; `None` where it
    /// shows. `changed` is whether the command came with a change.
    ///
    /// A set that is hidden by its like shows: what was asked for is what is seen. A session that
    /// ends in the millisecond in which time changed the presence too may count as seen.
    pub fn shadow(self, record: &Record, changed: bool) -> Option<Shadow> {
        let now = record.as_of;
        let verdict = verdict(record, now);
        let unless_shown = |wanted: Presence| match verdict {
            shown if shown.presence(now) == wanted => None,
            Verdict::NoSession => Some(Shadow::NoSession),
            Verdict::Preferred(_) => Some(Shadow::Preferred),
            Verdict::Session(_) => Some(Shadow::Session),
        };
        match self {
            Self::Session(state) => unless_shown(state.presence()),
            Self::Preferred(state) => unless_shown(state.presence()),
            Self::SessionEnd => match verdict {
                // It was the last one: the user is Offline now and was not before.
                Verdict::NoSession => None,
                Verdict::Preferred(_) => Some(Shadow::Preferred),
                Verdict::Session(_) => (!changed).then_some(Shadow::Session),
            },
            Self::AutomaticLocation => {
                let manual = record.locations.manual.as_ref();
                manual
                    .filter(|manual| now < manual.expires_at)
                    .map(|_| Shadow::ManualLocation)
            }
            Self::Unhidden => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::decide;
    use crate::id::SessionId;
    use crate::location::{Location, LocationKind};
    use crate::session::{SessionLifetime, SessionsMax};
    use crate::time::Timestamp;

    fn set(id: u128, state: SessionState) -> Command {
        Command::SetSession {
            session: SessionId::from_u128(id),
            state,
            lifetime: SessionLifetime::default(),
            sessions_max: SessionsMax::default(),
        }
    }

    fn clear(id: u128) -> Command {
        Command::ClearSession {
            session: SessionId::from_u128(id),
        }
    }

    fn prefer(state: PreferredState) -> Command {
        let lifetime = state.default_lifetime();
        Command::SetPreferred { state, lifetime }
    }

    fn locate(layer: LocationLayer) -> Command {
        Command::SetLocation {
            layer,
            location: Location {
                kind: LocationKind::Office,
                place: None,
            },
            expires_at: Timestamp::from_millis(1_000_000),
        }
    }

    /// What hides the last of these commands, each given a millisecond after the one before.
    #[track_caller]
    fn shadow(commands: &[Command]) -> Option<Shadow> {
        let mut record = Record::default();
        let mut last = None;
        for (millis, command) in (1..).zip(commands) {
            let decision = decide(&record, command, Timestamp::from_millis(millis)).unwrap();
            let changed = decision
                .as_ref()
                .is_some_and(|decision| decision.change.is_some());
            record = decision.map_or(record, |decision| decision.record);
            last = Aim::of(command).shadow(&record, changed);
        }
        last
    }

    /// A session that is set shows unless something stronger does, or its like.
    #[test]
    fn sessions() {
        use SessionState::{Available, Away, InACall};
        assert_eq!(shadow(&[set(1, Away)]), None);
        assert_eq!(
            shadow(&[set(1, Available), set(2, Away)]),
            Some(Shadow::Session)
        );
        assert_eq!(shadow(&[set(1, Away), set(2, Available)]), None);
        assert_eq!(shadow(&[set(1, Away), set(1, InACall)]), None);
        let off = prefer(PreferredState::OffWork);
        assert_eq!(shadow(&[off, set(1, InACall)]), Some(Shadow::Preferred));
        let like = prefer(PreferredState::Available);
        assert_eq!(shadow(&[like, set(1, Available)]), None);
        // A keep-alive changes nothing, and shows all the same.
        assert_eq!(shadow(&[set(1, InACall), set(1, InACall)]), None);
    }

    /// A session that is cleared is missed unless something else showed anyway.
    #[test]
    fn ends_of_sessions() {
        use SessionState::{Away, InACall};
        assert_eq!(shadow(&[set(1, Away), clear(1)]), None);
        let hidden = [set(1, Away), set(2, InACall), clear(1)];
        assert_eq!(shadow(&hidden), Some(Shadow::Session));
        let seen = [set(1, Away), set(2, InACall), clear(2)];
        assert_eq!(shadow(&seen), None);
        let busy = prefer(PreferredState::Busy);
        let preferred = [busy.clone(), set(1, Away), set(2, InACall), clear(2)];
        assert_eq!(shadow(&preferred), Some(Shadow::Preferred));
        assert_eq!(shadow(&[busy, set(1, Away), clear(1)]), None);
    }

    /// A choice shows as soon as there is a session; to clear it is always seen.
    #[test]
    fn choices() {
        let busy = prefer(PreferredState::Busy);
        assert_eq!(shadow(std::slice::from_ref(&busy)), Some(Shadow::NoSession));
        let away = set(1, SessionState::Away);
        assert_eq!(shadow(&[away.clone(), busy.clone()]), None);
        assert_eq!(shadow(&[away, busy, Command::ClearPreferred]), None);
    }

    /// A location that a client finds out is hidden by one that the user chose.
    #[test]
    fn locations() {
        let (manual, automatic) = (
            locate(LocationLayer::Manual),
            locate(LocationLayer::Automatic),
        );
        assert_eq!(shadow(std::slice::from_ref(&automatic)), None);
        assert_eq!(
            shadow(&[manual.clone(), automatic.clone()]),
            Some(Shadow::ManualLocation)
        );
        assert_eq!(shadow(&[automatic.clone(), manual.clone()]), None);
        assert_eq!(shadow(&[manual, Command::ClearLocation, automatic]), None);
    }
}
