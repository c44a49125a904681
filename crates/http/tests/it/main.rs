//! The API as a client sees it, in files shaped like its URLs, and the listener over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in the helpers of tests as in the tests themselves, a panic is the report"
)]

mod admin;
mod batch;
mod clouds;
mod communications;
mod cross_origin;
mod directory;
mod effect;
mod errors;
mod generated;
mod levels;
mod listener;
mod metadata;
mod methods;
mod openapi;
mod order_of_checks;
mod paths;
mod probes;
mod subscriptions;
mod support;
mod tenants;
mod throttling;
mod tokens;
mod users;
