//! All lanes together: who is told what, who may begin, whose time has come. No I/O and no clock.

mod checks;
mod registry;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId};
use presenced_core::time::Timestamp;
use presenced_store::{Cursor, FeedChange, Revision};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::document::StoredDelivery;
use super::gate::{Door, Gate, StoreRoom};
use super::index::Index;
use super::lane::{Durable, Kind, Lane, Outcome, Resume, ToRead};
use super::limits::{Limits, RECORD_AFTER};
use super::line::Line;
use super::waiting::Entry;
use crate::audience::Audience;
use crate::compose::{ComposeError, Item};
use crate::courier::{Attempt, Class, EndpointFault};
use crate::subscription::{Creator, Subscription};

/// All that is in memory.
pub(crate) struct State {
    lanes: HashMap<SubscriptionId, Lane>,
    shares: HashMap<TenantId, Share>,
    total: usize,
    index: Index,
    gate: Gate,
    store_room: StoreRoom,
    timers: BTreeSet<(Timestamp, SubscriptionId)>,
    /// Lanes to look at, in the order in which something happened to them.
    marked: Line,
    /// Lanes for which something waits or is on its way.
    busy: HashSet<SubscriptionId>,
    /// Who waits for a test.
    tests: HashMap<SubscriptionId, oneshot::Sender<Attempt>>,
    /// Checks of endpoints that stand in line at the gate, by the names they have there; nothing
    /// where nobody waits for it any more.
    checks: HashMap<SubscriptionId, Option<Arc<Notify>>>,
    /// Every change up to here has reached the lanes.
    pub(crate) position: Cursor,
    /// Nothing is sent any more; what stands is still written down.
    pub(crate) stopping: bool,
    limits: Limits,
    audience: Arc<dyn Audience>,
}

/// What one tenant has.
#[derive(Default)]
struct Share {
    ids: BTreeSet<SubscriptionId>,
    applications: HashMap<ApplicationId, usize>,
    /// Who has the one subscription that an application may have for a user.
    delegated: HashSet<Creator>,
}

/// Something to do for a lane, with all that it takes.
pub(crate) struct Flight {
    pub(crate) kind: Kind,
    pub(crate) subscription: Arc<Subscription>,
    /// Where it goes through the gate, if anything is sent.
    pub(crate) door: Option<Door>,
    /// As what its endpoint is known.
    pub(crate) class: Class,
    pub(crate) items: Vec<Item>,
    pub(crate) to_read: Option<ToRead>,
    /// Breaks it off, if anything may.
    cut: Option<CancellationToken>,
    /// What is to be written down before.
    pub(crate) record: DeliveryRecord,
}

impl Flight {
    /// Waits until it is to be broken off, which most never are.
    pub(crate) async fn is_cut(&self) {
        match &self.cut {
            Some(cut) => cut.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

/// How a lane stands, to be written down.
pub(crate) struct DeliveryRecord {
    pub(crate) delivery: StoredDelivery,
    pub(crate) expected: Option<Revision>,
}

/// What comes of looking at the lanes.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) flights: Vec<Flight>,
    /// Subscriptions that are over: their documents can go.
    pub(crate) over: Vec<(TenantId, SubscriptionId)>,
}

impl State {
    pub(crate) fn new(limits: Limits, position: Cursor, audience: Arc<dyn Audience>) -> Self {
        Self {
            lanes: HashMap::new(),
            shares: HashMap::new(),
            total: 0,
            index: Index::default(),
            gate: Gate::default(),
            store_room: StoreRoom::default(),
            timers: BTreeSet::new(),
            marked: Line::default(),
            busy: HashSet::new(),
            tests: HashMap::new(),
            checks: HashMap::new(),
            position,
            stopping: false,
            limits,
            audience,
        }
    }

    // The feed: what is told to whom.

    /// Hands changes to everyone who watches.
    pub(crate) fn push(&mut self, changes: &[FeedChange]) {
        for change in changes {
            let entry = Entry {
                place: change.cursor,
                since: change.change.at,
                item: Item {
                    user: change.user.user,
                    presence: change.change.presence,
                    sequence: change.change.sequence,
                    at: change.change.at,
                },
            };
            for id in self.index.watchers(change.user) {
                if let Some(lane) = self.lanes.get_mut(&id) {
                    lane.push(entry);
                    self.busy.insert(id);
                    self.marked.add(id);
                }
            }
            self.position = change.cursor;
        }
    }

    /// Changes went by that nobody saw; the feed goes on at `resume`.
    pub(crate) fn lost_sight(&mut self, resume: Cursor) {
        for (id, lane) in &mut self.lanes {
            if lane.counts() {
                lane.lost_sight();
                self.busy.insert(*id);
                self.marked.add(*id);
            }
        }
        self.position = resume;
    }

    /// Up to where every subscription that has nothing of its own written down can go on. Where
    /// something waits that is not written down, that is asked for.
    #[must_use]
    pub(crate) fn common_place(&mut self) -> Option<Cursor> {
        let mut place = Some(self.position);
        self.busy.retain(|id| {
            let Some(lane) = self.lanes.get_mut(id) else {
                return false;
            };
            let resume = lane.resume();
            if resume == Resume::Common {
                return false;
            }
            if lane.durable.resume == Resume::Common {
                place = match (place, resume) {
                    (Some(place), Resume::At(own)) => Some(place.min(own)),
                    (None, _) | (_, Resume::Reread | Resume::Common) => None,
                };
                lane.record_by(Timestamp::EPOCH);
                self.marked.add(*id);
            }
            true
        });
        place
    }

    /// Has a lane looked at.
    pub(crate) fn mark(&mut self, id: SubscriptionId) {
        self.marked.add(id);
    }

    // What came of it.

    /// A flight's task has ended, and its place is free.
    pub(crate) fn ended(&mut self, kind: Kind, door: Option<Door>) {
        if kind.message().is_none() {
            self.store_room.leave();
        }
        self.leave(door);
    }

    /// The lane, while there is one.
    pub(crate) fn lane(&mut self, id: SubscriptionId) -> Option<&mut Lane> {
        self.lanes.get_mut(&id)
    }

    /// Something was sent, and this came of it.
    pub(crate) fn sent(
        &mut self,
        flight: &Flight,
        tried: &Result<Attempt, ComposeError>,
        now: Timestamp,
        chance: u64,
    ) {
        let id = flight.subscription.id;
        if flight
            .cut
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
        {
            return self.cut_off(id);
        }
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        let outcome = Outcome::from(tried);
        let is_hurry = self.stopping || !outcome.result.is_taken();
        let wait = if is_hurry {
            Duration::ZERO
        } else {
            RECORD_AFTER
        };
        lane.record_by(now.plus(wait));
        lane.finish(flight.kind, outcome, now, chance);
        if flight.kind == Kind::Test {
            lane.test_wanted = false;
            if let Some(test) = self.tests.remove(&id) {
                let unwritten = |error: ComposeError| Attempt {
                    answer: Err(EndpointFault::Unreachable(error.to_string())),
                    took: Duration::ZERO,
                };
                // Whoever asked may be gone.
                let _gone = test.send(tried.clone().unwrap_or_else(unwritten));
            }
        }
        self.mark(id);
    }

    /// What was on its way was broken off: it goes to the new endpoint.
    pub(crate) fn cut_off(&mut self, id: SubscriptionId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.cut_off();
            self.mark(id);
        }
    }

    /// How a lane stands is written down, as `record` says. Whether there may be more to do for it.
    pub(crate) fn recorded(&mut self, flight: &Flight, revision: Revision) -> bool {
        let id = flight.subscription.id;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        lane.recorded(Durable {
            revision: Some(revision),
            resume: flight.record.delivery.resume,
        });
        let can_do_more = lane.can_do_more();
        if can_do_more {
            self.mark(id);
        }
        can_do_more
    }

    /// The document of a delivery is another one than was thought.
    pub(crate) fn recorded_otherwise(&mut self, id: SubscriptionId, revision: Option<Revision>) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.durable.revision = revision;
        }
    }

    /// What sends nothing has come to an end.
    pub(crate) fn landed(&mut self, id: SubscriptionId, kind: Kind) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.landed(kind);
            self.mark(id);
        }
    }

    /// Nothing is sent any more, and nobody waits for a test; what stands is still written down.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.tests.clear();
        // Has what waits written down, and what was taken.
        let _place = self.common_place();
        for (id, lane) in &mut self.lanes {
            if lane.record_at.is_some() {
                lane.record_by(Timestamp::EPOCH);
                self.marked.add(*id);
            }
        }
    }

    /// How many subscriptions there are, those included of which something is still to be told.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Whether there is no subscription at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The store failed; the lane goes on where it was, later.
    pub(crate) fn put_off(
        &mut self,
        (id, kind): (SubscriptionId, Kind),
        now: Timestamp,
        chance: u64,
    ) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.put_off(kind, now, chance);
            self.mark(id);
        }
    }
}
