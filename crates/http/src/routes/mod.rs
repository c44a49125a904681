//! Every route, one file per endpoint, in folders shaped like its URL.
//!
//! Each handler is a straight line, in the order in which Graph's own answers show its checks: who
//! calls (401), whether the tenant's cloud has it (400) and room for one more request (429), which
//! [`admitted()`] looks at for all of them; then whom the path names (400), body and values (400),
//! permission (403, or 401 for somebody else's presence), state (404, 429), done.

mod admin;
pub(crate) mod admitted;
mod batch;
mod communications;
mod healthz;
mod metadata;
mod openapi;
mod readyz;
mod subscriptions;
mod unknown;
mod users;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{MethodFilter, MethodRouter, any, get, post};

use crate::api::{Api, Extensions};
use crate::front::Front;
use crate::path::VERSIONS;
use crate::throttle::Category;
use admitted::{admitted, posting, reading, requests};
use batch::batch;
use communications::get_presences_by_user_id::get_presences_by_user_id;
use communications::list_presences::{count, list_presences};
use communications::live::{in_batch, live, live_of_body};
use metadata::metadata;
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

/// The ways to name one presence (contract section 1.1). All have the same actions, and one
/// handler serves them.
const PRESENCES: [&str; 3] = [
    "/me/presence",
    "/users/{id}/presence",
    "/communications/presences/{id}",
];

/// The routes of the API, its description and the two probes, with the answers to unknown paths and
/// methods. Others may be merged beside it; [`Front`] goes around the whole.
pub fn router(api: Api) -> Router {
    let extensions = api.extensions();
    let refuse =
        |State(api): State<Api>, request: Request| admitted(api, Category::Any, request, in_batch);
    let in_batches = resources(&api).merge(streams(extensions, &any(refuse)));
    let requests = Front::new(api.clone(), answering(in_batches, api.clone()));
    let open_stream = reading(Category::PresenceRead, live);
    let open_stream = open_stream.merge(posting(Category::PresenceRead, live_of_body));
    let mut routes = resources(&api)
        .merge(streams(extensions, &open_stream))
        .route(
            "/healthz",
            get(healthz::healthz).fallback(unknown::probe_method),
        )
        .route(
            "/readyz",
            get(readyz::readyz).fallback(unknown::probe_method),
        )
        .route(
            "/openapi.json",
            get(openapi::openapi).fallback(unknown::probe_method),
        );
    if extensions == Extensions::On {
        routes = routes.merge(admin::routes(&api));
    }
    for version in VERSIONS {
        let requests = requests.clone();
        // The requests in a batch are counted for themselves.
        let handler = move |State(api): State<Api>, request: Request| {
            let carry_out = |call, request| batch(call, requests, request);
            admitted(api, Category::Any, request, carry_out)
        };
        routes = routes.route(&format!("/{version}/$batch"), post(handler));
    }
    answering(routes, api)
}

/// The routes of what the API is about: all that can be reached from within a batch.
fn resources(api: &Api) -> Router<Api> {
    let mut routes = Router::new();
    for version in VERSIONS {
        for presence in PRESENCES {
            let base = format!("/{version}{presence}");
            routes = routes.route(&base, reading(Category::PresenceRead, get_presence));
            for (action, handler) in actions() {
                routes = routes.route(&format!("{base}/{action}"), handler);
            }
            if api.extensions() == Extensions::On {
                routes = routes.route(
                    &format!("{base}/explain"),
                    reading(Category::PresenceRead, explain),
                );
            }
        }
        let several = format!("/{version}/communications/getPresencesByUserId");
        let presences = format!("/{version}/communications/presences");
        routes = routes
            .route(
                &several,
                posting(Category::PresenceRead, get_presences_by_user_id),
            )
            .route(&presences, reading(Category::PresenceRead, list_presences))
            .route(
                &format!("{presences}/$count"),
                reading(Category::Any, count),
            )
            .route(
                &format!("/{version}/$metadata"),
                get(metadata).fallback(unknown::probe_method),
            );
        if api.notifier().is_some() {
            routes = routes.merge(subscribing(version));
        }
    }
    routes
}

/// The routes of subscriptions below a version.
fn subscribing(version: &str) -> Router<Api> {
    const CATEGORY: Category = Category::Subscription;
    let all = reading(CATEGORY, list_subscriptions).merge(posting(CATEGORY, create_subscription));
    let one = reading(CATEGORY, get_subscription)
        .merge(requests(MethodFilter::PATCH, CATEGORY, update_subscription))
        .merge(requests(
            MethodFilter::DELETE,
            CATEGORY,
            delete_subscription,
        ));
    let path = format!("/{version}/subscriptions");
    Router::new()
        .route(&path, all)
        .route(&format!("{path}/{{id}}"), one)
        .route(
            &format!("{path}/{{id}}/reauthorize"),
            posting(CATEGORY, reauthorize_subscription),
        )
}

/// The routes of live streams, which no batch reaches.
fn streams(extensions: Extensions, handler: &MethodRouter<Api>) -> Router<Api> {
    let mut routes = Router::new();
    if extensions == Extensions::On {
        for version in VERSIONS {
            let path = format!("/{version}/communications/presences/live");
            routes = routes.route(&path, handler.clone());
        }
    }
    routes
}

/// These routes, with the answers to unknown paths and methods.
fn answering(routes: Router<Api>, api: Api) -> Router {
    routes
        .method_not_allowed_fallback(unknown::method)
        .fallback(unknown::path)
        .with_state(api)
}

/// The actions on one presence.
fn actions() -> [(&'static str, MethodRouter<Api>); 9] {
    let write = Category::PresenceWrite;
    [
        ("setPresence", posting(write, set_presence)),
        ("clearPresence", posting(write, clear_presence)),
        (
            "setUserPreferredPresence",
            posting(write, set_user_preferred_presence),
        ),
        (
            "clearUserPreferredPresence",
            posting(write, clear_user_preferred_presence),
        ),
        ("setStatusMessage", posting(write, set_status_message)),
        ("setManualLocation", posting(write, set_manual_location)),
        (
            "setAutomaticLocation",
            posting(write, set_automatic_location),
        ),
        ("clearLocation", posting(write, clear_location)),
        (
            "clearAutomaticLocation",
            posting(write, clear_automatic_location),
        ),
    ]
}
