//! The token check against real keys and a real issuer on loopback.

mod callers;
mod fetching;
mod issuers;
mod refusals;
mod support;
