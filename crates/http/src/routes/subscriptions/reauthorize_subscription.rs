//! `POST /subscriptions/{id}/reauthorize`

use axum::response::Response;

use super::{id_of, may_subscribe, notifier, to_change};
use crate::body;
use crate::error::ApiError;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::no_content;

/// Lets a subscription's notifications be delivered for as long as the token of this request counts
/// (contract section 4.8).
pub(crate) async fn reauthorize_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    may_subscribe(&api, &caller)?;
    let present = to_change(&api, &caller, id_of(&place, &parts.uri)?)?;
    let until = api
        .authorized_until(&caller, &parts.headers, present.expires_at)
        .await?;
    let notifier = notifier(&api)?;
    notifier
        .reauthorize(present.tenant, present.id, until)
        .await?;
    Ok(no_content())
}
