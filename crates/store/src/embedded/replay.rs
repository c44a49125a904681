//! Putting records back on several threads. Each reads all files and puts back the records of its own
//! shards, so that none waits for another and the records of one user keep their order. To read what
//! is another's costs a copy and a checksum; to hand it over would cost that and a queue.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::Path;
use std::thread::{self, Builder};

use presenced_core::decide::Change;
use presenced_core::id::UserKey;
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_core::view::{next_instant, view};

use crate::codec::{self, Unreadable};
use crate::contract::{Cursor, FeedChange, StoreError};
use crate::embedded::deadlines::Entry;
use crate::embedded::directory::cannot_open;
use crate::embedded::state::State;
use crate::embedded::table::shard_of;
use crate::limits::REPLAY_THREADS_MAX;

/// What one of the threads puts back.
pub(crate) struct Share<'a> {
    state: &'a State,
    number: usize,
    threads: usize,
    /// The newest changes: one more than the feed keeps, so that together with those of the others it
    /// is known what comes before the oldest that is kept.
    told: VecDeque<FeedChange>,
    /// How many of them are kept here.
    most: usize,
    /// What is to stand in the deadline index.
    entries: Vec<Entry>,
    /// The latest time that was met.
    latest: Timestamp,
}

/// Lets several threads `read` the same, each for its share. When this has answered, all records stand
/// in memory, and their changes in the feed. The answer is that of the first thread, or a failure.
pub(crate) fn in_shares<R: Send>(
    state: &State,
    directory: &Path,
    read: impl Fn(&mut Share<'_>) -> Result<R, StoreError> + Sync,
) -> Result<R, StoreError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(REPLAY_THREADS_MAX);
    let read = &read;
    let outcomes = thread::scope(|scope| {
        let start = |number| {
            let builder = Builder::new().name("presenced-read".to_owned());
            builder.spawn_scoped(scope, move || {
                let mut share = Share::new(state, number, threads);
                let outcome = read(&mut share)?;
                Ok::<_, StoreError>((outcome, share.told))
            })
        };
        let handles: Result<Vec<_>, _> = (0..threads).map(start).collect();
        let handles = handles.map_err(|error| cannot_open(directory, &error))?;
        let joined = handles.into_iter().map(|handle| match handle.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    let (answers, told): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    let mut changes: Vec<_> = told.into_iter().flatten().collect();
    changes.sort_unstable_by_key(|change| change.cursor);
    state.feed.publish(&changes);
    let first = answers.into_iter().next();
    Ok(first.expect("there is at least one thread"))
}

impl<'a> Share<'a> {
    fn new(state: &'a State, number: usize, threads: usize) -> Self {
        Self {
            state,
            number,
            threads,
            told: VecDeque::new(),
            most: state.feed.most().saturating_add(1),
            entries: Vec::new(),
            latest: Timestamp::EPOCH,
        }
    }

    /// Where to put what belongs to no shard: one of the shares only.
    pub(crate) fn state(&self) -> Option<&'a State> {
        (self.number == 0).then_some(self.state)
    }

    /// Puts a record back if it belongs to this share; `told` is its change's place in the feed, if it
    /// was told to watchers.
    pub(crate) fn put(
        &mut self,
        user: UserKey,
        bytes: &[u8],
        told: Option<Cursor>,
    ) -> Result<(), Unreadable> {
        if shard_of(user) % self.threads != self.number {
            return Ok(());
        }
        let record = codec::decode(bytes)?;
        self.state.table.at(user, |place| {
            let (slot_ref, slot) = place.put(bytes)?;
            // It may be early: whether anything shows then is asked when it comes.
            let due = next_instant(&record, record.as_of);
            let entry = Entry::needed(slot_ref, &mut slot.indexed_at, due);
            self.entries.extend(entry);
            Some(())
        });
        self.meet(record.as_of);
        if let Some(cursor) = told {
            if self.told.len() >= self.most {
                self.told.pop_front();
            }
            self.told.push_back(change_of(user, &record, cursor));
        }
        Ok(())
    }

    /// Notes that it was this time.
    pub(crate) fn meet(&mut self, time: Timestamp) {
        self.latest = self.latest.max(time);
    }

    /// Ends a frame: tells what all shares have in common of what was put back of it. Nobody takes
    /// deadlines before all is read.
    pub(crate) fn end_frame(&mut self) {
        if !self.entries.is_empty() {
            self.state.deadlines.add(&self.entries);
            self.entries.clear();
        }
        self.state.publish(&[], self.latest);
    }
}

/// What watchers were told with this record.
fn change_of(user: UserKey, record: &Record, cursor: Cursor) -> FeedChange {
    let seen = view(record, record.as_of);
    FeedChange {
        cursor,
        user,
        change: Change {
            presence: seen.presence,
            sequence: seen.sequence,
            at: record.as_of,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Changes;
    use crate::testkit::{START, user};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn record(sequence: u64) -> Vec<u8> {
        let record = Record {
            as_of: START,
            sequence,
            ..Record::default()
        };
        let mut bytes = Vec::new();
        codec::encode(&record, &mut bytes).unwrap();
        bytes
    }

    /// However the records are shared out, the last of each user is what stands there, and the feed
    /// keeps the newest changes in their order and knows what it does not keep. What belongs to no
    /// shard is put back once.
    #[test]
    fn shared_out_work_comes_together() {
        const KEPT: usize = 5;
        let state = State::new(KEPT, 0);
        let once = AtomicUsize::new(0);
        in_shares(&state, Path::new("here"), |share| {
            for commit in 1..=400 {
                let who = user(1, u128::from(commit % 100));
                share
                    .put(who, &record(commit), Some(Cursor(commit)))
                    .unwrap();
            }
            share.end_frame();
            once.fetch_add(usize::from(share.state().is_some()), Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!(once.into_inner(), 1);
        for number in 0..100 {
            let found = state.table.record(user(1, number)).unwrap().unwrap();
            let last = if number == 0 { 400 } else { 300 };
            assert_eq!(u128::from(found.sequence), last + number);
        }
        let resume = Cursor(400);
        assert_eq!(state.feed.after(Cursor(394), 9), Changes::Gap { resume });
        let Changes::Batch(batch) = state.feed.after(Cursor(395), 9) else {
            panic!("these are kept");
        };
        let sequences = batch.iter().map(|one| (one.cursor.0, one.change.sequence));
        let expected = (396..=400).map(|commit| (commit, commit));
        assert!(sequences.eq(expected), "{batch:?}");
    }

    /// A failure of one share is the answer, whichever it is.
    #[test]
    fn one_unreadable_record_is_enough() {
        for number in 0..16 {
            let state = State::new(9, 0);
            let read = in_shares(&state, Path::new("here"), |share| {
                for other in 0..16 {
                    let bytes = if other == number { vec![77] } else { record(1) };
                    share
                        .put(user(1, other), &bytes, None)
                        .map_err(|_| StoreError::Conflict)?;
                }
                Ok(())
            });
            assert!(matches!(read, Err(StoreError::Conflict)), "{read:?}");
        }
    }
}
