//! `GET /subscriptions/{id}`

use axum::response::Response;

use super::{id_of, made_by, may_look, shown, to_see};
use crate::error::ApiError;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::subscription::Secret;

/// One subscription (contract section 4.3). Its secret is told to whoever made it.
pub(crate) async fn get_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    query::none(place.version, parts.uri.query())?;
    may_look(&api, &caller)?;
    let subscription = to_see(&api, &caller, id_of(&place, &parts.uri)?)?;
    let secret = if made_by(&caller, &subscription) {
        Secret::Told
    } else {
        Secret::Kept
    };
    shown(&api, place.version, &parts, &subscription, secret)
}
