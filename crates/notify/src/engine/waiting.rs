//! What waits to be told to one subscription: of each user the newest state, and nothing else.

use std::collections::{BTreeSet, HashMap};

use presenced_core::id::UserId;
use presenced_core::time::Timestamp;
use presenced_store::Cursor;

use crate::compose::Item;

/// A state that waits, or is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The place of the oldest change of this user that was not delivered: the feed has to be read
    /// again from before it if the process ends. [`EVERYTHING`] where the feed may not tell it any
    /// more.
    pub(crate) place: Cursor,
    /// Since when the user waits: the time of that change, or of the look at the record.
    pub(crate) since: Timestamp,
    /// The newest state.
    pub(crate) item: Item,
}

/// The place of a state that was read from the user's record: before every change of the feed.
pub(crate) const EVERYTHING: Cursor = Cursor(0);

/// The newest state of each user who waits, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    by_user: HashMap<UserId, Entry>,
    order: BTreeSet<(Cursor, UserId)>,
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.by_user.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_user.is_empty()
    }

    /// Adds a state. Of two states of one user the newer is kept, in the place of the older: a user
    /// whose presence changes all the time is told in turn like everybody else.
    pub(crate) fn put(&mut self, entry: Entry) {
        let user = entry.item.user;
        let Some(known) = self.by_user.get_mut(&user) else {
            self.by_user.insert(user, entry);
            self.order.insert((entry.place, user));
            return;
        };
        if entry.item.sequence >= known.item.sequence {
            known.item = entry.item;
        }
        known.since = known.since.min(entry.since);
        if entry.place < known.place {
            self.order.remove(&(known.place, user));
            self.order.insert((entry.place, user));
            known.place = entry.place;
        }
    }

    /// Takes out the oldest ones.
    pub(crate) fn take(&mut self, at_most: usize) -> Vec<Entry> {
        let mut taken = Vec::with_capacity(at_most.min(self.len()));
        while taken.len() < at_most {
            let Some((_, user)) = self.order.pop_first() else {
                break;
            };
            taken.extend(self.by_user.remove(&user));
        }
        if self.is_empty() {
            // Gives the memory back that a storm took.
            self.clear();
        }
        taken
    }

    /// Forgets the oldest of whom `is_hidden` says so, until `at_most` others are the oldest. Whether
    /// there was any.
    pub(crate) fn forget_oldest(
        &mut self,
        at_most: usize,
        is_hidden: impl Fn(UserId) -> bool,
    ) -> bool {
        let mut others = 0;
        let mut hidden = Vec::new();
        for one in &self.order {
            if others == at_most {
                break;
            }
            if is_hidden(one.1) {
                hidden.push(*one);
            } else {
                others += 1;
            }
        }
        for one in &hidden {
            self.order.remove(one);
            self.by_user.remove(&one.1);
        }
        !hidden.is_empty()
    }

    /// If the user waits, then with this state, unless what waits is newer.
    pub(crate) fn renew(&mut self, item: Item) {
        if let Some(known) = self.by_user.get_mut(&item.user)
            && item.sequence >= known.item.sequence
        {
            known.item = item;
        }
    }

    /// Forgets what came to be shown at `end` or later.
    pub(crate) fn keep_before(&mut self, end: Timestamp) {
        self.by_user.retain(|_, entry| entry.item.at < end);
        self.order
            .retain(|(_, user)| self.by_user.contains_key(user));
    }

    /// The oldest one.
    pub(crate) fn first(&self) -> Option<&Entry> {
        let (_, user) = self.order.first()?;
        self.by_user.get(user)
    }

    /// Forgets everything, and gives the memory back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use presenced_core::presence::Presence;

    use super::*;

    fn entry(place: u64, user: u128, sequence: u64) -> Entry {
        let at = Timestamp::from_millis(place);
        Entry {
            place: Cursor(place),
            since: at,
            item: Item {
                user: UserId::from_u128(user),
                presence: Presence::AWAY,
                sequence,
                at,
            },
        }
    }

    /// Of each user the newest state waits, in the place of the oldest.
    #[test]
    fn the_newest_state_waits_in_the_oldest_place() {
        let mut waiting = Waiting::default();
        waiting.put(entry(1, 1, 10));
        waiting.put(entry(2, 2, 10));
        waiting.put(entry(3, 1, 11));
        assert_eq!(waiting.len(), 2);
        let taken = waiting.take(1);
        assert_eq!((taken[0].place, taken[0].item.sequence), (Cursor(1), 11));

        // It comes back after a failure, and meanwhile there was a newer one.
        waiting.put(entry(4, 1, 12));
        waiting.put(taken[0]);
        let first = waiting.first().unwrap();
        assert_eq!((first.place, first.item.sequence), (Cursor(1), 12));
        assert_eq!(first.since, Timestamp::from_millis(1));
        let users: Vec<u128> = waiting
            .take(9)
            .iter()
            .map(|e| e.item.user.as_u128())
            .collect();
        assert_eq!(users, [1, 2]);
        assert!(waiting.is_empty() && waiting.first().is_none());
    }
}
