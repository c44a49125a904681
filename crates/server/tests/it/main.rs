//! The real program, started as its users start it: by its command line, over real sockets, ended
//! by real signals.

mod command_line;
mod configuration;
mod data;
mod dev;
mod serve;
mod signals;
mod support;
mod tls;
