//! The watch run: how soon whoever watches is told, how many can be, and what a storm does.

mod crowd;
pub(crate) mod events;
mod fan_out;
pub(crate) mod http;
mod line;
mod receiver;
mod setter;
mod storm;
mod table;
mod tally;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum as _};

use self::crowd::Way;
use crate::limits::{SECONDS_MAX, SPARE_DESCRIPTORS, STORM_MAX, WATCHERS_MAX};
use crate::machine::{Others, machine, verdict};
use crate::print;

/// What can be set for a watch run.
#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// The presenced binary. Without it: the one beside this program.
    #[arg(long, value_name = "FILE")]
    presenced: Option<PathBuf>,
    /// The greatest number of watchers; 1 and 100 are measured as well.
    #[arg(long, default_value_t = WATCHERS_MAX, value_parser = clap::value_parser!(u64).range(1..=WATCHERS_MAX))]
    watchers: u64,
    /// Seconds for which as much is told as can be.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    seconds: u64,
    /// How watchers are told; may be given several times. Without it: all ways.
    #[arg(long = "way", value_enum)]
    ways: Vec<Way>,
    /// Users whose sessions fade at one instant; 0 leaves the storm out.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(..=STORM_MAX))]
    storm: u64,
}

impl WatchArgs {
    /// How long it is told as much as can be.
    fn length(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many watchers are measured: one, a hundred, and as many as there may be.
    fn watchers(&self, way: Way, descriptors: u64) -> Vec<u64> {
        let room = descriptors.saturating_sub(SPARE_DESCRIPTORS).max(1);
        let most = self.watchers.min(way.most());
        // Streams over HTTP/1.1 take a file each, here and in the server.
        let most = if way == Way::StreamHttp1 {
            most.min(room)
        } else {
            most
        };
        let mut counts: Vec<u64> = [1, 100, most].into_iter().filter(|n| *n <= most).collect();
        counts.dedup();
        counts
    }
}

/// Measures everything and prints the tables.
pub(crate) async fn run(args: &WatchArgs) -> Result<()> {
    print(&format!("{}\n", machine()));
    let descriptors = fan_out::descriptors_max(Path::new("/proc/self/limits"));
    let descriptors = descriptors.unwrap_or(u64::MAX);
    let mut others = Others::default();
    let mut lines = Vec::new();
    let all = Way::value_variants();
    let ways = if args.ways.is_empty() {
        all
    } else {
        &args.ways
    };
    for way in ways.iter().copied() {
        for watchers in args.watchers(way, descriptors) {
            let (line, meanwhile) = fan_out::measure(way, watchers, args).await?;
            others = others.and(meanwhile);
            lines.push(line);
        }
    }
    print(&format!("\n{}", table::fan_out(&lines)));
    let mut lost = 0;
    if args.storm > 0 {
        let (gusts, meanwhile) = storm::measure(args).await?;
        others = others.and(meanwhile);
        lost = gusts.iter().map(|gust| gust.lost).sum();
        print(&format!("\n{}", table::storm(&gusts)));
    }
    print(&format!("\n{}", verdict(others.percent())));
    ensure!(lost == 0, "{lost} changes of the storm were never told");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::WATCHERS_MAX_HTTP1;

    /// One, a hundred and the most are measured, each once, within what the machine and presenced
    /// allow.
    #[test]
    fn counts_fit() {
        let args = |watchers| WatchArgs {
            presenced: None,
            watchers,
            ways: Vec::new(),
            seconds: 1,
            storm: 0,
        };
        let (http1, http2, webhook) = (Way::StreamHttp1, Way::StreamHttp2, Way::Webhook);
        let counts = |watchers, way, files| args(watchers).watchers(way, files);
        assert_eq!(
            counts(10_000, http1, u64::MAX),
            [1, 100, WATCHERS_MAX_HTTP1]
        );
        assert_eq!(counts(10_000, http1, 1_200), [1, 100, 1_000]);
        assert_eq!(counts(10_000, http1, 0), [1]);
        assert_eq!(counts(10_000, http2, 1_200), [1, 100, 10_000]);
        assert_eq!(counts(100, webhook, u64::MAX), [1, 100]);
        assert_eq!(counts(50, webhook, u64::MAX), [1, 50]);
        assert_eq!(counts(1, webhook, u64::MAX), [1]);
    }
}
