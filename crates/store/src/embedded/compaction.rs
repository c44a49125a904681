//! Snapshots: all records and documents in one file, so that the journals before it can go.
//!
//! A snapshot is written while the store goes on. First the journal goes over to a new file; then
//! the table is walked in small steps. A record that is met may be newer than that moment: replay
//! of the new journal writes it again, and the last write wins. For this to hold, everything that
//! the walk has seen must be in the journal before the snapshot counts, and nothing of it may have
//! been taken back.

use std::io;
use std::sync::Arc;

use crate::embedded::directory::{DataFile, Directory};
use crate::embedded::entry::{Entry, SnapshotEnd};
use crate::embedded::frame::{FileKind, begin_frame, seal_frame};
use crate::embedded::journal::{Journal, Rotated};
use crate::embedded::state::State;
use crate::limits::{
    FEED_CHANGES_IN_SNAPSHOT_MAX, SNAPSHOT_BYTES_PER_SYNC, SNAPSHOT_FRAME_BYTES,
    SNAPSHOT_RECORDS_PER_LOCK,
};

/// Makes snapshots, on a thread of its own.
pub(crate) struct Compactor {
    pub(crate) journal: Arc<Journal>,
    pub(crate) state: Arc<State>,
    pub(crate) directory: Arc<Directory>,
    /// The commit of the newest snapshot; 0 where there is none.
    pub(crate) last: u64,
    /// Journal bytes that ask for a snapshot, unless the last one was larger.
    pub(crate) after_bytes: u64,
}

impl Compactor {
    /// Makes a snapshot whenever one is asked for, until told to stop.
    pub(crate) fn run(mut self) {
        while self.journal.compaction.wait() {
            match self.compact() {
                Ok(()) => {}
                Err(error) if self.journal.compaction.is_stopped() => {
                    tracing::debug!(%error, "stopped in the middle of a snapshot");
                }
                Err(error) => {
                    tracing::warn!(
                        directory = %self.directory.path().display(),
                        error = &error as &dyn std::error::Error,
                        "no snapshot could be made; the journal goes on growing until one can"
                    );
                    self.journal.put_off_compaction(self.after_bytes);
                }
            }
        }
    }

    fn compact(&mut self) -> io::Result<()> {
        let failures = self.journal.failures();
        let rotated = self.journal.rotate(&self.directory)?;
        if rotated.commit <= self.last {
            self.journal.compacted(rotated.covered, self.after_bytes);
            return Ok(());
        }
        if let Some(finished) = &rotated.finished {
            finished.sync_data()?;
        }
        let mut file = self.write_snapshot(rotated.commit)?;
        self.journal.flush();
        if self.journal.failures() != failures {
            return Err(io::Error::other(
                "a write was taken back while the snapshot was made",
            ));
        }
        file.sync()?;
        self.directory.publish(&mut file, rotated.commit)?;
        self.finish(&rotated, file.length())
    }

    fn finish(&mut self, rotated: &Rotated, length: u64) -> io::Result<()> {
        tracing::info!(commit = rotated.commit, bytes = length, "made a snapshot");
        self.last = rotated.commit;
        let compact_at = self.after_bytes.max(length);
        self.journal.compacted(rotated.covered, compact_at);
        remove_superseded(&self.directory, rotated.commit)
    }

    fn write_snapshot(&self, commit: u64) -> io::Result<DataFile> {
        let mut snapshot = SnapshotWriter {
            file: self.directory.begin(FileKind::Snapshot)?,
            frame: Vec::new(),
            first: 0,
            entries: 0,
            unsynced: 0,
        };
        begin_frame(&mut snapshot.frame);
        self.state.table.walk(SNAPSHOT_RECORDS_PER_LOCK, |met| {
            let Some((_, slot)) = met else {
                if self.journal.compaction.is_stopped() {
                    return Err(io::Error::other("the store is closing"));
                }
                return snapshot.end_full_frame();
            };
            if !slot.bytes().is_empty() {
                snapshot.add(&Entry::Record {
                    user: slot.user(),
                    changed: false,
                    bytes: slot.bytes(),
                });
            }
            Ok(())
        })?;
        let mut last = None;
        loop {
            let documents = self.state.documents.after(last, SNAPSHOT_RECORDS_PER_LOCK);
            let Some((key, _)) = documents.last() else {
                break;
            };
            last = Some(*key);
            for (key, document) in &documents {
                snapshot.add(&Entry::PutDocument {
                    key: *key,
                    revision: document.revision,
                    body: &document.body,
                });
                snapshot.end_full_frame()?;
            }
        }
        // The records alone would not do: the newest time may be one that was marked.
        snapshot.add(&Entry::Time(self.state.latest()));
        let (feed_floor, changes) = self.state.feed.tail(commit, FEED_CHANGES_IN_SNAPSHOT_MAX);
        for change in changes {
            snapshot.add(&Entry::Change(change));
            snapshot.end_full_frame()?;
        }
        let entries = snapshot.entries;
        snapshot.add(&Entry::SnapshotEnd(SnapshotEnd {
            entries,
            commit,
            feed_floor,
        }));
        snapshot.end_frame()?;
        Ok(snapshot.file)
    }
}

/// Removes what a snapshot of this commit makes superfluous.
pub(crate) fn remove_superseded(directory: &Directory, commit: u64) -> io::Result<()> {
    let listing = directory.list()?;
    for number in listing.journals.into_iter().filter(|one| *one <= commit) {
        directory.remove(FileKind::Journal, number)?;
    }
    for number in listing.snapshots.into_iter().filter(|one| *one < commit) {
        directory.remove(FileKind::Snapshot, number)?;
    }
    Ok(())
}

struct SnapshotWriter {
    file: DataFile,
    frame: Vec<u8>,
    /// The number of the frame's first entry.
    first: u64,
    entries: u64,
    unsynced: u64,
}

impl SnapshotWriter {
    fn add(&mut self, entry: &Entry<'_>) {
        entry.write(&mut self.frame);
        self.entries += 1;
    }

    fn end_full_frame(&mut self) -> io::Result<()> {
        if self.frame.len() < SNAPSHOT_FRAME_BYTES {
            return Ok(());
        }
        self.end_frame()
    }

    fn end_frame(&mut self) -> io::Result<()> {
        seal_frame(&mut self.frame, self.first, self.file.salt());
        self.file.append(&self.frame)?;
        self.unsynced += self.frame.len() as u64;
        if self.unsynced >= SNAPSHOT_BYTES_PER_SYNC {
            self.unsynced = 0;
            self.file.sync()?;
        }
        self.frame.clear();
        begin_frame(&mut self.frame);
        self.first = self.entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::config::Durability;
    use crate::embedded::group::RecordWrite;
    use crate::embedded::recovery::recover;
    use crate::testkit::{FailingWrite, Faults, START, user};
    use presenced_core::record::Record;

    /// A snapshot that was made while a write stood in memory which was then taken back does not
    /// count: it may hold that write. Made again, it holds only what was committed.
    #[test]
    fn a_snapshot_holds_nothing_that_was_taken_back() {
        let place = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let (directory, _lock) = Directory::open(place.path().into(), faults.clone()).unwrap();
        let state = Arc::new(State::new(9, 9));
        let start = recover(&directory, &state, 1 << 20).unwrap().start;
        let journal = Arc::new(Journal::new(Arc::clone(&state), Durability::Process, start));
        let write = |number| {
            let record = Record {
                as_of: START,
                sequence: 1,
                ..Record::default()
            };
            let mut bytes = Vec::new();
            codec::encode(&record, &mut bytes).unwrap();
            let write = RecordWrite {
                user: user(1, number),
                old: &[],
                new: &bytes,
                change: None,
                as_of: START,
            };
            journal.append_records(&[write]).unwrap();
            state.restore(user(1, number), &bytes).unwrap();
        };
        let mut compactor = Compactor {
            journal: Arc::clone(&journal),
            state: Arc::clone(&state),
            directory: Arc::new(directory),
            last: 0,
            after_bytes: 1 << 20,
        };
        write(1);
        journal.flush();
        write(2);
        // The header of the next journal comes first.
        faults.fail_writes(FailingWrite {
            skip: 1,
            times: 1,
            kept: 0,
        });
        assert!(compactor.compact().is_err());
        assert_eq!(compactor.directory.list().unwrap().snapshots, [0; 0]);
        compactor.compact().unwrap();
        assert_eq!(compactor.directory.list().unwrap().snapshots, [1]);
        let read = State::new(9, 9);
        recover(&compactor.directory, &read, 1 << 20).unwrap();
        assert!(read.table.record(user(1, 1)).unwrap().is_some());
        assert_eq!(read.table.record(user(1, 2)).unwrap(), None);
    }
}
