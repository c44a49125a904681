//! The storm run: everybody comes back at once after a restart, and a million sessions end within one
//! second.

mod deadlines;
mod reassert;

use std::path::PathBuf;

use anyhow::{Result, ensure};
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

/// What one storm came to.
struct Outcome {
    /// Its table.
    text: String,
    /// What other processes worked meanwhile.
    others: Others,
    /// Who was forgotten.
    lost: u64,
}

/// Measures both storms and prints the tables.
pub(crate) async fn run(args: &StormArgs) -> Result<()> {
    print(&format!("{}\n", machine()));
    let back = reassert::measure(args).await?;
    print(&format!("\n{}", back.text));
    let ends = deadlines::measure(args).await?;
    print(&format!("\n{}", ends.text));
    print(&format!(
        "\n{}",
        verdict(back.others.and(ends.others).percent())
    ));
    let lost = back.lost + ends.lost;
    ensure!(lost == 0, "{lost} users were forgotten");
    Ok(())
}
