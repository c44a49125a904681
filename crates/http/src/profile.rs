//! Which methods and properties there are in which of Graph's clouds (contract section 9).
//!
//! A tenant's profile makes the API what it is in that cloud: what is not there is answered like any
//! path that names nothing. Graph's documentation and the metadata of its clouds do not agree in
//! everything; where one says no, the answer here is no, since a program that does without will work
//! in either case.

use crate::path::{Place, Resource};
use crate::target::{Form, Version};
use crate::wire::presence::Select;

/// The cloud whose API a tenant has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The global cloud, US GCC included: everything there is.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (`DoD`).
    UsGovernmentDod,
    /// `USNat`
    UsNat,
    /// `USSec`
    UsSec,
    /// France (Bleu).
    France,
    /// China, operated by 21Vianet.
    China,
    /// Germany (Delos).
    Germany,
    /// Singapore's government.
    Singapore,
}

/// How much of the API there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// All of it, in both versions.
    Whole,
    /// In v1.0 all but who is out of office and the order of changes.
    WithLocations,
    /// The same without locations.
    WithoutLocations,
    /// No presence.
    Nothing,
}

impl Profile {
    /// Every profile by its name in settings.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("global", Self::Global),
        ("us-government", Self::UsGovernment),
        ("us-government-dod", Self::UsGovernmentDod),
        ("us-nat", Self::UsNat),
        ("us-sec", Self::UsSec),
        ("france", Self::France),
        ("china", Self::China),
        ("germany", Self::Germany),
        ("singapore", Self::Singapore),
    ];

    const fn extent(self) -> Extent {
        match self {
            Self::Global => Extent::Whole,
            Self::France => Extent::WithLocations,
            Self::UsGovernment | Self::UsGovernmentDod | Self::UsNat | Self::UsSec => {
                Extent::WithoutLocations
            }
            Self::China | Self::Germany | Self::Singapore => Extent::Nothing,
        }
    }

    /// The properties that a presence has.
    pub(crate) const fn properties(self) -> Select {
        match self.extent() {
            Extent::Whole => Select::ALL,
            Extent::WithLocations => Select::SMALL.and(Select::WORK_LOCATION),
            Extent::WithoutLocations | Extent::Nothing => Select::SMALL,
        }
    }

    /// This version as a path's segment, if it is not there.
    pub(crate) fn lacks(self, version: Version) -> Option<&'static str> {
        let there = version == Version::V1 || self.extent() == Extent::Whole;
        (!there).then_some(version.as_str())
    }

    /// The first segment of a path that is not there, by what the path names.
    pub(crate) fn missing(self, place: &Place) -> Option<&'static str> {
        let extent = self.extent();
        if extent == Extent::Whole {
            return None;
        }
        if let Some(version) = self.lacks(place.version) {
            return Some(version);
        }
        match extent {
            Extent::Nothing => of_presence(place),
            Extent::WithoutLocations => location_action(place.resource),
            Extent::WithLocations | Extent::Whole => None,
        }
    }
}

/// The first segment that shows a path to be about presence, where one does.
fn of_presence(place: &Place) -> Option<&'static str> {
    match place.resource {
        Resource::Presence
        | Resource::SetPresence
        | Resource::ClearPresence
        | Resource::SetUserPreferredPresence
        | Resource::ClearUserPreferredPresence
        | Resource::SetStatusMessage
        | Resource::SetManualLocation
        | Resource::SetAutomaticLocation
        | Resource::ClearLocation
        | Resource::ClearAutomaticLocation
        | Resource::Explain => Some(match place.form {
            Form::Me | Form::Users => "presence",
            Form::Communications => "presences",
        }),
        Resource::Presences | Resource::PresenceCount | Resource::Live => Some("presences"),
        Resource::PresencesByUserId => Some("getPresencesByUserId"),
        // They watch presences and nothing else, so they are where presences are.
        Resource::Subscriptions | Resource::Subscription | Resource::Reauthorize => {
            Some("subscriptions")
        }
        Resource::Batch
        | Resource::Metadata
        | Resource::Healthz
        | Resource::Readyz
        | Resource::OpenApi
        | Resource::AdminUsers
        | Resource::AdminUser
        | Resource::AdminOutOfOffice
        | Resource::AdminSchedule
        | Resource::AdminApplications
        | Resource::AdminApplication
        | Resource::AdminSubscriptions
        | Resource::AdminSubscription
        | Resource::AdminTest => None,
    }
}

/// The name of an action about locations.
fn location_action(resource: Resource) -> Option<&'static str> {
    let names = [
        (Resource::SetManualLocation, "setManualLocation"),
        (Resource::SetAutomaticLocation, "setAutomaticLocation"),
        (Resource::ClearLocation, "clearLocation"),
        (Resource::ClearAutomaticLocation, "clearAutomaticLocation"),
    ];
    let found = names.into_iter().find(|(action, _)| *action == resource);
    found.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::walk;

    /// What is missing is named by its first segment, and ids are none of the names.
    #[test]
    fn missing_segments() {
        let check = |profile: Profile, path: &str, expect: Option<&str>| {
            let place = walk(path).unwrap();
            assert_eq!(profile.missing(&place), expect, "{profile:?} {path}");
        };
        let location = "/v1.0/me/presence/clearLocation";
        check(Profile::Global, "/beta/me/presence/clearLocation", None);
        check(Profile::UsSec, location, Some("clearLocation"));
        check(Profile::UsSec, "/beta/me/presence", Some("beta"));
        check(Profile::UsSec, "/v1.0/users/clearLocation/presence", None);
        let by_id = "/v1.0/communications/presences/clearLocation";
        check(Profile::UsSec, by_id, None);
        let by_id = "/v1.0/communications/presences/x/setManualLocation";
        check(Profile::UsSec, by_id, Some("setManualLocation"));
        check(Profile::France, by_id, None);
        check(Profile::France, "/beta/$batch", Some("beta"));
        check(Profile::China, by_id, Some("presences"));
        check(Profile::China, location, Some("presence"));
        check(Profile::China, "/v1.0/users/x/presence", Some("presence"));
        let several = "/v1.0/communications/getPresencesByUserId";
        check(Profile::China, several, Some("getPresencesByUserId"));
        check(Profile::UsNat, several, None);
        let listing = "/v1.0/communications/presences";
        check(Profile::China, listing, Some("presences"));
        check(Profile::UsNat, listing, None);
        check(
            Profile::China,
            "/v1.0/me/presence/explain",
            Some("presence"),
        );
        check(Profile::UsNat, "/v1.0/me/presence/explain", None);
        for path in ["/v1.0/subscriptions", "/v1.0/subscriptions/x/reauthorize"] {
            check(Profile::China, path, Some("subscriptions"));
            check(Profile::UsNat, path, None);
        }
        check(Profile::China, "/v1.0/$batch", None);
    }
}
