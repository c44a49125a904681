//! The engine against a store, with a clock that is moved by hand and endpoints that do as they are
//! told.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be; helpers are part of it"
)]

mod delivery;
mod lifecycle;
mod neighbours;
mod random;
mod restart;
mod subscriptions;
mod world;
