//! `POST /communications/getPresencesByUserId`

use std::borrow::Cow;

use axum::response::Response;

use super::several::{Asked, several};
use crate::body::{self, BodyLimits};
use crate::error::ApiError;
use crate::limits::{IDS_BODY_BYTES_MAX, IDS_PER_READ_MAX};
use crate::members::{Member, members};
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::target::within_limit;
use crate::wire::context::Several;

const FIELD: &str = "Ids";

/// The presence of several users, in the order asked for and once per mention (contract section
/// 1.4).
pub(crate) async fn get_presences_by_user_id(
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
    let json = body::json(limits, &parts.headers, body).await?;
    let [ids] = members(&json, &["ids"], IDS_PER_READ_MAX + 1)?;
    let ids = texts(ids)?;
    let asked = Asked {
        version: place.version,
        ids: &ids,
        as_what: Several::ByUserId,
        select,
    };
    several(&api, &caller, &parts, asked).await
}

/// The ids that the body names; 400 where they are missing, too many, or no texts.
fn texts(ids: Member<'_>) -> Result<Vec<Cow<'_, str>>, ApiError> {
    let refused = |message: &str| ApiError::invalid_argument(FIELD, message);
    let list = match ids {
        Member::Missing => return Err(refused("The Ids field is required.")),
        Member::List(list) => list,
        Member::Text(_) | Member::Object(_) | Member::Flag(_) | Member::Other => {
            return Err(refused("The Ids must be a list of strings."));
        }
    };
    if list.len() > IDS_PER_READ_MAX {
        return Err(refused(&format!(
            "At most {IDS_PER_READ_MAX} ids can be asked for at a time."
        )));
    }
    list.into_iter()
        .map(|id| match id {
            Member::Text(id) => within_limit(FIELD, &id).map(|()| id),
            Member::Missing
            | Member::List(_)
            | Member::Object(_)
            | Member::Flag(_)
            | Member::Other => Err(refused("The Ids must be a list of strings.")),
        })
        .collect()
}
