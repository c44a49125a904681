//! Every route, one file per endpoint, in folders shaped like its URL.
//!
//! Each handler is a straight line, in the order in which Graph's own answers show its checks: who
//! calls (401), whether the application is disabled (403), room for one more request (429) and whether the
//! tenant's cloud has it (400), which [`admitted`](admitted::admitted) looks at for all of them; then whom the path
//! names (400), body and values (400), permission (403, or 401 for somebody else's presence), state (404,
//! 409, 429), done.

mod admin;
pub(crate) mod admitted;
mod batch;
mod communications;
pub(crate) mod endpoints;
mod healthz;
mod metadata;
mod openapi;
mod readyz;
mod subscriptions;
pub(crate) mod unknown;
mod users;

use axum::http::Method;

use crate::api::{Api, Extensions};
use crate::front::Front;
use crate::path::Resource;
use crate::throttle::Category;
use batch::batch;
use communications::get_presences_by_user_id::get_presences_by_user_id;
use communications::list_presences::{count, list_presences};
use communications::live::{self, live, live_of_body};
use endpoints::{Endpoints, open, posting, reading, refused, requests};
use healthz::healthz;
use metadata::metadata;
use openapi::openapi;
use readyz::readyz;
use subscriptions::create_subscription::create_subscription;
use subscriptions::delete_subscription::delete_subscription;
use subscriptions::get_subscription::get_subscription;
use subscriptions::list_subscriptions::list_subscriptions;
use subscriptions::reauthorize_subscription::reauthorize_subscription;
use subscriptions::update_subscription::update_subscription;
use users::presence::clear_automatic_location::clear_automatic_location;
use users::presence::clear_location::clear_location;
use users::presence::clear_presence::clear_presence;
use users::presence::clear_user_preferred_presence::clear_user_preferred_presence;
use users::presence::explain::explain;
use users::presence::get_presence::get_presence;
use users::presence::set_automatic_location::set_automatic_location;
use users::presence::set_manual_location::set_manual_location;
use users::presence::set_presence::set_presence;
use users::presence::set_status_message::set_status_message;
use users::presence::set_user_preferred_presence::set_user_preferred_presence;

/// Everything that this server's API answers.
pub(crate) fn endpoints(api: &Api) -> Endpoints {
    let mut all = resources(api);
    if api.extensions() == Extensions::On {
        let category = Category::PresenceRead;
        let streams = [reading(category, live), posting(category, live_of_body)];
        all.put(Resource::Live, streams);
        admin::put(&mut all);
        if api.notifier().is_some() {
            admin::subscriptions::put(&mut all);
        }
    }
    let requests = Front::within_batches(api.clone(), in_batches(api));
    // The requests in a batch are counted for themselves.
    let carry_out = move |call, request| batch(call, requests, request);
    all.put(Resource::Batch, [posting(Category::Any, carry_out)]);
    all.put(Resource::Healthz, [open(healthz)]);
    all.put(Resource::Readyz, [open(readyz)]);
    all.put(Resource::OpenApi, [open(openapi)]);
    all
}

/// What can be reached from within a batch.
fn in_batches(api: &Api) -> Endpoints {
    let mut all = resources(api);
    if api.extensions() == Extensions::On {
        all.put(Resource::Live, [refused(live::in_batch)]);
    }
    all.put(Resource::Batch, [refused(batch::in_batch)]);
    all
}

/// What the API is about. Each presence is named in three ways (contract section 1.1), and in two
/// versions; all have the same actions, and one handler serves them.
fn resources(api: &Api) -> Endpoints {
    const READ: Category = Category::PresenceRead;
    let mut all = Endpoints::default();
    let presence = || [reading(READ, get_presence)];
    all.put(Resource::Presence, presence());
    match api.extensions() {
        Extensions::On => all.put(Resource::Explain, [reading(READ, explain)]),
        // Without streams, this is an id like others.
        Extensions::Off => all.put(Resource::Live, presence()),
    }
    actions(&mut all);
    let by_user_id = posting(READ, get_presences_by_user_id);
    all.put(Resource::PresencesByUserId, [by_user_id]);
    all.put(Resource::Presences, [reading(READ, list_presences)]);
    all.put(Resource::PresenceCount, [reading(Category::Any, count)]);
    all.put(Resource::Metadata, [open(metadata)]);
    if api.notifier().is_some() {
        subscribing(&mut all);
    }
    all
}

/// The actions on one presence.
fn actions(all: &mut Endpoints) {
    use Resource as R;
    const WRITE: Category = Category::PresenceWrite;
    all.put(R::SetPresence, [posting(WRITE, set_presence)]);
    all.put(R::ClearPresence, [posting(WRITE, clear_presence)]);
    let set = posting(WRITE, set_user_preferred_presence);
    all.put(R::SetUserPreferredPresence, [set]);
    let clear = posting(WRITE, clear_user_preferred_presence);
    all.put(R::ClearUserPreferredPresence, [clear]);
    all.put(R::SetStatusMessage, [posting(WRITE, set_status_message)]);
    all.put(R::SetManualLocation, [posting(WRITE, set_manual_location)]);
    let set = posting(WRITE, set_automatic_location);
    all.put(R::SetAutomaticLocation, [set]);
    all.put(R::ClearLocation, [posting(WRITE, clear_location)]);
    let clear = posting(WRITE, clear_automatic_location);
    all.put(R::ClearAutomaticLocation, [clear]);
}

/// Subscriptions.
fn subscribing(all: &mut Endpoints) {
    const CATEGORY: Category = Category::Subscription;
    let collection = [
        reading(CATEGORY, list_subscriptions),
        posting(CATEGORY, create_subscription),
    ];
    all.put(Resource::Subscriptions, collection);
    let one = [
        reading(CATEGORY, get_subscription),
        requests(Method::PATCH, CATEGORY, update_subscription),
        requests(Method::DELETE, CATEGORY, delete_subscription),
    ];
    all.put(Resource::Subscription, one);
    let reauthorize = posting(CATEGORY, reauthorize_subscription);
    all.put(Resource::Reauthorize, [reauthorize]);
}
