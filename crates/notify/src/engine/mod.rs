//! Subscriptions and their delivery: the engine.
//!
//! [`Notifier`] is all that others see. Below it, `lane.rs` is the delivery to one subscription as
//! a state machine without I/O, `state.rs` holds all lanes and says what is to be done, and
//! `deliver.rs` does it.

mod check;
mod deliver;
mod document;
mod gate;
mod index;
mod lane;
pub mod limits;
mod line;
mod notices;
mod open;
mod pace;
mod request;
mod rounds;
mod state;
mod waiting;

use std::sync::Arc;

use parking_lot::Mutex;
use presenced_core::id::{SubscriptionId, TenantId};
use presenced_core::time::{Clock, Timestamp};
use presenced_store::{Cursor, DocumentKind, Store, StoreError, StoreFailures};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audience::Audience;
use crate::compose::Compose;
use crate::courier::{Attempt, Courier};
use crate::subscription::Subscription;
use check::CheckError;
use document::StoredSubscription;
use lane::Lane;
use limits::Limits;
use notices::end;
use state::State;

pub use request::{
    AttemptResult, ChangeError, Changes, CreateError, DeliveryState, DeliveryStatus, Draft,
    Endpoint, LastAttempt, Message, Page, RemovedBy, TestError,
};

/// Where randomness comes from: unguessable, for it names subscriptions.
pub type Chance = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What the engine works with.
pub struct Seams {
    /// Where subscriptions are kept, and the changes come from.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who goes to the endpoints.
    pub courier: Arc<dyn Courier>,
    /// Who writes the messages.
    pub composer: Arc<dyn Compose>,
    /// Who may be told, and of whom.
    pub audience: Arc<dyn Audience>,
    /// Names of subscriptions, and how retries are spread.
    pub chance: Chance,
}

/// What can be set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How many subscriptions there may be.
    pub limits: Limits,
}

/// Subscriptions to change notifications, and their delivery. A handle: clones are the same engine.
#[derive(Clone)]
pub struct Notifier {
    inner: Arc<Inner>,
}

/// Locks that see to it that a subscription is changed by one at a time.
const STRIPES: usize = 64;

struct Inner {
    seams: Seams,
    state: Mutex<State>,
    /// Something is to be looked at.
    wake: Notify,
    /// One round at a time: whoever has waited for one finds all that was committed handed over.
    round: tokio::sync::Mutex<Rounds>,
    changing: [tokio::sync::Mutex<()>; STRIPES],
    /// Deliveries of which the store failed to keep or to tell something: one log for all of them.
    failures: Mutex<StoreFailures>,
    tasks: TaskTracker,
    /// Ends the tasks that do not end in time.
    cut: CancellationToken,
}

/// What goes from round to round.
struct Rounds {
    /// The common place as it is written down.
    written: Cursor,
    /// Its document.
    revision: Option<presenced_store::Revision>,
    /// When it was last written.
    written_at: Timestamp,
    /// That it cannot be.
    failures: StoreFailures,
}

impl Notifier {
    /// Answers once this subscription is stored: every change from then on is told. Its endpoints
    /// are asked first whether they want that, each once for what it is named for, also when both
    /// are the same (contract section 4.4); none is asked for a subscription that has no room.
    ///
    /// Whoever drops this while endpoints are asked ends the asking, and nothing is made. What is
    /// stored is stored wholly, whatever becomes of whoever asked for it.
    pub async fn create(&self, draft: Draft) -> Result<Arc<Subscription>, CreateError> {
        // What has ended makes room.
        self.inner.begin_what_is_due();
        {
            let state = self.inner.state.lock();
            state.check_room(draft.tenant, &draft.creator, &draft.resource)?;
        }
        let endpoints = [
            (Endpoint::Notification, Some(&draft.notification_url)),
            (
                Endpoint::Lifecycle,
                draft.lifecycle_notification_url.as_ref(),
            ),
        ];
        for (which, url) in endpoints {
            if let Some(url) = url {
                let checked = self.inner.check(url).await;
                checked.map_err(|error| match error {
                    CheckError::Busy => CreateError::Busy,
                    CheckError::Fault(fault) => CreateError::Endpoint { which, fault },
                })?;
            }
        }
        let inner = Arc::clone(&self.inner);
        self.finish(async move { inner.store_new(draft).await })
            .await?
    }

    /// A subscription of this tenant, while it exists.
    pub fn get(&self, tenant: TenantId, id: SubscriptionId) -> Option<Arc<Subscription>> {
        let now = self.inner.now();
        let state = self.inner.state.lock();
        let lane = state.live(tenant, id, now)?;
        Some(Arc::clone(&lane.subscription))
    }

    /// The subscriptions of a tenant after `after` that `which` wants, at most `at_most`, ordered by
    /// id.
    pub fn list(
        &self,
        tenant: TenantId,
        after: Option<SubscriptionId>,
        at_most: usize,
        which: &dyn Fn(&Subscription) -> bool,
    ) -> Page {
        let now = self.inner.now();
        let state = self.inner.state.lock();
        state.list((tenant, now), after, at_most, which)
    }

    /// Changes a subscription, and answers what it is then. A new notification URL is checked first.
    pub async fn change(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        changes: Changes,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let before = self.get(tenant, id).ok_or(ChangeError::NotFound)?;
        if let Some(url) = &changes.notification_url
            && *url != before.notification_url
        {
            let checked = self.inner.check(url).await;
            checked.map_err(|error| match error {
                CheckError::Busy => ChangeError::Busy,
                CheckError::Fault(fault) => ChangeError::Endpoint(fault),
            })?;
        }
        let inner = Arc::clone(&self.inner);
        self.finish(async move { inner.store_change(tenant, id, changes).await })
            .await?
    }

    /// Lets deliveries go on until the end of another token (contract section 4.8).
    pub async fn reauthorize(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        authorized_until: Timestamp,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let changes = Changes {
            authorized_until: Some(authorized_until),
            ..Changes::default()
        };
        self.change(tenant, id, changes).await
    }

    /// Removes a subscription. `false` where there was none.
    pub async fn delete(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        by: RemovedBy,
    ) -> Result<bool, StoreError> {
        let inner = Arc::clone(&self.inner);
        self.finish(async move { inner.store_removal(tenant, id, by).await })
            .await?
    }

    /// How a subscription's notifications get there.
    pub fn status(&self, tenant: TenantId, id: SubscriptionId) -> Option<DeliveryStatus> {
        let now = self.inner.now();
        let state = self.inner.state.lock();
        Some(state.live(tenant, id, now)?.status(now))
    }

    /// Sends the present state of one user whom the subscription watches, whether or not it changed
    /// and whether or not tries have failed, and answers what came of it. It takes its turn: it
    /// and a notification are never under way at once to one subscription.
    pub async fn send_test(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
    ) -> Result<Attempt, TestError> {
        let now = self.inner.now();
        let answer = self.inner.state.lock().want_test(tenant, id, now)?;
        self.inner.wake.notify_one();
        answer.await.map_err(|_| {
            if self.inner.state.lock().stopping {
                TestError::Stopped
            } else {
                TestError::Ended
            }
        })
    }

    /// Says that the clock was moved: what was far off may be due.
    pub fn clock_moved(&self) {
        self.inner.wake.notify_one();
    }

    /// How far the feed has been followed; none where there is no subscription.
    pub fn followed(&self) -> Option<Cursor> {
        let state = self.inner.state.lock();
        (!state.is_empty()).then_some(state.position)
    }

    /// Hands every change that is committed to delivery, and does what is due by now. It does not
    /// wait for the endpoints.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.inner.round().await
    }

    /// Delivers, until told to stop; then waits a while for what is under way, and writes down where
    /// it stands. The store must not be closed before this has answered.
    pub async fn run(&self, stop: CancellationToken) {
        Arc::clone(&self.inner).run(stop).await;
    }

    /// Runs what must not be left half done, whatever becomes of whoever asked for it.
    async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.inner.tasks.spawn(work).await;
        done.map_err(|broken| StoreError::Unavailable {
            operation: "change the subscriptions",
            source: std::io::Error::other(broken),
        })
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.seams.clock.now()
    }

    async fn store_new(self: &Arc<Self>, draft: Draft) -> Result<Arc<Subscription>, CreateError> {
        // What has ended makes room.
        self.begin_what_is_due();
        let newest = self.seams.store.newest().await?;
        let id = self.new_id();
        let subscription = Arc::new(draft.into_subscription(id, self.now()));
        let after = {
            let mut state = self.state.lock();
            state.reserve(Arc::clone(&subscription), newest)?
        };
        let stored = StoredSubscription {
            granted_at: subscription.created_at,
            subscription: Subscription::clone(&subscription),
            after,
            removed_at: None,
        };
        let key = document::key(DocumentKind::Subscription, subscription.tenant, id);
        let body = stored.encode();
        match self.seams.store.put_document(&key, None, &body).await {
            Ok(revision) => self.state.lock().activate(id, revision),
            Err(error) => {
                self.state.lock().remove(id);
                return Err(error.into());
            }
        }
        self.wake.notify_one();
        Ok(subscription)
    }

    /// A random GUID (RFC 9562 §5.4).
    fn new_id(&self) -> SubscriptionId {
        let random = (self.seams.chance)();
        let versioned = random & !(0xf << 76) | 0x4 << 76;
        SubscriptionId::from_u128(versioned & !(0x3 << 62) | 0x2 << 62)
    }

    async fn store_change(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        changes: Changes,
    ) -> Result<Arc<Subscription>, ChangeError> {
        let _one_at_a_time = self.changing(id).lock().await;
        let now = self.now();
        let (subscription, stored, revision) = {
            let state = self.state.lock();
            let lane = state.live(tenant, id, now).ok_or(ChangeError::NotFound)?;
            let subscription = changes.applied_to(&lane.subscription);
            let stored = with_change(lane, &subscription, now);
            (subscription, stored, lane.revision)
        };
        let key = document::key(DocumentKind::Subscription, tenant, id);
        let (store, body) = (&self.seams.store, stored.encode());
        let revision = store.put_document(&key, revision, &body).await?;
        let subscription = Arc::new(subscription);
        let there = self.state.lock().changed(&subscription, revision, now);
        self.wake.notify_one();
        there.then_some(subscription).ok_or(ChangeError::NotFound)
    }

    async fn store_removal(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        by: RemovedBy,
    ) -> Result<bool, StoreError> {
        let _one_at_a_time = self.changing(id).lock().await;
        let now = self.now();
        let (mut stored, revision) = {
            let state = self.state.lock();
            let Some(lane) = state.live(tenant, id, now) else {
                return Ok(false);
            };
            let subscription = Subscription::clone(&lane.subscription);
            (StoredSubscription::of(lane, subscription), lane.revision)
        };
        let store = &self.seams.store;
        let key = document::key(DocumentKind::Subscription, tenant, id);
        let lifecycle_url = &stored.subscription.lifecycle_notification_url;
        if by == RemovedBy::Administrator && lifecycle_url.is_some() {
            stored.removed_at = Some(now);
            let body = stored.encode();
            let revision = store.put_document(&key, revision, &body).await?;
            self.state.lock().removed(id, revision, now);
        } else {
            store.delete_document(&key).await?;
            self.state.lock().remove(id);
            self.forget_delivery(tenant, id).await;
        }
        self.wake.notify_one();
        Ok(true)
    }

    fn changing(&self, id: SubscriptionId) -> &tokio::sync::Mutex<()> {
        let [first, rest @ ..] = &self.changing;
        let number = usize::try_from(id.as_u128() % STRIPES as u128).unwrap_or(0);
        rest.get(number).unwrap_or(first)
    }
}

/// The document of a subscription that is changed at `now`.
fn with_change(lane: &Lane, subscription: &Subscription, now: Timestamp) -> StoredSubscription {
    let mut stored = StoredSubscription::of(lane, subscription.clone());
    if end(subscription) != end(&lane.subscription) {
        stored.granted_at = now;
    }
    stored
}
