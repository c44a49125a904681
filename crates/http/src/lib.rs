//! The Graph presence API over HTTP. (The README of this crate becomes its documentation.)

pub mod token;
