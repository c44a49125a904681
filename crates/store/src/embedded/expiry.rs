//! Deadlines that have come: each due user is ticked at its own instant, in the order of instants.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use presenced_core::decide::{Command, decide};
use presenced_core::time::Timestamp;
use presenced_core::view::next_change;

use crate::contract::{Expired, StoreError};
use crate::embedded::deadlines::bucket_of;
use crate::embedded::group::Group;
use crate::embedded::store::Embedded;
use crate::embedded::table::{NOT_INDEXED, SlotRef};
use crate::limits::TICKS_PER_CALL_MAX;

/// One round of ticks, made but not yet known to be committed.
pub(crate) struct Round {
    pub(crate) ticked: usize,
    /// The group of the last tick; those before it stand in this one or an earlier one.
    pub(crate) group: Option<Arc<Group>>,
    /// Why the round ended early, if it did. What was not ticked stands in the index again.
    pub(crate) stopped_by: Option<StoreError>,
}

impl Embedded {
    /// Ticks what is due at `now`, at most `at_most` users, under one lock against other rounds.
    pub(crate) fn tick_due(&self, now: Timestamp, at_most: usize) -> Round {
        let _one_at_a_time = self.expiry.lock();
        self.state.tend_deadlines();
        let at_most = at_most.min(TICKS_PER_CALL_MAX);
        let mut due = BinaryHeap::new();
        let mut round = Round {
            ticked: 0,
            group: None,
            stopped_by: None,
        };
        while round.ticked < at_most && round.stopped_by.is_none() {
            self.gather(now, &mut due);
            let Some(Reverse((at, slot))) = due.pop() else {
                break;
            };
            match self.tick(slot, at) {
                Ok(Ticked::Waits) => {}
                Ok(Ticked::DueAt(at)) if at <= now => due.push(Reverse((at, slot))),
                Ok(Ticked::DueAt(at)) => self.put_back(slot, at),
                // The write has put it into the index with its next deadline, from where it is
                // gathered again if that is due as well.
                Ok(Ticked::Done(group)) => {
                    round.ticked += 1;
                    round.group = group.or(round.group);
                }
                Err(error) => {
                    self.put_back(slot, at);
                    round.stopped_by = Some(error);
                }
            }
        }
        for Reverse((at, slot)) in due {
            self.put_back(slot, at);
        }
        round
    }

    /// Takes buckets out of the index while the earliest of them may hold something that is due
    /// before what is gathered already.
    fn gather(&self, now: Timestamp, due: &mut BinaryHeap<Reverse<(Timestamp, SlotRef)>>) {
        loop {
            let first = due.peek().map_or(now, |Reverse((at, _))| *at);
            let Some((bucket, slots)) = self.state.deadlines.take_due(first.min(now)) else {
                return;
            };
            for slot in slots {
                if let Some(at) = self.true_deadline(slot, bucket) {
                    if at <= now {
                        due.push(Reverse((at, slot)));
                    } else {
                        self.put_back(slot, at);
                    }
                }
            }
        }
    }

    /// When the slot that stood in this bucket is really due; `None` where the entry was stale or
    /// nothing will change any more.
    fn true_deadline(&self, slot: SlotRef, bucket: u64) -> Option<Timestamp> {
        let looked = self.state.table.at_slot(slot, |slot| {
            if slot.indexed_at == NOT_INDEXED || bucket_of(slot.indexed_at) != bucket {
                return None;
            }
            slot.indexed_at = NOT_INDEXED;
            let record = slot.record().ok()?;
            next_change(&record, record.as_of)
        });
        looked.flatten()
    }

    fn put_back(&self, slot: SlotRef, at: Timestamp) {
        self.state.table.at_slot(slot, |found| {
            let indexed_at = &mut found.indexed_at;
            self.state.deadlines.index(slot, indexed_at, Some(at));
        });
    }

    /// Ticks one user at `at`, if that is still when its presence changes by itself.
    fn tick(&self, slot: SlotRef, at: Timestamp) -> Result<Ticked, StoreError> {
        let looked = self.state.table.at_slot(slot, |slot| {
            let record = slot.record()?;
            let due = next_change(&record, record.as_of);
            Ok((slot.user(), due))
        });
        let Some((user, due)) = looked.transpose()? else {
            return Ok(Ticked::Waits);
        };
        match due {
            None => return Ok(Ticked::Waits),
            Some(due) if due != at => return Ok(Ticked::DueAt(due)),
            Some(_) => {}
        }
        self.state.table.at(user, |place| {
            let record = place.record()?;
            // A tick is never refused; should the rules learn to, there is nothing to be told.
            let Ok(Some(decision)) = decide(&record, &Command::Tick, at) else {
                let due = next_change(&record, record.as_of.max(at));
                return Ok(due.map_or(Ticked::Waits, Ticked::DueAt));
            };
            self.write(user, place, &decision).map(Ticked::Done)
        })
    }

    /// What a finished round is answered with.
    pub(crate) fn expired(&self, ticked: usize) -> Expired {
        Expired {
            ticked,
            next: self.state.deadlines.earliest(),
        }
    }
}

/// What a tick came to.
enum Ticked {
    /// Nothing will change by itself, as far as this round is concerned.
    Waits,
    /// It is not due now but then.
    DueAt(Timestamp),
    /// It was ticked.
    Done(Option<Arc<Group>>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::config::Limits;
    use crate::limits::DEADLINE_ENTRIES_PER_USER_MAX;
    use crate::testkit::{MINUTE, at, set, user};
    use presenced_core::preferred::{PreferredLifetime, PreferredState};
    use presenced_core::session::SessionState;
    use std::time::Duration;

    /// A keep-alive, which moves the deadline further away, does not touch the index.
    #[tokio::test]
    async fn keep_alives_cost_no_deadline() {
        let store = Embedded::in_memory(&Limits::default());
        for second in 0..1000 {
            let keep_alive = set(1, SessionState::InACall, 5);
            store
                .apply(user(1, 1), keep_alive, at(second * 1000))
                .await
                .unwrap();
            assert_eq!(
                store.expire_due(at(second * 1000), 9).await.unwrap().ticked,
                0
            );
        }
        assert_eq!(store.state.deadlines.entries(), 1);
        let end = at(999 * 1000 + 5 * MINUTE);
        assert_eq!(store.expire_due(end, 9).await.unwrap().ticked, 1);
        assert_eq!(store.state.deadlines.entries(), 0);
    }

    /// Deadlines that are brought forward again and again leave stale entries behind, but not without
    /// bound, and none is late for it.
    #[tokio::test]
    async fn stale_deadlines_are_swept_out() {
        let store = Embedded::in_memory(&Limits::default());
        let mut ticked = 0;
        for step in 0..10_000 {
            let now = at(step * 100);
            let session = set(1, SessionState::InACall, 240);
            store.apply(user(1, 1), session, now).await.unwrap();
            let preferred = Command::SetPreferred {
                state: PreferredState::Away,
                lifetime: PreferredLifetime::new(Duration::from_millis(70)).unwrap(),
            };
            store.apply(user(1, 1), preferred, now).await.unwrap();
            ticked += store
                .expire_due(at(step * 100 + 70), 9)
                .await
                .unwrap()
                .ticked;
            let most = DEADLINE_ENTRIES_PER_USER_MAX + 1024 + 2;
            assert!(store.state.deadlines.entries() <= most);
        }
        assert_eq!(ticked, 10_000);
        let end = at(9999 * 100 + 240 * MINUTE);
        assert_eq!(store.expire_due(end, 9).await.unwrap().ticked, 1);
    }
}
