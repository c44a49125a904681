//! Subscriptions: who is there, and how they come, change and go.

use std::ops::Bound;
use std::sync::Arc;

use presenced_core::id::{SubscriptionId, TenantId};
use presenced_core::time::Timestamp;
use presenced_store::{Cursor, Revision};
use tokio::sync::oneshot;

use super::super::gate::{Errand, Visitor};
use super::super::lane::{Kind, Lane, Resume, Stage, Turn};
use super::super::request::{CreateError, Page, TestError};
use super::State;
use super::turns::door;
use crate::courier::Attempt;
use crate::subscription::{Creator, Resource, Subscription};

impl State {
    /// Takes a place for a new subscription, if there is one; from here on changes wait for it. The
    /// answer is from where on.
    pub(crate) fn reserve(
        &mut self,
        subscription: Arc<Subscription>,
        newest: Cursor,
    ) -> Result<Cursor, CreateError> {
        let one = &subscription;
        self.check_room(one.tenant, &one.creator, &one.resource)?;
        if self.is_empty() {
            // For nobody the feed was not read.
            self.position = newest;
        }
        // The feed may have been read further than `newest` meanwhile.
        let after = newest.max(self.position);
        let granted_at = subscription.created_at;
        self.insert(Lane::new(subscription, granted_at, after));
        Ok(after)
    }

    /// Whether there is a place for a new subscription.
    pub(crate) fn check_room(
        &self,
        tenant: TenantId,
        creator: &Creator,
        resource: &Resource,
    ) -> Result<(), CreateError> {
        let limits = &self.limits;
        let share = self.shares.get(&tenant);
        if creator.user.is_some() && share.is_some_and(|share| share.delegated.contains(creator)) {
            return Err(CreateError::Exists);
        }
        let of_application = share.and_then(|share| share.applications.get(&creator.application));
        let in_tenant = share.map_or(0, |share| share.ids.len());
        let full = if of_application.is_some_and(|count| *count >= limits.per_application) {
            "this application has as many subscriptions in this tenant as it may have; delete some"
        } else if in_tenant >= limits.per_tenant {
            "this tenant has as many subscriptions as it may have; delete some"
        } else if self.total >= limits.total {
            "the server has as many subscriptions as it may have; delete some"
        } else if self.index.watched() + resource.room() > limits.watched {
            "the subscriptions of the server watch as many users as they may; delete some"
        } else {
            return Ok(());
        };
        Err(CreateError::LimitReached(full))
    }

    /// Adds a lane, whatever the limits say.
    pub(crate) fn insert(&mut self, lane: Lane) {
        let subscription = Arc::clone(&lane.subscription);
        let id = subscription.id;
        if lane.counts() {
            self.index.add(&subscription);
            self.total += 1;
            let share = self.shares.entry(subscription.tenant).or_default();
            share.ids.insert(id);
            let creator = subscription.creator;
            *share.applications.entry(creator.application).or_default() += 1;
            if creator.user.is_some() {
                share.delegated.insert(creator);
            }
        }
        if lane.resume() != Resume::Common {
            self.busy.insert(id);
        }
        self.lanes.insert(id, lane);
        self.mark(id);
    }

    /// The subscription exists from now on.
    pub(crate) fn activate(&mut self, id: SubscriptionId, revision: Revision) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.revision = Some(revision);
            lane.stage = Stage::Live;
        }
        self.mark(id);
    }

    /// Forgets a lane.
    pub(crate) fn remove(&mut self, id: SubscriptionId) {
        let Some(mut lane) = self.lanes.remove(&id) else {
            return;
        };
        if lane.counts() {
            self.give_back(&lane.subscription);
        }
        if let Some(timer) = lane.timer {
            self.timers.remove(&(timer, id));
        }
        self.busy.remove(&id);
        self.tests.remove(&id);
        self.leave(lane.turn.take());
        self.leave(lane.notice_turn.take());
    }

    /// Nobody watches for it any more, and its place is free.
    pub(super) fn give_back(&mut self, subscription: &Subscription) {
        self.index.remove(subscription);
        self.total -= 1;
        let Some(share) = self.shares.get_mut(&subscription.tenant) else {
            return;
        };
        let creator = subscription.creator;
        share.ids.remove(&subscription.id);
        share.delegated.remove(&creator);
        if let Some(count) = share.applications.get_mut(&creator.application) {
            *count -= 1;
            if *count == 0 {
                share.applications.remove(&creator.application);
            }
        }
        if share.ids.is_empty() {
            self.shares.remove(&subscription.tenant);
        }
    }

    /// A subscription's lane while the subscription exists.
    pub(crate) fn live(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        now: Timestamp,
    ) -> Option<&Lane> {
        let lane = self.lanes.get(&id)?;
        let one = &lane.subscription;
        let live = lane.stage == Stage::Live && one.tenant == tenant && now < one.expires_at;
        live.then_some(lane)
    }

    /// Those after `after` that `which` wants, ordered by id.
    pub(crate) fn list(
        &self,
        (tenant, now): (TenantId, Timestamp),
        after: Option<SubscriptionId>,
        at_most: usize,
        which: &dyn Fn(&Subscription) -> bool,
    ) -> Page {
        let Some(share) = self.shares.get(&tenant) else {
            return Page::default();
        };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = share.ids.range((start, Bound::Unbounded));
        let mut found = ids
            .filter_map(|id| self.live(tenant, *id, now))
            .map(|lane| &lane.subscription)
            .filter(|one| which(one));
        Page {
            subscriptions: found.by_ref().take(at_most).cloned().collect(),
            more: found.next().is_some(),
        }
    }

    /// A subscription was changed and stored so. Whether it is still there: it may have ended while
    /// it was stored, and then its document goes, whatever it says now.
    pub(crate) fn changed(
        &mut self,
        subscription: &Arc<Subscription>,
        revision: Revision,
        now: Timestamp,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(&subscription.id) else {
            return false;
        };
        lane.revision = Some(revision);
        if lane.stage != Stage::Live {
            return false;
        }
        let is_other_url = lane.subscription.notification_url != subscription.notification_url;
        lane.changed(Arc::clone(subscription), now);
        // Of a new URL nothing is known: it does not stand in line with those like the old one.
        let door = door(lane, Kind::Notify);
        if let Turn::Waits(old) = &lane.turn
            && is_other_url
            && door.as_ref() != Some(old)
        {
            let visitor = Visitor {
                id: subscription.id,
                errand: Errand::Notification,
            };
            self.gate.quit(old, visitor);
            lane.turn = Turn::None;
        }
        self.mark(subscription.id);
        true
    }

    /// An administrator removed a subscription, and that is stored.
    pub(crate) fn removed(&mut self, id: SubscriptionId, revision: Revision, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        lane.revision = Some(revision);
        // Its time may have ended while that was stored, and then its place is free already.
        let had_place = lane.counts();
        lane.removed(now);
        if had_place {
            let subscription = Arc::clone(&lane.subscription);
            self.give_back(&subscription);
        }
        self.busy.remove(&id);
        self.tests.remove(&id);
        self.mark(id);
    }

    /// Somebody wants to see a test.
    pub(crate) fn want_test(
        &mut self,
        tenant: TenantId,
        id: SubscriptionId,
        now: Timestamp,
    ) -> Result<oneshot::Receiver<Attempt>, TestError> {
        let lane = self.live(tenant, id, now).ok_or(TestError::NotFound)?;
        if self.stopping {
            return Err(TestError::Stopped);
        }
        if now >= lane.subscription.authorized_until {
            return Err(TestError::Unauthorized);
        }
        if !self
            .audience
            .may_be_told(tenant, lane.subscription.creator.application)
        {
            return Err(TestError::Disabled);
        }
        if self.tests.contains_key(&id) {
            return Err(TestError::Busy);
        }
        let (sender, receiver) = oneshot::channel();
        self.tests.insert(id, sender);
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.test_wanted = true;
        }
        self.mark(id);
        Ok(receiver)
    }
}
