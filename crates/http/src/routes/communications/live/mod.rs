//! `GET` and `POST /communications/presences/live`
//!
//! A stream of server-sent events: the present state first, then every change. No part of Graph.

mod body;

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use presenced_core::auth::{Caller, Denial};
use presenced_core::id::UserId;
use presenced_notify::live::limits::USERS_PER_STREAM_MAX;
use presenced_notify::live::{EventId, Opening, Watched};

use crate::api::Api;
use crate::body::{BodyLimits, any, is_json};
use crate::error::{ApiError, quoted};
use crate::limits::IDS_BODY_BYTES_MAX;
use crate::members::{Member, members};
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::presence::Select;
use body::Telling;

const FIELD: &str = "ids";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Tells nginx and its like to pass on each piece as it comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A stream of the users that `ids` names, or of the whole tenant.
pub(crate) async fn live(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let there = api.profile(&caller).properties();
    let select = query::select(place.version, parts.uri.query(), there)?;
    let lists: Vec<Cow<'_, str>> = query::values(parts.uri.query(), FIELD).collect();
    let watched = if lists.is_empty() {
        Watched::Tenant
    } else {
        let ids = lists.iter().flat_map(|list| list.split(',')).map(str::trim);
        chosen(ids.filter(|id| !id.is_empty()))?
    };
    stream(api, caller, &parts, watched, select.within(there)).await
}

/// A stream of the users that the body's `ids` name: there may be more of them than a URL holds. No
/// body, or one that names no `ids`, is the whole tenant.
pub(crate) async fn live_of_body(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let there = api.profile(&caller).properties();
    let select = query::select(place.version, parts.uri.query(), there)?;
    let limits = api.body_limits();
    let limits = BodyLimits {
        bytes_max: limits.bytes_max.max(IDS_BODY_BYTES_MAX),
        ..limits
    };
    let json = any(limits, &parts.headers, body).await?;
    let watched = if json.trim_ascii().is_empty() {
        Watched::Tenant
    } else if is_json(&parts.headers) {
        named(&json)?
    } else {
        return Err(ApiError::unreadable_body());
    };
    stream(api, caller, &parts, watched, select.within(there)).await
}

/// 400: within a batch, an answer that does not end would keep the others.
pub(crate) fn in_batch() -> ApiError {
    ApiError::bad_request(
        "A live stream cannot stand within a batch. Open it with a request of its own.",
    )
}

/// Whom a body names.
fn named(json: &[u8]) -> Result<Watched, ApiError> {
    let refused = || ApiError::invalid_argument(FIELD, "The ids must be a list of strings.");
    let [ids] = members(json, &[FIELD], USERS_PER_STREAM_MAX + 1)?;
    let list = match ids {
        Member::Missing => return Ok(Watched::Tenant),
        Member::List(list) => list,
        Member::Text(_) | Member::Object(_) | Member::Flag(_) | Member::Other => {
            return Err(refused());
        }
    };
    let texts: Option<Vec<&str>> = list
        .iter()
        .map(|id| match id {
            Member::Text(id) => Some(id.as_ref()),
            Member::Missing
            | Member::List(_)
            | Member::Object(_)
            | Member::Flag(_)
            | Member::Other => None,
        })
        .collect();
    chosen(texts.ok_or_else(refused)?.into_iter())
}

/// The users of these ids. 400 for none at all: a list that came out empty by mistake must not
/// become the whole tenant. 400 too for one that no user can have, since a stream would wait for
/// its changes for ever.
fn chosen<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Watched, ApiError> {
    let mut users = Vec::new();
    for id in ids {
        if users.len() == USERS_PER_STREAM_MAX {
            return Err(ApiError::invalid_argument(
                FIELD,
                format_args!("A stream names at most {USERS_PER_STREAM_MAX} users."),
            ));
        }
        users.push(UserId::parse(id).ok_or_else(|| {
            ApiError::invalid_argument(
                FIELD,
                format_args!(
                    "'{}' is not a user's object id. A stream tells of users by their GUIDs.",
                    quoted(id)
                ),
            )
        })?);
    }
    if users.is_empty() {
        let message = "The list names nobody. Leave ids out for the whole tenant.";
        return Err(ApiError::invalid_argument(FIELD, message));
    }
    Ok(Watched::users(users))
}

/// Opens the stream, if the caller may read what it tells.
async fn stream(
    api: Api,
    caller: Arc<Caller>,
    parts: &Parts,
    watched: Watched,
    select: Select,
) -> Result<Response, ApiError> {
    may_watch(&caller, &watched)?;
    let opening = Opening {
        tenant: caller.tenant,
        application: caller.application,
        watched,
        resume: last_event_id(parts),
    };
    let opened = api.live().open(opening).await?;
    let telling = Telling::new(api, caller, &parts.headers, opened, select)?;
    let mut response = Response::new(Body::new(telling.into_body()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Who may read a presence may watch it. So a user may be shown their own without the permission to
/// read everybody's, which `getPresencesByUserId` does not grant.
fn may_watch(caller: &Caller, watched: &Watched) -> Result<(), Denial> {
    match watched {
        Watched::Tenant => caller.may_read_all(),
        Watched::Users(users) => users
            .iter()
            .try_for_each(|user| caller.may_read(Some(*user))),
    }
}

/// Where the client was when it was cut off: browsers repeat the header by themselves, so that it is
/// newer than what the URL says. What is no id is none: the state is told.
fn last_event_id(parts: &Parts) -> Option<EventId> {
    if let Some(header) = parts.headers.get(LAST_EVENT_ID) {
        return EventId::parse(header.to_str().ok()?.trim());
    }
    let given = query::values(parts.uri.query(), "lastEventId").next()?;
    EventId::parse(given.trim())
}
