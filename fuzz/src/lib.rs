#![doc = include_str!("../README.md")]

pub mod api;
pub mod store;

/// A target: does with the bytes what an attacker or a broken disk would, and panics where a
/// promise does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("body", api::body),
    ("duration", api::duration),
    ("entries", store::entries),
    ("journal", store::journal),
    ("path", api::path),
    ("record", store::record),
    ("token", api::token),
];
