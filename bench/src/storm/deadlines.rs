//! A million sessions end one after the other within one second of real time. Somebody watches some of
//! them, spread evenly, and notes how long after its end each is told: few enough that being told takes
//! no time from the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use hyper::Method;
use presenced_core::time::Timestamp;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Outcome, StormArgs};
use crate::aims::{Bound, Distance, list};
use crate::fill::{Fill, now};
use crate::histogram::Histogram;
use crate::limits::{LOOK_EVERY, STORM_READS, TOLD_TIMEOUT};
use crate::load::Load;
use crate::machine::Quiet;
use crate::pace::Paced;
use crate::presenced;
use crate::process::Process;
use crate::reply::Protocol;
use crate::report::thousandths;
use crate::request::user_id;
use crate::rows::{GET, GRAPH, Ingredients, Said};
use crate::usage::Usage;
use crate::watch::events::Event;
use crate::watch::http::{Client, Version, follow, request};

/// Reading begins so long before the first end, and goes on for so long.
const BEFORE: Duration = Duration::from_millis(500);
const READING: Duration = Duration::from_secs(3);

/// Connections that read.
const READERS: u64 = 8;

/// What was told.
#[derive(Debug)]
struct Told {
    /// When the session of each watched user ends; who has been told is taken out.
    ends: HashMap<String, Timestamp>,
    /// Whether the present state has been told.
    in_step: bool,
    latencies: Histogram,
    fault: Option<String>,
}

impl Told {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Presence { id, .. } if self.in_step => {
                if let Some(end) = self.ends.remove(id) {
                    self.latencies.record(now().since(end));
                }
            }
            Event::Synced => self.in_step = true,
            Event::Presence { .. } | Event::Behind | Event::End(_) | Event::Other => {}
        }
    }
}

/// Measures it.
pub(super) async fn measure(args: &StormArgs) -> Result<Outcome> {
    let data = TempDir::with_prefix("presenced-bench-")?;
    let from = now().plus(Duration::from_secs(args.lead));
    Fill::ending(data.path(), args.users, from).carry_out()?;
    let process = presenced::start(args.presenced.as_deref(), data.path())?;
    let with = Ingredients {
        root: GRAPH,
        token: presenced::token(process.address).await?,
        presence_bytes: 0,
        said: Said::Busy,
        users: args.users,
    };
    let told = Arc::new(Mutex::new(Told {
        ends: watched(args, from),
        in_step: false,
        latencies: Histogram::new(),
        fault: None,
    }));
    let _watching = watch(&process, &with, &told).await?;
    ensure!(
        until(&told, |told| told.in_step).await? && now() < from,
        "the machine is too slow for so many users: try fewer (--users) or wait longer (--lead)"
    );
    sleep(from.since(now()).saturating_sub(BEFORE)).await;
    let before = Quiet::now([process.id()].into_iter())?;
    let reads = load(&process, &with)
        .measure_at(STORM_READS, 0, READING)
        .await?;
    // Who is not told in time is counted as lost.
    until(&told, |told| told.ends.is_empty()).await?;
    let others = Quiet::now([process.id()].into_iter())?.since(before);
    let after = Usage::of(process.id())?;
    let told = lock(&told);
    Ok(Outcome {
        text: report(args, &told, &reads, after),
        others,
        lost: told.ends.len() as u64,
    })
}

/// The watched users with the ends of their sessions.
fn watched(args: &StormArgs, from: Timestamp) -> HashMap<String, Timestamp> {
    let watched = args.watched.min(args.users);
    let users = (0..watched).map(|number| number * args.users / watched);
    let end = |user| from.plus(Duration::from_millis(user * 1_000 / args.users));
    users
        .map(|user| {
            (
                String::from_utf8_lossy(&user_id(user)).into_owned(),
                end(user),
            )
        })
        .collect()
}

async fn watch(
    process: &Process,
    with: &Ingredients,
    told: &Arc<Mutex<Told>>,
) -> Result<JoinSet<()>> {
    let ids: Vec<String> = lock(told).ends.keys().cloned().collect();
    let body = serde_json::json!({ "ids": ids }).to_string();
    let (address, path) = (process.address, "/v1.0/communications/presences/live");
    let mut client = Client::open(address, Version::One, 0).await?;
    let request = request(Method::POST, address, path, &with.token, body)?;
    let answer = client.ask(request, 200).await?;
    let told = Arc::clone(told);
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        // The connection lives while its client does.
        let _client = client;
        let ended = follow(answer, |event| {
            lock(&told).take(event);
            Ok(())
        });
        if let Err(error) = ended.await {
            lock(&told).fault = Some(format!("{error:#}"));
        }
    });
    Ok(watching)
}

fn load(process: &Process, with: &Ingredients) -> Load {
    Load {
        address: process.address,
        process: process.id(),
        protocol: Protocol::Http,
        requests: GET.requests(with, Protocol::Http),
        connections: READERS,
        users: with.users,
        answers_within: 0,
        warm_up: Duration::ZERO,
    }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks now and then whether it is so, for as long as there is hope.
async fn until(told: &Mutex<Told>, is_so: fn(&Told) -> bool) -> Result<bool> {
    let give_up = Instant::now() + TOLD_TIMEOUT;
    loop {
        {
            let told = lock(told);
            if let Some(fault) = &told.fault {
                bail!("{fault}");
            }
            if is_so(&told) {
                return Ok(true);
            }
        }
        if Instant::now() >= give_up {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn report(args: &StormArgs, told: &Told, reads: &Paced, after: Usage) -> String {
    let lost = told.ends.len() as u64;
    let late = |permille| told.latencies.permille(permille);
    let read = |permille| reads.measured.latencies.permille(permille);
    let ms = |time: Duration| thousandths(time.as_micros());
    let before = reads.measured.before;
    let cpu_us = after.user_us + after.kernel_us - before.user_us - before.kernel_us;
    let text = format!(
        "### Within one second the sessions of {} users end\n\n\
         | watched | told after the end: p50 ms | p99 ms | the last ms | lost \
         | server CPU s | reads meanwhile: p50 ms | p99 ms | longest ms |\n\
         |---|---|---|---|---|---|---|---|---|\n\
         | {} | {} | {} | {} | {lost} | {} | {} | {} | {} |\n\n",
        args.users,
        told.latencies.total() + lost,
        ms(late(500)),
        ms(late(990)),
        ms(late(1_000)),
        thousandths(u128::from(cpu_us) / 1_000),
        ms(read(500)),
        ms(read(990)),
        ms(read(1_000)),
    );
    let hundredths = |time: Duration| u64::try_from(time.as_micros() / 10).unwrap_or(u64::MAX);
    let distances = [
        Distance {
            what: "the last is told, ms after its end".to_owned(),
            found: hundredths(late(1_000)),
            bound: Bound::AtMost(10_000),
        },
        Distance {
            what: "watched users of whom nothing is told".to_owned(),
            found: lost * 100,
            bound: Bound::AtMost(0),
        },
    ];
    text + &list(&distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what is told after the present state counts, once, from the user's own end.
    #[test]
    fn lateness_counts_from_each_end() {
        let end = Timestamp::from_millis(now().as_millis() - 5_000);
        let mut told = Told {
            ends: HashMap::from([("a".to_owned(), end)]),
            in_step: false,
            latencies: Histogram::new(),
            fault: None,
        };
        let event = Event::Presence {
            id: "a",
            sequence: 1,
        };
        told.take(event);
        assert_eq!(told.latencies.total(), 0);
        told.take(Event::Synced);
        told.take(event);
        told.take(event);
        assert_eq!(told.latencies.total(), 1);
        assert!(told.latencies.permille(500) >= Duration::from_secs(5));
        assert!(told.ends.is_empty());
    }
}
