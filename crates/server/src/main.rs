//! Skeleton.
mod cli;
mod clock;
mod config;
mod deadlines;
mod exit;
mod output;
mod tls;
fn main() {}
