//! `POST /subscriptions`

use axum::http::StatusCode;
use axum::response::Response;
use presenced_core::auth::Caller;
use presenced_core::time::Timestamp;
use presenced_notify::engine::Draft;
use presenced_notify::subscription::Creator;

use super::{asked, may_subscribe, notifier, shown};
use crate::body;
use crate::error::ApiError;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::subscription::Wanted;
use crate::wire::context::Root;
use crate::wire::subscription::Secret;

/// Makes a subscription (contract section 4.3). Its endpoints are asked before the answer.
pub(crate) async fn create_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let asked = asked(&api, &caller, &place);
    query::none(asked.version, parts.uri.query())?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let wanted = Wanted::read(asked, &json)?;
    // Also what the answer needs is known to be there before anything is made.
    Root::of(&parts, api.public_url())?;
    may_subscribe(&api, &caller)?;
    let authorized_until = api
        .authorized_until(&caller, &parts.headers, wanted.expires_at)
        .await?;
    let draft = draft(wanted, &caller, authorized_until);
    // Whoever hangs up ends the asking of its endpoints; what is stored is stored wholly.
    let made = notifier(&api)?.create(draft).await?;
    let mut response = shown(&api, place.version, &parts, &made, Secret::Told)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn draft(wanted: Wanted, caller: &Caller, authorized_until: Timestamp) -> Draft {
    Draft {
        tenant: caller.tenant,
        creator: Creator {
            application: caller.application,
            user: caller.user(),
        },
        resource: wanted.resource,
        resource_text: wanted.resource_text,
        notification_url: wanted.notification_url,
        lifecycle_notification_url: wanted.lifecycle_notification_url,
        client_state: wanted.client_state,
        encryption: wanted.encryption,
        latest_supported_tls_version: wanted.latest_supported_tls_version,
        notification_url_app_id: wanted.notification_url_app_id,
        expires_at: wanted.expires_at,
        authorized_until,
    }
}
