//! `/users/{id}/presence`, and likewise `/me/presence` and `/communications/presences/{id}`.

pub(crate) mod clear_automatic_location;
pub(crate) mod clear_location;
pub(crate) mod clear_presence;
pub(crate) mod clear_user_preferred_presence;
pub(crate) mod explain;
pub(crate) mod get_presence;
pub(crate) mod set_automatic_location;
pub(crate) mod set_manual_location;
pub(crate) mod set_presence;
pub(crate) mod set_status_message;
pub(crate) mod set_user_preferred_presence;

use std::borrow::Cow;

use axum::response::Response;
use presenced_core::auth::Caller;
use presenced_core::decide::Command;
use presenced_core::id::SessionId;
use presenced_core::limits::{PLACE_ID_CHARS_MAX, SESSION_ID_CHARS_MAX};
use presenced_core::location::{Location, LocationKind, LocationLayer, PlaceId};
use presenced_core::presence::Presence;

use crate::api::{Api, SessionPolicy};
use crate::body;
use crate::error::{ApiError, quoted};
use crate::members::{Member, members, required};
use crate::routes::admitted::{Admitted, Request};
use crate::wire::{done, done_under};

/// The session that a body names; 400 where the caller may not use it.
fn session_id(api: &Api, caller: &Caller, text: &str) -> Result<SessionId, ApiError> {
    let refused = |message: String| ApiError::invalid_argument("SessionId", message);
    match api.session_policy(caller) {
        SessionPolicy::OwnApplication => {
            let own = SessionId::of_application(caller.application);
            if SessionId::parse(text).as_ref() == Ok(&own) {
                return Ok(own);
            }
            Err(refused(format!(
                "The SessionId must be the client id of the calling application, {own}; it is \
                 '{}'.",
                quoted(text)
            )))
        }
        SessionPolicy::Any => SessionId::parse(text).map_err(|_bad| {
            refused(format!(
                "The SessionId must be 1 to {SESSION_ID_CHARS_MAX} printable ASCII characters."
            ))
        }),
    }
}

/// The one of `states` whose pair this is, in whatever case; 400 names the field at fault, its
/// value and the pairs that are allowed.
fn state<S: Copy, const N: usize>(
    states: [S; N],
    pair: impl Fn(S) -> Presence,
    written: &[Cow<'_, str>; 2],
) -> Result<S, ApiError> {
    let [availability, activity] = written;
    let mut availability_known = false;
    for state in states {
        let presence = pair(state);
        if presence
            .availability
            .as_str()
            .eq_ignore_ascii_case(availability)
        {
            availability_known = true;
            if presence.activity.as_str().eq_ignore_ascii_case(activity) {
                return Ok(state);
            }
        }
    }
    let pairs: Vec<String> = states
        .into_iter()
        .map(|state| pair(state).to_string())
        .collect();
    let pairs = pairs.join(", ");
    Err(if availability_known {
        let message = format!(
            "The Activity '{}' is not allowed with the Availability '{}'. Allowed pairs: {pairs}.",
            quoted(activity),
            quoted(availability)
        );
        ApiError::invalid_argument("Activity", message)
    } else {
        let message = format!(
            "The Availability '{}' is not allowed. Allowed pairs: {pairs}.",
            quoted(availability)
        );
        ApiError::invalid_argument("Availability", message)
    })
}

/// Sets one layer of the location until the end of the day in the tenant's time zone. Both setting
/// actions are this one, but for the layer.
async fn set_location(
    Admitted { api, caller, place }: &Admitted,
    request: Request,
    layer: LocationLayer,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(caller, place, &parts.uri)?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let [kind, place] = members(&json, &["workLocationType", "placeId"], 0)?;
    let location = location(kind, place)?;
    caller.may_write_own(user)?;
    let now = api.now();
    let command = Command::SetLocation {
        layer,
        location,
        expires_at: api.time_zone(caller).day_end(now),
    };
    let shadow = api.apply_at(caller, user, command, now).await?;
    Ok(done_under(shadow))
}

/// Forgets layers of the location, those that the command names. Both clearing actions are this one.
async fn clear_layers(
    Admitted { api, caller, place }: &Admitted,
    request: Request,
    command: Command,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let user = api.user(caller, place, &parts.uri)?;
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    caller.may_write_own(user)?;
    api.apply(caller, user, command).await?;
    Ok(done())
}

/// Where the user is; 400 for a type that there is not, `unknownFutureValue` included, and for a
/// place that is no id. An empty place is none.
pub(in crate::routes) fn location(
    kind: Member<'_>,
    place: Member<'_>,
) -> Result<Location, ApiError> {
    let [name] = required([("WorkLocationType", kind)])?;
    let known = LocationKind::ALL
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(&name));
    let Some(kind) = known else {
        let names = LocationKind::ALL.map(LocationKind::as_str).join(", ");
        return Err(ApiError::invalid_argument(
            "WorkLocationType",
            format_args!(
                "The WorkLocationType '{}' is not allowed. Allowed are: {names}.",
                quoted(&name)
            ),
        ));
    };
    let place = place.text("PlaceId")?.filter(|place| !place.is_empty());
    let place = place.map(|place| PlaceId::new(&place)).transpose();
    let place = place.map_err(|_bad| {
        ApiError::invalid_argument(
            "PlaceId",
            format_args!(
                "The PlaceId must be 1 to {PLACE_ID_CHARS_MAX} printable ASCII characters."
            ),
        )
    })?;
    Ok(Location { kind, place })
}
