//! Which methods and properties there are in which of Graph's clouds (contract section 9).
//!
//! A tenant's profile makes the API what it is in that cloud: what is not there is answered like any
//! path that names nothing. Graph's documentation and the metadata of its clouds do not agree in
//! everything; where one says no, the answer here is no, since a program that does without will work
//! in either case.

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

/// The actions about locations.
const LOCATION_ACTIONS: [&str; 4] = [
    "setManualLocation",
    "setAutomaticLocation",
    "clearLocation",
    "clearAutomaticLocation",
];

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

    /// The first segment of a canonical path that is not there.
    pub(crate) fn missing(self, path: &str) -> Option<&str> {
        let extent = self.extent();
        if extent == Extent::Whole {
            return None;
        }
        let mut segments = path.split('/').skip(1);
        let version = segments.next()?;
        if version == "beta" {
            return Some(version);
        }
        let (presence, action) = match segments.next()? {
            "me" => (segments.next()?, segments.next()),
            // Behind the id.
            "users" => (segments.nth(1)?, segments.next()),
            "communications" => (segments.next()?, segments.nth(1)),
            // They watch presences and nothing else, so they are where presences are.
            subscriptions @ "subscriptions" => (subscriptions, None),
            _ => return None,
        };
        match extent {
            Extent::Nothing => Some(presence),
            Extent::WithoutLocations => action.filter(|name| LOCATION_ACTIONS.contains(name)),
            Extent::WithLocations | Extent::Whole => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing is named by its first segment, and ids are none of the names.
    #[test]
    fn missing_segments() {
        let check = |profile: Profile, path: &str, expect: Option<&str>| {
            assert_eq!(profile.missing(path), expect, "{profile:?} {path}");
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
        for path in ["", "/", "/v1.0", "/v1.0/users", "/v1.0/users/x", "/v1.0/me"] {
            check(Profile::China, path, None);
        }
    }
}
