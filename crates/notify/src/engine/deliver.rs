//! One lane's doings: write down that something is tried, try it, say what came of it.

use std::sync::Arc;

use bytes::Bytes;
use presenced_core::id::{SubscriptionId, UserId, UserKey};
use presenced_core::record::Record;
use presenced_core::view::view;
use presenced_store::{DocumentKind, StoreError, UserPlace};

use super::Inner;
use super::document;
use super::gate::Door;
use super::lane::{Kind, ToRead};
use super::limits::USERS_PER_READ;
use super::state::Flight;
use crate::compose::{ComposeError, Item};
use crate::courier::Attempt;
use crate::subscription::Resource;

/// Does what a flight says, and reports it.
pub(super) async fn fly(inner: Arc<Inner>, mut flight: Flight) {
    let mut landing = Landing {
        door: flight.door.take(),
        id: flight.subscription.id,
        kind: flight.kind,
        inner: &inner,
        is_safe: false,
    };
    let done = match flight.kind {
        Kind::Record => inner.record(&flight).await.map(|()| inner.landed(&flight)),
        Kind::Reread => inner.reread(&flight).await,
        Kind::Notify | Kind::Lifecycle(_) | Kind::Test => inner.send(&flight).await,
    };
    landing.is_safe = true;
    if let Err(error) = done {
        inner.failures.lock().log(&error);
        inner.put_off(flight.subscription.id, flight.kind);
    }
    let one = &flight.subscription;
    if inner.state.lock().lane(one.id).is_none() {
        // It ended meanwhile, and what was written down of it may have been written after that.
        inner.forget_delivery(one.tenant, one.id).await;
    }
}

/// Frees a flight's place, however it ends: a defect in what it calls must not keep a subscription
/// waiting for ever.
struct Landing<'a> {
    inner: &'a Inner,
    id: SubscriptionId,
    kind: Kind,
    door: Option<Door>,
    is_safe: bool,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if !self.is_safe {
            self.inner.put_off(self.id, self.kind);
        }
        self.inner.state.lock().ended(self.kind, self.door.take());
        self.inner.wake.notify_one();
    }
}

impl Inner {
    /// Writes down how the lane stands: before something is sent, that it is tried.
    async fn record(&self, flight: &Flight) -> Result<(), StoreError> {
        let one = &flight.subscription;
        let key = document::key(DocumentKind::Delivery, one.tenant, one.id);
        let body = flight.record.delivery.encode();
        let store = &self.seams.store;
        let put = store
            .put_document(&key, flight.record.expected, &body)
            .await;
        match put {
            Ok(revision) => {
                let can_do_more = self.state.lock().recorded(flight, revision);
                if can_do_more {
                    self.wake.notify_one();
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, StoreError::Conflict) {
                    // A write of which no answer came was carried out all the same. Its revision is
                    // what the next one has to name.
                    let there = store.get_document(&key).await?;
                    let revision = there.map(|document| document.revision);
                    self.state.lock().recorded_otherwise(one.id, revision);
                }
                Err(error)
            }
        }
    }

    /// The lane goes on where it was, in a while.
    fn put_off(&self, id: SubscriptionId, kind: Kind) {
        let (now, chance) = (self.now(), self.chance());
        self.state.lock().put_off((id, kind), now, chance);
    }

    /// How retries are spread.
    fn chance(&self) -> u64 {
        let chance = (self.seams.chance)();
        u64::try_from(chance & u128::from(u64::MAX)).unwrap_or(0)
    }

    fn landed(&self, flight: &Flight) {
        let id = flight.subscription.id;
        self.state.lock().landed(id, flight.kind);
    }

    /// Sends something. The answer is an error only where the store failed and nothing was sent.
    async fn send(&self, flight: &Flight) -> Result<(), StoreError> {
        let test = match flight.kind {
            Kind::Test => Some(self.test_item(flight).await?),
            Kind::Lifecycle(_) | Kind::Notify | Kind::Reread | Kind::Record => None,
        };
        self.record(flight).await?;
        if self.state.lock().lane(flight.subscription.id).is_none() {
            return Ok(());
        }
        let tried = tokio::select! {
            biased;
            () = flight.is_cut() => {
                self.state.lock().cut_off(flight.subscription.id);
                return Ok(());
            }
            tried = self.attempt(flight, test) => tried,
            // What was sent may have arrived; it is sent again after the next start.
            () = self.cut.cancelled() => return Ok(()),
        };
        if let Err(error) = &tried {
            tracing::warn!(
                subscription = %flight.subscription.id,
                error = error as &dyn std::error::Error,
                "a notification cannot be written; it is tried again like a failed delivery"
            );
        }
        let (now, chance) = (self.now(), self.chance());
        self.state.lock().sent(flight, &tried, now, chance);
        Ok(())
    }

    async fn attempt(&self, flight: &Flight, test: Option<Item>) -> Result<Attempt, ComposeError> {
        let body = self.compose(flight, test).await?;
        let one = &flight.subscription;
        let lifecycle_url = one.lifecycle_notification_url.as_ref();
        let url = match flight.kind {
            Kind::Lifecycle(_) => lifecycle_url.unwrap_or(&one.notification_url),
            Kind::Notify | Kind::Test | Kind::Reread | Kind::Record => &one.notification_url,
        };
        let class = flight.class;
        let attempt = self.seams.courier.post(url.as_str(), body, class).await;
        if !attempt.is_delivered() {
            tracing::debug!(
                subscription = %one.id,
                answer = ?attempt.answer,
                "an endpoint did not take a notification"
            );
        }
        Ok(attempt)
    }

    /// The message. Encrypting takes long enough to hold other tasks up, so that it is done aside.
    async fn compose(&self, flight: &Flight, test: Option<Item>) -> Result<Bytes, ComposeError> {
        let composer = Arc::clone(&self.seams.composer);
        let subscription = Arc::clone(&flight.subscription);
        if let Kind::Lifecycle(event) = flight.kind {
            return composer.lifecycle(&subscription, event);
        }
        let items = test.map_or_else(|| flight.items.clone(), |item| vec![item]);
        if subscription.encryption.is_none() {
            return composer.notification(&subscription, &items);
        }
        tokio::task::spawn_blocking(move || composer.notification(&subscription, &items))
            .await
            .unwrap_or_else(|broken| Err(ComposeError(broken.to_string())))
    }

    /// The present state of one user whom the subscription watches.
    async fn test_item(&self, flight: &Flight) -> Result<Item, StoreError> {
        let one = &flight.subscription;
        let user = match &one.resource {
            Resource::Users(users) => {
                let audience = &self.seams.audience;
                let mut users = users.iter().copied();
                users.find(|user| audience.may_be_shown(one.tenant, *user))
            }
            Resource::Tenant => self.any_user(flight).await?,
        };
        let user = user.unwrap_or(UserId::from_u128(0));
        let key = UserKey {
            tenant: one.tenant,
            user,
        };
        let record = self.seams.store.get(key).await?.unwrap_or_default();
        let item = committed(user, &record);
        if let Some(lane) = self.state.lock().lane(one.id) {
            lane.tells(item);
        }
        Ok(item)
    }

    async fn any_user(&self, flight: &Flight) -> Result<Option<UserId>, StoreError> {
        let mut from = Some(UserPlace::default());
        while let Some(place) = from {
            let store = &self.seams.store;
            let tenant = flight.subscription.tenant;
            let users = store.users(tenant, place, USERS_PER_READ).await?;
            let audience = &self.seams.audience;
            let mut shown = users.users.into_iter();
            if let Some(user) = shown.find(|user| audience.may_be_shown(tenant, *user)) {
                return Ok(Some(user));
            }
            from = users.next;
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    /// Reads the present state of some users, or who the next users are.
    async fn reread(&self, flight: &Flight) -> Result<(), StoreError> {
        let one = &flight.subscription;
        let store = &self.seams.store;
        match &flight.to_read {
            Some(ToRead::From(place)) => {
                let users = store.users(one.tenant, *place, USERS_PER_READ).await?;
                let mut state = self.state.lock();
                if let Some(lane) = state.lane(one.id) {
                    lane.read_some(users.users, users.next);
                }
                state.landed(one.id, flight.kind);
            }
            Some(ToRead::Users(users)) => {
                let records = store.list(one.tenant, users).await?;
                // Of whom nothing was ever set, nothing ever changed.
                let items: Vec<Item> = users
                    .iter()
                    .zip(records)
                    .filter_map(|(user, record)| Some(committed(*user, &record?)))
                    .collect();
                let now = self.now();
                let mut state = self.state.lock();
                if let Some(lane) = state.lane(one.id) {
                    lane.read_users(users.len(), &items, now);
                }
                state.landed(one.id, flight.kind);
            }
            None => self.landed(flight),
        }
        Ok(())
    }
}

/// The state that stands in the record, as of its commit. Not as of now: what is due by now and not
/// committed yet may never come, if a keep-alive from before its instant is committed first; and
/// when it comes, it stands in the feed.
fn committed(user: UserId, record: &Record) -> Item {
    let seen = view(record, record.as_of);
    Item {
        user,
        presence: seen.presence,
        sequence: seen.sequence,
        at: record.as_of,
    }
}
