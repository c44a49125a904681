//! The engine's rounds: read the feed, look at the lanes, send them on their way.

use std::sync::Arc;

use presenced_core::id::{SubscriptionId, TenantId};
use presenced_store::{Changes, Cursor, DocumentKind, StoreError, StoreFailures};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deliver::fly;
use super::document::{self, PLACE_KEY, encode_place};
use super::limits::{DRAIN_MAX, FORGOTTEN_AT_ONCE, PLACE_EVERY, SLEEP_MAX, SLEEP_MIN};
use super::state::Work;
use super::{Inner, Rounds};
use crate::pieces::changes_for;

impl Inner {
    /// Delivers until told to stop.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut failures = StoreFailures::new(
            "cannot follow the changes; notifications wait until it works again",
        );
        while !stop.is_cancelled() {
            let Err(error) = self.round().await else {
                failures.over();
                self.rest(&stop).await;
                continue;
            };
            let wait = failures.another(&error);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.drain().await;
    }

    /// Waits until there is something to do. Without subscriptions no change is, so that writes do
    /// not pay for an engine that nobody uses.
    async fn rest(&self, stop: &CancellationToken) {
        let (position, next, is_idle) = {
            let state = self.state.lock();
            (state.position, state.next_timer(), state.is_empty())
        };
        let until = next.map_or(SLEEP_MAX, |next| next.since(self.now()));
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wake.notified() => {}
            () = self.seams.store.wait_for_change(position), if !is_idle => {}
            () = tokio::time::sleep(until.clamp(SLEEP_MIN, SLEEP_MAX)) => {}
        }
    }

    /// Hands over what is committed, and begins what is due.
    pub(super) async fn round(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut rounds = self.round.lock().await;
        // What is committed when it is called is handed over when it answers; what comes meanwhile
        // is the next round's.
        let newest = self.seams.store.newest().await?;
        // Nothing is sent before the newest is known: after a restart the feed tells once more what
        // was sent before, and nobody may be told an older state after a newer one.
        while self.read(newest).await? {
            tokio::task::yield_now().await;
        }
        self.begin_what_is_due();
        self.write_place(&mut rounds).await;
        Ok(())
    }

    /// Reads on in the feed. Whether there is more up to `newest`.
    async fn read(&self, newest: Cursor) -> Result<bool, StoreError> {
        let (position, at_most) = {
            let state = self.state.lock();
            if state.is_empty() {
                return Ok(false);
            }
            (state.position, changes_for(state.lanes()))
        };
        let changes = self.seams.store.changes(position, at_most).await?;
        let mut state = self.state.lock();
        if state.position != position {
            // The first subscription came meanwhile, and what was before it is nobody's affair.
            return Ok(true);
        }
        match changes {
            Changes::Batch(batch) if batch.is_empty() => return Ok(false),
            Changes::Batch(batch) => state.push(&batch),
            Changes::Gap { resume } => {
                tracing::warn!(
                    "the changes are no longer kept that notifications had to tell next; the \
                     present state of every user is told instead"
                );
                state.lost_sight(resume);
            }
        }
        Ok(state.position < newest)
    }

    /// Looks at every lane that is due, and starts what there is to do.
    pub(super) fn begin_what_is_due(self: &Arc<Self>) {
        let Work { flights, over } = self.state.lock().work(self.now());
        for flight in flights {
            self.tasks.spawn(fly(Arc::clone(self), flight));
        }
        if !over.is_empty() {
            self.tasks.spawn(Arc::clone(self).forget_all(over));
        }
    }

    /// Removes the documents of all these: many subscriptions may end at the same time. So many are
    /// removed at once that they share the store's commits. Whoever stops does not wait for the rest.
    async fn forget_all(self: Arc<Self>, over: Vec<(TenantId, SubscriptionId)>) {
        let mut over = over.into_iter();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < FORGOTTEN_AT_ONCE
                && !self.cut.is_cancelled()
                && let Some((tenant, id)) = over.next()
            {
                let inner = Arc::clone(&self);
                tasks.spawn(async move { inner.forget(tenant, id).await });
            }
            if tasks.join_next().await.is_none() {
                break;
            }
        }
        if over.len() > 0 {
            tracing::info!(
                left = over.len(),
                "subscriptions that have ended are not removed before the stop; the next start will"
            );
        }
    }

    /// Removes the documents of a subscription that is over.
    async fn forget(&self, tenant: TenantId, id: SubscriptionId) {
        let key = document::key(DocumentKind::Subscription, tenant, id);
        if let Err(error) = self.seams.store.delete_document(&key).await {
            // It has ended all the same: the next start finds that its time is over.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                subscription = %id,
                "cannot remove a subscription that has ended; the next start will"
            );
            return;
        }
        self.forget_delivery(tenant, id).await;
    }

    /// Removes the document of a delivery without a subscription. If it cannot be, the next start
    /// does it.
    pub(super) async fn forget_delivery(&self, tenant: TenantId, id: SubscriptionId) {
        let key = document::key(DocumentKind::Delivery, tenant, id);
        if let Err(error) = self.seams.store.delete_document(&key).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                subscription = %id,
                "cannot remove what was kept of a delivery; the next start will"
            );
        }
    }

    /// Writes down the common place in the feed, now and then, where it has moved. Nothing waits for
    /// that: where it fails, it is tried again the next time.
    async fn write_place(&self, rounds: &mut Rounds) {
        let now = self.now();
        if now.since(rounds.written_at) < PLACE_EVERY {
            return;
        }
        rounds.written_at = now;
        if let Err(error) = self.write_place_now(rounds).await {
            rounds.failures.log(&error);
        }
    }

    async fn write_place_now(&self, rounds: &mut Rounds) -> Result<(), StoreError> {
        let place = {
            let mut state = self.state.lock();
            // Without subscriptions nobody goes on from there.
            state.common_place().filter(|_| !state.is_empty())
        };
        let Some(place) = place.filter(|place| *place > rounds.written) else {
            return Ok(());
        };
        let (store, body) = (&self.seams.store, encode_place(place));
        let put = store.put_document(&PLACE_KEY, rounds.revision, &body).await;
        rounds.revision = match put {
            Ok(revision) => Some(revision),
            Err(error) => {
                // A write of which no answer came may have been carried out all the same.
                let there = store.get_document(&PLACE_KEY).await?;
                rounds.revision = there.map(|document| document.revision);
                return Err(error);
            }
        };
        rounds.written = place;
        Ok(())
    }

    /// Nothing more is begun; what is under way has a while to end, and is then cut off. What stands
    /// is written down.
    async fn drain(self: &Arc<Self>) {
        self.state.lock().stop();
        self.tasks.close();
        let drained = tokio::time::timeout(DRAIN_MAX, self.record_what_stands()).await;
        if drained.is_err() {
            self.cut.cancel();
            self.record_what_stands().await;
        }
        let mut rounds = self.round.lock().await;
        if let Err(error) = self.write_place_now(&mut rounds).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot write down how far notifications were sent; the last ones will be repeated"
            );
        }
    }

    /// Waits until nothing is under way and every lane's stand is written down.
    async fn record_what_stands(self: &Arc<Self>) {
        loop {
            self.begin_what_is_due();
            if self.tasks.is_empty() {
                return;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.tasks.wait() => {}
            }
        }
    }
}
