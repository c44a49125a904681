//! Whatever happens, in whatever order: in the end everybody who watches knows the newest state.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::decide::Command;
use presenced_core::id::{SessionId, SubscriptionId};
use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
use presenced_core::view::view;
use presenced_notify::engine::{RemovedBy, Settings};
use presenced_notify::subscription::Resource;
use presenced_store::testkit::{Random, user};
use presenced_store::{Durability, EmbeddedConfig, Limits, Store, StoreConfig};

use crate::world::{Endpoints, Manner, ManualClock, Received, TENANT, World};

const USERS: u64 = 40;
const ENDPOINTS: u64 = 4;
const SUBSCRIPTIONS_MAX: usize = 12;

/// What the test knows of a subscription.
struct Known {
    url: String,
    users: BTreeSet<u128>,
    /// The sequence number that each of them had before.
    before: HashMap<u128, u64>,
}

/// What goes from life to life.
struct Fate {
    random: Random,
    known: HashMap<SubscriptionId, Known>,
    /// All that was ever received.
    received: Vec<Received>,
}

impl Fate {
    async fn step(&mut self, world: &World) {
        match self.random.below(100) {
            0..50 => self.set(world).await,
            50..58 => self.create(world).await,
            58..61 => self.delete(world).await,
            61..75 => self.manner(world),
            75..87 => self.time(world).await,
            87..90 => self.reauthorize(world).await,
            _ => {
                for _ in 0..self.random.below(200) {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn set(&mut self, world: &World) {
        let states = [
            SessionState::Available,
            SessionState::InACall,
            SessionState::Away,
            SessionState::Presenting,
        ];
        let at = usize::try_from(self.random.below(4)).unwrap();
        let number = u128::from(self.random.below(USERS));
        let minutes = 5 + self.random.below(235);
        let command = Command::SetSession {
            session: SessionId::from_u128(1),
            state: states[at],
            lifetime: SessionLifetime::new(Duration::from_mins(minutes)).unwrap(),
            sessions_max: SessionsMax::default(),
        };
        let applied = world.store.apply(user(1, number), command, world.now());
        applied.await.unwrap();
    }

    async fn create(&mut self, world: &World) {
        if self.known.len() >= SUBSCRIPTIONS_MAX {
            return;
        }
        let name = format!("e{}", self.random.below(ENDPOINTS));
        let mut users: BTreeSet<u128> = (0..=self.random.below(20))
            .map(|_| u128::from(self.random.below(USERS)))
            .collect();
        let mut draft = world.draft(&name, &users.iter().copied().collect::<Vec<_>>());
        if self.random.below(4) == 0 {
            draft.resource = Resource::Tenant;
            users = (0..u128::from(USERS)).collect();
        }
        draft.expires_at = world.now().plus(Duration::from_hours(1000));
        draft.authorized_until = world.now().plus(Duration::from_mins(20));
        let mut before = HashMap::new();
        for number in &users {
            before.insert(*number, sequence(world, *number).await);
        }
        let url = draft.notification_url.as_str().to_owned();
        let id = world.notifier.create(draft).await.unwrap().id;
        self.known.insert(id, Known { url, users, before });
    }

    async fn delete(&mut self, world: &World) {
        let mut ids: Vec<_> = self.known.keys().copied().collect();
        ids.sort();
        if ids.is_empty() {
            return;
        }
        let at = usize::try_from(self.random.below(ids.len() as u64)).unwrap();
        self.known.remove(&ids[at]);
        let by = RemovedBy::Subscriber;
        assert!(world.notifier.delete(TENANT, ids[at], by).await.unwrap());
    }

    fn manner(&mut self, world: &World) {
        let url = format!("https://e{}/", self.random.below(ENDPOINTS));
        let manner = match self.random.below(6) {
            0 => Manner::Hangs,
            1 => Manner::IsGone,
            2 => Manner::Answers(503),
            3 => Manner::TakesItsTime(Duration::from_secs(10)),
            _ => Manner::Answers(202),
        };
        world.endpoints.set(&url, manner);
    }

    async fn time(&mut self, world: &World) {
        let millis = match self.random.below(4) {
            0 => 1,
            1 => self.random.below(1000),
            2 => self.random.below(60_000),
            _ => self.random.below(600_000),
        };
        pass(world, Duration::from_millis(millis)).await;
    }

    async fn reauthorize(&mut self, world: &World) {
        for id in self.known.keys() {
            let until = world.now().plus(Duration::from_mins(20));
            let there = world.notifier.reauthorize(TENANT, *id, until).await;
            there.unwrap();
        }
    }

    /// Everything works again; some time later every subscriber knows the newest state.
    async fn recover(&mut self, world: &World) {
        for endpoint in 0..ENDPOINTS {
            let url = format!("https://e{endpoint}/");
            world.endpoints.set(&url, Manner::Answers(202));
        }
        // As little time as possible: what changes meanwhile by itself hides what was lost.
        for _ in 0..15 {
            self.reauthorize(world).await;
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            let waits = |id: &SubscriptionId| {
                let status = world.notifier.status(TENANT, *id).unwrap();
                status.waiting > 0 || status.is_rereading
            };
            if !self.known.keys().any(waits) {
                break;
            }
            pass(world, Duration::from_mins(1)).await;
        }
        for id in self.known.keys() {
            world.until_quiet(*id).await;
        }
    }

    async fn check(&self, world: &World) {
        let mut told: HashMap<(String, u128), (String, u64)> = HashMap::new();
        for one in self.received.iter().filter(|one| one.taken) {
            let id = one.body["subscription"].as_str().unwrap().to_owned();
            for (number, shown, sequence) in one.items() {
                let last = told.entry((id.clone(), number)).or_default();
                assert!(sequence >= last.1, "{id} was told of {number} backwards");
                *last = (shown, sequence);
            }
        }
        for (id, known) in &self.known {
            for number in &known.users {
                let record = world.store.get(user(1, *number)).await.unwrap();
                let Some(record) = record else { continue };
                let now = view(&record, world.now());
                if now.sequence == known.before[number] {
                    continue;
                }
                let newest = told.get(&(id.to_string(), *number));
                let availability = now.presence.availability.as_str().to_owned();
                assert_eq!(
                    newest,
                    Some(&(availability, now.sequence)),
                    "{id} at {} does not know the newest state of user {number}",
                    known.url
                );
            }
        }
    }
}

async fn sequence(world: &World, number: u128) -> u64 {
    let record = world.store.get(user(1, number)).await.unwrap();
    record.map_or(0, |record| view(&record, world.now()).sequence)
}

/// Time passes, and what changes by itself changes.
async fn pass(world: &World, by: Duration) {
    world.clock.advance(by);
    loop {
        let expired = world.store.expire_due(world.now(), 100).await.unwrap();
        if expired.next.is_none_or(|next| next > world.now()) {
            break;
        }
    }
    world.notifier.clock_moved();
    world.notifier.settle().await.unwrap();
}

/// A store in a directory, with a feed that is soon too short.
fn open(directory: &Path, feed: usize) -> Arc<dyn Store> {
    let mut config = EmbeddedConfig::new(directory, Durability::Process);
    config.limits.feed_changes_max = feed;
    presenced_store::open(StoreConfig::Embedded(config)).unwrap()
}

/// One process: it ends in good order, or anywhere.
fn live(
    fate: &mut Fate,
    directory: &Path,
    (clock, endpoints): (Arc<ManualClock>, Arc<Endpoints>),
    is_last: bool,
) {
    let feed = if fate.random.below(2) == 0 {
        30
    } else {
        100_000
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(directory, feed);
        let world = World::open(store, clock, endpoints.clone(), Settings::default()).await;
        for _ in 0..fate.random.below(120) {
            fate.step(&world).await;
        }
        if is_last {
            fate.recover(&world).await;
            fate.received.extend(world.endpoints.take());
            fate.check(&world).await;
        }
        if fate.random.below(3) == 0 {
            for endpoint in 0..ENDPOINTS {
                // Hanging ones would be waited for.
                let url = format!("https://e{endpoint}/");
                world.endpoints.set(&url, Manner::IsGone);
            }
            world.end().await;
        }
    });
    // Whatever is under way ends here, wherever it is.
    drop(runtime);
    fate.received.extend(endpoints.take());
}

/// However endpoints behave and wherever the process ends: when all is well again, everybody knows
/// the newest state of each user whom it watches, nobody was told an older state after a newer one,
/// and no two messages were ever under way to one subscription.
#[test]
fn everybody_knows_the_newest_state_in_the_end() {
    // With the last one the process once ended between a write and the knowledge of it.
    for seed in (0..9).chain([1021]) {
        let directory = tempfile::tempdir().unwrap();
        let mut fate = Fate {
            random: Random::new(seed),
            known: HashMap::new(),
            received: Vec::new(),
        };
        let clock = Arc::new(ManualClock::start());
        let endpoints = Arc::new(Endpoints::new());
        for life in 0..6 {
            let around = (Arc::clone(&clock), Arc::clone(&endpoints));
            live(&mut fate, directory.path(), around, life == 5);
        }
        let sent = fate.received.len();
        assert!(sent > 10, "seed {seed}: {sent} messages");
    }
}

/// The same without restarts, on a store in memory whose feed is too short all the time.
#[tokio::test]
async fn a_short_feed_loses_nothing() {
    short_feed(100..105).await;
}

/// The same where what is under way ends on other threads while the next thing is begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_lose_nothing() {
    short_feed(200..210).await;
}

async fn short_feed(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let limits = Limits {
            feed_changes_max: 4,
            ..Limits::default()
        };
        let world = World::with_limits(Settings::default(), limits).await;
        let mut fate = Fate {
            random: Random::new(seed),
            known: HashMap::new(),
            received: Vec::new(),
        };
        for _ in 0..300 {
            fate.step(&world).await;
        }
        fate.recover(&world).await;
        fate.received.extend(world.endpoints.take());
        fate.check(&world).await;
    }
}
