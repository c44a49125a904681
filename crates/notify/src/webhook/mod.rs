//! The way to an endpoint: where a message may go, how it gets there, and what it says.

pub mod address;
pub mod client;
pub mod limits;
mod networks;
pub mod resolver;
