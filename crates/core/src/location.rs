//! Where the user works from (contract section 1.10).

use std::cmp::Ordering;

use crate::limits::{PLACE_ID_CHARS_MAX, SCHEDULED_LOCATIONS_MAX};
use crate::time::Timestamp;

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocationKind {
    /// Not said.
    Unspecified,
    /// In the office; which one, the place says.
    Office,
    /// Elsewhere, at work.
    Remote,
    /// Not at work.
    TimeOff,
}

impl LocationKind {
    /// All four, in the order of the metadata.
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Office, Self::Remote, Self::TimeOff];

    /// The value on the wire (contract section 2.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Office => "office",
            Self::Remote => "remote",
            Self::TimeOff => "timeOff",
        }
    }
}

/// The id of a place, a building for instance: 1 to [`PLACE_ID_CHARS_MAX`] printable ASCII
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceId(Box<str>);

/// A place id that is empty, too long, or not printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place id is 1 to {PLACE_ID_CHARS_MAX} printable ASCII characters")]
pub struct BadPlaceId;

impl PlaceId {
    /// The id, if it can be one.
    pub fn new(text: &str) -> Result<Self, BadPlaceId> {
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > PLACE_ID_CHARS_MAX || !printable {
            return Err(BadPlaceId);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A kind of place, and perhaps which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// What kind of place.
    pub kind: LocationKind,
    /// Which one.
    pub place: Option<PlaceId>,
}

impl Location {
    /// How exactly it is known where the user is: an office with its building, an office or any
    /// other named place, nothing said (contract section 10, "location order").
    fn precision(&self) -> u8 {
        match (self.kind, &self.place) {
            (LocationKind::Unspecified, None) => 0,
            (LocationKind::Unspecified, Some(_))
            | (LocationKind::Office | LocationKind::Remote | LocationKind::TimeOff, None) => 1,
            (LocationKind::Office | LocationKind::Remote | LocationKind::TimeOff, Some(_)) => 2,
        }
    }
}

/// A layer that a user or a client sets for the rest of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationLayer {
    /// What the user said.
    Manual,
    /// What a client found out.
    Automatic,
}

/// A location that holds until an instant, the end of the day in the tenant's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayLocation {
    /// Where.
    pub location: Location,
    /// The instant from which it no longer counts.
    pub expires_at: Timestamp,
}

/// A location planned for a span of time, as working hours in a calendar are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledLocation {
    /// Where.
    pub location: Location,
    /// The first instant at which it counts.
    pub starts_at: Timestamp,
    /// The first instant at which it no longer counts.
    pub ends_at: Timestamp,
}

/// Planned locations: at most [`SCHEDULED_LOCATIONS_MAX`], each with an end after its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(Vec<ScheduledLocation>);

/// A schedule that is too long, or has an entry that ends before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a schedule has at most {SCHEDULED_LOCATIONS_MAX} entries, each with an end after its start"
)]
pub struct BadSchedule;

impl Schedule {
    /// The schedule of these entries, in any order; they may overlap.
    pub fn new(entries: Vec<ScheduledLocation>) -> Result<Self, BadSchedule> {
        let right = entries.iter().all(|entry| entry.starts_at < entry.ends_at);
        if right && entries.len() <= SCHEDULED_LOCATIONS_MAX {
            Ok(Self(entries))
        } else {
            Err(BadSchedule)
        }
    }

    /// The entries.
    pub fn entries(&self) -> &[ScheduledLocation] {
        &self.0
    }
}

/// Where a shown location comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationSource {
    /// Nowhere: none is known.
    None,
    /// The user said so.
    Manual,
    /// It was planned.
    Scheduled,
    /// A client found out.
    Automatic,
}

impl LocationSource {
    /// The value on the wire (contract section 2.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Manual => "manual",
            Self::Scheduled => "scheduled",
            Self::Automatic => "automatic",
        }
    }
}

/// The layers of one user's location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations {
    /// What the user said.
    pub manual: Option<DayLocation>,
    /// What a client found out.
    pub automatic: Option<DayLocation>,
    /// What was planned.
    pub scheduled: Schedule,
}

impl Locations {
    /// The location that shows at `now`: manual before automatic before scheduled; of several
    /// planned ones the most precise, then the one that started last (contract section 10).
    pub fn shown(&self, now: Timestamp) -> Option<(LocationSource, &Location)> {
        let of_day =
            |layer: &'_ Option<DayLocation>| layer.as_ref().is_some_and(|l| now < l.expires_at);
        if of_day(&self.manual) {
            return self
                .manual
                .as_ref()
                .map(|layer| (LocationSource::Manual, &layer.location));
        }
        if of_day(&self.automatic) {
            return self
                .automatic
                .as_ref()
                .map(|layer| (LocationSource::Automatic, &layer.location));
        }
        let current = self
            .scheduled
            .0
            .iter()
            .filter(|e| e.starts_at <= now && now < e.ends_at);
        let best = current.max_by(|a, b| by_precision(a, b))?;
        Some((LocationSource::Scheduled, &best.location))
    }

    /// The instants at which the shown location may change.
    pub(crate) fn instants(&self) -> impl Iterator<Item = Timestamp> {
        let days = [&self.manual, &self.automatic]
            .into_iter()
            .flatten()
            .map(|day| day.expires_at);
        let planned = self
            .scheduled
            .0
            .iter()
            .flat_map(|entry| [entry.starts_at, entry.ends_at]);
        days.chain(planned)
    }

    /// What of this still counts at `now` or will.
    pub(crate) fn live(&self, now: Timestamp) -> Self {
        let day = |layer: &Option<DayLocation>| layer.clone().filter(|day| now < day.expires_at);
        let planned = self
            .scheduled
            .0
            .iter()
            .filter(|entry| now < entry.ends_at)
            .cloned();
        Self {
            manual: day(&self.manual),
            automatic: day(&self.automatic),
            scheduled: Schedule(planned.collect()),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.manual.is_none() && self.automatic.is_none() && self.scheduled.0.is_empty()
    }
}

/// The last comparison only makes the order total: two entries that differ in nothing else show
/// the same on every node.
fn by_precision(a: &ScheduledLocation, b: &ScheduledLocation) -> Ordering {
    let rank =
        |entry: &ScheduledLocation| (entry.location.precision(), entry.starts_at, entry.ends_at);
    let text = |entry: &ScheduledLocation| {
        (
            entry.location.kind.as_str(),
            entry.location.place.as_ref().map(|place| place.0.clone()),
        )
    };
    rank(a).cmp(&rank(b)).then_with(|| text(a).cmp(&text(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn location(kind: LocationKind, place: &str) -> Location {
        Location {
            kind,
            place: PlaceId::new(place).ok(),
        }
    }

    fn planned(kind: LocationKind, place: &str, span: (u64, u64)) -> ScheduledLocation {
        let (starts_at, ends_at) = (at(span.0), at(span.1));
        ScheduledLocation {
            location: location(kind, place),
            starts_at,
            ends_at,
        }
    }

    /// Manual goes before automatic before scheduled, each for as long as it lasts.
    #[test]
    fn layers_have_an_order() {
        let day = |kind, end| {
            Some(DayLocation {
                location: location(kind, ""),
                expires_at: at(end),
            })
        };
        let locations = Locations {
            manual: day(LocationKind::TimeOff, 10),
            automatic: day(LocationKind::Office, 20),
            scheduled: Schedule::new(vec![planned(LocationKind::Remote, "", (0, 30))]).unwrap(),
        };
        let shown = |now| {
            locations
                .shown(at(now))
                .map(|(source, place)| (source, place.kind))
        };
        assert_eq!(
            shown(9),
            Some((LocationSource::Manual, LocationKind::TimeOff))
        );
        assert_eq!(
            shown(10),
            Some((LocationSource::Automatic, LocationKind::Office))
        );
        assert_eq!(
            shown(20),
            Some((LocationSource::Scheduled, LocationKind::Remote))
        );
        assert_eq!(shown(30), None);
        let live = locations.live(at(20));
        assert_eq!((live.manual, live.automatic), (None, None));
        assert_eq!(live.scheduled.entries().len(), 1);
        assert!(locations.live(at(30)).is_empty());
    }

    /// Of several planned locations the most precise shows, whatever their order, and then the one
    /// that started last.
    #[test]
    fn the_more_precise_plan_shows() {
        let check = |mut entries: Vec<ScheduledLocation>, expect: &Location| {
            for _ in 0..2 {
                let scheduled = Schedule::new(entries.clone()).unwrap();
                let locations = Locations {
                    scheduled,
                    ..Locations::default()
                };
                assert_eq!(
                    locations.shown(at(5)),
                    Some((LocationSource::Scheduled, expect))
                );
                entries.reverse();
            }
        };
        let building = planned(LocationKind::Office, "building 7", (0, 10));
        let office = planned(LocationKind::Office, "", (1, 10));
        let remote = planned(LocationKind::Remote, "", (2, 10));
        let unsaid = planned(LocationKind::Unspecified, "", (3, 10));
        check(vec![building.clone(), office.clone()], &building.location);
        check(vec![office, remote.clone()], &remote.location);
        check(vec![remote.clone(), unsaid], &remote.location);
    }

    /// A schedule has a limit and no entry that ends before it starts; a place id has one too.
    #[test]
    fn schedules_and_places_have_limits() {
        let entry = planned(LocationKind::Office, "", (0, 1));
        assert!(Schedule::new(vec![entry.clone(); SCHEDULED_LOCATIONS_MAX]).is_ok());
        assert_eq!(
            Schedule::new(vec![entry; SCHEDULED_LOCATIONS_MAX + 1]),
            Err(BadSchedule)
        );
        let backwards = planned(LocationKind::Office, "", (1, 1));
        assert_eq!(Schedule::new(vec![backwards]), Err(BadSchedule));
        assert!(PlaceId::new(&"x".repeat(PLACE_ID_CHARS_MAX)).is_ok());
        for wrong in ["", "caf\u{e9}", "\n", &"x".repeat(PLACE_ID_CHARS_MAX + 1)] {
            assert_eq!(PlaceId::new(wrong), Err(BadPlaceId), "{wrong}");
        }
    }
}
