//! One follower of the change feed for all streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use presenced_store::{Changes, Cursor, FeedChange, Store, StoreFailures};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::limits::HEARTBEAT_SECONDS;
use super::registry::Registry;
use super::seat::Seat;
use super::stream::Stream;
use super::{EndReason, LiveSettings, Lives, OpenError, Opening};
use crate::pieces::changes_for;

/// Where streams are opened. Clones are the same hub.
///
/// It follows the feed while [`run`](Hub::run) runs and anybody watches; otherwise it costs nothing.
#[derive(Clone)]
pub struct Hub(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: LiveSettings,
    pub(super) lives: Lives,
    registry: Mutex<Registry>,
    /// How far the feed has been told to the seats. Written under the registry's lock.
    position: AtomicU64,
    /// Seconds since the hub runs, and one.
    second: AtomicU64,
    /// Somebody watches again.
    opened: Notify,
}

impl Hub {
    /// A hub over this store, whose feed has had these lives. It tells nothing until it runs.
    pub fn new(store: Arc<dyn Store>, lives: Lives, settings: LiveSettings) -> Self {
        Self(Arc::new(Inner {
            store,
            settings,
            lives,
            registry: Mutex::default(),
            position: AtomicU64::new(0),
            second: AtomicU64::new(1),
            opened: Notify::new(),
        }))
    }

    /// Opens a stream. Whatever changes from here on is told by it, after the state of all that it
    /// watches.
    pub async fn open(&self, opening: Opening) -> Result<Stream, OpenError> {
        let hub = &self.0;
        let Opening {
            tenant,
            application,
            watched,
            resume,
        } = opening;
        let seat = Seat::new(tenant, application, watched);
        // Nobody has followed the feed so far: it is taken up at its end. What is committed between
        // this look and the entry is told twice, which is not wrong.
        let was_idle = hub.registry.lock().is_idle();
        let newest = if was_idle {
            Some(hub.store.newest().await.map_err(OpenError::Store)?)
        } else {
            None
        };
        let (slot, seat) = {
            let mut registry = hub.registry.lock();
            let is_idle = registry.is_idle();
            let entered = registry.enter(seat, &hub.settings)?;
            if let (Some(newest), true) = (newest, is_idle) {
                hub.position.store(newest.0, Ordering::Release);
            }
            entered
        };
        hub.opened.notify_one();
        Ok(Stream::new(Arc::clone(hub), seat, slot, resume))
    }

    /// How many streams are open.
    pub fn streams(&self) -> usize {
        self.0.registry.lock().open()
    }

    /// How far the feed has been followed; none where nobody watches.
    pub fn followed(&self) -> Option<Cursor> {
        let is_idle = self.0.registry.lock().is_idle();
        (!is_idle).then(|| self.0.position())
    }

    /// Follows the feed for all streams, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.0.follow(&stop), self.0.pulse(&stop));
    }

    /// Ends all streams in good order and lets none in any more: the server stops.
    pub fn end(&self) {
        let mut registry = self.0.registry.lock();
        registry.close();
        for (_, seat) in registry.seats() {
            seat.end(EndReason::Shutdown);
        }
    }
}

impl Inner {
    /// How far the feed has been told.
    pub(super) fn position(&self) -> Cursor {
        Cursor(self.position.load(Ordering::Acquire))
    }

    /// The present second, never 0.
    pub(super) fn second(&self) -> u64 {
        self.second.load(Ordering::Relaxed)
    }

    /// Lets a stream go.
    pub(super) fn leave(&self, slot: u32, seat: &Arc<Seat>) {
        self.registry.lock().leave(slot, seat);
    }

    async fn follow(&self, stop: &CancellationToken) {
        let mut failures = StoreFailures::new(
            "cannot follow the changes; live streams tell nothing until it works again",
        );
        while !stop.is_cancelled() {
            let (is_idle, told) = {
                let registry = self.registry.lock();
                (registry.is_idle(), registry.told_at_once())
            };
            if is_idle {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.opened.notified() => continue,
                }
            }
            let after = self.position();
            match self.store.changes(after, changes_for(told)).await {
                Ok(Changes::Batch(changes)) if changes.is_empty() => {
                    failures.over();
                    tokio::select! {
                        () = stop.cancelled() => return,
                        // The position may have moved, where all streams were gone and one came.
                        () = self.opened.notified() => {}
                        () = self.store.wait_for_change(after) => {}
                    }
                }
                Ok(Changes::Batch(changes)) => {
                    self.tell(after, &changes);
                    tokio::task::yield_now().await;
                }
                Ok(Changes::Gap { resume }) => self.skip_to(resume),
                Err(error) => {
                    let wait = failures.another(&error);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Tells the seats of changes that follow `after`.
    fn tell(&self, after: Cursor, changes: &[FeedChange]) {
        let mut registry = self.registry.lock();
        let mut since = after;
        for change in changes {
            registry.tell(change, since);
            since = change.cursor;
        }
        // After the telling: whoever sees this position finds what led to it. Before streams of whole
        // tenants are woken: they name the place that they have been told up to.
        self.position.store(since.0, Ordering::Release);
        registry.stir();
    }

    /// The feed has gone on without us.
    fn skip_to(&self, resume: Cursor) {
        let registry = self.registry.lock();
        for (_, seat) in registry.seats() {
            seat.gap();
        }
        self.position.store(resume.0, Ordering::Release);
    }

    /// One timer for all streams: each gets its sign of life in its own second, so that they do not
    /// all wake at once.
    async fn pulse(&self, stop: &CancellationToken) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        seconds.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = seconds.tick() => self.beat(),
            }
        }
    }

    fn beat(&self) {
        let second = self.second.fetch_add(1, Ordering::Relaxed) + 1;
        let mut registry = self.registry.lock();
        registry.trim();
        for (slot, seat) in registry.seats() {
            if u64::from(slot % HEARTBEAT_SECONDS) != second % u64::from(HEARTBEAT_SECONDS) {
                continue;
            }
            if seat.is_stalled(second) {
                // It counts until its reader is gone: what was handed out is still held for it.
                seat.end(EndReason::Slow);
            } else {
                seat.heartbeat();
            }
        }
    }
}
