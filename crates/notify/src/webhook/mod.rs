//! The way to an endpoint: where a message may go, how it gets there, and what it says.

pub mod address;
pub mod certificate;
pub mod client;
mod encrypt;
pub mod limits;
mod networks;
pub mod payload;
pub mod resolver;
pub mod signing;
#[cfg(test)]
mod testing;
pub mod validation_token;
