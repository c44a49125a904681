//! `GET /subscriptions`

use axum::response::Response;
use presenced_core::id::SubscriptionId;

use super::{may_look, notifier, seen_by};
use crate::error::{ApiError, quoted};
use crate::limits::SUBSCRIPTIONS_PER_PAGE;
use crate::query;
use crate::routes::admitted::{Admitted, Request};
use crate::wire::context::Root;
use crate::wire::level::Level;
use crate::wire::odata;
use crate::wire::subscription::{Style, page};

/// The subscriptions that the caller may know of, a page at a time (contract section 4.3).
pub(crate) async fn list_subscriptions(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let token = query::skip_token(place.version, parts.uri.query())?;
    let after = token.as_deref().map(position).transpose()?;
    let root = Root::of(&parts, api.public_url())?;
    may_look(&api, &caller)?;
    let seen = |subscription: &_| seen_by(&caller, subscription);
    let found = notifier(&api)?.list(caller.tenant, after, SUBSCRIPTIONS_PER_PAGE, &seen);
    let last = found.subscriptions.last().filter(|_| found.more);
    let style = Style {
        root: &root,
        version: place.version,
        level: Level::of(&parts.headers),
    };
    let next = last.map(|subscription| subscription.id);
    Ok(odata(page(style, &found.subscriptions, next), style.level))
}

fn position(token: &str) -> Result<SubscriptionId, ApiError> {
    SubscriptionId::parse(token).ok_or_else(|| {
        ApiError::bad_request(format!(
            "The $skiptoken '{}' is none of this listing. Follow @odata.nextLink as it is.",
            quoted(token)
        ))
    })
}
