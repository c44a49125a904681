//! Deadlines that have come: each due user is ticked at its own instant, in the order of instants.
//!
//! What falls due at one instant is ticked shard by shard, many under one lock, so that a million
//! at once cost little more than the work of each.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use presenced_core::decide::{Change, Command, Decision, decide};
use presenced_core::time::Timestamp;
use presenced_core::view::{next_change, next_instant};

use crate::codec;
use crate::contract::StoreError;
use crate::embedded::deadlines::{Entry, bucket_of, start_of};
use crate::embedded::group::{Group, RecordWrite};
use crate::embedded::packed::INLINE_BYTES;
use crate::embedded::store::Embedded;
use crate::embedded::table::{NOT_INDEXED, Shard, Slot, SlotRef};
use crate::limits::{SLOTS_OPENED_PER_CALL_MAX, TICKS_PER_CALL_MAX, TICKS_PER_LOCK};

/// Deadlines that were taken out of the index and are not ticked yet. A slot may stand here though
/// its deadline has been moved, and more than once: the record says what is true.
#[derive(Default)]
pub(crate) struct Due {
    instants: BTreeMap<Timestamp, Vec<SlotRef>>,
    /// The bucket that was taken out last, and those of its slots that were not looked at yet.
    opening: Option<(u64, Vec<SlotRef>)>,
}

/// One round of ticks, made but not yet known to be committed.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) ticked: usize,
    /// The group of the last tick; those before it stand in this one or an earlier one.
    pub(crate) group: Option<Arc<Group>>,
    /// Why the round ended early, if it did. What was not ticked is still due.
    pub(crate) stopped_by: Option<StoreError>,
    /// When the next presence may change by itself.
    pub(crate) next: Option<Timestamp>,
}

impl Due {
    fn first(&self) -> Option<Timestamp> {
        self.instants.first_key_value().map(|(at, _)| *at)
    }

    fn add(&mut self, at: Timestamp, slots: &[SlotRef]) {
        self.instants
            .entry(at)
            .or_default()
            .extend_from_slice(slots);
    }

    /// Takes slots off the bucket that is being opened, or off `next` where none is: its number and at
    /// most `most` slots. `None` where there is nothing to open.
    fn take_closed(
        &mut self,
        most: usize,
        next: impl FnOnce() -> Option<(u64, Vec<SlotRef>)>,
    ) -> Option<(u64, Vec<SlotRef>)> {
        let (bucket, mut slots) = self.opening.take().or_else(next)?;
        let taken = slots.split_off(slots.len().saturating_sub(most));
        self.opening = Some((bucket, slots)).filter(|(_, slots)| !slots.is_empty());
        Some((bucket, taken))
    }

    /// Takes slots of one shard off the first instant, if that has come: each once, at most `most`.
    fn take(&mut self, now: Timestamp, most: usize) -> Option<(Timestamp, Vec<SlotRef>)> {
        let mut first = self
            .instants
            .first_entry()
            .filter(|first| *first.key() <= now)?;
        let (at, slots) = (*first.key(), first.get_mut());
        let shard = slots.last().map(|slot| slot.shard());
        let last = slots.iter().rev().take(most);
        let alike = last.take_while(|slot| Some(slot.shard()) == shard);
        let mut taken = slots.split_off(slots.len() - alike.count());
        if slots.is_empty() {
            first.remove();
        }
        taken.sort_unstable();
        taken.dedup();
        Some((at, taken))
    }
}

impl Embedded {
    /// Ticks what is due at `now`, at most `at_most` users, under one lock against other rounds.
    pub(crate) fn tick_due(&self, now: Timestamp, at_most: usize) -> Round {
        let mut due = self.expiry.lock();
        if self.state.tend_deadlines() {
            // Everybody stands in the index again.
            *due = Due::default();
        }
        let at_most = at_most.min(TICKS_PER_CALL_MAX);
        let mut round = Round::default();
        // Looks count as well: those whose deadlines were moved may be as many as those who are due.
        let (mut looks, mut room) = (0, SLOTS_OPENED_PER_CALL_MAX);
        while round.ticked < at_most && looks < TICKS_PER_CALL_MAX && round.stopped_by.is_none() {
            if !self.open(now, &mut due, &mut room) {
                break;
            }
            let most = TICKS_PER_LOCK.min(at_most - round.ticked);
            let Some((at, slots)) = due.take(now, most) else {
                break;
            };
            looks += slots.len();
            match self.tick(at, &slots) {
                Ok((ticked, group)) => {
                    round.ticked += ticked;
                    round.group = group.or(round.group);
                }
                Err(error) => {
                    due.add(at, &slots);
                    round.stopped_by = Some(error);
                }
            }
        }
        let opening = due.opening.as_ref().map(|(bucket, _)| start_of(*bucket));
        let firsts = [opening, due.first(), self.state.deadlines.earliest()];
        round.next = firsts.into_iter().flatten().min();
        round
    }

    /// Takes buckets out of the index while the earliest of them may hold something that is due
    /// before what was taken out already. `false` where there was not `room` for all their slots.
    fn open(&self, now: Timestamp, due: &mut Due, room: &mut usize) -> bool {
        loop {
            let first = due.first().map_or(now, |first| first.min(now));
            let next = || self.state.deadlines.take_due(first);
            let Some((bucket, mut slots)) = due.take_closed(*room, next) else {
                return true;
            };
            *room -= slots.len();
            slots.sort_unstable();
            for alike in slots.chunk_by(|one, next| one.shard() == next.shard()) {
                self.open_slots(bucket, alike, due);
            }
            if due.opening.is_some() {
                return false;
            }
        }
    }

    /// Notes for slots of one shard, which stood in this bucket, when they are due. Where the slot's
    /// note says something else, the entry was stale.
    fn open_slots(&self, bucket: u64, slots: &[SlotRef], due: &mut Due) {
        let Some(first) = slots.first() else { return };
        self.state.table.in_shard(first.shard(), |shard| {
            for slot_ref in slots {
                let found = shard.slot_mut(*slot_ref);
                let Some(slot) = found.filter(|slot| slot.stands_in(bucket)) else {
                    continue;
                };
                due.add(Timestamp::from_millis(slot.indexed_at), &[*slot_ref]);
                slot.indexed_at = NOT_INDEXED;
            }
        });
    }

    /// Ticks those of these slots, all of one shard, whose presence changes by itself at `at`, and
    /// puts the others where they belong. How many were ticked; all of them are, or none.
    fn tick(
        &self,
        at: Timestamp,
        slots: &[SlotRef],
    ) -> Result<(usize, Option<Arc<Group>>), StoreError> {
        let Some(first) = slots.first() else {
            return Ok((0, None));
        };
        self.state.table.in_shard(first.shard(), |shard| {
            let mut ticks = Ticks::new(slots.len());
            shard.fetch(slots);
            for slot_ref in slots {
                if let Some(slot) = shard.slot_mut(*slot_ref) {
                    ticks.decide(at, *slot_ref, slot);
                }
            }
            let logged = match &*ticks.writes(shard) {
                [] => Ok(None),
                writes => self.log(writes),
            };
            if logged.is_ok() {
                ticks.store(shard);
            }
            self.state.deadlines.add(&ticks.entries);
            Ok((ticks.made.len(), logged?))
        })
    }
}

impl Slot {
    fn stands_in(&self, bucket: u64) -> bool {
        self.indexed_at != NOT_INDEXED && bucket_of(self.indexed_at) == bucket
    }
}

/// What comes of looking at some slots of one shard.
struct Ticks {
    made: Vec<Tick>,
    /// The new records of all.
    bytes: Vec<u8>,
    /// Where slots are to stand in the index.
    entries: Vec<Entry>,
}

/// One tick that was decided.
struct Tick {
    slot: SlotRef,
    /// Where its record stands in [`Ticks::bytes`].
    bytes: Range<usize>,
    change: Option<Change>,
    as_of: Timestamp,
    /// When the presence changes by itself the next time.
    due: Option<Timestamp>,
}

impl Ticks {
    fn new(slots: usize) -> Self {
        Self {
            made: Vec::with_capacity(slots),
            bytes: Vec::with_capacity(slots * INLINE_BYTES),
            entries: Vec::with_capacity(slots),
        }
    }

    /// Decides what becomes of a slot at `at`.
    fn decide(&mut self, at: Timestamp, slot_ref: SlotRef, slot: &mut Slot) {
        let record = match slot.record() {
            Ok(record) => record,
            Err(error) => {
                // It would be in the way of all others for ever.
                tracing::error!(%error, "a presence can no longer change by itself");
                return;
            }
        };
        // Where nothing happens up to `at`, the deadline was moved, as a keep-alive does.
        let may_be_due = next_instant(&record, record.as_of).is_some_and(|next| next <= at);
        // A tick is never refused; should the rules learn to, there is nothing to be told.
        if may_be_due && let Ok(Some(decision)) = decide(&record, &Command::Tick, at) {
            return self.make(slot_ref, &decision);
        }
        let due = next_change(&record, at);
        self.entries
            .extend(Entry::needed(slot_ref, &mut slot.indexed_at, due));
    }

    fn make(&mut self, slot: SlotRef, decision: &Decision) {
        let Decision { record, change } = decision;
        let start = self.bytes.len();
        if codec::encode(record, &mut self.bytes).is_none() {
            // A tick takes away from a record and adds nothing.
            return;
        }
        self.made.push(Tick {
            slot,
            bytes: start..self.bytes.len(),
            change: *change,
            as_of: record.as_of,
            due: next_change(record, record.as_of),
        });
    }

    /// What is to be written down.
    fn writes<'a>(&'a self, shard: &'a Shard) -> Vec<RecordWrite<'a>> {
        let writes = self.made.iter().filter_map(|tick| {
            let slot = shard.slot(tick.slot)?;
            Some(RecordWrite {
                user: slot.user(),
                old: slot.bytes(),
                new: self.bytes.get(tick.bytes.clone())?,
                change: tick.change,
                as_of: tick.as_of,
            })
        });
        writes.collect()
    }

    /// Changes memory.
    fn store(&mut self, shard: &mut Shard) {
        for tick in &self.made {
            let bytes = self.bytes.get(tick.bytes.clone());
            if let Some((slot, bytes)) = shard.slot_mut(tick.slot).zip(bytes) {
                slot.store(bytes);
                self.entries
                    .extend(Entry::needed(tick.slot, &mut slot.indexed_at, tick.due));
            }
        }
    }
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
    use presenced_core::status::StatusText;
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

    /// What falls due at one instant is taken out of the index once, however many calls its ticks
    /// take; and who is set anew meanwhile is ticked once, at the new deadline alone where there is
    /// one.
    #[tokio::test]
    async fn many_at_one_instant_are_sorted_out_once() {
        const USERS: u128 = 3000;
        let store = Embedded::in_memory(&Limits::default());
        for number in 0..USERS {
            let session = set(1, SessionState::InACall, 5);
            store.apply(user(1, number), session, at(0)).await.unwrap();
        }
        let now = at(5 * MINUTE);
        assert_eq!(store.expire_due(now, 1).await.unwrap().ticked, 1);
        assert_eq!(store.state.deadlines.entries(), 0);
        // A note changes no deadline, but puts its user into the index a second time.
        for number in 0..USERS {
            let note = Command::SetStatusMessage {
                text: StatusText::new("note").unwrap(),
                expires_at: None,
            };
            store.apply(user(1, number), note, at(0)).await.unwrap();
        }
        let renewed = set(1, SessionState::InACall, 6);
        store.apply(user(1, 7), renewed, at(0)).await.unwrap();
        let mut ticked = 1;
        loop {
            let expired = store.expire_due(now, usize::MAX).await.unwrap();
            ticked += expired.ticked;
            if expired.next != Some(now) {
                break;
            }
        }
        assert!((2999..=3000).contains(&ticked), "{ticked}");
        let rest = store.expire_due(at(6 * MINUTE), 9).await.unwrap();
        assert_eq!((ticked + rest.ticked, rest.next), (3000, None));
    }

    /// A call ends after so many looks also where nobody is ticked: deadlines that were moved are no
    /// reason to keep others waiting.
    #[tokio::test]
    async fn looks_are_bounded() {
        let store = Embedded::in_memory(&Limits::default());
        let users = TICKS_PER_CALL_MAX * 2;
        for number in 0..users {
            for second in [0, 1] {
                let session = set(1, SessionState::InACall, 5);
                let who = user(1, number as u128);
                store.apply(who, session, at(second * 1000)).await.unwrap();
            }
        }
        let now = at(5 * MINUTE);
        let first = store.expire_due(now, usize::MAX).await.unwrap();
        assert_eq!((first.ticked, first.next), (0, Some(now)));
        let left = users - store.state.deadlines.entries();
        assert!((1..=TICKS_PER_CALL_MAX).contains(&left), "{left}");
    }

    /// A call ends as well after so many deadlines were sorted out, ticked or not, and those after it
    /// go on from there.
    #[tokio::test]
    async fn sorting_out_is_bounded() {
        let store = Embedded::in_memory(&Limits::default());
        let users = SLOTS_OPENED_PER_CALL_MAX * 2 + 1;
        for number in 0..users {
            let session = set(1, SessionState::InACall, 5);
            let who = user(1, number as u128);
            store.apply(who, session, at(0)).await.unwrap();
        }
        let now = at(5 * MINUTE);
        for _ in 0..2 {
            let call = store.expire_due(now, usize::MAX).await.unwrap();
            assert_eq!(call.ticked, 0);
            assert!(call.next.is_some_and(|next| next <= now));
        }
        let mut ticked = 0;
        while ticked < users {
            let call = store.expire_due(now, usize::MAX).await.unwrap();
            assert!(call.ticked > 0);
            ticked += call.ticked;
        }
        assert_eq!(store.expire_due(now, 9).await.unwrap().next, None);
    }
}
