//! `/subscriptions`: change notifications of presence (contract section 4).

pub(super) mod create_subscription;
pub(super) mod delete_subscription;
pub(super) mod get_subscription;
pub(super) mod list_subscriptions;
pub(super) mod reauthorize_subscription;
pub(super) mod update_subscription;

use std::sync::Arc;

use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use presenced_core::auth::{Caller, Denial, Grant};
use presenced_core::id::SubscriptionId;
use presenced_notify::engine::Notifier;
use presenced_notify::subscription::Subscription;

use super::unknown::no_segment;
use crate::api::{Api, Extensions};
use crate::error::ApiError;
use crate::path::Place;
use crate::subscription::Asked;
use crate::target::Version;
use crate::wire::level::Level;
use crate::wire::subscription::{Secret, Style, one};
use crate::wire::{context::Root, odata};

/// Who makes and delivers subscriptions.
pub(super) fn notifier(api: &Api) -> Result<&Notifier, ApiError> {
    api.notifier()
        .ok_or_else(|| ApiError::internal("subscriptions are routed without anybody to make them"))
}

/// What is known of this request when the fields of its body are read.
fn asked<'a>(api: &Api, caller: &'a Caller, place: &Place) -> Asked<'a> {
    Asked {
        version: place.version,
        caller,
        now: api.now(),
        life_max: api.subscription_life_max(caller),
        extensions: api.extensions(),
    }
}

/// Whether the caller may have subscriptions to presence (contract section 1.2). An application may
/// on its own only as an extension; it needs what it needs to read what it is told.
fn may_subscribe(api: &Api, caller: &Caller) -> Result<(), Denial> {
    match (&caller.grant, api.extensions()) {
        (Grant::Application { .. }, Extensions::On) => caller.may_read_all(),
        (Grant::Application { .. }, Extensions::Off) | (Grant::Delegated { .. }, _) => {
            caller.may_subscribe()
        }
    }
}

/// Whether the caller may look at subscriptions: who may have some, and who may see those of others.
fn may_look(api: &Api, caller: &Caller) -> Result<(), Denial> {
    if caller.sees_others_subscriptions() {
        return Ok(());
    }
    may_subscribe(api, caller)
}

/// Whether the caller made this subscription: the same application for the same user, or for none.
fn made_by(caller: &Caller, subscription: &Subscription) -> bool {
    let creator = subscription.creator;
    creator.application == caller.application && creator.user == caller.user()
}

/// Whether the caller may know of this subscription of its tenant (contract section 4.3): of its
/// own, and with `Subscription.Read.All` a user of his or her own by other applications, and an
/// application, which an administrator let in, of all.
fn seen_by(caller: &Caller, subscription: &Subscription) -> bool {
    let others = caller.sees_others_subscriptions();
    let in_reach = caller.user().is_none() || subscription.creator.user == caller.user();
    made_by(caller, subscription) || (others && in_reach)
}

/// What Graph has where the id of a subscription stands, and presenced has not.
const NOT_SERVED: [&str; 3] = ["$count", "getVapidPublicKey", "getVapidPublicKey()"];

/// The id in the path of a subscription or of an action on one. What is no GUID names no subscription.
fn id_of(place: &Place, uri: &Uri) -> Result<SubscriptionId, ApiError> {
    let id = place.id(uri.path());
    let name = id.strip_prefix("microsoft.graph.").unwrap_or(&id);
    if NOT_SERVED.iter().any(|one| one.eq_ignore_ascii_case(name)) {
        return Err(no_segment(&id));
    }
    SubscriptionId::parse(&id).ok_or_else(ApiError::no_subscription)
}

/// The subscription of this id, where the caller may know of it; 404 otherwise.
fn to_see(api: &Api, caller: &Caller, id: SubscriptionId) -> Result<Arc<Subscription>, ApiError> {
    let found = notifier(api)?.get(caller.tenant, id);
    found
        .filter(|subscription| seen_by(caller, subscription))
        .ok_or_else(ApiError::no_subscription)
}

/// The same, where the caller made it; 403 where it may only look at it.
fn to_change(
    api: &Api,
    caller: &Caller,
    id: SubscriptionId,
) -> Result<Arc<Subscription>, ApiError> {
    let subscription = to_see(api, caller, id)?;
    if made_by(caller, &subscription) {
        Ok(subscription)
    } else {
        Err(Denial::NoPermission.into())
    }
}

/// The answer that shows one subscription.
fn shown(
    api: &Api,
    version: Version,
    parts: &Parts,
    subscription: &Subscription,
    secret: Secret,
) -> Result<Response, ApiError> {
    let root = Root::of(parts, api.public_url())?;
    let style = Style {
        root: &root,
        version,
        level: Level::of(&parts.headers),
    };
    Ok(odata(one(style, subscription, secret), style.level))
}
