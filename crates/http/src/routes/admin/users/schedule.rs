//! `/admin/v1/users/{id}/schedule`: where a user plans to work, until calendars say so.

use std::borrow::Cow;

use axum::response::Response;
use presenced_core::decide::Command;
use presenced_core::limits::SCHEDULED_LOCATIONS_MAX;
use presenced_core::location::{BadSchedule, PlaceId, Schedule, ScheduledLocation};
use presenced_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{InstantText, id_of, read_body};
use super::{forget, key_of};
use crate::error::ApiError;
use crate::members::Member;
use crate::routes::admitted::{Admitted, Request};
use crate::routes::users::presence::location;
use crate::target::Subject;
use crate::wire::own_json;
use crate::wire::presence::date_time;

/// What is put.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleBody {
    /// The planned locations.
    value: Vec<EntryBody>,
}

/// One planned location.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryBody {
    /// What kind of place.
    work_location_type: String,
    /// Which one.
    place_id: Option<String>,
    /// The first instant at which it counts.
    start_date_time: InstantText,
    /// The first instant at which it no longer counts.
    end_date_time: InstantText,
}

/// A schedule as it is answered.
#[derive(Serialize)]
struct ScheduleAnswer<'a> {
    /// The planned locations that are or will be.
    value: Vec<EntryAnswer<'a>>,
}

/// One planned location as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryAnswer<'a> {
    /// What kind of place.
    work_location_type: &'static str,
    /// Which one.
    place_id: Option<&'a str>,
    /// The first instant at which it counts.
    start_date_time: String,
    /// The first instant at which it no longer counts.
    end_date_time: String,
}

impl<'a> ScheduleAnswer<'a> {
    /// What of a schedule still counts at `now` or will.
    fn of(schedule: &'a Schedule, now: Timestamp) -> Self {
        let entries = schedule.entries().iter();
        let live = entries.filter(|entry| now < entry.ends_at);
        let answer = |entry: &'a ScheduledLocation| EntryAnswer {
            work_location_type: entry.location.kind.as_str(),
            place_id: entry.location.place.as_ref().map(PlaceId::as_str),
            start_date_time: date_time(entry.starts_at),
            end_date_time: date_time(entry.ends_at),
        };
        Self {
            value: live.map(answer).collect(),
        }
    }
}

/// The planned locations that are or will be, perhaps none.
pub(in super::super) async fn get_schedule(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let user = key_of(&api, &caller, &id_of(&place, &parts)?)?.user;
    api.must_have(&caller, user)?;
    let record = api.record(&caller, Subject::User(user)).await?;
    let schedule = record.unwrap_or_default().locations.scheduled;
    Ok(own_json(&ScheduleAnswer::of(&schedule, api.now())))
}

/// Plans where the user works, in place of what was planned before.
pub(in super::super) async fn put_schedule(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = key_of(&api, &caller, &id_of(&place, &parts)?)?.user;
    let body: ScheduleBody = read_body(&api, &parts.headers, body).await?;
    let schedule = schedule(body)?;
    let now = api.now();
    let command = Command::SetSchedule(schedule.clone());
    api.apply_at(&caller, user, command, now).await?;
    Ok(own_json(&ScheduleAnswer::of(&schedule, now)))
}

/// Forgets what was planned. Nothing to forget is no error.
pub(in super::super) async fn delete_schedule(
    admitted: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    forget(admitted, request, Command::SetSchedule(Schedule::default())).await
}

/// The schedule that a body describes; 400 where one of its entries cannot be.
fn schedule(body: ScheduleBody) -> Result<Schedule, ApiError> {
    let count = body.value.len();
    let entries = body.value.into_iter().map(entry);
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    Schedule::new(entries).map_err(|BadSchedule| {
        let message = if count > SCHEDULED_LOCATIONS_MAX {
            format!(
                "At most {SCHEDULED_LOCATIONS_MAX} locations can be planned; these are {count}."
            )
        } else {
            "Each planned location must have its EndDateTime after its StartDateTime.".to_owned()
        };
        ApiError::invalid_argument("Value", message)
    })
}

fn entry(body: EntryBody) -> Result<ScheduledLocation, ApiError> {
    let kind = Member::Text(Cow::Owned(body.work_location_type));
    let place = body
        .place_id
        .map_or(Member::Missing, |place| Member::Text(Cow::Owned(place)));
    Ok(ScheduledLocation {
        location: location(kind, place)?,
        starts_at: body.start_date_time.read("StartDateTime")?,
        ends_at: body.end_date_time.read("EndDateTime")?,
    })
}
