//! What is in memory: table, deadlines, documents and feed, and how a state is put back.

use std::sync::atomic::{AtomicU64, Ordering};

use presenced_core::id::UserKey;
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_core::view::{next_change, next_instant};

use crate::codec::{self, Unreadable};
use crate::contract::FeedChange;
use crate::embedded::deadlines::Deadlines;
use crate::embedded::documents::Documents;
use crate::embedded::feed::Feed;
use crate::embedded::group::{Undo, UndoStep};
use crate::embedded::table::{NOT_INDEXED, Slot, SlotRef, Table};
use crate::limits::{DEADLINE_ENTRIES_PER_USER_MAX, SNAPSHOT_RECORDS_PER_LOCK};

/// Everything that the store holds in memory.
pub(crate) struct State {
    pub(crate) table: Table,
    pub(crate) deadlines: Deadlines,
    pub(crate) documents: Documents,
    pub(crate) feed: Feed,
    /// The latest time that was committed, a record's `as_of` or one by itself, in milliseconds.
    latest: AtomicU64,
}

impl State {
    /// Nothing yet, with room for so many changes and documents.
    pub(crate) fn new(feed_changes: usize, documents: usize) -> Self {
        Self {
            table: Table::new(),
            deadlines: Deadlines::default(),
            documents: Documents::new(documents),
            feed: Feed::new(feed_changes),
            latest: AtomicU64::new(0),
        }
    }

    /// Tells of what was committed: `latest` is the latest time in it.
    pub(crate) fn publish(&self, changes: &[FeedChange], latest: Timestamp) {
        self.latest.fetch_max(latest.as_millis(), Ordering::Relaxed);
        self.feed.publish(changes);
    }

    pub(crate) fn latest(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Relaxed))
    }

    /// Indexes a slot that has just got this record.
    pub(crate) fn index(&self, slot_ref: SlotRef, slot: &mut Slot, record: &Record) {
        let instant = next_instant(record, record.as_of);
        // A keep-alive ends here, without a look at what each instant would show.
        if instant.is_some_and(|instant| instant.as_millis() < slot.indexed_at) {
            let due = next_change(record, record.as_of);
            self.deadlines.index(slot_ref, &mut slot.indexed_at, due);
        }
    }

    /// Puts a record as it was, or as the journal says; its parsed form is returned. No bytes stand
    /// for no record.
    pub(crate) fn restore(&self, user: UserKey, bytes: &[u8]) -> Result<Record, Unreadable> {
        let record = codec::decode(bytes)?;
        self.table.at(user, |place| {
            if let Some((slot_ref, slot)) = place.put(bytes) {
                self.index(slot_ref, slot, &record);
            }
        });
        Ok(record)
    }

    /// Takes back writes that were never committed, the last first.
    pub(crate) fn undo(&self, undo: Undo) {
        undo.run(|step| match step {
            UndoStep::Record(user, bytes) => {
                // These bytes were read before the write; they can be read again.
                let _readable = self.restore(user, bytes);
            }
            UndoStep::Document(key, document) => self.documents.restore(key, document),
        });
    }

    /// Builds the deadline index anew if stale entries have come to outweigh it. Bounded growth: an
    /// entry goes stale only when a nearer deadline is set, but a user could do that on and on.
    /// Whether it was.
    pub(crate) fn tend_deadlines(&self) -> bool {
        let users = self.table.users();
        if self.deadlines.entries() <= DEADLINE_ENTRIES_PER_USER_MAX * users + 1024 {
            return false;
        }
        self.deadlines.clear();
        let walked: Result<(), Unreadable> = self.table.walk(SNAPSHOT_RECORDS_PER_LOCK, |met| {
            if let Some((slot_ref, slot)) = met {
                slot.indexed_at = NOT_INDEXED;
                let record = codec::decode(slot.bytes())?;
                self.index(slot_ref, slot, &record);
            }
            Ok(())
        });
        if let Err(unreadable) = walked {
            tracing::error!("a record in memory cannot be read: {}", unreadable.0);
        }
        true
    }
}
