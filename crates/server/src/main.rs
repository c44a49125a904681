//! Skeleton.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the identity provider waits for the command line")
)]

mod identity_provider;

fn main() {}
