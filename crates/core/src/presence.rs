//! What others see: availability and activity.

use std::fmt;

/// The base presence (contract section 2.3). On the wire: the variant's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Availability {
    /// Free to talk.
    Available,
    /// Away from the keyboard, or faded.
    Away,
    /// Away for a short while, as the user chose.
    BeRightBack,
    /// Occupied.
    Busy,
    /// Not to be disturbed.
    DoNotDisturb,
    /// Without a session, or appearing so.
    Offline,
    /// Nothing is known of this user.
    PresenceUnknown,
}

/// What the user is doing, in more detail than [`Availability`] (contract section 2.3). On the
/// wire: the variant's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Nothing in particular.
    Available,
    /// An Available session not renewed for five minutes.
    AvailableInactive,
    /// Away.
    Away,
    /// Away for a short while.
    BeRightBack,
    /// Busy.
    Busy,
    /// Not to be disturbed.
    DoNotDisturb,
    /// In a call of two.
    InACall,
    /// In a call of several.
    InAConferenceCall,
    /// Off work: the user chose to appear offline.
    OffWork,
    /// Without a session.
    Offline,
    /// Nothing is known of this user.
    PresenceUnknown,
    /// Sharing the screen.
    Presenting,
}

impl Availability {
    /// The value on the wire, in `PascalCase` (contract section 2.3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Away => "Away",
            Self::BeRightBack => "BeRightBack",
            Self::Busy => "Busy",
            Self::DoNotDisturb => "DoNotDisturb",
            Self::Offline => "Offline",
            Self::PresenceUnknown => "PresenceUnknown",
        }
    }
}

impl Activity {
    /// The value on the wire, in `PascalCase` (contract section 2.3).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::AvailableInactive => "AvailableInactive",
            Self::Away => "Away",
            Self::BeRightBack => "BeRightBack",
            Self::Busy => "Busy",
            Self::DoNotDisturb => "DoNotDisturb",
            Self::InACall => "InACall",
            Self::InAConferenceCall => "InAConferenceCall",
            Self::OffWork => "OffWork",
            Self::Offline => "Offline",
            Self::PresenceUnknown => "PresenceUnknown",
            Self::Presenting => "Presenting",
        }
    }
}

/// An availability with its activity: what is set, and what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Presence {
    /// The base state.
    pub availability: Availability,
    /// Its supplement.
    pub activity: Activity,
}

impl Presence {
    /// Free to talk.
    pub const AVAILABLE: Self = Self::new(Availability::Available, Activity::Available);
    /// Available, but not renewed for five minutes.
    pub const INACTIVE: Self = Self::new(Availability::Available, Activity::AvailableInactive);
    /// Away, set or faded.
    pub const AWAY: Self = Self::new(Availability::Away, Activity::Away);
    /// No session at all (contract section 3.2).
    pub const OFFLINE: Self = Self::new(Availability::Offline, Activity::Offline);
    /// A user of whom nothing can be said (contract section 3.6).
    pub const UNKNOWN: Self = Self::new(Availability::PresenceUnknown, Activity::PresenceUnknown);

    /// The pair of these two.
    pub const fn new(availability: Availability, activity: Activity) -> Self {
        Self {
            availability,
            activity,
        }
    }
}

/// `Busy/InACall`
impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.availability.as_str(),
            self.activity.as_str()
        )
    }
}
