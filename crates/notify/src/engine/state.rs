//! All lanes together: who is told what, who may begin, whose time has come. No I/O and no clock.

mod checks;
mod registry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId};
use presenced_core::time::Timestamp;
use presenced_store::{Cursor, FeedChange, Revision};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::document::StoredDelivery;
use super::gate::{Door, Errand, Gate, StoreRoom, Visitor};
use super::index::Index;
use super::lane::{Durable, Kind, Lane, Next, Outcome, Resume, Stage, ToRead, Turn};
use super::limits::{Limits, RECORD_AFTER};
use super::pace::Habit;
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
    /// Lanes to look at, each once.
    due: VecDeque<SubscriptionId>,
    marked: HashSet<SubscriptionId>,
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
            due: VecDeque::new(),
            marked: HashSet::new(),
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
                    if self.marked.insert(id) {
                        self.due.push_back(id);
                    }
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
                if self.marked.insert(*id) {
                    self.due.push_back(*id);
                }
            }
        }
        self.position = resume;
    }

    /// Up to where every subscription that has nothing of its own written down can go on. Where
    /// something waits that is not written down, that is asked for.
    #[must_use]
    pub(crate) fn common_place(&mut self) -> Option<Cursor> {
        let mut place = Some(self.position);
        let mut unwritten = Vec::new();
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
                unwritten.push(*id);
            }
            true
        });
        for id in unwritten {
            self.mark(id);
        }
        place
    }

    // Time and turns: what is to be done now.

    /// Has a lane looked at.
    pub(crate) fn mark(&mut self, id: SubscriptionId) {
        if self.marked.insert(id) {
            self.due.push_back(id);
        }
    }

    /// Looks at every lane that something happened to, or whose time has come.
    pub(crate) fn work(&mut self, now: Timestamp) -> Work {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.timer = None;
            }
            self.mark(id);
        }
        let mut work = Work::default();
        loop {
            while let Some(id) = self.due.pop_front() {
                self.marked.remove(&id);
                self.look(id, now, &mut work);
            }
            let Some(id) = self.store_room.next() else {
                return work;
            };
            self.look(id, now, &mut work);
        }
    }

    /// When a lane's time comes next.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn look(&mut self, id: SubscriptionId, now: Timestamp, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        let mut next = lane.next(now);
        let timer = loop {
            match next {
                Next::Go(kind) => {
                    if !self.takes_up(id, kind, now, work) {
                        break self.lanes.get(&id).and_then(|lane| lane.deadline(now));
                    }
                }
                Next::Over => return self.over(id, now, work),
                Next::At(at) => break Some(at),
                Next::Nothing => break None,
            }
            let Some(lane) = self.lanes.get_mut(&id) else {
                return;
            };
            next = lane.next(now);
        };
        self.set_timer(id, timer);
        self.leave_unused(id);
    }

    /// Begins something, or has it stand in line, or finds that it is not to be sent now. Whether
    /// something else may be done beside it.
    fn takes_up(
        &mut self,
        id: SubscriptionId,
        kind: Kind,
        now: Timestamp,
        work: &mut Work,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        if self.stopping && kind != Kind::Record {
            let can_write = lane.flight.is_none() && lane.record_at.is_some();
            return can_write && self.begin_at_store(id, Kind::Record, now, work);
        }
        let Some(door) = door(lane, kind) else {
            return self.begin_at_store(id, kind, now, work);
        };
        if lane.heed(self.audience.as_ref(), kind, now) {
            return true;
        }
        let errand = kind.errand();
        let held = lane.turn(errand).take();
        let is_in = held.as_ref() == Some(&door);
        if !is_in {
            self.leave(held);
        }
        let is_in = is_in || self.gate.enter(&door, Visitor { id, errand });
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        if is_in {
            let lane = (lane, self.position);
            work.flights.push(begin(lane, kind, Some(door), now));
        } else {
            *lane.turn(errand) = Turn::Waits(door);
        }
        true
    }

    /// Gives back the turns that a lane has and does not want any more. It may still want one while
    /// something is being written, and that of its notifications while it reads what to tell or has
    /// not ended a writing.
    fn leave_unused(&mut self, id: SubscriptionId) {
        for errand in [Errand::Notification, Errand::Notice] {
            let lane = self.lanes.get_mut(&id).filter(|lane| {
                let sends_nothing = matches!(lane.flight, Some(Kind::Reread | Kind::Record));
                let may_want = sends_nothing && errand == Errand::Notification;
                !lane.is_writing() && !may_want
            });
            let unused = lane.and_then(|lane| lane.turn(errand).take());
            self.leave(unused);
        }
    }

    /// A lane's time is over: it tells what is left to tell, and is forgotten.
    fn over(&mut self, id: SubscriptionId, now: Timestamp, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.stage == Stage::Live {
            lane.ends(now);
            let subscription = Arc::clone(&lane.subscription);
            self.give_back(&subscription);
            self.tests.remove(&id);
            self.set_timer(id, None);
            return self.mark(id);
        }
        work.over.push((lane.subscription.tenant, id));
        self.remove(id);
    }

    /// Begins something that sends nothing, if there is room; otherwise the lane is looked at again
    /// when there is.
    fn begin_at_store(
        &mut self,
        id: SubscriptionId,
        kind: Kind,
        now: Timestamp,
        work: &mut Work,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return false;
        };
        let has_room = self.store_room.enter(id);
        if has_room {
            let lane = (lane, self.position);
            work.flights.push(begin(lane, kind, None, now));
        }
        has_room
    }

    fn set_timer(&mut self, id: SubscriptionId, timer: Option<Timestamp>) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.timer == timer {
            return;
        }
        if let Some(old) = lane.timer {
            self.timers.remove(&(old, id));
        }
        lane.timer = timer;
        self.timers.extend(timer.map(|at| (at, id)));
    }

    /// A door is free again: those in line have their turn.
    fn leave(&mut self, door: Option<Door>) {
        let mut free: Vec<Door> = door.into_iter().collect();
        while let Some(door) = free.pop() {
            for (door, visitor) in self.gate.leave(&door) {
                let Visitor { id, errand } = visitor;
                if let Some(lane) = self.lanes.get_mut(&id) {
                    *lane.turn(errand) = Turn::Through(door);
                    self.mark(id);
                } else if errand != Errand::Check || !self.has_turn(id) {
                    // It ended in line.
                    free.push(door);
                }
            }
        }
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
        let mut unwritten = Vec::new();
        for (id, lane) in &mut self.lanes {
            if lane.record_at.is_some() {
                lane.record_by(Timestamp::EPOCH);
                unwritten.push(*id);
            }
        }
        for id in unwritten {
            self.mark(id);
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

fn begin(
    (lane, position): (&mut Lane, Cursor),
    kind: Kind,
    door: Option<Door>,
    now: Timestamp,
) -> Flight {
    lane.begin(kind, now);
    let delivery = StoredDelivery::of(lane, position);
    if delivery.resume == Resume::Common {
        // From now on the document may say so, long before it is known that it does.
        lane.durable.resume = Resume::Common;
    }
    let items = lane.flying.iter().filter(|_| kind == Kind::Notify);
    Flight {
        kind,
        subscription: Arc::clone(&lane.subscription),
        class: door.as_ref().map_or(Class::Unknown, Door::class),
        door,
        items: items.map(|entry| entry.item).collect(),
        to_read: lane.to_read().filter(|_| kind == Kind::Reread),
        cut: lane.cut.clone().filter(|_| kind.errand() != Errand::Notice),
        record: DeliveryRecord {
            delivery,
            expected: lane.durable.revision,
        },
    }
}

/// The door that something goes through, if it is sent anywhere.
fn door(lane: &Lane, kind: Kind) -> Option<Door> {
    let subscription = &lane.subscription;
    let (url, failures, habit) = match kind {
        Kind::Lifecycle(_) => (
            subscription.lifecycle_notification_url.as_ref()?,
            &lane.notices.failures,
            // They are too few to learn from.
            Habit::New,
        ),
        Kind::Notify | Kind::Test => (&subscription.notification_url, &lane.failures, lane.habit),
        Kind::Reread | Kind::Record => return None,
    };
    let class = if failures.in_a_row > 0 {
        Class::Failing
    } else {
        habit.class()
    };
    Some(Door::new(url, class))
}
