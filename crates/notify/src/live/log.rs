//! The users of one tenant who changed, in order. All streams of the whole tenant read the same
//! list, each from where it is, so that a change is kept once however many watch.

use std::collections::VecDeque;

use parking_lot::Mutex;
use presenced_core::id::UserId;
use presenced_store::Cursor;

use super::limits::{ENTRIES_PER_READ, SPARE_QUEUE_ENTRIES};

/// The list. It is bounded: whoever has not read what had to make room is told so, and tells the
/// state of everybody instead.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The number of the oldest entry. They are numbered from the beginning of the list on.
    first: u64,
    entries: VecDeque<Entry>,
}

/// A user who changed.
#[derive(Clone, Copy, Debug)]
struct Entry {
    user: UserId,
    /// The place in the feed right before the change.
    since: Cursor,
}

/// Changes were not kept until they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed;

impl Log {
    /// The number of the entry that comes next.
    pub(super) fn end(&self) -> u64 {
        self.0.lock().end()
    }

    /// How many entries are kept.
    pub(super) fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// A user has changed; `since` is the place in the feed right before. Where there are `most`
    /// entries or more, the oldest makes room. Answers whether there is one more than before.
    pub(super) fn push(&self, user: UserId, since: Cursor, most: usize) -> bool {
        let mut kept = self.0.lock();
        let makes_room = kept.entries.len() >= most && kept.entries.pop_front().is_some();
        kept.first += u64::from(makes_room);
        kept.entries.push_back(Entry { user, since });
        !makes_room
    }

    /// Lets go of what everybody has read who reads: what lies before this number. Answers how many
    /// entries that were.
    pub(super) fn trim(&self, read: u64) -> usize {
        let mut kept = self.0.lock();
        let gone = usize::try_from(read.saturating_sub(kept.first)).unwrap_or(usize::MAX);
        let gone = gone.min(kept.entries.len());
        if gone == kept.entries.len() {
            // An idle list keeps no memory of a busy one.
            kept.entries = VecDeque::new();
        } else {
            kept.entries.drain(..gone);
            // One that is never found empty does not keep the memory of its busiest time either.
            let most = SPARE_QUEUE_ENTRIES.max(4 * kept.entries.len());
            if kept.entries.capacity() > most {
                kept.entries.shrink_to(most / 2);
            }
        }
        kept.first += gone as u64;
        gone
    }

    /// Reads from this number on, and moves it on: at most `at_most` users, each of them once, and up
    /// to where in the feed everything is told with them, if `position` is how far the feed was
    /// followed before. Whoever has missed something goes on at the end of the list.
    pub(super) fn read(
        &self,
        from: &mut u64,
        at_most: usize,
        position: Cursor,
    ) -> Result<(Vec<UserId>, Cursor), Missed> {
        let kept = self.0.lock();
        let Some(skipped) = from.checked_sub(kept.first) else {
            *from = kept.end();
            return Err(Missed);
        };
        let start = usize::try_from(skipped).unwrap_or(usize::MAX);
        let mut users = Vec::new();
        for entry in kept.entries.iter().skip(start).take(ENTRIES_PER_READ) {
            if users.len() == at_most {
                break;
            }
            if !users.contains(&entry.user) {
                users.push(entry.user);
            }
            *from += 1;
        }
        let next = usize::try_from(*from - kept.first).ok();
        let next = next.and_then(|at| kept.entries.get(at));
        Ok((users, next.map_or(position, |entry| entry.since)))
    }
}

impl Kept {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(log: &Log, users: std::ops::Range<u64>) {
        for number in users {
            log.push(UserId::from_u128(number.into()), Cursor(number), usize::MAX);
        }
    }

    /// Reads, and answers the users' numbers and the place.
    fn read(log: &Log, from: &mut u64, at_most: usize) -> Result<(Vec<u128>, u64), Missed> {
        let (users, up_to) = log.read(from, at_most, Cursor(1_000))?;
        Ok((users.iter().map(|user| user.as_u128()).collect(), up_to.0))
    }

    /// Everybody who reads is told of every change in order, and of how far they are; a user who
    /// changed twice is told once in a piece.
    #[test]
    fn readers_read_apart() {
        let log = Log::default();
        push(&log, 1..4);
        let (mut one, mut two) = (0, log.end());
        assert_eq!(read(&log, &mut one, 0), Ok((vec![], 1)));
        assert_eq!(read(&log, &mut one, 2), Ok((vec![1, 2], 3)));
        assert_eq!(read(&log, &mut two, 2), Ok((vec![], 1_000)));
        push(&log, 3..5);
        assert_eq!(read(&log, &mut one, 9), Ok((vec![3, 4], 1_000)));
        assert_eq!(read(&log, &mut two, 9), Ok((vec![3, 4], 1_000)));
        assert_eq!(read(&log, &mut one, 9), Ok((vec![], 1_000)));
    }

    /// What had to make room is missed by those who had not read it, once, and by nobody else.
    #[test]
    fn who_misses_something_is_told() {
        let log = Log::default();
        push(&log, 0..3);
        let (mut behind, mut in_step) = (0, 1);
        assert!(!log.push(UserId::from_u128(3), Cursor(3), 3));
        assert_eq!(read(&log, &mut behind, 9), Err(Missed));
        assert_eq!(read(&log, &mut behind, 9), Ok((vec![], 1_000)));
        assert_eq!(read(&log, &mut in_step, 9), Ok((vec![1, 2, 3], 1_000)));
    }

    /// A list that is never empty keeps the memory of what it holds, not of its busiest time.
    #[test]
    fn memory_shrinks_with_the_list() {
        let log = Log::default();
        push(&log, 0..50_000);
        assert_eq!(log.trim(49_000), 49_000);
        let capacity = log.0.lock().entries.capacity();
        assert!(capacity < 5_000, "{capacity}");
        let mut from = 49_000;
        assert_eq!(read(&log, &mut from, 2), Ok((vec![49_000, 49_001], 49_002)));
    }

    /// What all have read is let go of, the memory with it, and nobody misses it.
    #[test]
    fn memory_is_given_back() {
        let log = Log::default();
        push(&log, 0..100);
        let mut from = 0;
        read(&log, &mut from, 60).unwrap();
        assert_eq!((log.trim(from), log.trim(from), log.len()), (60, 0, 40));
        read(&log, &mut from, 60).unwrap();
        assert_eq!((log.trim(from), log.0.lock().entries.capacity()), (40, 0));
        push(&log, 7..8);
        assert_eq!(read(&log, &mut from, 9), Ok((vec![7], 1_000)));
    }
}
