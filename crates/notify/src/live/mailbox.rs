//! What a stream for chosen users has still to be told: the users who changed, each once, whoever
//! waited longest first. What they changed to is not kept: it is read when it is told, so that the
//! newest is told and a slow reader costs no more than its list of users.

use std::collections::VecDeque;

use presenced_core::id::UserId;
use presenced_store::Cursor;

use super::limits::SPARE_QUEUE_ENTRIES;

/// The users of whom a stream has to tell. They are known by their place in its list.
#[derive(Debug)]
pub(super) struct Mailbox {
    /// One bit for each user: whether it is in the queue.
    queued: Box<[u64]>,
    /// Users in the order in which they began to wait, each with the place in the feed right before
    /// the change it waits since.
    queue: VecDeque<(u32, Cursor)>,
}

impl Mailbox {
    /// An empty one for so many users.
    pub(super) fn new(users: usize) -> Self {
        Self {
            queued: vec![0; users.div_ceil(64)].into(),
            queue: VecDeque::new(),
        }
    }

    /// The user at this place of the list has changed; `since` is the place in the feed right before.
    /// `true` where there is something to take and was nothing before.
    pub(super) fn push(&mut self, at: u32, since: Cursor) -> bool {
        let (word, bit) = bit_of(at);
        let Some(word) = self.queued.get_mut(word) else {
            return false;
        };
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.queue.push_back((at, since));
        self.queue.len() == 1
    }

    /// Takes out up to `at_most` users of the stream's list, those who waited longest.
    pub(super) fn take(&mut self, watched: &[UserId], at_most: usize) -> Vec<UserId> {
        let taken = self.queue.drain(..at_most.min(self.queue.len()));
        let users = taken.filter_map(|(at, _)| {
            let (word, bit) = bit_of(at);
            *self.queued.get_mut(word)? &= !bit;
            watched.get(usize::try_from(at).ok()?).copied()
        });
        let users = users.collect();
        // An idle stream keeps no queue of a busy one.
        if self.queue.is_empty() && self.queue.capacity() > SPARE_QUEUE_ENTRIES {
            self.queue = VecDeque::new();
        }
        users
    }

    /// Up to where everything is told that was taken, if `position` is how far the feed was followed
    /// before the caller looked: right before the change that the next one in the queue waits since.
    pub(super) fn told_up_to(&self, position: Cursor) -> Cursor {
        self.queue.front().map_or(position, |(_, since)| *since)
    }
}

/// The word and the bit in it that stand for a place.
fn bit_of(at: u32) -> (usize, u64) {
    let word = usize::try_from(at / 64).unwrap_or(usize::MAX);
    (word, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(count: u128) -> Vec<UserId> {
        (0..count).map(UserId::from_u128).collect()
    }

    /// Each user is in the queue once, in the order in which they began to wait; only what is new
    /// in an empty mailbox wakes anybody.
    #[test]
    fn users_wait_once() {
        let (mut mailbox, watched) = (Mailbox::new(200), users(200));
        assert!(mailbox.push(130, Cursor(0)), "the first wakes");
        assert!(!mailbox.push(3, Cursor(1)));
        assert!(!mailbox.push(130, Cursor(2)), "it waits already");
        assert!(!mailbox.push(64, Cursor(3)));
        let ids = |users: Vec<UserId>| users.iter().map(|u| u.as_u128()).collect::<Vec<_>>();
        assert_eq!(ids(mailbox.take(&watched, 2)), [130, 3]);
        assert!(!mailbox.push(130, Cursor(4)), "64 still waits");
        assert_eq!(ids(mailbox.take(&watched, 9)), [64, 130]);
        assert_eq!(ids(mailbox.take(&watched, 9)), [0; 0]);
        assert!(mailbox.push(3, Cursor(5)));
    }

    /// The place that is told never lies behind a change that is still to be told.
    #[test]
    fn places_wait_for_the_oldest() {
        let (mut mailbox, watched) = (Mailbox::new(200), users(200));
        assert_eq!(mailbox.told_up_to(Cursor(7)), Cursor(7));
        mailbox.push(1, Cursor(7));
        mailbox.push(2, Cursor(9));
        mailbox.push(1, Cursor(12));
        assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(7));
        mailbox.take(&watched, 1);
        assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(9));
        mailbox.take(&watched, 1);
        assert_eq!(mailbox.told_up_to(Cursor(20)), Cursor(20));
    }

    /// What a storm took in memory is given back.
    #[test]
    fn memory_is_given_back() {
        let mut mailbox = Mailbox::new(200);
        for at in 0..200 {
            mailbox.push(at, Cursor(0));
        }
        mailbox.take(&users(200), 200);
        assert_eq!(mailbox.queue.capacity(), 0);
    }
}
