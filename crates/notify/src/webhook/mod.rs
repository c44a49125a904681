//! The way to an endpoint: where a message may go, how it gets there, and what it says.
//!
//! Invariants:
//!
//! - Nothing is connected to that [`address::AddressPolicy`] has not judged as the address it is: a
//!   literal when the URL is read, a name at each look-up, and the client gets no other addresses.
//!   Nobody else chooses where a message goes: no redirect is followed, no proxy is known.
//! - A message takes no longer than its time, and no more of an answer is read than its limit.
//! - What is said of a failure names neither the URL, whose query may hold a secret, nor the address
//!   that a name has on the inside.
//! - A symmetric key encrypts one item and is forgotten.
//! - Tokens are signed by the real time; a test clock moves presence, not receivers.
//!
//! To refuse or name one more class of addresses, add a row to a table in `networks.rs`, and one to
//! its test.

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
