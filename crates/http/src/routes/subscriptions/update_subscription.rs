//! `PATCH /subscriptions/{id}`

use axum::response::Response;
use presenced_core::time::Timestamp;
use presenced_notify::engine::Changes;
use presenced_notify::subscription::{Encryption, Subscription};

use super::{asked, id_of, may_subscribe, notifier, shown, to_change};
use crate::body;
use crate::error::ApiError;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::subscription::{Wish, within_limit};
use crate::wire::context::Root;
use crate::wire::subscription::Secret;

/// Renews a subscription, or changes where or for whom its notifications are (contract section
/// 4.3). It counts as a reauthorization too (contract section 4.8).
pub(crate) async fn update_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let asked = asked(&api, &caller, &place);
    query::none(asked.version, parts.uri.query())?;
    let json = body::json(api.body_limits(), &parts.headers, body).await?;
    let wish = Wish::read(asked, &json)?;
    Root::of(&parts, api.public_url())?;
    may_subscribe(&api, &caller)?;
    let present = to_change(&api, &caller, id_of(&place, &parts.uri)?)?;
    let wish = wish.check(&present)?;
    let expires_at = wish.expires_at.unwrap_or(present.expires_at);
    let authorized_until = api
        .authorized_until(&caller, &parts.headers, expires_at)
        .await?;
    let changes = changes(wish, &present, authorized_until)?;
    let (tenant, id) = (present.tenant, present.id);
    let renewed = notifier(&api)?.change(tenant, id, changes).await?;
    shown(&api, place.version, &parts, &renewed, Secret::Told)
}

/// What becomes different. A certificate and its name can be changed apart, where there is one.
fn changes(
    wish: Wish<'_>,
    present: &Subscription,
    authorized_until: Timestamp,
) -> Result<Changes, ApiError> {
    let encryption = match (wish.certificate, wish.certificate_id, &present.encryption) {
        (None, None, _) => None,
        (_, _, None) => {
            return Err(ApiError::invalid_argument(
                "EncryptionCertificate",
                "The subscription was made without includeResourceData, so nothing is encrypted. \
                 Delete it and make another.",
            ));
        }
        (certificate, certificate_id, Some(present)) => Some(Encryption {
            certificate: certificate.unwrap_or_else(|| present.certificate.clone()),
            certificate_id: certificate_id.unwrap_or_else(|| present.certificate_id.clone()),
        }),
    };
    within_limit(&present.resource_text, encryption.as_ref())?;
    Ok(Changes {
        expires_at: wish.expires_at,
        notification_url: wish.notification_url,
        encryption,
        authorized_until: Some(authorized_until),
    })
}
