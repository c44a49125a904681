//! Growth: what more sessions cost, in speed, memory, start-up and files.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::Length;
use crate::aims::{Bound, Distance, list};
use crate::fill::{Files, Fill};
use crate::histogram::Histogram;
use crate::limits::{
    COMPACT_TIMEOUT, EMPTY_REST, LOOK_EVERY, PACE_PERCENT, SESSIONS_MAX, SLICE, SLICE_WARM_UP,
    SLICES_BESIDE, SLICES_WITHOUT,
};
use crate::load::Load;
use crate::machine::{Quiet, machine, verdict};
use crate::pace::Paced;
use crate::presenced;
use crate::print;
use crate::process::Process;
use crate::reply::Protocol;
use crate::report::{Line, Who, table, thousandths};
use crate::rows::{GET, GRAPH, Ingredients, Row, SET, Said};
use crate::usage::Usage;

/// What can be set for a growth run.
#[derive(Clone, Debug, Args)]
pub(crate) struct GrowthArgs {
    /// The presenced binary. Without it: the one beside this program.
    #[arg(long, value_name = "FILE")]
    presenced: Option<PathBuf>,
    #[command(flatten)]
    length: Length,
    /// Sessions in the store, from the least to the greatest number, each of another user.
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000,10000000", value_parser = clap::value_parser!(u64).range(1..=SESSIONS_MAX))]
    users: Vec<u64>,
    /// Leaves out what a snapshot does to latencies.
    #[arg(long)]
    no_snapshot: bool,
}

/// A server with so many sessions.
struct Size {
    users: u64,
    data: TempDir,
    process: Process,
    with: Ingredients,
    /// From the start of the process to its first answer.
    start: Duration,
    /// Resident memory after the first answer, and that of a server without sessions.
    resident_kib: u64,
    empty_kib: u64,
    files: Files,
}

/// Measures everything and prints the tables.
pub(crate) async fn run(args: &GrowthArgs) -> Result<()> {
    print(&format!("{}\n", machine()));
    let empty_kib = empty(args).await?;
    let mut sizes = Vec::new();
    for users in &args.users {
        let size = Size::start(args, *users, empty_kib).await;
        sizes.push(size.with_context(|| format!("cannot start with {users} sessions"))?);
    }
    print(&format!("\n{}", memory(&sizes)?));
    let processes = || sizes.iter().map(|size| size.process.id());
    let before = Quiet::now(processes())?;
    for row in [SET, GET] {
        let lines = measure(row, &sizes, args).await?;
        print(&format!("\n{}\n", table(row.name, &lines)));
        if let [first, .., last] = lines.as_slice() {
            let found = last.rate_median() * 100 / first.rate_median().max(1);
            let what = format!("requests/s with {} of those with {}", last.name, first.name);
            let bound = Bound::AtLeast(90);
            print(&list(&[Distance { what, found, bound }]));
        }
    }
    let others = Quiet::now(processes())?.since(before).percent();
    print(&format!("\n{}", journal(&sizes, args).await?));
    // The greatest number whose snapshots come often enough to be waited for.
    let often = sizes.iter().rfind(|size| size.users <= 1_000_000);
    if let Some(size) = often.filter(|_| !args.no_snapshot) {
        print(&format!("\n{}", size.beside_snapshots(args).await?));
    }
    print(&format!("\n{}", verdict(others)));
    Ok(())
}

/// Resident memory of a server that holds nothing.
async fn empty(args: &GrowthArgs) -> Result<u64> {
    let data = TempDir::with_prefix("presenced-bench-")?;
    let process = presenced::start(args.presenced.as_deref(), &data.path().join("presenced"))?;
    presenced::token(process.address).await?;
    sleep(EMPTY_REST).await;
    Ok(Usage::of(process.id())?.resident_kib)
}

impl Size {
    async fn start(args: &GrowthArgs, users: u64, empty_kib: u64) -> Result<Self> {
        let data = TempDir::with_prefix("presenced-bench-")?;
        Fill::compacted(data.path(), users).carry_out()?;
        let files = Files::of(data.path())?;
        let began = Instant::now();
        let process = presenced::start(args.presenced.as_deref(), data.path())?;
        let token = presenced::token(process.address).await?;
        let start = began.elapsed();
        // What was needed to start, and is given back, is not what sessions take.
        sleep(EMPTY_REST).await;
        let resident_kib = Usage::of(process.id())?.resident_kib;
        let with = Ingredients {
            root: GRAPH,
            token,
            presence_bytes: 0,
            said: Said::Busy,
            users,
        };
        Ok(Self {
            users,
            data,
            process,
            with,
            start,
            resident_kib,
            empty_kib,
            files,
        })
    }

    fn load(&self, row: Row, args: &GrowthArgs) -> Load {
        Load {
            address: self.process.address,
            process: self.process.id(),
            protocol: Protocol::Http,
            requests: row.requests(&self.with, Protocol::Http),
            connections: args.length.connections,
            users: self.users,
            answers_within: row.answers_within,
            warm_up: args.length.warm_up(),
        }
    }

    fn bytes_each(&self) -> u64 {
        self.resident_kib.saturating_sub(self.empty_kib) * 1_024 / self.users
    }

    /// Sets presences at a fixed rate, until some time with a snapshot and some without was seen.
    async fn beside_snapshots(&self, args: &GrowthArgs) -> Result<String> {
        let mut load = self.load(SET, args);
        let rate = load.measure(SLICE).await?.latencies.total() / SLICE.as_secs();
        let rate = u32::try_from((rate * PACE_PERCENT / 100).max(1))?;
        load.warm_up = SLICE_WARM_UP;
        let mut without = Slices::new("without a snapshot");
        let mut beside = Slices::new("while one is written");
        let all = async {
            while without.count < SLICES_WITHOUT || beside.count < SLICES_BESIDE {
                let looking = self.looks_for_snapshot();
                let round = u64::try_from(without.count + beside.count)?;
                let (paced, compacted) = tokio::join!(load.measure_at(rate, round, SLICE), looking);
                let slices = if compacted? {
                    &mut beside
                } else {
                    &mut without
                };
                slices.add(&paced?);
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(COMPACT_TIMEOUT, all)
            .await
            .context("snapshots do not come often enough")??;
        Ok(format!(
            "### What a snapshot does to setPresence: {} sessions, {rate} requests/s\n\n\
             | | seconds | p50 ms | p99 ms | p99.9 ms | longest ms \
             | generator late, p99 ms | seconds overrun |\n|---|---|---|---|---|---|---|---|\n{}{}",
            self.users,
            without.line(),
            beside.line()
        ))
    }

    /// Whether a snapshot was being written at any time of a slice.
    async fn looks_for_snapshot(&self) -> Result<bool> {
        let end = Instant::now() + SLICE_WARM_UP + SLICE;
        let mut seen = false;
        while Instant::now() < end {
            seen |= Files::of(self.data.path())?.is_compacting;
            sleep(LOOK_EVERY).await;
        }
        Ok(seen)
    }
}

/// Seconds of the same kind, taken together.
struct Slices {
    name: &'static str,
    count: usize,
    /// Those in which the generator was too late; nothing else is told of them.
    overrun: usize,
    latencies: Histogram,
    late: Histogram,
}

impl Slices {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            count: 0,
            overrun: 0,
            latencies: Histogram::new(),
            late: Histogram::new(),
        }
    }

    fn add(&mut self, paced: &Paced) {
        self.count += 1;
        if paced.is_overrun() {
            self.overrun += 1;
            return;
        }
        self.latencies.add(&paced.measured.latencies);
        self.late.add(&paced.late);
    }

    fn line(&self) -> String {
        let millis = |time: Duration| thousandths(time.as_micros());
        let [median, high, higher, most] =
            [500, 990, 999, 1_000].map(|permille| millis(self.latencies.permille(permille)));
        let late = millis(self.late.permille(990));
        let (name, count, overrun) = (self.name, self.count, self.overrun);
        format!(
            "| {name} | {count} | {median} | {high} | {higher} | {most} | {late} | {overrun} |\n"
        )
    }
}

/// What sessions take while nothing happens.
fn memory(sizes: &[Size]) -> Result<String> {
    let mut text = "### Memory, start-up and files, everything in a snapshot\n\n\
         | sessions | from the start to the first answer s | RSS MiB | bytes a session | snapshot MiB \
         | bytes a session |\n|---|---|---|---|---|---|\n"
        .to_owned();
    let mut distances = Vec::new();
    for size in sizes {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            size.users,
            thousandths(size.start.as_millis()),
            size.resident_kib / 1_024,
            size.bytes_each(),
            size.files.snapshot_bytes >> 20,
            size.files.snapshot_bytes / size.users,
        )?;
        // What a server takes anyway hides what few sessions take.
        if size.users >= 1_000_000 {
            distances.push(Distance {
                what: format!("bytes a session in memory, {} sessions", size.users),
                found: size.bytes_each() * 100,
                bound: Bound::AtMost(15_000),
            });
        }
    }
    let last = sizes.last().context("there is nothing to measure")?;
    distances.push(Distance {
        what: format!("seconds to start with {} sessions", last.users),
        found: u64::try_from(last.start.as_millis() / 10)?,
        bound: Bound::AtMost(500),
    });
    Ok(format!("{text}\n{}", list(&distances)))
}

/// Every size once in each round, forward and backward in turn.
async fn measure(row: Row, sizes: &[Size], args: &GrowthArgs) -> Result<Vec<Line>> {
    let mut lines: Vec<Line> = sizes.iter().map(Size::line).collect();
    for round in 0..args.length.rounds {
        let mut turn: Vec<_> = sizes.iter().zip(&mut lines).collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (size, line) in turn {
            let load = size.load(row, args);
            let measured = load.measure(args.length.measured()).await;
            line.rounds
                .push(measured.with_context(|| format!("{} with {}", row.name, line.name))?);
        }
    }
    Ok(lines)
}

impl Size {
    fn line(&self) -> Line {
        Line {
            name: format!("{} sessions", self.users),
            who: Who::Presenced,
            rounds: Vec::new(),
            paced: Vec::new(),
        }
    }
}

/// What an hour of keep-alives writes: bytes counted over one for each user of the smallest size,
/// which is too few for a snapshot to come between.
async fn journal(sizes: &[Size], args: &GrowthArgs) -> Result<String> {
    let size = sizes.first().context("there is nothing to measure")?;
    let load = size.load(SET, args);
    let before = Files::of(size.data.path())?;
    load.once_for_every_user().await?;
    let after = Files::of(size.data.path())?;
    ensure!(
        after.journal_bytes > before.journal_bytes && !after.is_compacting,
        "a snapshot came between: try fewer users"
    );
    let each = (after.journal_bytes - before.journal_bytes) / size.users;
    let mut text = format!(
        "### What keep-alives write: {each} bytes each, in groups as these connections make them\n\n\
         | sessions | an hour's keep-alives, one each in 5 minutes, GiB | on the disk at most MiB |\n\
         |---|---|---|\n"
    );
    for size in sizes {
        let hour = size.users * 12 * each;
        // A snapshot, the journal that asks for the next, and that next one (store's README).
        let snapshot = size.files.snapshot_bytes;
        let most = 2 * snapshot + snapshot.max(64 << 20);
        let gib = thousandths((u128::from(hour) * 1_000) >> 30);
        writeln!(text, "| {} | {gib} | {} |", size.users, most >> 20)?;
    }
    Ok(text)
}
