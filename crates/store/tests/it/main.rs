//! The store, tried from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be; helpers are part of it"
)]

mod conformance;
mod damage;
mod faults;
mod feed;
mod kill;
mod places;
mod upgrade;
