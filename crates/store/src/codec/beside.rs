//! The sections for what stands beside a presence: status message, locations, out of office.

use presenced_core::location::{
    DayLocation, Location, LocationKind, PlaceId, Schedule, ScheduledLocation,
};
use presenced_core::out_of_office::{OutOfOffice, ReplyText};
use presenced_core::record::Record;
use presenced_core::status::{StatusMessage, StatusText};
use presenced_core::time::Timestamp;

use super::{NEWER, Reader, Unreadable, section};

/// Section: the status message.
const TAG_STATUS_MESSAGE: u8 = 3;
/// Section: the manual location.
const TAG_MANUAL_LOCATION: u8 = 4;
/// Section: the automatic location.
const TAG_AUTOMATIC_LOCATION: u8 = 5;
/// Section: the planned locations.
const TAG_SCHEDULE: u8 = 6;
/// Section: out of office.
const TAG_OUT_OF_OFFICE: u8 = 7;

const IMPOSSIBLE: Unreadable = Unreadable("it has a value that cannot be");

/// Writes the sections that the record has.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    if let Some(message) = &record.status_message {
        section(out, TAG_STATUS_MESSAGE, |out| {
            put_time(out, message.published_at);
            put_end(out, message.expires_at);
            put_text(out, message.text.as_str());
        });
    }
    let days = [
        (TAG_MANUAL_LOCATION, &record.locations.manual),
        (TAG_AUTOMATIC_LOCATION, &record.locations.automatic),
    ];
    for (tag, day) in days {
        if let Some(day) = day {
            section(out, tag, |out| {
                put_time(out, day.expires_at);
                put_location(out, &day.location);
            });
        }
    }
    let schedule = record.locations.scheduled.entries();
    if !schedule.is_empty() {
        section(out, TAG_SCHEDULE, |out| {
            for entry in schedule {
                put_time(out, entry.starts_at);
                put_time(out, entry.ends_at);
                put_location(out, &entry.location);
            }
        });
    }
    if let Some(away) = &record.out_of_office {
        section(out, TAG_OUT_OF_OFFICE, |out| {
            put_time(out, away.starts_at);
            put_end(out, away.ends_at);
            put_text(out, away.message.as_ref().map_or("", ReplyText::as_str));
        });
    }
}

/// Reads one section into the record.
pub(super) fn decode(tag: u8, mut body: Reader<'_>, record: &mut Record) -> Result<(), Unreadable> {
    match tag {
        TAG_STATUS_MESSAGE => {
            record.status_message = Some(StatusMessage {
                published_at: time(&mut body)?,
                expires_at: end(&mut body)?,
                text: StatusText::new(text(&mut body)?).map_err(|_| IMPOSSIBLE)?,
            });
        }
        TAG_MANUAL_LOCATION => record.locations.manual = Some(day(&mut body)?),
        TAG_AUTOMATIC_LOCATION => record.locations.automatic = Some(day(&mut body)?),
        TAG_SCHEDULE => record.locations.scheduled = schedule(&mut body)?,
        TAG_OUT_OF_OFFICE => {
            let (starts_at, ends_at) = (time(&mut body)?, end(&mut body)?);
            let message = match text(&mut body)? {
                "" => None,
                text => Some(ReplyText::new(text).map_err(|_| IMPOSSIBLE)?),
            };
            record.out_of_office = Some(OutOfOffice {
                message,
                starts_at,
                ends_at,
            });
        }
        _ => return Err(NEWER),
    }
    body.end()
}

fn schedule(body: &mut Reader<'_>) -> Result<Schedule, Unreadable> {
    let mut entries = Vec::new();
    while !body.is_empty() {
        let (starts_at, ends_at) = (time(body)?, time(body)?);
        entries.push(ScheduledLocation {
            location: location(body)?,
            starts_at,
            ends_at,
        });
    }
    Schedule::new(entries).map_err(|_| IMPOSSIBLE)
}

fn day(body: &mut Reader<'_>) -> Result<DayLocation, Unreadable> {
    Ok(DayLocation {
        expires_at: time(body)?,
        location: location(body)?,
    })
}

fn put_time(out: &mut Vec<u8>, at: Timestamp) {
    out.extend_from_slice(&at.as_millis().to_le_bytes());
}

fn time(body: &mut Reader<'_>) -> Result<Timestamp, Unreadable> {
    body.u64().map(Timestamp::from_millis)
}

/// An end that may not be: a byte that says whether, then the time.
fn put_end(out: &mut Vec<u8>, at: Option<Timestamp>) {
    out.push(at.is_some().into());
    if let Some(at) = at {
        put_time(out, at);
    }
}

fn end(body: &mut Reader<'_>) -> Result<Option<Timestamp>, Unreadable> {
    match body.u8()? {
        0 => Ok(None),
        1 => time(body).map(Some),
        _ => Err(NEWER),
    }
}

/// Length in bytes (u16), then UTF-8. Every text here has a limit far below what the length holds.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn text<'a>(body: &mut Reader<'a>) -> Result<&'a str, Unreadable> {
    let length = body.u16()?;
    std::str::from_utf8(body.take(length.into())?).map_err(|_| IMPOSSIBLE)
}

fn put_location(out: &mut Vec<u8>, location: &Location) {
    out.push(kind_tag(location.kind));
    put_text(out, location.place.as_ref().map_or("", PlaceId::as_str));
}

fn location(body: &mut Reader<'_>) -> Result<Location, Unreadable> {
    let tag = body.u8()?;
    let mut kinds = LocationKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind_tag(*kind) == tag).ok_or(NEWER)?;
    let place = match text(body)? {
        "" => None,
        id => Some(PlaceId::new(id).map_err(|_| IMPOSSIBLE)?),
    };
    Ok(Location { kind, place })
}

const fn kind_tag(kind: LocationKind) -> u8 {
    match kind {
        LocationKind::Unspecified => 1,
        LocationKind::Office => 2,
        LocationKind::Remote => 3,
        LocationKind::TimeOff => 4,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use presenced_core::location::Locations;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn any_time() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    fn any_location() -> impl Strategy<Value = Location> {
        let place = option::of("[ -~]{1,128}".prop_map(|id| PlaceId::new(&id).unwrap()));
        let kind = select(LocationKind::ALL.to_vec());
        (kind, place).prop_map(|(kind, place)| Location { kind, place })
    }

    fn any_locations() -> impl Strategy<Value = Locations> {
        let day = || {
            let day = (any_location(), any_time());
            option::of(day.prop_map(|(location, expires_at)| DayLocation {
                location,
                expires_at,
            }))
        };
        let planned = (any_location(), any::<u32>(), 1..1000_u64).prop_map(
            |(location, starts_at, length)| ScheduledLocation {
                location,
                starts_at: Timestamp::from_millis(starts_at.into()),
                ends_at: Timestamp::from_millis(u64::from(starts_at) + length),
            },
        );
        let scheduled = prop::collection::vec(planned, 0..5);
        (day(), day(), scheduled).prop_map(|(manual, automatic, scheduled)| Locations {
            manual,
            automatic,
            scheduled: Schedule::new(scheduled).unwrap(),
        })
    }

    /// What may stand beside a presence, whatever it is.
    pub(in crate::codec) fn any_beside()
    -> impl Strategy<Value = (Option<StatusMessage>, Locations, Option<OutOfOffice>)> {
        let status = ("\\PC{1,280}", any_time(), option::of(any_time())).prop_map(
            |(text, published_at, expires_at)| StatusMessage {
                text: StatusText::new(&text).unwrap(),
                published_at,
                expires_at,
            },
        );
        let reply = option::of("\\PC{1,300}".prop_map(|text| ReplyText::new(&text).unwrap()));
        let away = (reply, any_time(), option::of(any_time())).prop_map(
            |(message, starts_at, ends_at)| OutOfOffice {
                message,
                starts_at,
                ends_at,
            },
        );
        (option::of(status), any_locations(), option::of(away))
    }

    /// The largest record that the rules allow fits into its length field, section by section.
    #[test]
    fn the_largest_record_fits() {
        let wide = "\u{1F600}";
        let place = Some(PlaceId::new(&"x".repeat(128)).unwrap());
        let location = Location {
            kind: LocationKind::Office,
            place,
        };
        let entry = ScheduledLocation {
            location: location.clone(),
            starts_at: Timestamp::EPOCH,
            ends_at: Timestamp::from_millis(u64::MAX),
        };
        let limit = presenced_core::limits::SCHEDULED_LOCATIONS_MAX;
        let record = Record {
            status_message: Some(StatusMessage {
                text: StatusText::new(&wide.repeat(280)).unwrap(),
                published_at: Timestamp::EPOCH,
                expires_at: Some(Timestamp::EPOCH),
            }),
            locations: Locations {
                manual: None,
                automatic: None,
                scheduled: Schedule::new(vec![entry; limit]).unwrap(),
            },
            out_of_office: Some(OutOfOffice {
                message: Some(ReplyText::new(&wide.repeat(4096)).unwrap()),
                starts_at: Timestamp::EPOCH,
                ends_at: None,
            }),
            ..Record::default()
        };
        let mut bytes = Vec::new();
        super::super::encode(&record, &mut bytes).unwrap();
        assert_eq!(super::super::decode(&bytes), Ok(record));
    }
}
