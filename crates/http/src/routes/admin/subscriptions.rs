//! `/admin/v1/subscriptions` and what is below it: who is told of changes, and how well that goes.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use presenced_core::auth::Caller;
use presenced_core::id::SubscriptionId;
use presenced_notify::engine::RemovedBy;
use presenced_notify::subscription::Subscription;
use tokio::time::timeout;

use super::{Page, answer_part, id_of, to};
use crate::api::Api;
use crate::body;
use crate::error::{ApiError, Code};
use crate::limits::{RETRY_AFTER_UNAVAILABLE, SUBSCRIPTION_TEST_TIMEOUT};
use crate::path::Resource;
use crate::routes::admitted::{Admitted, Request};
use crate::routes::endpoints::Endpoints;
use crate::routes::subscriptions::notifier;
use crate::wire::delivery::{Tried, Watched};
use crate::wire::{no_content, own_json};

/// What there is, where there are subscriptions.
pub(in crate::routes) fn put(endpoints: &mut Endpoints) {
    endpoints.put(
        Resource::AdminSubscriptions,
        [to(Method::GET, list_subscriptions)],
    );
    endpoints.put(
        Resource::AdminSubscription,
        [
            to(Method::GET, get_subscription),
            to(Method::DELETE, delete_subscription),
        ],
    );
    endpoints.put(Resource::AdminTest, [to(Method::POST, test_subscription)]);
}

/// The subscriptions of the caller's tenant and how their deliveries go, a part at a time.
async fn list_subscriptions(
    Admitted { api, caller, .. }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let page = Page::of(&parts)?;
    let after = page.after(SubscriptionId::parse)?;
    let notifier = notifier(&api)?;
    // One more, by which it is seen whether there are more.
    let found = notifier.list(caller.tenant, after, page.top + 1, &|_| true);
    let entries = found.subscriptions.iter().map(|subscription| {
        let status = notifier.status(subscription.tenant, subscription.id);
        let id = subscription.id.to_string();
        (id, Watched::of(subscription, status))
    });
    answer_part(&api, &parts, &page, entries.collect())
}

/// One of them.
async fn get_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let subscription = found(&api, &caller, &id_of(&place, &parts)?)?;
    let status = notifier(&api)?.status(caller.tenant, subscription.id);
    Ok(own_json(&Watched::of(&subscription, status)))
}

/// Ends a subscription, whoever made it. Its subscriber is told, where it wants lifecycle
/// notifications.
async fn delete_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _no_body) = request.into_parts();
    let subscription = found(&api, &caller, &id_of(&place, &parts)?)?;
    let (tenant, id) = (subscription.tenant, subscription.id);
    let removal = notifier(&api)?.delete(tenant, id, RemovedBy::Administrator);
    if removal.await? {
        Ok(no_content())
    } else {
        Err(ApiError::no_subscription())
    }
}

/// Sends a notification to a subscription's endpoint, once, and tells what came of it; 503 where that
/// takes too long.
async fn test_subscription(
    Admitted { api, caller, place }: Admitted,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    body::nothing(api.body_limits(), &parts.headers, body).await?;
    let subscription = found(&api, &caller, &id_of(&place, &parts)?)?;
    let notifier = notifier(&api)?.clone();
    // A test writes once at most, and goes on when nobody waits for it any more.
    let sent = notifier.send_test(subscription.tenant, subscription.id);
    let attempt = timeout(SUBSCRIPTION_TEST_TIMEOUT, sent).await;
    let attempt = attempt.map_err(|_elapsed| {
        let message = "What comes of the test is not known yet: the receiver, or what is under way \
                       to it, takes long. Look at the subscription's lastAttempt.";
        ApiError::new(Code::ServiceNotAvailable, message).retry_after(RETRY_AFTER_UNAVAILABLE)
    })??;
    Ok(own_json(&Tried::of(&attempt)))
}

/// The subscription of the caller's tenant that a path names; 404 otherwise.
fn found(api: &Api, caller: &Caller, id: &str) -> Result<Arc<Subscription>, ApiError> {
    let id = SubscriptionId::parse(id).ok_or_else(ApiError::no_subscription)?;
    let found = notifier(api)?.get(caller.tenant, id);
    found.ok_or_else(ApiError::no_subscription)
}
