//! Putting records back on several threads: one reads the files, the others work out what the
//! records say, each those of its own shards, so that none waits for another and the records of one
//! user keep their order.

use std::collections::VecDeque;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use presenced_core::decide::Change;
use presenced_core::id::UserKey;
use presenced_core::record::Record;
use presenced_core::time::Timestamp;
use presenced_core::view::{next_instant, view};

use crate::codec;
use crate::contract::{Cursor, FeedChange, StoreError};
use crate::embedded::deadlines::Entry;
use crate::embedded::directory::cannot_open;
use crate::embedded::recovery::Place;
use crate::embedded::state::State;
use crate::limits::{PARCEL_BYTES, PARCELS_WAITING_MAX, REPLAY_THREADS_MAX};

/// Those who put records back.
pub(crate) struct Crew<'a> {
    state: &'a State,
    file: Arc<Path>,
    members: Vec<Member>,
}

/// One of them, and what it is to get next.
struct Member {
    parcels: SyncSender<Parcel>,
    next: Parcel,
}

/// Records of some shards, in the order in which they were written.
struct Parcel {
    file: Arc<Path>,
    records: Vec<Written>,
    /// The encoded records, one after the other.
    bytes: Vec<u8>,
}

/// A record as it was found.
struct Written {
    user: UserKey,
    /// Where it ends in [`Parcel::bytes`].
    end: usize,
    /// Its change's place in the feed, if it was told to watchers.
    told: Option<Cursor>,
    /// Where its frame stands in the file.
    offset: u64,
}

/// Lets `read` hand records to a crew. When this has answered, all of them stand in memory, and
/// their changes in the feed.
pub(crate) fn with_crew<R>(
    state: &State,
    directory: &Path,
    read: impl FnOnce(&mut Crew<'_>) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let (mut members, mut handles) = (Vec::new(), Vec::new());
        let file: Arc<Path> = directory.into();
        for _ in 0..threads.min(REPLAY_THREADS_MAX) {
            let (member, handle) = Member::start(scope, state, &file)
                .map_err(|error| cannot_open(directory, &error))?;
            members.push(member);
            handles.push(handle);
        }
        let mut crew = Crew {
            state,
            file,
            members,
        };
        let outcome = read(&mut crew);
        crew.send_all();
        // Without its senders, each thread ends when its work is done.
        drop(crew);
        let mut changes = Vec::new();
        let mut failure = None;
        for handle in handles {
            match handle.join() {
                Ok(Ok(told)) => changes.extend(told),
                Ok(Err(error)) => failure = Some(error),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let outcome = outcome?;
        if let Some(error) = failure {
            return Err(error);
        }
        changes.sort_unstable_by_key(|change| change.cursor);
        state.feed.publish(&changes);
        Ok(outcome)
    })
}

impl Crew<'_> {
    /// Says which file the next records stand in.
    pub(crate) fn begin_file(&mut self, path: &Path) {
        self.send_all();
        self.file = path.into();
    }

    /// Hands over a record from the frame at `offset`, and the cursor of its change if it has one.
    pub(crate) fn put(&mut self, user: UserKey, bytes: &[u8], told: Option<Cursor>, offset: u64) {
        let number = self.state.table.shard_of(user) % self.members.len();
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        member.next.bytes.extend_from_slice(bytes);
        member.next.records.push(Written {
            user,
            end: member.next.bytes.len(),
            told,
            offset,
        });
        if member.next.bytes.len() >= PARCEL_BYTES {
            member.send(&self.file);
        }
    }

    fn send_all(&mut self) {
        for member in &mut self.members {
            member.send(&self.file);
        }
    }
}

type Told = Result<VecDeque<FeedChange>, StoreError>;

impl Member {
    fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        state: &'env State,
        file: &Arc<Path>,
    ) -> std::io::Result<(Self, ScopedJoinHandle<'scope, Told>)> {
        let (parcels, received) = sync_channel(PARCELS_WAITING_MAX);
        let builder = Builder::new().name("presenced-read".to_owned());
        let handle = builder.spawn_scoped(scope, move || put_back(state, &received))?;
        let next = Parcel::new(file);
        Ok((Self { parcels, next }, handle))
    }

    fn send(&mut self, file: &Arc<Path>) {
        let mut parcel = std::mem::replace(&mut self.next, Parcel::new(file));
        parcel.file = Arc::clone(file);
        // A thread that is gone has failed, and says so in the end.
        let _gone = self.parcels.send(parcel);
    }
}

impl Parcel {
    fn new(file: &Arc<Path>) -> Self {
        Self {
            file: Arc::clone(file),
            records: Vec::new(),
            bytes: Vec::new(),
        }
    }
}

/// Puts records back as they come, and returns their newest changes: one more than the feed keeps,
/// so that together with those of the others it is known what comes before the oldest that is kept.
fn put_back(state: &State, parcels: &Receiver<Parcel>) -> Told {
    let most = state.feed.most().saturating_add(1);
    let (mut told, mut entries) = (VecDeque::new(), Vec::new());
    for parcel in parcels {
        let (mut start, mut latest) = (0, Timestamp::EPOCH);
        for written in &parcel.records {
            let bytes = parcel.bytes.get(start..written.end).unwrap_or_default();
            start = written.end;
            let record = codec::decode(bytes)
                .map_err(|error| Place(&parcel.file, written.offset).unreadable(error))?;
            latest = latest.max(record.as_of);
            state.table.at(written.user, |place| {
                let (slot_ref, slot) = place.put(bytes)?;
                // It may be early: whether anything shows then is asked when it comes.
                let due = next_instant(&record, record.as_of);
                entries.extend(Entry::needed(slot_ref, &mut slot.indexed_at, due));
                Some(())
            });
            if let Some(cursor) = written.told {
                if told.len() >= most {
                    told.pop_front();
                }
                told.push_back(change_of(written.user, &record, cursor));
            }
        }
        // Nobody takes deadlines before all is read.
        state.deadlines.add(&entries);
        entries.clear();
        state.publish(&[], latest);
    }
    Ok(told)
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
    /// keeps the newest changes in their order and knows what it does not keep.
    #[test]
    fn shared_out_work_comes_together() {
        const KEPT: usize = 5;
        let state = State::new(KEPT, 0);
        with_crew(&state, Path::new("here"), |crew| {
            for commit in 1..=400 {
                let who = user(1, u128::from(commit % 100));
                crew.put(who, &record(commit), Some(Cursor(commit)), 0);
            }
            Ok(())
        })
        .unwrap();
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

    /// A record that nobody can read is told with the file and the place of its frame, and nothing
    /// counts as read.
    #[test]
    fn an_unreadable_record_has_a_place() {
        let state = State::new(9, 0);
        let read = with_crew(&state, Path::new("here"), |crew| {
            crew.begin_file(Path::new("there"));
            crew.put(user(1, 1), &record(1), None, 24);
            crew.put(user(1, 2), &[77], None, 4711);
            crew.put(user(1, 3), &record(1), None, 5000);
            Ok(())
        });
        let Err(StoreError::Corrupt { place, .. }) = read else {
            panic!("it was read: {read:?}");
        };
        assert_eq!(place, "there at offset 4711");
    }
}
