//! `DELETE /subscriptions/{id}`

use axum::response::Response;
use presenced_notify::engine::RemovedBy;

use super::{id_of, may_subscribe, notifier, to_change};
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::no_content;

/// Ends a subscription (contract section 4.3).
pub(crate) async fn delete_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    may_subscribe(&api, &caller)?;
    let present = to_change(&api, &caller, id_of(&place, &parts.uri)?)?;
    let notifier = notifier(&api)?;
    let removal = notifier.delete(present.tenant, present.id, RemovedBy::Subscriber);
    if removal.await? {
        Ok(no_content())
    } else {
        Err(ApiError::no_subscription())
    }
}
