#![doc = include_str!("../README.md")]

mod aims;
mod client;
mod fill;
mod growth;
mod histogram;
mod in_process;
mod limits;
mod load;
mod machine;
mod noop;
mod pace;
mod presenced;
mod process;
mod reply;
mod report;
mod request;
mod rows;
mod run;
mod storm;
mod usage;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::fill::Fill;
use crate::growth::GrowthArgs;
use crate::limits::{CONNECTIONS_MAX, QUICK, ROUNDS_MAX, SECONDS_MAX, USERS_MAX, WARM_UP};
use crate::noop::Noop;
use crate::storm::StormArgs;
use crate::watch::WatchArgs;

/// Measures presenced beside a handler that does nothing and, where it is installed, Redis.
#[derive(Debug, Parser)]
#[command(name = "presenced-bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Role>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Be the floor: a server that does nothing. A run starts it by itself.
    #[command(hide = true)]
    Noop(Noop),
    /// Write a data directory. A run does so by itself.
    #[command(hide = true)]
    Fill(Fill),
    /// Measures what more sessions cost: in speed, memory, start-up and files.
    Growth(GrowthArgs),
    /// Measures what comes all at once: everybody after a restart, and a million ends in a second.
    Storm(StormArgs),
    /// Measures how soon whoever watches is told of a change, by live streams and webhooks.
    Watch(WatchArgs),
}

/// What can be set for a run.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArgs {
    /// The presenced binary. Without it: the one beside this program.
    #[arg(long, value_name = "FILE")]
    presenced: Option<PathBuf>,
    #[command(flatten)]
    length: Length,
    /// Users, each with a session.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=USERS_MAX))]
    users: u64,
}

/// How long a run measures, and on how many connections.
#[derive(Clone, Debug, Args)]
pub(crate) struct Length {
    /// Connections that send at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    connections: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// Times that each server is measured in each row, in alternating order.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=ROUNDS_MAX))]
    rounds: u64,
    /// Measures so shortly that the figures tell nothing: to try the program.
    #[arg(long)]
    quick: bool,
}

impl Length {
    /// How long one measurement takes.
    const fn measured(&self) -> Duration {
        if self.quick {
            QUICK
        } else {
            Duration::from_secs(self.seconds)
        }
    }

    /// How long a server is driven before it is measured.
    const fn warm_up(&self) -> Duration {
        if self.quick { QUICK } else { WARM_UP }
    }
}

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = format!("presenced-bench: {error:#}\n");
            let written = std::io::stderr().lock().write_all(message.as_bytes());
            written.unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<()> {
    match cli.command {
        Some(Role::Noop(noop)) => on_all_cores(noop::run(noop, |address| {
            print(&format!("listening on {address}\n"));
        })),
        Some(Role::Fill(fill)) => on_all_cores(fill::run(fill)),
        Some(Role::Growth(args)) => on_one_thread(growth::run(&args)),
        None => on_one_thread(run::run(&cli.run)),
        Some(Role::Storm(args)) => on_one_thread(storm::run(&args)),
        Some(Role::Watch(args)) => on_one_thread(watch::run(&args)),
    }
}

/// As many threads as presenced has: the floor must not be held down.
fn on_all_cores(run: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run)
}

/// One thread, so that the generator takes no more than one core from the server.
fn on_one_thread(run: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run)
}

/// Writes to standard output; a reader that has gone away is not told.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes());
    written.and_then(|()| out.flush()).unwrap_or_default();
}
