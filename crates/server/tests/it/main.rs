//! The real program, started as its users start it: by its command line, over real sockets, ended
//! by real signals.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in the helpers of tests as in the tests themselves, a panic is the report"
)]

mod command_line;
mod configuration;
mod data;
mod dev;
mod directory;
mod live;
mod notifications;
mod serve;
mod signals;
mod support;
mod tls;
