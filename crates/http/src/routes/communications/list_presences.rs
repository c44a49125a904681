//! `GET /communications/presences`

use axum::response::Response;

use super::several::{Asked, several};
use crate::error::ApiError;
use crate::filter;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::context::Several;

/// The presences of the users whom `$filter` names, in its order and once per mention. There is no
/// listing without one: 400 says so.
pub(crate) async fn list_presences(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let there = api.profile(&caller).properties();
    let served = ["select", "filter"];
    let options = query::options(place.version, parts.uri.query(), &served, there)?;
    let filter = options.filter.ok_or_else(|| {
        ApiError::bad_request(
            "Presences are not listed as a whole. Name the users with $filter=id in ('…','…').",
        )
    })?;
    let asked = Asked {
        version: place.version,
        ids: &filter::ids(&filter)?,
        as_what: Several::Filtered,
        select: options.select,
    };
    several(&api, &caller, &parts, asked).await
}

/// 400: the number of all presences is told as little as the presences.
pub(crate) async fn count(_: Admitted, _: Request) -> Result<Response, ApiError> {
    Err(ApiError::bad_request(
        "Presences are not counted. Read those of chosen users with $filter=id in ('…','…').",
    ))
}
