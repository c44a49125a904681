//! Time and turns: what is to be done now, and what has to stand in line.

use std::sync::Arc;

use presenced_core::id::SubscriptionId;
use presenced_core::time::Timestamp;
use presenced_store::Cursor;

use super::super::document::StoredDelivery;
use super::super::gate::{Door, Errand, Visitor};
use super::super::lane::{Kind, Lane, Next, Resume, Stage, Turn};
use super::super::pace::Habit;
use super::{DeliveryRecord, Flight, State, Work};
use crate::courier::Class;

impl State {
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
            while let Some(id) = self.marked.next() {
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
    pub(super) fn leave(&mut self, door: Option<Door>) {
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
pub(super) fn door(lane: &Lane, kind: Kind) -> Option<Door> {
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
