//! One application's say about one user.

use std::time::Duration;

use crate::id::SessionId;
use crate::limits::{
    FADE_TO_AWAY, FADE_TO_INACTIVE, SESSION_LIFETIME_DEFAULT, SESSION_LIFETIME_MAX,
    SESSION_LIFETIME_MIN, SESSIONS_PER_USER_MAX,
};
use crate::presence::{Activity, Availability, Presence};
use crate::time::Timestamp;

/// The five pairs that `setPresence` accepts (contract section 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// `Available/Available`, the only one that fades.
    Available,
    /// `Busy/InACall`
    InACall,
    /// `Busy/InAConferenceCall`
    InAConferenceCall,
    /// `Away/Away`
    Away,
    /// `DoNotDisturb/Presenting`
    Presenting,
}

impl SessionState {
    /// All five, in the order of the contract's table.
    pub const ALL: [Self; 5] = [
        Self::Available,
        Self::InACall,
        Self::InAConferenceCall,
        Self::Away,
        Self::Presenting,
    ];

    /// The pair as it is set, and as it shows before any fading.
    pub const fn presence(self) -> Presence {
        match self {
            Self::Available => Presence::AVAILABLE,
            Self::InACall => Presence::new(Availability::Busy, Activity::InACall),
            Self::InAConferenceCall => {
                Presence::new(Availability::Busy, Activity::InAConferenceCall)
            }
            Self::Away => Presence::AWAY,
            Self::Presenting => Presence::new(Availability::DoNotDisturb, Activity::Presenting),
        }
    }
}

/// How many unexpired sessions a user may have: 1 to [`SESSIONS_PER_USER_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionsMax(usize);

impl SessionsMax {
    /// At most so many; [`OutOfRange`] for none, and for more than a record is to hold.
    pub fn new(count: usize) -> Result<Self, OutOfRange> {
        if (1..=SESSIONS_PER_USER_MAX).contains(&count) {
            Ok(Self(count))
        } else {
            Err(OutOfRange)
        }
    }

    /// The number.
    pub const fn count(self) -> usize {
        self.0
    }
}

/// As many as there can be.
impl Default for SessionsMax {
    fn default() -> Self {
        Self(SESSIONS_PER_USER_MAX)
    }
}

/// How long a session lives without renewal: [`SESSION_LIFETIME_MIN`] to [`SESSION_LIFETIME_MAX`],
/// both included, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionLifetime(Duration);

/// A duration or a number outside the allowed range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value is out of range")]
pub struct OutOfRange;

impl SessionLifetime {
    /// The lifetime of this length; [`OutOfRange`] outside 5 minutes to 4 hours.
    pub fn new(length: Duration) -> Result<Self, OutOfRange> {
        if (SESSION_LIFETIME_MIN..=SESSION_LIFETIME_MAX).contains(&length) {
            Ok(Self(length))
        } else {
            Err(OutOfRange)
        }
    }

    /// Its length.
    pub const fn length(self) -> Duration {
        self.0
    }
}

/// Five minutes (contract section 1.5).
impl Default for SessionLifetime {
    fn default() -> Self {
        Self(SESSION_LIFETIME_DEFAULT)
    }
}

/// A presence session: what one application says of a user, since when, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name, unique within the user.
    pub id: SessionId,
    /// What it says.
    pub state: SessionState,
    /// When it was last set; fading counts from here.
    pub set_at: Timestamp,
    /// The instant from which it no longer counts.
    pub expires_at: Timestamp,
}

impl Session {
    /// Whether the session still counts. Expiry wins over fading at the same instant:
    /// at `expires_at` itself the session is gone.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// What the session shows at `now`, were it alone and alive: only Available fades, to
    /// `AvailableInactive` after 5 minutes and to Away after 10 (contract section 3.3).
    pub fn faded(&self, now: Timestamp) -> Presence {
        let age = now.since(self.set_at);
        match self.state {
            SessionState::Available if age >= FADE_TO_AWAY => Presence::AWAY,
            SessionState::Available if age >= FADE_TO_INACTIVE => Presence::INACTIVE,
            SessionState::Available
            | SessionState::InACall
            | SessionState::InAConferenceCall
            | SessionState::Away
            | SessionState::Presenting => self.state.presence(),
        }
    }

    /// The instants at which this session may begin to show something else, in their order: its
    /// fades and its end, which is told again in the place of a fade that does not come.
    pub fn instants(&self) -> [Timestamp; 3] {
        let end = self.expires_at;
        match self.state {
            SessionState::Available => [
                self.set_at.plus(FADE_TO_INACTIVE).min(end),
                self.set_at.plus(FADE_TO_AWAY).min(end),
                end,
            ],
            SessionState::InACall
            | SessionState::InAConferenceCall
            | SessionState::Away
            | SessionState::Presenting => [end; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user may have one session at least, and as many as a record is to hold at most.
    #[test]
    fn numbers_of_sessions() {
        for right in [1, 2, SESSIONS_PER_USER_MAX] {
            assert_eq!(SessionsMax::new(right).map(SessionsMax::count), Ok(right));
        }
        for wrong in [0, SESSIONS_PER_USER_MAX + 1] {
            assert_eq!(SessionsMax::new(wrong), Err(OutOfRange));
        }
    }

    const MINUTE: u64 = 60_000;

    fn session(state: SessionState, lifetime_minutes: u64) -> Session {
        Session {
            id: SessionId::from_u128(1),
            state,
            set_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(lifetime_minutes * MINUTE),
        }
    }

    /// Only Available fades, and exactly at five and ten minutes.
    #[test]
    fn only_available_fades() {
        let check = |state, millis, expect: &str| {
            let now = Timestamp::from_millis(millis);
            assert_eq!(
                session(state, 60).faded(now).to_string(),
                expect,
                "{state:?} at {millis}"
            );
        };
        check(SessionState::Available, 0, "Available/Available");
        check(
            SessionState::Available,
            5 * MINUTE - 1,
            "Available/Available",
        );
        check(
            SessionState::Available,
            5 * MINUTE,
            "Available/AvailableInactive",
        );
        check(
            SessionState::Available,
            10 * MINUTE - 1,
            "Available/AvailableInactive",
        );
        check(SessionState::Available, 10 * MINUTE, "Away/Away");
        check(SessionState::InACall, 59 * MINUTE, "Busy/InACall");
        check(
            SessionState::InAConferenceCall,
            59 * MINUTE,
            "Busy/InAConferenceCall",
        );
        check(SessionState::Away, 59 * MINUTE, "Away/Away");
        check(
            SessionState::Presenting,
            59 * MINUTE,
            "DoNotDisturb/Presenting",
        );
    }

    /// A session is gone at its deadline, not after it, and names no instant beyond it.
    #[test]
    fn a_session_ends_at_its_deadline() {
        let session = session(SessionState::Available, 5);
        assert!(session.is_live(Timestamp::from_millis(5 * MINUTE - 1)));
        assert!(!session.is_live(Timestamp::from_millis(5 * MINUTE)));
        let instants = session.instants().map(Timestamp::as_millis);
        assert_eq!(instants, [5 * MINUTE; 3]);
    }

    /// The range of a lifetime includes both its ends.
    #[test]
    fn lifetimes_have_a_range() {
        let lifetime = |millis| SessionLifetime::new(Duration::from_millis(millis));
        assert!(lifetime(5 * MINUTE).is_ok());
        assert!(lifetime(240 * MINUTE).is_ok());
        assert_eq!(lifetime(5 * MINUTE - 1), Err(OutOfRange));
        assert_eq!(lifetime(240 * MINUTE + 1), Err(OutOfRange));
        assert_eq!(
            SessionLifetime::default().length(),
            Duration::from_millis(5 * MINUTE)
        );
    }
}
