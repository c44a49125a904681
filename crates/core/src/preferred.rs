//! What the user chose to appear as, whatever the sessions say.

use std::time::Duration;

use crate::limits::{PREFERRED_LIFETIME_BUSY, PREFERRED_LIFETIME_MAX, PREFERRED_LIFETIME_OTHER};
use crate::presence::{Activity, Availability, Presence};
use crate::session::OutOfRange;
use crate::time::Timestamp;

/// The six pairs that `setUserPreferredPresence` accepts (contract section 1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PreferredState {
    /// `Available/Available`; unlike a session, it does not fade.
    Available,
    /// `Busy/Busy`
    Busy,
    /// `DoNotDisturb/DoNotDisturb`
    DoNotDisturb,
    /// `BeRightBack/BeRightBack`
    BeRightBack,
    /// `Away/Away`
    Away,
    /// `Offline/OffWork`, the clients' "appear offline".
    OffWork,
}

impl PreferredState {
    /// All six, in the order of the contract's list.
    pub const ALL: [Self; 6] = [
        Self::Available,
        Self::Busy,
        Self::DoNotDisturb,
        Self::BeRightBack,
        Self::Away,
        Self::OffWork,
    ];

    /// The pair as it is set and shown.
    pub const fn presence(self) -> Presence {
        match self {
            Self::Available => Presence::AVAILABLE,
            Self::Busy => Presence::new(Availability::Busy, Activity::Busy),
            Self::DoNotDisturb => Presence::new(Availability::DoNotDisturb, Activity::DoNotDisturb),
            Self::BeRightBack => Presence::new(Availability::BeRightBack, Activity::BeRightBack),
            Self::Away => Presence::AWAY,
            Self::OffWork => Presence::new(Availability::Offline, Activity::OffWork),
        }
    }

    /// How long it lasts where the setter does not say: a day for Busy and `DoNotDisturb`, seven
    /// days for the others (contract section 1.7).
    pub const fn default_lifetime(self) -> PreferredLifetime {
        PreferredLifetime(match self {
            Self::Busy | Self::DoNotDisturb => PREFERRED_LIFETIME_BUSY,
            Self::Available | Self::BeRightBack | Self::Away | Self::OffWork => {
                PREFERRED_LIFETIME_OTHER
            }
        })
    }
}

/// How long a preferred presence lasts: more than nothing, [`PREFERRED_LIFETIME_MAX`] at most, in
/// whole milliseconds. Graph documents no range (contract section 1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreferredLifetime(Duration);

impl PreferredLifetime {
    /// The lifetime of this length; [`OutOfRange`] for less than a millisecond or more than the
    /// maximum.
    pub fn new(length: Duration) -> Result<Self, OutOfRange> {
        if (Duration::from_millis(1)..=PREFERRED_LIFETIME_MAX).contains(&length) {
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

/// A preferred presence: what the user chose, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferred {
    /// What was chosen.
    pub state: PreferredState,
    /// The instant from which it no longer counts.
    pub expires_at: Timestamp,
}

impl Preferred {
    /// Whether the choice still counts; at `expires_at` itself it is gone.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs and default durations are those of the contract's section 1.7.
    #[test]
    fn pairs_and_defaults() {
        let check = |state: PreferredState, pair: &str, days: u64| {
            assert_eq!(state.presence().to_string(), pair);
            let day = Duration::from_hours(24);
            assert_eq!(
                state.default_lifetime().length(),
                day * u32::try_from(days).unwrap()
            );
        };
        check(PreferredState::Available, "Available/Available", 7);
        check(PreferredState::Busy, "Busy/Busy", 1);
        check(PreferredState::DoNotDisturb, "DoNotDisturb/DoNotDisturb", 1);
        check(PreferredState::BeRightBack, "BeRightBack/BeRightBack", 7);
        check(PreferredState::Away, "Away/Away", 7);
        check(PreferredState::OffWork, "Offline/OffWork", 7);
    }

    /// Any positive duration up to the maximum is taken.
    #[test]
    fn lifetimes_are_positive_and_bounded() {
        assert_eq!(PreferredLifetime::new(Duration::ZERO), Err(OutOfRange));
        assert!(PreferredLifetime::new(Duration::from_millis(1)).is_ok());
        assert!(PreferredLifetime::new(PREFERRED_LIFETIME_MAX).is_ok());
        let beyond = PREFERRED_LIFETIME_MAX + Duration::from_millis(1);
        assert_eq!(PreferredLifetime::new(beyond), Err(OutOfRange));
    }
}
