//! A storm: the sessions of a million users fade at one instant, and somebody watches all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use hyper::Method;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::WatchArgs;
use super::crowd::take_down;
use super::http::{Client, Version, request};
use super::line::Line;
use super::table::Gust;
use super::tally::Tally;
use crate::histogram::Histogram;
use crate::limits::{FILL_TIMEOUT, PROBE_EVERY, TOLD_TIMEOUT, USERS_PER_STREAM};
use crate::load::Load;
use crate::machine::{Others, Quiet};
use crate::presenced;
use crate::process::Process;
use crate::reply::Protocol;
use crate::request::{Numbers, Template, user_id};
use crate::rows::{GET, GRAPH, Ingredients, Said, preparation};
use crate::usage::Usage;

/// Connections that set the sessions beforehand.
const FILLING: u64 = 64;

/// By how much the clock is moved: every session then is past its fading (contract section 6).
const ADVANCE: &str = r#"{"duration":"PT5M"}"#;

/// Who watches everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Streams that name them, each as many as it may.
    Named,
    /// One stream of the whole tenant.
    Tenant,
}

impl Audience {
    const fn name(self) -> &'static str {
        match self {
            Self::Named => "streams that name 10,000 users each",
            Self::Tenant => "one stream of the whole tenant",
        }
    }
}

/// Which place in the tally a user has.
struct Users(HashMap<u64, u32>);

impl Users {
    /// The first users of the seed.
    fn new(count: u64) -> Self {
        let users = (0..count).filter_map(|user| {
            let id = user_id(user);
            let place = u32::try_from(user).ok()?;
            Some((Self::key(std::str::from_utf8(&id).ok()?)?, place))
        });
        Self(users.collect())
    }

    /// The first 48 bits of an id tell a million users apart, or the count would show it.
    fn key(id: &str) -> Option<u64> {
        let (first, rest) = id.split_at_checked(8)?;
        let second = rest.get(1..5)?;
        let third = rest.get(6..10)?;
        let hex = |digits| u64::from_str_radix(digits, 16).ok();
        Some((hex(first)? << 32) | (hex(second)? << 16) | hex(third)?)
    }

    fn place(&self, id: &str) -> Option<usize> {
        let place = self.0.get(&Self::key(id)?)?;
        usize::try_from(*place).ok()
    }
}

/// What both storms have in common.
struct Scene<'a> {
    process: &'a Process,
    with: Ingredients,
    users: u64,
}

/// Measures both storms on a server of their own: how late they are told, and how long the server is
/// busy with them.
pub(crate) async fn measure(args: &WatchArgs) -> Result<(Vec<Gust>, Others)> {
    let data = TempDir::with_prefix("presenced-bench-").context("cannot make a directory")?;
    let process = presenced::start(args.presenced.as_deref(), &data.path().join("presenced"))?;
    let quiet = Quiet::now([process.id()].into_iter())?;
    let scene = Scene {
        process: &process,
        with: Ingredients {
            root: GRAPH,
            token: presenced::token(process.address).await?,
            presence_bytes: 0,
            said: Said::Available,
            users: args.storm,
        },
        users: args.storm,
    };
    scene.fill().await?;
    let places = Arc::new(Users::new(args.storm));
    ensure!(places.0.len() as u64 == args.storm, "two users have one id");
    // What fades once, to "inactive", fades a second time, to Away: one storm for each audience.
    let mut gusts = Vec::new();
    for audience in [Audience::Named, Audience::Tenant] {
        let gust = scene.gust(audience, &places).await;
        gusts.push(gust.with_context(|| format!("cannot measure {}", audience.name()))?);
    }
    let others = Quiet::now([process.id()].into_iter())?.since(quiet);
    Ok((gusts, others))
}

impl Scene<'_> {
    fn load(&self, requests: Arc<Vec<Template>>) -> Load {
        Load {
            address: self.process.address,
            process: self.process.id(),
            protocol: Protocol::Http,
            requests,
            connections: FILLING,
            users: self.users,
            answers_within: 0,
            warm_up: Duration::ZERO,
        }
    }

    /// Gives everybody a session.
    async fn fill(&self) -> Result<()> {
        let load = self.load(preparation(&self.with, Protocol::Http));
        let filled = timeout(FILL_TIMEOUT, load.once_for_every_user()).await;
        filled.context("the machine is too slow for so many users: try fewer (--storm)")??;
        Ok(())
    }

    async fn gust(&self, audience: Audience, users: &Arc<Users>) -> Result<Gust> {
        let tally = Arc::new(Tally::new(usize::try_from(self.users)?));
        let _watching = self.watch(audience, users, &tally).await?;
        tally.settle().await?;
        let reads = self.probe()?;
        let before = Usage::of(self.process.id())?;
        let (repeated, _) = tally.repeats();
        tally.begin();
        let began = Instant::now();
        tally.answered(began);
        let committed = self.advance(began);
        let lost = tally.all_told().await?;
        let told = began.elapsed();
        let committed = committed.await??;
        let after = Usage::of(self.process.id())?;
        let reads = reads.stop().await?;
        tally.settle().await?;
        let (repeated_since, behind) = tally.repeats();
        Ok(Gust {
            audience: audience.name(),
            users: self.users,
            committed,
            latencies: tally.take_latencies(),
            told,
            lost,
            repeated: repeated_since - repeated,
            behind,
            server_us: after.user_us + after.kernel_us - before.user_us - before.kernel_us,
            reads,
            resident_kib: after.resident_kib,
        })
    }

    /// Opens the streams and waits until they have told the present state of everybody.
    async fn watch(
        &self,
        audience: Audience,
        users: &Arc<Users>,
        tally: &Arc<Tally>,
    ) -> Result<JoinSet<()>> {
        let bodies: Vec<String> = match audience {
            Audience::Named => {
                let all: Vec<u64> = (0..self.users).collect();
                all.chunks(USERS_PER_STREAM).map(ids_body).collect()
            }
            Audience::Tenant => vec![String::new()],
        };
        let (address, path) = (self.process.address, "/v1.0/communications/presences/live");
        let mut watching = JoinSet::new();
        let count = bodies.len();
        for (number, body) in bodies.into_iter().enumerate() {
            let mut client = Client::open(address, Version::One, number).await?;
            let request = request(Method::POST, address, path, &self.with.token, body)?;
            let answer = client.ask(request, 200).await?;
            let (tally, users) = (Arc::clone(tally), Arc::clone(users));
            watching.spawn(async move {
                // The connection lives while its client does.
                let _client = client;
                let place = |id: &str| users.place(id).with_context(|| format!("nobody is {id}"));
                take_down(answer, number, &tally, place).await;
            });
        }
        tally.all_in_step(count).await?;
        Ok(watching)
    }

    /// Moves the clock. The answer comes when everything is committed; how long it took.
    fn advance(&self, began: Instant) -> JoinHandle<Result<Duration>> {
        let (address, token) = (self.process.address, self.with.token.clone());
        tokio::spawn(async move {
            let mut client = Client::open(address, Version::One, 0).await?;
            let path = "/dev/clock/advance";
            let request = request(Method::POST, address, path, &token, Bytes::from(ADVANCE))?;
            client.ask_within(request, 200, TOLD_TIMEOUT).await?;
            Ok(began.elapsed())
        })
    }

    /// Reads presences meanwhile, to see whether others are kept waiting.
    fn probe(&self) -> Result<Probe> {
        let requests = GET.requests(&self.with, Protocol::Http);
        let request = requests.first().context("the row has no request")?.clone();
        let mut line = Line::open(self.process.address)?;
        let users = self.users;
        let (stop, stopped) = channel::<()>();
        let task = spawn_blocking(move || {
            let (mut numbers, mut bytes) = (Numbers::stream(0), Vec::new());
            let mut latencies = Histogram::new();
            // The pause, and its end when nobody wants to know more.
            while stopped.recv_timeout(PROBE_EVERY) == Err(RecvTimeoutError::Timeout) {
                let bytes = request.fill(&mut bytes, || numbers.below(users));
                let began = Instant::now();
                latencies.record(line.exchange(bytes)? - began);
            }
            Ok(latencies)
        });
        Ok(Probe { stop, task })
    }
}

/// Somebody who reads now and then.
struct Probe {
    stop: Sender<()>,
    task: JoinHandle<Result<Histogram>>,
}

impl Probe {
    /// Stops, and says how long the reads took.
    async fn stop(self) -> Result<Histogram> {
        drop(self.stop);
        self.task.await?.context("reading during the storm")
    }
}

/// The body that names these users.
fn ids_body(users: &[u64]) -> String {
    let ids: Vec<String> = users
        .iter()
        .map(|user| format!("\"{}\"", String::from_utf8_lossy(&user_id(*user))))
        .collect();
    format!(r#"{{"ids":[{}]}}"#, ids.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every user has a place of their own, and others have none.
    #[test]
    fn users_have_places() {
        let users = Users::new(1_000);
        for user in 0..1_000 {
            let id = user_id(user);
            let place = users.place(std::str::from_utf8(&id).unwrap());
            assert_eq!(place, usize::try_from(user).ok());
        }
        let id = user_id(1_000);
        assert_eq!(users.place(std::str::from_utf8(&id).unwrap()), None);
        assert_eq!(users.place("nobody"), None);
    }

    /// A stream's body is JSON that names the users.
    #[test]
    fn bodies_name_users() {
        let body: serde_json::Value = serde_json::from_str(&ids_body(&[3, 4])).unwrap();
        let id = String::from_utf8(user_id(4).to_vec()).unwrap();
        assert_eq!(body["ids"][1], id);
        assert_eq!(body["ids"].as_array().unwrap().len(), 2);
    }
}
