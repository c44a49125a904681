//! The memory table: every user's record, encoded, in 64 shards.
//!
//! Access is by closure only, so that no lock escapes and none is held across an await. Records are
//! never dropped: the sequence number of a user who comes back has to go on where it was, and one
//! that has ended, like any small one, takes no more than its slot.

use std::hash::BuildHasher;
use std::hint::black_box;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;
use presenced_core::id::{TenantId, UserKey};
use presenced_core::record::Record;

use crate::codec;
use crate::contract::{StoreError, UserPlace, Users};
use crate::embedded::packed::Packed;
use crate::limits::USERS_PER_SHARD_MAX;

/// `Slot::indexed_at` of a user who does not stand in the index.
pub(crate) const NOT_INDEXED: u64 = u64::MAX;

/// Slots that are looked at under one lock, which is some ten microseconds.
const SLOTS_PER_LOOK: usize = 4096;

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;
const INDEX_BITS: u32 = u32::BITS - SHARD_BITS;

/// A slot of the table, for good: the shard in the high bits, so that slots sort by shard, and the
/// place in the shard below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotRef(u32);

impl SlotRef {
    fn new(shard: usize, index: usize) -> Self {
        // `Place::store` has seen to it that both fit.
        Self(u32::try_from(shard << INDEX_BITS | index).unwrap_or(u32::MAX))
    }

    /// The number of its shard.
    pub(crate) const fn shard(self) -> usize {
        (self.0 >> INDEX_BITS) as usize
    }

    const fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }
}

/// What the table holds of one user.
pub(crate) struct Slot {
    user: UserKey,
    /// The record as the journal holds it. Empty where the only write was undone.
    bytes: Packed,
    /// The instant, in milliseconds, at which the user stands in the deadline index, or
    /// [`NOT_INDEXED`].
    pub(crate) indexed_at: u64,
}

impl Slot {
    pub(crate) const fn user(&self) -> UserKey {
        self.user
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record; the empty one where nothing is stored.
    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        decode(self.user, &self.bytes)
    }

    /// Puts these bytes in the place of the old ones.
    pub(crate) fn store(&mut self, bytes: &[u8]) {
        self.bytes.store(bytes);
    }
}

/// A part of the table, under its lock.
#[derive(Default)]
pub(crate) struct Shard {
    /// Places in `slots`, found by the hash of the user's key.
    places: HashTable<u32>,
    slots: Vec<Slot>,
    /// Where records are encoded before they are stored.
    scratch: Vec<u8>,
}

impl Shard {
    /// A slot of this shard.
    pub(crate) fn slot(&self, slot: SlotRef) -> Option<&Slot> {
        self.slots.get(slot.index())
    }

    /// Has these slots brought from memory together. Each is somewhere else, and to wait for one after
    /// the other takes a third of the time of a million ticks.
    pub(crate) fn fetch(&self, slots: &[SlotRef]) {
        let slots = slots.iter().filter_map(|slot| self.slot(*slot));
        black_box(slots.fold(0, |seen, slot| {
            seen ^ slot.bytes().len() as u64 ^ slot.indexed_at
        }));
    }

    /// A slot of this shard, to change it.
    pub(crate) fn slot_mut(&mut self, slot: SlotRef) -> Option<&mut Slot> {
        self.slots.get_mut(slot.index())
    }
}

/// The table.
pub(crate) struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// Where a user stands within its shard. Keyed at random in each process: ids come from clients,
    /// who must not be able to make them collide.
    hasher: DefaultHashBuilder,
}

/// One user's place in the table, under its lock. There may be no slot yet.
pub(crate) struct Place<'a> {
    table: &'a Table,
    shard: &'a mut Shard,
    shard_number: usize,
    hash: u64,
    user: UserKey,
    index: Option<usize>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Looks at or changes one user's place.
    pub(crate) fn at<R>(&self, user: UserKey, run: impl FnOnce(&mut Place<'_>) -> R) -> R {
        let hash = self.hasher.hash_one(user);
        let shard_number = shard_of(user);
        let mut shard = self.shard(shard_number).lock();
        let slots = &shard.slots;
        let found = shard.places.find(hash, |index| {
            slots
                .get(*index as usize)
                .is_some_and(|slot| slot.user == user)
        });
        let index = found.map(|index| *index as usize);
        run(&mut Place {
            table: self,
            shard: &mut shard,
            shard_number,
            hash,
            user,
            index,
        })
    }

    /// Makes room for so many users or fewer, as far as that can be done while hardly touching memory:
    /// a table that grows step by step is built several times.
    pub(crate) fn expect_users(&self, users: u64) {
        let each = usize::try_from(users).unwrap_or(0) / SHARDS;
        for shard in &self.shards {
            let Shard { places, slots, .. } = &mut *shard.lock();
            slots.reserve_exact(each.min(USERS_PER_SHARD_MAX));
            let hasher = &self.hasher;
            places.reserve(each.min(USERS_PER_SHARD_MAX), |index| {
                let slot = slots.get(*index as usize);
                slot.map_or(0, |slot| hasher.hash_one(slot.user))
            });
        }
    }

    /// Looks at or changes slots of one shard, under one lock.
    pub(crate) fn in_shard<R>(&self, number: usize, run: impl FnOnce(&mut Shard) -> R) -> R {
        run(&mut self.shard(number).lock())
    }

    /// The user's record, if anything is stored.
    pub(crate) fn record(&self, user: UserKey) -> Result<Option<Record>, StoreError> {
        self.at(user, |place| match place.bytes() {
            [] => Ok(None),
            bytes => decode(user, bytes).map(Some),
        })
    }

    /// Walks all slots, shard by shard, at most `per_lock` of them under one lock. `visit` gets
    /// `None` between the locks. Slots that come into being meanwhile may be met or missed.
    pub(crate) fn walk<E>(
        &self,
        per_lock: usize,
        mut visit: impl FnMut(Option<(SlotRef, &mut Slot)>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (number, shard) in self.shards.iter().enumerate() {
            let mut start = 0;
            loop {
                let mut shard = shard.lock();
                let slots = shard.slots.iter_mut().enumerate();
                let mut met = 0;
                for (index, slot) in slots.skip(start).take(per_lock) {
                    visit(Some((SlotRef::new(number, index), slot)))?;
                    met += 1;
                }
                drop(shard);
                if met == 0 {
                    break;
                }
                start += met;
                visit(None)?;
            }
        }
        Ok(())
    }

    /// Some users of a tenant of whom something is stored, shard by shard from a place on: as many as
    /// are asked for, or as one look finds.
    pub(crate) fn users_of(&self, tenant: TenantId, from: UserPlace, at_most: usize) -> Users {
        let (mut number, mut index) = (from.0 >> u32::BITS, from.0 & u64::from(u32::MAX));
        let mut users = Vec::new();
        let mut left = SLOTS_PER_LOOK;
        while let Some(shard) = usize::try_from(number)
            .ok()
            .and_then(|at| self.shards.get(at))
        {
            let shard = shard.lock();
            let start = usize::try_from(index).unwrap_or(usize::MAX);
            for slot in shard.slots.iter().skip(start) {
                if left == 0 || users.len() >= at_most {
                    let next = Some(UserPlace(number << u32::BITS | index));
                    return Users { users, next };
                }
                left -= 1;
                index += 1;
                if slot.user.tenant == tenant && !slot.bytes.is_empty() {
                    users.push(slot.user.user);
                }
            }
            (number, index) = (number + 1, 0);
        }
        Users { users, next: None }
    }

    /// How many users have a slot.
    pub(crate) fn users(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| shard.lock().slots.len());
        lengths.sum()
    }

    fn shard(&self, number: usize) -> &Mutex<Shard> {
        self.shards
            .get(number)
            .expect("a shard number is masked to the number of shards")
    }
}

impl Place<'_> {
    fn slot(&self) -> Option<&Slot> {
        self.shard.slots.get(self.index?)
    }

    /// What is stored; nothing for a user never seen.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.slot().map_or(&[], |slot| &slot.bytes)
    }

    /// The record; the empty one where nothing is stored.
    pub(crate) fn record(&self) -> Result<Record, StoreError> {
        decode(self.user, self.bytes())
    }

    /// Encodes `record`, lets `commit` see the old bytes and the new, and stores the new ones if it
    /// agrees. Nothing has changed where this fails.
    pub(crate) fn replace(
        &mut self,
        record: &Record,
        commit: impl FnOnce(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(SlotRef, &mut Slot), StoreError> {
        if self.index.is_none() && self.shard.slots.len() >= USERS_PER_SHARD_MAX {
            return Err(StoreError::LimitReached(
                "the store holds as many users as it can",
            ));
        }
        let mut scratch = std::mem::take(&mut self.shard.scratch);
        scratch.clear();
        let encoded = codec::encode(record, &mut scratch);
        let committed = match encoded {
            Some(()) => commit(self.bytes(), &scratch),
            None => Err(StoreError::LimitReached(
                "the user's record would be too large",
            )),
        };
        let stored = committed.map(|()| self.store(&scratch));
        self.shard.scratch = scratch;
        let index = stored?;
        let slot = self.shard.slots.get_mut(index);
        let slot = slot.expect("`store` returns the place of a slot");
        Ok((SlotRef::new(self.shard_number, index), slot))
    }

    /// Puts these bytes into the user's slot, which comes into being where there was none.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Option<(SlotRef, &mut Slot)> {
        let index = self.store(bytes);
        let slot = self.shard.slots.get_mut(index)?;
        Some((SlotRef::new(self.shard_number, index), slot))
    }

    fn store(&mut self, bytes: &[u8]) -> usize {
        if let Some(index) = self.index
            && let Some(slot) = self.shard.slots.get_mut(index)
        {
            slot.store(bytes);
            return index;
        }
        let Shard { places, slots, .. } = &mut *self.shard;
        let index = slots.len();
        if index == slots.capacity() {
            // By an eighth: doubling would leave half of a large table unused.
            slots.reserve_exact((index / 8).max(16));
        }
        slots.push(Slot {
            user: self.user,
            bytes: bytes.into(),
            indexed_at: NOT_INDEXED,
        });
        let hasher = &self.table.hasher;
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        places.insert_unique(self.hash, place, |index| {
            let slot = slots.get(*index as usize);
            slot.map_or(0, |slot| hasher.hash_one(slot.user))
        });
        self.index = Some(index);
        index
    }
}

/// The number of the shard that a user belongs to: the same in every process, so that a snapshot, which
/// is written shard by shard, is read shard by shard too, and what is worked on then stays in the
/// processor's caches. Whoever picks ids that fall together makes those of that shard wait for one lock,
/// also while the shard grows; where they stand in it is keyed at random.
pub(crate) const fn shard_of(user: UserKey) -> usize {
    /// 2^128 divided by the golden ratio: what it multiplies is spread evenly over the highest bits.
    const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    // The same id in many tenants is in many shards.
    let id = user.user.as_u128() ^ user.tenant.as_u128().rotate_left(64);
    (id.wrapping_mul(SPREAD) >> (u128::BITS - SHARD_BITS)) as usize
}

/// Only what this process itself encoded, or checked when it read it, is in the table; should it
/// be unreadable all the same, the answer says whose it is.
fn decode(user: UserKey, bytes: &[u8]) -> Result<Record, StoreError> {
    codec::decode(bytes).map_err(|unreadable| StoreError::Corrupt {
        place: format!("the record of user {} of tenant {}", user.user, user.tenant),
        problem: unreadable.0.to_owned(),
        remedy: "restart presenced; if that does not help, restore its data from a backup",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use presenced_core::id::UserId;
    use presenced_core::time::Timestamp;
    use std::collections::BTreeSet;

    fn user(number: u128) -> UserKey {
        UserKey {
            tenant: TenantId::from_u128(number % 3),
            user: UserId::from_u128(number / 3),
        }
    }

    fn record(sequence: u64) -> Record {
        Record {
            as_of: Timestamp::from_millis(1),
            sequence,
            ..Record::default()
        }
    }

    /// Every user has a slot of its own, which keeps its reference while the table grows, and a walk
    /// meets each once.
    #[test]
    fn slots_are_found_again() {
        let table = Table::new();
        let mut refs = Vec::new();
        for number in 0..5000 {
            let put = table.at(user(number.into()), |place| {
                place
                    .replace(&record(number), |old, _| {
                        assert_eq!(old, b"");
                        Ok(())
                    })
                    .map(|(slot, _)| slot)
            });
            refs.push(put.unwrap());
        }
        for (number, slot) in refs.iter().enumerate() {
            let number = number as u64;
            let found = table.in_shard(slot.shard(), |shard| {
                let slot = shard.slot(*slot).unwrap();
                (slot.user(), slot.record().unwrap())
            });
            assert_eq!(found, (user(number.into()), record(number)));
            assert_eq!(
                table.record(user(number.into())).unwrap(),
                Some(record(number))
            );
        }
        let mut met = BTreeSet::new();
        let walked: Result<(), ()> = table.walk(7, |slot| {
            if let Some((slot, _)) = slot {
                assert!(met.insert(slot));
            }
            Ok(())
        });
        assert_eq!((walked, met.len(), table.users()), (Ok(()), 5000, 5000));
    }

    /// A write that is not agreed to leaves no trace, not even a slot; one user is not another's.
    #[test]
    fn a_refused_write_leaves_nothing() {
        let table = Table::new();
        let refused = table.at(user(1), |place| {
            place
                .replace(&record(1), |_, _| Err(StoreError::Conflict))
                .err()
        });
        assert!(refused.is_some());
        assert_eq!((table.users(), table.record(user(1)).unwrap()), (0, None));
    }
}
