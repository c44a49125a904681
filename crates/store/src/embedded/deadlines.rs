//! When whose presence changes by itself: one index for the whole table.
//!
//! The index is lazy. A user stands in it at or before its true deadline; a keep-alive that moves
//! the deadline further away, by far the most frequent write, does not touch it. When the entry
//! falls due, the truth is read from the record and the entry put where it belongs. A deadline
//! costs four bytes and its share of a bucket.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use presenced_core::time::Timestamp;

use crate::embedded::table::{NOT_INDEXED, SlotRef};

/// Entries of 64 ms share a bucket: the map stays small, and a bucket's vector is worth its header.
const BUCKET_BITS: u32 = 6;

/// The index.
#[derive(Default)]
pub(crate) struct Deadlines(Mutex<Buckets>);

#[derive(Default)]
struct Buckets {
    map: BTreeMap<u64, Bucket>,
    entries: usize,
}

struct Bucket {
    /// The earliest instant, in milliseconds, at which one of the slots was indexed.
    earliest: u64,
    slots: Vec<SlotRef>,
}

/// A place in the index that a slot is to get.
pub(crate) struct Entry {
    due: u64,
    slot: SlotRef,
    /// Whether the slot stands in that bucket already, further back.
    stands: bool,
}

impl Entry {
    /// The entry that a slot needs in order to stand in the index at `due` or before, if any; noted
    /// as made.
    pub(crate) fn needed(
        slot: SlotRef,
        indexed_at: &mut u64,
        due: Option<Timestamp>,
    ) -> Option<Self> {
        let due = due?.as_millis();
        if due >= *indexed_at {
            return None;
        }
        let stands = *indexed_at != NOT_INDEXED && bucket_of(due) == bucket_of(*indexed_at);
        *indexed_at = due;
        Some(Self { due, slot, stands })
    }
}

impl Buckets {
    /// Adds entries of one bucket.
    fn add(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let bucket = self.map.entry(bucket_of(first.due)).or_insert(Bucket {
            earliest: first.due,
            slots: Vec::new(),
        });
        for entry in entries {
            bucket.earliest = bucket.earliest.min(entry.due);
            // An entry that stands further back is left there: when it comes up, the slot's note
            // shows that it is stale. One in the same bucket serves as it is; had that bucket been
            // taken out just now, then the round that took it looks at this slot's note yet.
            if !entry.stands {
                bucket.slots.push(entry.slot);
                self.entries += 1;
            }
        }
    }
}

/// The bucket that an instant belongs to.
pub(crate) const fn bucket_of(millis: u64) -> u64 {
    millis >> BUCKET_BITS
}

/// The earliest instant that belongs to a bucket.
pub(crate) const fn start_of(bucket: u64) -> Timestamp {
    Timestamp::from_millis(bucket << BUCKET_BITS)
}

impl Deadlines {
    /// Sees to it that the slot stands in the index at `due` or before. `indexed_at` is the slot's
    /// own note of where it stands; the caller holds the lock of its shard.
    pub(crate) fn index(&self, slot: SlotRef, indexed_at: &mut u64, due: Option<Timestamp>) {
        if let Some(entry) = Entry::needed(slot, indexed_at, due) {
            self.add(&[entry]);
        }
    }

    /// Adds the entries that [`Entry::needed`] has asked for, while the lock is still held under
    /// which it did.
    pub(crate) fn add(&self, entries: &[Entry]) {
        let mut buckets = self.0.lock();
        // Many that are added together mostly belong together.
        for alike in entries.chunk_by(|one, next| bucket_of(one.due) == bucket_of(next.due)) {
            buckets.add(alike);
        }
    }

    /// Takes the first bucket out if anything in it was indexed at or before `now`: its number and
    /// its slots.
    pub(crate) fn take_due(&self, now: Timestamp) -> Option<(u64, Vec<SlotRef>)> {
        let mut buckets = self.0.lock();
        let first = buckets.map.first_entry()?;
        if first.get().earliest > now.as_millis() {
            return None;
        }
        let (number, bucket) = first.remove_entry();
        buckets.entries -= bucket.slots.len();
        Some((number, bucket.slots))
    }

    /// The earliest instant in the index: no presence changes by itself before it.
    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        let buckets = self.0.lock();
        let first = buckets.map.first_key_value();
        first.map(|(_, bucket)| Timestamp::from_millis(bucket.earliest))
    }

    /// How many entries there are, stale ones included.
    pub(crate) fn entries(&self) -> usize {
        self.0.lock().entries
    }

    /// Empties the index, so that it can be built anew without its stale entries.
    pub(crate) fn clear(&self) {
        *self.0.lock() = Buckets::default();
    }
}
