//! The storm run: everybody comes back at once after a restart, and a million sessions end within one
//! second.

mod deadlines;
mod reassert;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::limits::{CONNECTIONS_MAX, SESSIONS_MAX, USERS_PER_STREAM};
use crate::machine::{Others, machine, verdict};
use crate::print;

/// What can be set for a storm run.
#[derive(Clone, Debug, Args)]
pub(crate) struct StormArgs {
    /// The presenced binary. Without it: the one beside this program.
    #[arg(long, value_name = "FILE")]
    presenced: Option<PathBuf>,
    /// Connections on which everybody comes back.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    connections: u64,
    /// Sessions, each of another user.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=SESSIONS_MAX))]
    users: u64,
    /// Of how many of them somebody watches the end.
    #[arg(long, default_value_t = USERS_PER_STREAM as u64, value_parser = clap::value_parser!(u64).range(1..=USERS_PER_STREAM as u64))]
    watched: u64,
    /// Seconds from the beginning of the filling to the first end, in which store, server and watcher
    /// must be ready.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=240))]
    lead: u64,
}

/// Measures both storms and prints the tables.
pub(crate) async fn run(args: &StormArgs) -> Result<()> {
    print(&format!("{}\n", machine()));
    let mut others = Others::default();
    let (text, meanwhile) = reassert::measure(args).await?;
    print(&format!("\n{text}"));
    others = others.and(meanwhile);
    let (text, meanwhile) = deadlines::measure(args).await?;
    print(&format!("\n{text}"));
    others = others.and(meanwhile);
    print(&format!("\n{}", verdict(others.percent())));
    Ok(())
}
