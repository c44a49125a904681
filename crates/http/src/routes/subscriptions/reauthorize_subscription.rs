//! `POST /subscriptions/{id}/reauthorize`

use axum::extract::Request;
use axum::response::Response;

use super::{may_subscribe, no_content, notifier, to_change, whole};
use crate::body;
use crate::error::ApiError;
use crate::routes::admitted::Admitted;

/// Lets a subscription's notifications be delivered for as long as the token of this request counts
/// (contract section 4.8).
pub(crate) async fn reauthorize_subscription(
    Admitted { api, caller }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    may_subscribe(&api, &caller)?;
    let present = to_change(&api, &caller, parts.uri.path())?;
    let until = api
        .authorized_until(&caller, &parts.headers, present.expires_at)
        .await?;
    let notifier = notifier(&api)?.clone();
    whole(async move {
        notifier
            .reauthorize(present.tenant, present.id, until)
            .await
    })
    .await?;
    Ok(no_content())
}
