//! What is left of it all when the process ends.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use presenced_core::session::SessionState;
use presenced_notify::engine::{DeliveryState, Message, Notifier, RemovedBy, Settings};
use presenced_notify::subscription::Resource;
use presenced_store::testkit::{FailingWrite, Faults};
use presenced_store::{
    DocumentKey, DocumentKind, Durability, EmbeddedConfig, Store, StoreConfig, StoreError,
};

use crate::world::{Endpoints, Manner, ManualClock, TENANT, World, documents_left, seams, within};

const A: &str = "https://a/";
const B: &str = "https://b/";
const L: &str = "https://l/";
const MINUTE: Duration = Duration::from_mins(1);

/// A data directory that several processes use one after the other, with what outlives them.
struct Lives {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    endpoints: Arc<Endpoints>,
    feed: usize,
}

impl Lives {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::start()),
            endpoints: Arc::new(Endpoints::new()),
            feed: 10_000,
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        open(self.directory.path(), self.feed)
    }

    async fn world(&self) -> World {
        let (clock, endpoints) = (Arc::clone(&self.clock), Arc::clone(&self.endpoints));
        World::open(self.store(), clock, endpoints, Settings::default()).await
    }

    /// One process. It ends where `life` does, with whatever is under way.
    fn live<T>(
        &self,
        life: impl for<'a> FnOnce(&'a World) -> Pin<Box<dyn Future<Output = T> + 'a>>,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let world = self.world().await;
            life(&world).await
        })
    }
}

fn open(directory: &Path, feed: usize) -> Arc<dyn Store> {
    let mut config = EmbeddedConfig::new(directory, Durability::Process);
    config.limits.feed_changes_max = feed;
    presenced_store::open(StoreConfig::Embedded(config)).unwrap()
}

/// Subscriptions, what waits for them, and how their tries stood survive a restart; what was taken
/// is not sent again after one in good order.
#[tokio::test]
async fn a_restart_goes_on() {
    let lives = Lives::new();
    let world = lives.world().await;
    let id = world.subscribe("a", &[1, 2]).await;
    let subscription = world.notifier.get(TENANT, id).unwrap();
    world.set(1, SessionState::Away).await;
    world.endpoints.until_at(A, 1).await;
    world.until_quiet(id).await;
    world.end().await;

    let world = lives.world().await;
    assert_eq!(world.notifier.get(TENANT, id).unwrap(), subscription);
    world.endpoints.set(A, Manner::Answers(503));
    world.set(2, SessionState::InACall).await;
    world.endpoints.until_at(A, 2).await;
    world.end().await;

    let world = lives.world().await;
    let status = world.notifier.status(TENANT, id).unwrap();
    assert_eq!(status.failures_in_a_row, 1);
    assert_eq!(status.last_attempt.unwrap().result.unwrap().answer, Ok(503));
    world.endpoints.set(A, Manner::Answers(200));
    world.advance(2 * MINUTE).await;
    world.until_quiet(id).await;
    let received = world.endpoints.received_at(A);
    assert_eq!(received.last().unwrap().shown(), [(2, "Busy".into())]);
    let taken = received.iter().filter(|one| one.taken).count();
    assert_eq!(taken, 2);
}

/// An attempt is written down before it is made: whatever happens meanwhile, it is known afterwards,
/// and what it was to tell is told again.
#[test]
fn an_attempt_is_known_before_it_is_made() {
    let lives = Lives::new();
    lives.endpoints.set(A, Manner::Hangs);
    let id = lives.live(|world| {
        Box::pin(async {
            let id = world.subscribe("a", &[1]).await;
            world.set(1, SessionState::Away).await;
            within(async {
                while world.endpoints.hanging() == 0 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            id
        })
    });
    lives.live(|world| {
        Box::pin(async move {
            let last = world.notifier.status(TENANT, id).unwrap().last_attempt;
            let last = last.unwrap();
            assert_eq!((last.message, last.result), (Message::Notification, None));
            assert_eq!(last.at, world.now());
            world.endpoints.set(A, Manner::Answers(202));
            let received = world.endpoints.until_at(A, 1).await;
            assert_eq!(received[0].shown(), [(1, "Away".into())]);
        })
    });
}

/// What waits for one subscription is not forgotten because all others go on: not where it waits for
/// a token, and not where everybody's state is still to be read.
#[test]
fn nobody_is_left_behind() {
    let mut lives = Lives::new();
    lives.feed = 8;
    let (late, everybody) = lives.live(|world| {
        Box::pin(async {
            let mut draft = world.draft("a", &[1]);
            draft.authorized_until = world.now();
            let late = world.notifier.create(draft).await.unwrap().id;
            let mut draft = world.draft("l", &[]);
            draft.resource = Resource::Tenant;
            draft.authorized_until = world.now();
            let everybody = world.notifier.create(draft).await.unwrap().id;
            world.subscribe("b", &[2]).await;
            world.set(1, SessionState::InACall).await;
            for round in 1..=12 {
                let state = [SessionState::Away, SessionState::Presenting][round % 2];
                world.set(2, state).await;
                world.endpoints.until_at(B, round).await;
                world.advance(Duration::from_secs(3)).await;
            }
            (late, everybody)
        })
    });
    lives.live(|world| {
        Box::pin(async move {
            let status = world.notifier.status(TENANT, late).unwrap();
            assert_eq!(status.state, DeliveryState::Unauthorized);
            let until = world.now().plus(30 * MINUTE);
            for id in [late, everybody] {
                world.notifier.reauthorize(TENANT, id, until).await.unwrap();
                world.until_quiet(id).await;
            }
            let told = |url| world.endpoints.received_at(url).last().unwrap().shown();
            assert_eq!(told(A), [(1, "Busy".into())]);
            let mut all = told(L);
            all.sort();
            assert_eq!(all, [(1, "Busy".into()), (2, "Away".into())]);
        })
    });
}

/// Where so much changed after the last message that the feed no longer tells it, everybody's
/// present state is told, and that something was left out; once.
#[test]
fn a_long_absence_is_made_up_for() {
    let lives = Lives::new();
    let id = lives.live(|world| {
        Box::pin(async {
            let mut draft = world.draft("a", &[1, 2, 3]);
            draft.lifecycle_notification_url = Some(L.into());
            world.notifier.create(draft).await.unwrap().id
        })
    });
    let store = open(lives.directory.path(), 4);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = Arc::clone(&lives.clock);
        for state in [SessionState::Away, SessionState::InACall] {
            for number in 1..=5 {
                let command = presenced_store::testkit::set(1, state, 60);
                let user = presenced_store::testkit::user(1, number);
                let now = presenced_core::time::Clock::now(clock.as_ref());
                store.apply(user, command, now).await.unwrap();
            }
        }
        store.close().await.unwrap();
    });
    drop(store);
    let lives = Lives { feed: 4, ..lives };
    for _ in 0..2 {
        lives.live(|world| {
            Box::pin(async move {
                world.until_quiet(id).await;
                world.endpoints.until_at(L, 1).await;
                world.advance(Duration::from_secs(5)).await;
                world.until_quiet(id).await;
            })
        });
        let mut told: Vec<_> = lives.endpoints.received_at(A);
        let first = told.remove(0).shown();
        assert_eq!(told, []);
        assert_eq!(first.len(), 3);
        assert!(first.iter().all(|(_, shown)| shown == "Busy"), "{first:?}");
        assert_eq!(lives.endpoints.received_at(L).len(), 1);
    }
}

/// What ended while nobody was there is gone at the next start; what an administrator removed is
/// still told.
#[test]
fn ends_are_ends() {
    let lives = Lives::new();
    lives.endpoints.set(L, Manner::Hangs);
    let id = lives.live(|world| {
        Box::pin(async {
            world.subscribe("b", &[1]).await;
            let mut draft = world.draft("a", &[1]);
            draft.lifecycle_notification_url = Some(L.into());
            let id = world.notifier.create(draft).await.unwrap().id;
            let by = RemovedBy::Administrator;
            assert!(world.notifier.delete(TENANT, id, by).await.unwrap());
            id
        })
    });
    lives.clock.advance(61 * MINUTE);
    lives.endpoints.set(L, Manner::Answers(202));
    lives.live(|world| {
        Box::pin(async move {
            assert!(world.notifier.get(TENANT, id).is_none());
            let received = world.endpoints.until_at(L, 1).await;
            assert_eq!(received[0].event(), Some("subscriptionRemoved"));
            world.set(1, SessionState::Away).await;
            world.notifier.settle().await.unwrap();
            documents_left(world.store.as_ref(), 0).await;
        })
    });
    assert_eq!(lives.endpoints.received().len(), 1);
}

/// While the store takes no write nothing is sent, for it could not be known afterwards; then all of
/// it is. A subscription that cannot be stored does not exist.
#[tokio::test]
async fn without_a_store_nothing_is_sent() {
    let lives = Lives::new();
    let faults = Faults::default();
    let config = EmbeddedConfig::new(lives.directory.path(), Durability::Process);
    let store = presenced_store::open(StoreConfig::Embedded(config.with_faults(&faults))).unwrap();
    let (clock, endpoints) = (Arc::clone(&lives.clock), Arc::clone(&lives.endpoints));
    let world = World::open(store, clock, endpoints, Settings::default()).await;
    let id = world.subscribe("a", &[1]).await;
    faults.fail_writes(FailingWrite {
        skip: 1,
        times: u64::MAX,
        kept: 0,
    });
    world.set(1, SessionState::Away).await;
    within(async {
        while faults.failed() == 0 {
            world.notifier.settle().await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    world
        .notifier
        .create(world.draft("b", &[1]))
        .await
        .unwrap_err();
    assert_eq!(
        world
            .notifier
            .list(TENANT, None, 9, &|_| true)
            .subscriptions
            .len(),
        1
    );
    let deleted = world.notifier.delete(TENANT, id, RemovedBy::Subscriber);
    deleted.await.unwrap_err();
    assert_eq!(world.endpoints.received(), []);

    faults.heal();
    within(async {
        while world.endpoints.received().is_empty() {
            world.clock.advance(Duration::from_secs(1));
            world.notifier.clock_moved();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.endpoints.received()[0].shown(), [(1, "Away".into())]);
}

/// Documents of a newer version are refused, and say so; they are not passed over.
#[tokio::test]
async fn newer_documents_are_refused() {
    let lives = Lives::new();
    let store = lives.store();
    let key = DocumentKey {
        kind: DocumentKind::Subscription,
        tenant: TENANT,
        id: 7,
    };
    let body = br#"{"version": 2, "everything": "else"}"#;
    store.put_document(&key, None, body).await.unwrap();
    let (clock, endpoints) = (Arc::clone(&lives.clock), Arc::clone(&lives.endpoints));
    let seams = seams(store, clock, endpoints);
    let opened = Notifier::open(seams, Settings::default()).await;
    let Err(error @ StoreError::Corrupt { .. }) = opened.map(|_| ()) else {
        panic!("it was opened");
    };
    assert!(error.to_string().contains("newer presenced"), "{error}");
}
