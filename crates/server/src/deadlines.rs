//! Tells the store when presences change by themselves, so that whoever watches can be told, and
//! what time it is, so that a restart does not go back.
//!
//! A read is right without this: presence is a function of the record and the time.

use std::sync::Arc;
use std::time::Duration;

use presenced_core::time::{Clock, Timestamp};
use presenced_notify::engine::Notifier;
use presenced_notify::live::Hub;
use presenced_store::{Cursor, Store, StoreError, StoreFailures};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

/// Ticks in one call of the store, so that a storm of deadlines leaves room for requests: a call
/// takes about a millisecond.
const BATCH: usize = 1024;

/// The longest sleep between two looks at the store. A presence may be set that changes by itself
/// before the next known deadline; so the sleep bounds how late a change is seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// The shortest sleep: a deadline is a whole millisecond.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// How far the time may be ahead of what the store knows of it before it is written down. What ended
/// longer ago than this stays ended, whatever happens to process and wall clock.
const MARK_AFTER: Duration = Duration::from_mins(1);

/// The part of what the feed keeps by which whoever follows it may be behind before a storm waits for
/// them. Who falls off it has to tell the state of everybody instead.
const BEHIND_PART: usize = 4;

/// How long such a wait lasts before the next look.
const PAUSE: Duration = Duration::from_millis(1);

/// Such waits for a follower that does not move: then the storm goes on without it.
const PAUSES_MAX: u32 = 100;

/// Says how far somebody has followed the feed; none where there is nobody to tell.
type Follower = Box<dyn Fn() -> Option<Cursor> + Send + Sync>;

/// Applies deadlines in time order, as time passes or as the test clock is moved.
pub(crate) struct Deadlines {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// One round at a time: whoever has waited for a round finds its ticks committed.
    round: Mutex<()>,
    moved: Notify,
    followers: Vec<Follower>,
    /// Commits by which each of them may be behind.
    behind_max: u64,
}

impl Deadlines {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            round: Mutex::new(()),
            moved: Notify::new(),
            followers: Vec::new(),
            behind_max: u64::MAX,
        }
    }

    /// Lets a storm of deadlines wait for those who tell of it from a feed that keeps `feed_changes_max`.
    pub(crate) fn in_step_with(
        self,
        live: Hub,
        notifier: Option<Notifier>,
        feed_changes_max: usize,
    ) -> Self {
        let mut followers: Vec<Follower> = vec![Box::new(move || live.followed())];
        if let Some(notifier) = notifier {
            followers.push(Box::new(move || notifier.followed()));
        }
        self.in_step(followers, feed_changes_max)
    }

    fn in_step(self, followers: Vec<Follower>, feed_changes_max: usize) -> Self {
        let behind_max = u64::try_from(feed_changes_max / BEHIND_PART).unwrap_or(u64::MAX);
        Self {
            followers,
            behind_max,
            ..self
        }
    }

    /// Applies every deadline up to the present, and says when the next one may be due. What is
    /// due when it is called is applied when it answers.
    pub(crate) async fn settle(&self) -> Result<Option<Timestamp>, StoreError> {
        let round = self.round.lock().await;
        let now = self.clock.now();
        let mut given_up_at = vec![None; self.followers.len()];
        loop {
            let expired = self.store.expire_due(now, BATCH).await?;
            match expired.next {
                Some(next) if next <= now => {}
                next => {
                    drop(round);
                    return Ok(next);
                }
            }
            tokio::task::yield_now().await;
            for (follower, given_up_at) in self.followers.iter().zip(&mut given_up_at) {
                self.wait_for(follower, given_up_at).await?;
            }
            // A storm that waits may take longer than time may stay unwritten.
            self.mark_after(MARK_AFTER).await?;
        }
    }

    /// Waits while this one is far behind, but not where it stands still and was given up before.
    async fn wait_for(
        &self,
        follower: &Follower,
        given_up_at: &mut Option<Cursor>,
    ) -> Result<(), StoreError> {
        let newest = self.store.newest().await?;
        let (mut place, mut pauses) = (None, 0);
        while let Some(followed) = follower()
            && newest.0.saturating_sub(followed.0) > self.behind_max
            && *given_up_at != Some(followed)
        {
            pauses = if place == Some(followed) {
                pauses + 1
            } else {
                0
            };
            place = Some(followed);
            if pauses == PAUSES_MAX {
                *given_up_at = place;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Writes down what time it is, so that a restart does not start before it, and returns it.
    pub(crate) async fn mark(&self) -> Result<Timestamp, StoreError> {
        let now = self.clock.now();
        self.store.mark_time(now).await?;
        Ok(now)
    }

    /// The same, once the store's time is older than `age`. A store in which nothing was ever
    /// written is left alone: nothing in it can live again.
    pub(crate) async fn mark_after(&self, age: Duration) -> Result<(), StoreError> {
        let latest = self.store.latest_time();
        if latest > Timestamp::EPOCH && self.clock.now().since(latest) >= age {
            self.mark().await?;
        }
        Ok(())
    }

    /// One round of the task: when to come again.
    async fn round(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = self.settle().await?;
        self.mark_after(MARK_AFTER).await?;
        Ok(next)
    }

    /// Says that the clock was moved: what was far off may be due.
    pub(crate) fn clock_moved(&self) {
        self.moved.notify_one();
    }

    /// Applies deadlines as they come, until told to stop.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut failures = StoreFailures::new(
            "cannot apply deadlines or write down the time; reads stay right, but nobody is told of \
             what ends until it works again",
        );
        loop {
            let sleep = match self.round().await {
                Ok(next) => {
                    failures.over();
                    let until = next.map_or(SLEEP_MAX, |next| next.since(self.clock.now()));
                    until.clamp(SLEEP_MIN, SLEEP_MAX)
                }
                Err(error) => failures.another(&error),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.moved.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use presenced_core::decide::Command;
    use presenced_core::id::{SessionId, TenantId, UserId, UserKey};
    use presenced_core::session::{SessionLifetime, SessionState, SessionsMax};
    use presenced_store::{Changes, Limits, StoreConfig};
    use tokio::time::Instant;

    use super::*;
    use crate::clock::{SystemClock, TestClock};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What the feed of a scene keeps, for those who are waited for: less than a store keeps by default.
    const FEED_CHANGES_MAX: usize = 16 * BATCH;

    /// Commits by which they may be behind.
    const BEHIND_MAX: u64 = (FEED_CHANGES_MAX / BEHIND_PART) as u64;

    struct Scene {
        store: Arc<dyn Store>,
        clock: Arc<TestClock>,
        deadlines: Arc<Deadlines>,
    }

    impl Scene {
        /// A store in which each of `users` users has been Available for no time at all, for five
        /// minutes.
        async fn new(users: u128) -> Self {
            let store = presenced_store::open(StoreConfig::Memory(Limits::default())).unwrap();
            let system = Arc::new(SystemClock::start(Timestamp::EPOCH));
            let clock = Arc::new(TestClock::start(system, Timestamp::EPOCH));
            for user in 0..users {
                let key = UserKey {
                    tenant: TenantId::from_u128(1),
                    user: UserId::from_u128(user),
                };
                let command = Command::SetSession {
                    session: SessionId::from_u128(1),
                    state: SessionState::Available,
                    lifetime: SessionLifetime::default(),
                    sessions_max: SessionsMax::default(),
                };
                store.apply(key, command, clock.now()).await.unwrap();
            }
            let deadlines = Arc::new(Deadlines::new(Arc::clone(&store), clock.clone()));
            Self {
                store,
                clock,
                deadlines,
            }
        }

        /// These follow the feed, and are asked by this how far.
        fn follow(&mut self, followers: Vec<Follower>) {
            let deadlines = Deadlines::new(Arc::clone(&self.store), self.clock.clone());
            self.deadlines = Arc::new(deadlines.in_step(followers, FEED_CHANGES_MAX));
        }

        async fn changes(&self) -> usize {
            let mut count = 0;
            let mut after = Cursor::default();
            loop {
                let changes = self.store.changes(after, 10_000).await.unwrap();
                let Changes::Batch(batch) = changes else {
                    panic!("a gap");
                };
                let Some(last) = batch.last() else {
                    return count;
                };
                after = last.cursor;
                count += batch.len();
            }
        }
    }

    /// Settling applies everything that is due, over as many batches as it takes, once, and knows
    /// when to come again.
    #[tokio::test]
    async fn settling_leaves_nothing_due() {
        let users = 3 * BATCH + 1;
        let scene = Scene::new(users as u128).await;
        let next = scene.deadlines.settle().await.unwrap().unwrap();
        let wait = next.since(scene.clock.now());
        assert!(wait <= Duration::from_mins(5), "{wait:?}");
        assert_eq!(scene.changes().await, users);

        assert!(scene.clock.advance(Duration::from_mins(6)));
        assert_eq!(scene.deadlines.settle().await.unwrap(), None);
        assert_eq!(scene.changes().await, 2 * users);
        assert_eq!(scene.deadlines.settle().await.unwrap(), None);
        assert_eq!(scene.changes().await, 2 * users);
    }

    /// A storm waits for whoever follows the feed, for as long as they move, whoever else stands still.
    #[tokio::test]
    async fn a_storm_waits_for_its_followers() {
        let behind_max = usize::try_from(BEHIND_MAX).unwrap();
        let users = behind_max + 20 * BATCH;
        let mut scene = Scene::new(users as u128).await;
        let begin = scene.store.newest().await.unwrap();
        let place = Arc::new(AtomicU64::new(begin.0));
        let moves = Arc::clone(&place);
        scene.follow(vec![
            Box::new(move || Some(begin)),
            // Each look finds it a little further on.
            Box::new(move || Some(Cursor(moves.fetch_add(BATCH as u64 / 8, Ordering::Relaxed)))),
        ]);
        assert!(scene.clock.advance(Duration::from_mins(5)));
        assert_eq!(scene.deadlines.settle().await.unwrap(), None);
        let newest = scene.store.newest().await.unwrap();
        let behind = newest.0 - place.load(Ordering::Relaxed);
        let most = BEHIND_MAX + BATCH as u64;
        assert!(behind <= most, "{behind}");
        assert_eq!(newest.0, begin.0 + users as u64);
    }

    /// A follower that stands still holds a storm up once, not for ever and not at every step.
    #[tokio::test(start_paused = true)]
    async fn a_storm_goes_on_without_who_stands_still() {
        let users = usize::try_from(BEHIND_MAX).unwrap() + 20 * BATCH;
        let mut scene = Scene::new(users as u128).await;
        let stands_at = scene.store.newest().await.unwrap();
        scene.follow(vec![Box::new(move || Some(stands_at))]);
        assert!(scene.clock.advance(Duration::from_mins(5)));
        let began = Instant::now();
        assert_eq!(scene.deadlines.settle().await.unwrap(), None);
        let newest = scene.store.newest().await.unwrap();
        assert_eq!(newest.0, stands_at.0 + users as u64);
        let waited = began.elapsed();
        assert!(waited < 2 * PAUSE * PAUSES_MAX, "{waited:?}");
    }

    /// The task applies what becomes due while it runs, and ends when it is told to.
    #[tokio::test]
    async fn the_task_follows_the_clock() {
        let scene = Scene::new(1).await;
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (deadlines, stop) = (Arc::clone(&scene.deadlines), stop.clone());
            async move { deadlines.run(stop).await }
        });
        let newest = scene.store.newest().await.unwrap();
        assert!(scene.clock.advance(Duration::from_mins(6)));
        scene.deadlines.clock_moved();
        let change = scene.store.wait_for_change(newest);
        tokio::time::timeout(PATIENCE, change).await.unwrap();
        assert_eq!(scene.changes().await, 2);
        stop.cancel();
        tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
    }

    /// Time is written down once it is a minute ahead of what the store knows, not before, and not
    /// into a store that holds nothing.
    #[tokio::test]
    async fn the_task_writes_down_the_time() {
        let empty = Scene::new(0).await;
        assert!(empty.clock.advance(Duration::from_hours(1)));
        empty.deadlines.round().await.unwrap();
        assert_eq!(empty.store.latest_time(), Timestamp::EPOCH);

        let scene = Scene::new(1).await;
        let set = scene.store.latest_time();
        assert!(scene.clock.advance(Duration::from_secs(20)));
        scene.deadlines.round().await.unwrap();
        assert_eq!(scene.store.latest_time(), set);
        assert!(scene.clock.advance(Duration::from_secs(40)));
        let newest = scene.store.newest().await.unwrap();
        scene.deadlines.round().await.unwrap();
        let marked = scene.store.latest_time().since(set);
        assert!(marked >= Duration::from_mins(1), "{marked:?}");
        assert_eq!(scene.store.newest().await.unwrap(), newest);
    }
}
