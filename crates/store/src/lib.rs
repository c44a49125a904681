//! Where records live. (The README of this crate becomes its documentation.)

mod contract;

pub use contract::*;
