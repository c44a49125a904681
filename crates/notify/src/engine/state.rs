//! All lanes together: who is told what, who may begin, whose time has come. No I/O and no clock.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use presenced_core::id::{ApplicationId, SubscriptionId, TenantId};
use presenced_core::time::Timestamp;
use presenced_store::{Cursor, FeedChange, Revision};
use tokio::sync::oneshot;

use super::document::StoredDelivery;
use super::gate::{Class, Door, Gate};
use super::index::Index;
use super::lane::{Durable, Kind, Lane, Next, Outcome, Resume, Stage, ToRead, Turn};
use super::limits::Limits;
use super::request::{CreateError, Page, TestError};
use super::waiting::Entry;
use crate::compose::Item;
use crate::courier::Attempt;
use crate::subscription::{Creator, Resource, Subscription};

/// All that is in memory.
pub(crate) struct State {
    lanes: HashMap<SubscriptionId, Lane>,
    shares: HashMap<TenantId, Share>,
    total: usize,
    index: Index,
    gate: Gate,
    timers: BTreeSet<(Timestamp, SubscriptionId)>,
    /// Lanes to look at, each once.
    due: VecDeque<SubscriptionId>,
    marked: HashSet<SubscriptionId>,
    /// Lanes for which something waits or is on its way.
    busy: HashSet<SubscriptionId>,
    /// Who waits for a test.
    tests: HashMap<SubscriptionId, oneshot::Sender<Attempt>>,
    /// Every change up to here has reached the lanes.
    pub(crate) position: Cursor,
    /// Nothing is sent any more; what stands is still written down.
    pub(crate) stopping: bool,
    limits: Limits,
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
    pub(crate) items: Vec<Item>,
    pub(crate) to_read: Option<ToRead>,
    /// What is to be written down before.
    pub(crate) record: DeliveryRecord,
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
    pub(crate) fn new(limits: Limits, position: Cursor) -> Self {
        Self {
            lanes: HashMap::new(),
            shares: HashMap::new(),
            total: 0,
            index: Index::default(),
            gate: Gate::default(),
            timers: BTreeSet::new(),
            due: VecDeque::new(),
            marked: HashSet::new(),
            busy: HashSet::new(),
            tests: HashMap::new(),
            position,
            stopping: false,
            limits,
        }
    }

    // Subscriptions: who is there.

    /// Takes a place for a new subscription, if there is one; from here on changes wait for it. The
    /// answer is from where on.
    pub(crate) fn reserve(
        &mut self,
        subscription: Arc<Subscription>,
        newest: Cursor,
    ) -> Result<Cursor, CreateError> {
        self.check_room(&subscription)?;
        // The feed may have been read further than `newest` meanwhile.
        let after = newest.max(self.position);
        let granted_at = subscription.created_at;
        self.insert(Lane::new(subscription, granted_at, after));
        Ok(after)
    }

    fn check_room(&self, subscription: &Subscription) -> Result<(), CreateError> {
        let limits = &self.limits;
        let creator = &subscription.creator;
        let share = self.shares.get(&subscription.tenant);
        if creator.user.is_some() && share.is_some_and(|share| share.delegated.contains(creator)) {
            return Err(CreateError::Exists);
        }
        let of_application = share.and_then(|share| share.applications.get(&creator.application));
        let in_tenant = share.map_or(0, |share| share.ids.len());
        let watched = match &subscription.resource {
            Resource::Users(users) => users.len(),
            Resource::Tenant => 0,
        };
        let full = if of_application.is_some_and(|count| *count >= limits.per_application) {
            "this application has as many subscriptions in this tenant as it may have; delete some"
        } else if in_tenant >= limits.per_tenant {
            "this tenant has as many subscriptions as it may have; delete some"
        } else if self.total >= limits.total {
            "the server has as many subscriptions as it may have; delete some"
        } else if self.index.watched() + watched > limits.watched {
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
        if !matches!(lane.stage, Stage::Removed(_)) {
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
        if !matches!(lane.stage, Stage::Removed(_)) {
            self.give_back(&lane.subscription);
        }
        if let Some(timer) = lane.timer {
            self.timers.remove(&(timer, id));
        }
        self.busy.remove(&id);
        self.tests.remove(&id);
        self.leave(lane.turn.take());
    }

    /// Nobody watches for it any more, and its place is free.
    fn give_back(&mut self, subscription: &Subscription) {
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

    /// A subscription was changed and stored so.
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
        lane.changed(Arc::clone(subscription), now);
        self.mark(subscription.id);
        true
    }

    /// An administrator removed a subscription, and that is stored.
    pub(crate) fn removed(&mut self, id: SubscriptionId, revision: Revision, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        lane.revision = Some(revision);
        lane.removed(now);
        let subscription = Arc::clone(&lane.subscription);
        self.give_back(&subscription);
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
        if now >= lane.subscription.authorized_until {
            return Err(TestError::Unauthorized);
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
            if !matches!(lane.stage, Stage::Removed(_)) {
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
                lane.record_wanted = true;
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
        while let Some(id) = self.due.pop_front() {
            self.marked.remove(&id);
            self.look(id, now, &mut work);
        }
        work
    }

    /// When a lane's time comes next.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn look(&mut self, id: SubscriptionId, now: Timestamp, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        let pass = lane.turn.take();
        let mut timer = lane.deadline(now);
        match lane.next(now) {
            Next::Go(kind) => {
                let door = door(lane, kind);
                if self.stopping {
                    if lane.record_wanted {
                        let lane = (lane, self.position);
                        work.flights.push(begin(lane, Kind::Record, None, now));
                    }
                    self.leave(pass);
                } else if pass.is_some() && pass == door {
                    work.flights
                        .push(begin((lane, self.position), kind, pass, now));
                } else {
                    self.leave(pass);
                    self.knock(id, kind, now, work);
                }
            }
            Next::Over => {
                work.over.push((lane.subscription.tenant, id));
                self.leave(pass);
                return self.remove(id);
            }
            Next::At(at) => {
                timer = Some(at);
                self.leave(pass);
            }
            Next::Nothing => self.leave(pass),
        }
        self.set_timer(id, timer);
    }

    /// Begins something, if the gate lets it through; otherwise it stands in line, and only writes
    /// down where it stands.
    fn knock(&mut self, id: SubscriptionId, kind: Kind, now: Timestamp, work: &mut Work) {
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        let door = door(lane, kind);
        if let Some(door) = &door
            && (lane.turn == Turn::Waits || !self.gate.enter(door, id))
        {
            lane.turn = Turn::Waits;
            if lane.record_wanted {
                work.flights
                    .push(begin((lane, self.position), Kind::Record, None, now));
            }
            return;
        }
        work.flights
            .push(begin((lane, self.position), kind, door, now));
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
    pub(crate) fn leave(&mut self, door: Option<Door>) {
        let mut free: Vec<Door> = door.into_iter().collect();
        while let Some(door) = free.pop() {
            for (door, id) in self.gate.leave(&door) {
                match self.lanes.get_mut(&id) {
                    Some(lane) => {
                        lane.turn = Turn::Through(door);
                        self.mark(id);
                    }
                    // It ended in line.
                    None => free.push(door),
                }
            }
        }
    }

    // What came of it.

    /// The lane, while there is one.
    pub(crate) fn lane(&mut self, id: SubscriptionId) -> Option<&mut Lane> {
        self.lanes.get_mut(&id)
    }

    /// Something was sent, and this came of it.
    pub(crate) fn sent(&mut self, flight: &Flight, attempt: &Attempt, now: Timestamp, chance: u64) {
        let id = flight.subscription.id;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        lane.finish(Outcome::from(attempt), now, chance);
        lane.record_wanted = true;
        if flight.kind == Kind::Test {
            lane.test_wanted = false;
            if let Some(test) = self.tests.remove(&id) {
                // Whoever asked may be gone.
                let _gone = test.send(attempt.clone());
            }
        }
        self.mark(id);
    }

    /// How a lane stands is written down, as `record` says.
    pub(crate) fn recorded(&mut self, flight: &Flight, revision: Revision) {
        if let Some(lane) = self.lanes.get_mut(&flight.subscription.id) {
            lane.durable = Durable {
                revision: Some(revision),
                resume: flight.record.delivery.resume,
            };
        }
    }

    /// The document of a delivery is another one than was thought.
    pub(crate) fn recorded_otherwise(&mut self, id: SubscriptionId, revision: Option<Revision>) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.durable.revision = revision;
        }
    }

    /// What sends nothing has come to an end.
    pub(crate) fn landed(&mut self, id: SubscriptionId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.flight = None;
            self.mark(id);
        }
    }

    /// Nothing is sent any more, and nobody waits for a test; what stands is still written down.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.tests.clear();
        // Has what waits written down.
        let _place = self.common_place();
    }

    /// Whether there is no subscription at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The store failed; the lane goes on where it was, later.
    pub(crate) fn put_off(&mut self, id: SubscriptionId, until: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.put_off(until);
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
    Flight {
        kind,
        subscription: Arc::clone(&lane.subscription),
        door,
        items: lane.flying.iter().map(|entry| entry.item).collect(),
        to_read: lane.to_read().filter(|_| kind == Kind::Reread),
        record: DeliveryRecord {
            delivery: StoredDelivery::of(lane, position),
            expected: lane.durable.revision,
        },
    }
}

/// The door that something goes through, if it is sent anywhere.
fn door(lane: &Lane, kind: Kind) -> Option<Door> {
    let subscription = &lane.subscription;
    let (url, failures) = match kind {
        Kind::Lifecycle(_) => (
            subscription.lifecycle_notification_url.as_ref()?,
            &lane.notices.failures,
        ),
        Kind::Notify | Kind::Test => (&subscription.notification_url, &lane.failures),
        Kind::Reread | Kind::Record => return None,
    };
    let class = if failures.in_a_row > 0 {
        Class::Failing
    } else {
        Class::Sound
    };
    Some(Door::new(url, class))
}
