//! Hub and streams together, over the real memory store.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use presenced_core::presence::{Activity, Availability, Presence};
use presenced_core::session::SessionState;
use presenced_core::time::Timestamp;
use presenced_core::view::view;
use presenced_store::testkit::{Random, at, set, user};
use presenced_store::{Limits, Store, StoreConfig};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::limits::{
    HEARTBEAT_SECONDS, PIECES_PER_TURN, STALL_SECONDS, TENANT_CHANGES_MAX, USERS_PER_PIECE,
};
use super::*;

/// No wait lasts longer; one that does is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

const PRESENTING: Presence = Presence::new(Availability::DoNotDisturb, Activity::Presenting);

struct Scene {
    store: Arc<dyn Store>,
    hub: Hub,
    _stop: tokio_util::sync::DropGuard,
}

impl Scene {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let store = presenced_store::open(StoreConfig::Memory(limits)).unwrap();
        let hub = Hub::new(Arc::clone(&store), Lives::only(0), LiveSettings::default());
        let stop = CancellationToken::new();
        tokio::spawn({
            let (hub, stop) = (hub.clone(), stop.clone());
            async move { hub.run(stop).await }
        });
        Self {
            store,
            hub,
            _stop: stop.drop_guard(),
        }
    }

    /// Changes what is shown of a user of tenant 1, at this time.
    async fn change(&self, number: u128, state: SessionState, now: Timestamp) {
        let applied = self.store.apply(user(1, number), set(1, state, 240), now);
        assert!(applied.await.unwrap().change.is_some(), "{number}");
    }

    async fn open(&self, watched: Watched, resume: Option<EventId>) -> Reader {
        let opening = Opening {
            tenant: TenantId::from_u128(1),
            application: ApplicationId::from_u128(9),
            watched,
            resume,
        };
        let stream = self.hub.open(opening).await.unwrap();
        Reader {
            store: Arc::clone(&self.store),
            stream,
            known: BTreeMap::new(),
            place: None,
        }
    }
}

/// A reader that keeps what it was told.
struct Reader {
    store: Arc<dyn Store>,
    stream: Stream,
    known: BTreeMap<u128, Presence>,
    place: Option<EventId>,
}

impl Reader {
    /// The next thing but heartbeats, as a short text.
    async fn next(&mut self) -> String {
        loop {
            let next = timeout(PATIENCE, self.stream.next()).await;
            match next.expect("it says something").unwrap() {
                Next::State { users } => return format!("told {}", self.note(users).await),
                Next::Changed { users, then } => {
                    self.place = then.or(self.place);
                    return format!("told {}", self.note(users).await);
                }
                Next::Synced { at, resumed } => {
                    self.place = Some(at);
                    return format!("synced, resumed: {resumed}");
                }
                Next::Behind => return "behind".to_owned(),
                Next::End(reason) => return format!("end: {reason:?}"),
                Next::Heartbeat => {}
            }
        }
    }

    async fn note(&mut self, users: Vec<UserId>) -> String {
        let mut told = Vec::new();
        for id in users {
            let number = id.as_u128();
            let record = self.store.get(user(1, number)).await.unwrap();
            let presence = record.map(|record| view(&record, record.as_of).presence);
            self.known
                .insert(number, presence.unwrap_or(Presence::OFFLINE));
            told.push(number.to_string());
        }
        told.join(" ")
    }

    /// Reads until it is synced; says what was told on the way.
    async fn sync(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            let next = self.next().await;
            let done = next.starts_with("synced");
            all.push(next);
            if done {
                return all.join(", ");
            }
        }
    }
}

fn users(ids: impl IntoIterator<Item = u128>) -> Watched {
    Watched::users(ids.into_iter().map(UserId::from_u128).collect())
}

/// The state of chosen users comes first, then each change of one of them, and nothing of others.
#[tokio::test]
async fn state_comes_before_changes() {
    let scene = Scene::new();
    scene.change(2, SessionState::Presenting, at(0)).await;
    let mut reader = scene.open(users([3, 2, 2]), None).await;
    assert_eq!(reader.next().await, "told 2 3");
    assert_eq!(reader.next().await, "synced, resumed: false");
    scene.change(4, SessionState::Presenting, at(1)).await;
    scene.change(3, SessionState::Away, at(2)).await;
    assert_eq!(reader.next().await, "told 3");
    assert_eq!(reader.known[&2], PRESENTING);
    assert_eq!(reader.known[&3], Presence::AWAY);
}

/// A stream of a tenant tells all of its users, those who come into being later too, and none of
/// another tenant.
#[tokio::test]
async fn a_tenant_is_told_whole() {
    let scene = Scene::new();
    let count = 3 * u128::try_from(USERS_PER_PIECE).unwrap();
    for number in 1..=count {
        scene.change(number, SessionState::Presenting, at(0)).await;
    }
    let elsewhere = set(1, SessionState::Presenting, 240);
    scene
        .store
        .apply(user(2, 5_000), elsewhere, at(0))
        .await
        .unwrap();
    let mut reader = scene.open(Watched::Tenant, None).await;
    let said = reader.sync().await;
    assert!(said.ends_with("synced, resumed: false"), "{said}");
    assert!(reader.known.keys().copied().eq(1..=count));
    scene.change(count + 1, SessionState::Away, at(1)).await;
    assert_eq!(reader.next().await, format!("told {}", count + 1));
}

/// However much a stream has to tell to a reader with room for all of it, others have a turn after every
/// few pieces.
#[tokio::test]
async fn a_long_state_leaves_others_their_turn() {
    let scene = Scene::new();
    let pieces = 10 * PIECES_PER_TURN;
    let watched = users(0..u128::from(pieces) * USERS_PER_PIECE as u128);
    let mut stream = scene.open(watched, None).await.stream;
    let (mut in_a_row, mut told) = (0, 0);
    while told < pieces {
        let mut next = pin!(stream.next());
        match poll_fn(|ctx| Poll::Ready(next.as_mut().poll(ctx))).await {
            Poll::Ready(next) => {
                assert!(matches!(next, Ok(Next::State { .. })), "{next:?}");
                (in_a_row, told) = (in_a_row + 1, told + 1);
                assert!(in_a_row <= PIECES_PER_TURN, "after {told}");
            }
            Poll::Pending => in_a_row = 0,
        }
    }
}

/// Of a user who changes while the reader is away, the newest is told, once.
#[tokio::test]
async fn a_slow_reader_is_told_the_newest() {
    let scene = Scene::new();
    let mut reader = scene.open(users([1, 2]), None).await;
    reader.sync().await;
    scene.change(1, SessionState::Presenting, at(1)).await;
    scene.change(2, SessionState::Presenting, at(2)).await;
    scene.change(1, SessionState::Away, at(3)).await;
    scene.caught_up().await;
    assert_eq!(reader.next().await, "told 1 2");
    assert_eq!(reader.known[&1], Presence::AWAY);
    let place = reader.place;
    drop(reader);
    let mut reader = scene.open(users([1, 2]), place).await;
    assert_eq!(reader.next().await, "synced, resumed: true");
}

impl Scene {
    /// Resolves when the hub has told everything that is committed so far.
    async fn caught_up(&self) {
        let newest = self.store.newest().await.unwrap();
        let caught_up = async {
            while self.hub.0.position() < newest {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, caught_up).await.unwrap();
    }
}

/// A client that names its place is told what has changed since and nothing else; one that was cut
/// off within the state has no place and hears it from the beginning.
#[tokio::test]
async fn streams_are_resumed() {
    let scene = Scene::new();
    for watched in [users([1, 2, 3]), Watched::Tenant] {
        for number in 1..=4 {
            scene.change(number, SessionState::Presenting, at(0)).await;
        }
        let mut reader = scene.open(watched.clone(), None).await;
        reader.next().await;
        assert_eq!(reader.place, None);
        reader.sync().await;
        let place = reader.place;
        drop(reader);
        scene.change(3, SessionState::Away, at(1)).await;
        scene.change(1, SessionState::Away, at(2)).await;
        scene.change(3, SessionState::InACall, at(3)).await;
        let mut reader = scene.open(watched, place).await;
        assert_eq!(reader.sync().await, "told 1 3, synced, resumed: true");
        scene.change(2, SessionState::Away, at(4)).await;
        assert_eq!(reader.next().await, "told 2");
        for number in 1..=4 {
            let cleared = presenced_store::testkit::clear(1);
            scene
                .store
                .apply(user(1, number), cleared, at(5))
                .await
                .unwrap();
        }
    }
}

/// A place of another feed, of other users or of the future leads to the whole state.
#[tokio::test]
async fn foreign_places_lead_to_the_state() {
    let scene = Scene::new();
    scene.change(1, SessionState::Presenting, at(0)).await;
    let mut reader = scene.open(users([1]), None).await;
    reader.sync().await;
    let place = reader.place.unwrap();
    let ahead = EventId {
        cursor: presenced_store::Cursor(place.cursor.0 + 1),
        ..place
    };
    let mut reader = scene.open(users([1]), Some(ahead)).await;
    assert_eq!(reader.sync().await, "told 1, synced, resumed: false");
    let mut reader = scene.open(users([1, 2]), Some(place)).await;
    assert_eq!(reader.sync().await, "told 1 2, synced, resumed: false");
    let later = Scene {
        hub: Hub::new(
            Arc::clone(&scene.store),
            Lives::only(7),
            LiveSettings::default(),
        ),
        ..scene
    };
    let mut reader = later.open(users([1]), Some(place)).await;
    assert_eq!(reader.sync().await, "told 1, synced, resumed: false");
}

/// A place that the feed has gone past leads to the whole state, and so does a hub that falls
/// behind the feed itself.
#[tokio::test]
async fn gaps_lead_to_the_state() {
    let limits = Limits {
        feed_changes_max: 8,
        ..Limits::default()
    };
    let scene = Scene::with(limits);
    let mut reader = scene.open(users([1]), None).await;
    assert_eq!(reader.sync().await, "told 1, synced, resumed: false");
    let place = reader.place;
    // The hub's task does not get a turn in between: the memory store answers at once.
    for number in 1..=20 {
        scene.change(number, SessionState::Presenting, at(0)).await;
    }
    assert_eq!(reader.next().await, "behind");
    assert_eq!(reader.sync().await, "told 1, synced, resumed: false");
    assert_eq!(reader.known[&1], PRESENTING);
    let mut reader = scene.open(users([1]), place).await;
    assert_eq!(reader.sync().await, "told 1, synced, resumed: false");
}

/// More changes than are kept for a tenant's streams: the state is told anew, and then changes again.
#[tokio::test]
async fn a_storm_leads_to_the_state() {
    let scene = Scene::new();
    let mut reader = scene.open(Watched::Tenant, None).await;
    assert_eq!(reader.sync().await, "synced, resumed: false");
    let mut states = [SessionState::Presenting, SessionState::Away]
        .iter()
        .cycle();
    let count = 600;
    for _ in 0..=TENANT_CHANGES_MAX / 600 {
        let state = *states.next().unwrap();
        for number in 0..count {
            scene.change(number, state, at(0)).await;
        }
        scene.caught_up().await;
    }
    assert_eq!(reader.next().await, "behind");
    reader.sync().await;
    assert_eq!(reader.known.len(), 600);
    scene.change(5, SessionState::InACall, at(1)).await;
    assert_eq!(reader.next().await, "told 5");
}

/// A reader who is slower than a storm is behind once, however long the storm lasts, and knows the
/// newest of everybody one time around after its end.
#[tokio::test]
async fn a_storm_is_walked_through() {
    const USERS: u128 = 2_000;
    // Whatever changes between two readings is more than the feed keeps.
    let limits = Limits {
        feed_changes_max: 64,
        ..Limits::default()
    };
    let scene = Scene::with(limits);
    for number in 0..USERS {
        scene.change(number, SessionState::Available, at(0)).await;
    }
    let mut reader = scene.open(Watched::Tenant, None).await;
    reader.sync().await;
    let mut changing = (0..USERS).cycle();
    let mut storm = Vec::new();
    let once_around = usize::try_from(USERS).unwrap() / USERS_PER_PIECE + 2;
    for step in 0..10 * once_around {
        let states = [SessionState::Presenting, SessionState::Away];
        let state = states[step / once_around % 2];
        for number in changing.by_ref().take(100) {
            let applied = scene
                .store
                .apply(user(1, number), set(1, state, 240), at(1));
            applied.await.unwrap();
        }
        scene.caught_up().await;
        storm.push(reader.next().await);
    }
    assert_eq!(storm.iter().filter(|next| *next == "behind").count(), 1);
    assert!(storm.iter().all(|next| !next.starts_with("synced")));
    let mut rest = 0;
    while !reader.next().await.starts_with("synced") {
        rest += 1;
    }
    // Each piece has its turn with one of changes.
    assert!(rest <= 2 * once_around, "{rest}");
    for (number, known) in &reader.known {
        let record = scene.store.get(user(1, *number)).await.unwrap().unwrap();
        assert_eq!(*known, view(&record, record.as_of).presence);
    }
}

/// A stream with nothing to tell gives a sign of life in time, and goes on being told.
#[tokio::test(start_paused = true)]
async fn silence_has_a_heartbeat() {
    let scene = Scene::new();
    let mut reader = scene.open(users([1]), None).await;
    reader.sync().await;
    for _ in 0..3 {
        let begun = tokio::time::Instant::now();
        let next = reader.stream.next().await.unwrap();
        assert_eq!(next, Next::Heartbeat);
        assert!(begun.elapsed() <= Duration::from_secs(16));
    }
    scene.change(1, SessionState::Presenting, at(0)).await;
    assert_eq!(reader.next().await, "told 1");
}

/// A reader that takes nothing for long is ended, and counts until it is gone: it holds what it was
/// handed. One that merely has nothing to take is not ended.
#[tokio::test(start_paused = true)]
async fn readers_that_stall_are_ended() {
    let scene = Scene::new();
    let mut stalls = scene.open(users([1]), None).await;
    let mut waits = scene.open(users([1]), None).await;
    stalls.sync().await;
    waits.sync().await;
    let limit = Duration::from_secs(STALL_SECONDS);
    // Heartbeats are read on the way.
    assert!(timeout(limit * 2, waits.next()).await.is_err());
    assert_eq!(scene.hub.streams(), 2);
    assert_eq!(stalls.next().await, "end: Slow");
    drop(stalls);
    assert_eq!(scene.hub.streams(), 1);
    scene.change(1, SessionState::Presenting, at(0)).await;
    assert_eq!(waits.next().await, "told 1");
}

/// A reader that never takes anything, not even the first piece, is ended too.
#[tokio::test(start_paused = true)]
async fn readers_that_never_come_are_ended() {
    let scene = Scene::new();
    let mut never = scene.open(users([1]), None).await;
    let longest = Duration::from_secs(STALL_SECONDS + u64::from(HEARTBEAT_SECONDS) + 1);
    tokio::time::advance(Duration::ZERO).await;
    let passes = timeout(longest, std::future::pending::<()>());
    assert!(passes.await.is_err());
    assert_eq!(scene.hub.streams(), 1);
    assert_eq!(never.next().await, "end: Slow");
    drop(never);
    assert_eq!(scene.hub.streams(), 0);
}

/// When the server stops, streams end whatever they are at, and none is opened any more.
#[tokio::test]
async fn the_end_ends_all() {
    let scene = Scene::new();
    let mut fresh = scene.open(users([1]), None).await;
    let mut waiting = scene.open(Watched::Tenant, None).await;
    waiting.sync().await;
    let waiting = tokio::spawn(async move { waiting.next().await });
    scene.hub.end();
    assert_eq!(fresh.next().await, "end: Shutdown");
    assert_eq!(waiting.await.unwrap(), "end: Shutdown");
    let opening = Opening {
        tenant: TenantId::from_u128(1),
        application: ApplicationId::from_u128(9),
        watched: Watched::Tenant,
        resume: None,
    };
    assert!(matches!(
        scene.hub.open(opening).await,
        Err(OpenError::Ended)
    ));
}

/// Whatever happens in whatever order (changes, readers that read now and then, are cut off and come
/// back with their place), in the end every reader knows the newest state of everybody it watches.
#[tokio::test]
async fn readers_end_with_the_newest() {
    const USERS: u64 = 12;
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let limits = Limits {
            feed_changes_max: if seed % 2 == 0 { 16 } else { 1 << 16 },
            ..Limits::default()
        };
        let scene = Scene::with(limits);
        let watched = [users([1, 3, 5, 7]), users([2, 3]), Watched::Tenant];
        let mut readers = Vec::new();
        for watched in &watched {
            readers.push(scene.open(watched.clone(), None).await);
        }
        let states = [
            SessionState::Presenting,
            SessionState::Away,
            SessionState::InACall,
        ];
        for step in 0..400 {
            let one = usize::try_from(random.below(3)).unwrap();
            match random.below(8) {
                0..=4 => {
                    let number = u128::from(random.below(USERS));
                    let state = states[usize::try_from(random.below(3)).unwrap()];
                    let command = set(1, state, 240);
                    let applied = scene.store.apply(user(1, number), command, at(step));
                    applied.await.unwrap();
                }
                5 => tokio::task::yield_now().await,
                6 => {
                    // As far as it comes without waiting, and perhaps not to the end.
                    let few = Duration::ZERO;
                    let reading = async {
                        for _ in 0..2 {
                            readers[one].next().await;
                        }
                    };
                    let _cut_short = timeout(few, reading).await;
                }
                _ => {
                    let (known, place) = (readers[one].known.clone(), readers[one].place);
                    readers[one] = scene.open(watched[one].clone(), place).await;
                    readers[one].known = known;
                    readers[one].place = place;
                }
            }
        }
        // One more change that everybody watches, so that everybody is told up to it.
        for state in [SessionState::Available, SessionState::Away] {
            let applied = scene.store.apply(user(1, 3), set(1, state, 240), at(400));
            applied.await.unwrap();
        }
        scene.caught_up().await;
        let newest = scene.store.newest().await.unwrap();
        for (reader, whom) in readers.iter_mut().zip(&watched) {
            while reader.place.is_none_or(|place| place.cursor != newest) {
                reader.next().await;
            }
            for number in 0..u128::from(USERS) {
                let id = UserId::from_u128(number);
                let is_watched = match whom {
                    Watched::Users(users) => users.contains(&id),
                    Watched::Tenant => true,
                };
                let record = scene.store.get(user(1, number)).await.unwrap();
                if let (true, Some(record)) = (is_watched, record) {
                    let shown = view(&record, record.as_of).presence;
                    assert_eq!(reader.known.get(&number), Some(&shown), "seed {seed}");
                }
            }
        }
    }
}
