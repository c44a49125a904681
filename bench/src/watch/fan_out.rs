//! One change, many who are told: how soon, how many a second, and what each costs at rest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::WatchArgs;
use super::crowd::{self, Asked, Way};
use super::setter::Setter;
use super::table::{Line, Rate};
use super::tally::Tally;
use crate::limits::{CHANGES, RECEIPTS_WANTED, REST, WARM_UP};
use crate::machine::{Others, Quiet};
use crate::presenced;
use crate::process::Process;
use crate::request::user_id;
use crate::usage::Usage;

/// With fewer watchers than this the most that can be told is what is set, and what each takes is
/// less than what a server's memory varies by.
const CROWD: u64 = 100;

/// Measures one line of the table, with a server of its own.
pub(crate) async fn measure(way: Way, watchers: u64, args: &WatchArgs) -> Result<(Line, Others)> {
    let data = TempDir::with_prefix("presenced-bench-").context("cannot make a directory")?;
    let process = presenced::start(args.presenced.as_deref(), &data.path().join("presenced"))?;
    let quiet = Quiet::now([process.id()].into_iter())?;
    let line = measure_on(&process, way, watchers, args).await;
    let line = line.with_context(|| format!("cannot measure {} with {watchers}", way.name()))?;
    let others = Quiet::now([process.id()].into_iter())?.since(quiet);
    Ok((line, others))
}

async fn measure_on(process: &Process, way: Way, watchers: u64, args: &WatchArgs) -> Result<Line> {
    let count = usize::try_from(watchers)?;
    let asked = Asked {
        address: process.address,
        token: presenced::token(process.address).await?.into(),
        user: std::str::from_utf8(&user_id(0))?.into(),
    };
    let tally = Arc::new(Tally::new(count));
    let setter = Setter::open(process.address, &asked.token, &asked.user)?;
    let setter = setter.change(&tally).await?;
    let empty = Usage::of(process.id())?;
    let _watching = crowd::open(way, count, &asked, &tally).await?;
    tally.settle().await?;
    // What made the watchers has been written down, and told them what there was before.
    let full = Usage::of(process.id())?;
    let changes = (RECEIPTS_WANTED / watchers).clamp(*CHANGES.start(), *CHANGES.end());
    let mut setter = change_once(setter, &tally).await?;
    tally.take_latencies();
    for _ in 0..changes {
        sleep(REST).await;
        setter = change_once(setter, &tally).await?;
    }
    let latencies = tally.take_latencies();
    let (repeated, behind) = tally.repeats();
    ensure!(
        repeated == 0 && behind == 0,
        "{repeated} notifications came twice, {behind} streams of one user fell behind"
    );
    let mut rate = None;
    if watchers >= CROWD {
        let (found, setter) = saturate(process, setter, &tally, (watchers, args.length())).await?;
        rate = Some(found);
        // Whatever was left out on the way, the newest reaches everybody.
        tally.settle().await?;
        change_once(setter, &tally).await?;
    }
    let grown = full.resident_kib.saturating_sub(empty.resident_kib);
    Ok(Line {
        way: way.name(),
        watchers,
        changes,
        latencies,
        rate,
        bytes_each: (watchers > CROWD).then_some(grown * 1_024 / watchers),
    })
}

/// Makes one change and waits until everybody was told.
async fn change_once(setter: Setter, tally: &Arc<Tally>) -> Result<Setter> {
    tally.begin();
    let setter = setter.change(tally).await?;
    let left = tally.all_told().await?;
    ensure!(left == 0, "{left} watchers were never told of a change");
    Ok(setter)
}

/// Counts what is told where there is always something to tell: the next change is made when half of
/// the watchers have been told since the last. More changes would only be told together, and what
/// they cost is not what telling costs.
async fn saturate(
    process: &Process,
    mut setter: Setter,
    tally: &Arc<Tally>,
    (watchers, length): (u64, Duration),
) -> Result<(Rate, Setter)> {
    let began = Instant::now();
    let mut start = None;
    loop {
        // Counted before the change: all may have been told before its answer is seen here.
        let half = tally.count() + watchers / 2;
        setter = setter.change(tally).await?;
        tally.reached(half).await?;
        let now = Instant::now();
        match start {
            None if now - began >= WARM_UP => start = Some(Mark::now(process, tally, now)?),
            Some(start) if now - start.at >= length => {
                let rate = Mark::now(process, tally, now)?.since(start);
                return Ok((rate, setter));
            }
            None | Some(_) => {}
        }
    }
}

/// Where things stand at one moment.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    told: u64,
    server: Usage,
    generator: Usage,
}

impl Mark {
    fn now(process: &Process, tally: &Tally, at: Instant) -> Result<Self> {
        Ok(Self {
            at,
            told: tally.count(),
            server: Usage::of(process.id())?,
            generator: Usage::of(std::process::id())?,
        })
    }

    fn since(self, start: Self) -> Rate {
        let cpu = |usage: Usage| usage.user_us + usage.kernel_us;
        Rate {
            told: self.told - start.told,
            elapsed: self.at - start.at,
            server_us: cpu(self.server) - cpu(start.server),
            generator_us: cpu(self.generator) - cpu(start.generator),
        }
    }
}

/// How many watchers there may be, by the files that a process may have open here; `None` where the
/// system does not say.
pub(crate) fn descriptors_max(limits: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(limits).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel says how many files this process may have open.
    #[test]
    fn descriptors_are_counted() {
        assert!(descriptors_max(Path::new("/proc/self/limits")).unwrap() > 0);
        assert_eq!(descriptors_max(Path::new("/proc/self/nothing")), None);
    }
}
