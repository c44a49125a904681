//! The rules of `presenced-core` held against a second, deliberately naive model.
//!
//! `naive.rs` is that model, written from the contract's text; `story.rs` makes up commands and
//! moments and tells them to both; `replay.rs` compares what random stories come to; `pairs.rs`
//! goes through every small case there is; `explain.rs` asks why after each random story.
//! `beside.rs` does all of that for what stands beside the presence.

mod beside;
mod explain;
mod naive;
mod pairs;
mod replay;
mod story;
